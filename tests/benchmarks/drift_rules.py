"""The rules that the drift benchmarks compare: which features does each call drifted?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from statsmodels.stats.multitest import multipletests

from driftline.drift import Calibration, DriftDetector, DriftThresholds, DriftVerdict, build_calibration
from driftline.drift.blocks import cut_into_blocks
from driftline.profiles import Profile, merge
from driftline.windows import Window
from tests.benchmarks.drift_data import Baseline

CALIBRATED = "Driftline, calibrated"
ANALYTIC = "Driftline, analytic (no calibration)"
ANY_P = "any test p < 0.05 (KS, chi-square)"
ANY_PSI = "any PSI >= 0.1"
BENJAMINI_HOCHBERG = "Benjamini-Hochberg 1 % (KS, chi-square)"
BLOCK_QUANTILE = "1.5 x 99.5 % quantile of baseline blocks (KS, total variation)"
RULES = (CALIBRATED, ANALYTIC, ANY_P, ANY_PSI, BENJAMINI_HOCHBERG, BLOCK_QUANTILE)

THRESHOLDS = DriftThresholds(minimum_rows=100)
_DISTANCES = ("kolmogorov_smirnov", "total_variation")


@dataclass(frozen=True)
class Rules:
    """All rules, prepared on one baseline."""

    reference: Mapping[str, Profile]
    calibration: Calibration
    block_limits: Mapping[str, float]

    @classmethod
    def of(cls, baseline: Baseline, window_hours: int = 24) -> Rules:
        calibration = build_calibration(baseline.slices, window_hours)
        assert calibration.is_calibrated, calibration.reason
        distances = [
            _distances(DriftDetector(THRESHOLDS).detect_profile_drift(baseline.reference, _merged(block.profiles)))
            for block in cut_into_blocks(baseline.slices, window_hours)
        ]
        limits = {
            name: 1.5 * float(np.quantile([each[name] for each in distances if name in each], 0.995))
            for name in baseline.reference
        }
        return cls(baseline.reference, calibration, limits)

    def judged(self, current: Mapping[str, Profile], window: Window | None) -> dict[str, Judged]:
        """Per feature of ``current`` (all, or some of the baseline's) what the rules need to know."""
        reference = {name: self.reference[name] for name in current}
        calibrated = DriftDetector(THRESHOLDS, self.calibration).detect_profile_drift(reference, current, window=window)
        share = THRESHOLDS.false_alarm_rate * len(current) / len(self.reference)
        analytic = DriftDetector(replace(THRESHOLDS, false_alarm_rate=share)).detect_profile_drift(reference, current)
        p_values, distances = _p_values(analytic), _distances(analytic)
        indices = {
            result.feature_name: result.statistic or 0.0
            for result in analytic.results
            if result.test == "population_stability_index"
        }
        return {
            name: Judged(
                calibrated=name in calibrated.drifted_features,
                analytic=name in analytic.drifted_features,
                p_value=p_values.get(name, 1.0),
                index=indices[name],
                beyond_blocks=distances.get(name, 0.0) > self.block_limits[name],
            )
            for name in current
        }


@dataclass(frozen=True)
class Judged:
    """One feature in one window."""

    calibrated: bool
    analytic: bool
    p_value: float
    index: float
    beyond_blocks: bool


def drifted(judged: Mapping[str, Judged]) -> dict[str, set[str]]:
    """Per rule the features that it calls drifted."""
    names = list(judged)
    rejected = multipletests([judged[name].p_value for name in names], alpha=0.01, method="fdr_bh")[0]
    return {
        CALIBRATED: {name for name, each in judged.items() if each.calibrated},
        ANALYTIC: {name for name, each in judged.items() if each.analytic},
        ANY_P: {name for name, each in judged.items() if each.p_value < 0.05},
        ANY_PSI: {name for name, each in judged.items() if each.index >= 0.1},
        BENJAMINI_HOCHBERG: {name for name, is_rejected in zip(names, rejected, strict=True) if is_rejected},
        BLOCK_QUANTILE: {name for name, each in judged.items() if each.beyond_blocks},
    }


def _p_values(verdict: DriftVerdict) -> dict[str, float]:
    """Per feature the p-value of Kolmogorov-Smirnov, or (categorical) of chi-square."""
    found: dict[str, float] = {}
    for result in verdict.results:
        is_numeric_test = result.test == "kolmogorov_smirnov"
        if result.p_value is not None and (is_numeric_test or result.test == "chi_square"):
            found.setdefault(result.feature_name, result.p_value)
    return found


def _distances(verdict: DriftVerdict) -> dict[str, float]:
    found: dict[str, float] = {}
    for result in verdict.results:
        if result.test in _DISTANCES and result.statistic is not None:
            found.setdefault(result.feature_name, result.statistic)
    return found


def _merged(profiles: tuple[Mapping[str, Profile], ...]) -> dict[str, Profile]:
    return {name: merge([each[name] for each in profiles]) for name in profiles[0]}
