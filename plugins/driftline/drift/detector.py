"""The drift of all features of a window together, within one false-alarm budget."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from driftline.drift.calibration import Calibration
from driftline.drift.columns import is_numeric, kind_of, type_name
from driftline.drift.drift_test import DriftTest
from driftline.drift.measurement import not_evaluated
from driftline.drift.multivariate import check_multivariate
from driftline.drift.multivariate_calibration import MultivariateCalibration
from driftline.drift.pairs import NotEvaluable, Pair, categorical_pair, numeric_pair, pair_of_profiles
from driftline.drift.report import ReportFormat, render_drift_report
from driftline.drift.result import DriftResult
from driftline.drift.suite import PROBABILITIES_PER_FEATURE, Suite, Suites, suites_for
from driftline.drift.thresholds import DriftThresholds
from driftline.drift.verdict import DriftVerdict
from driftline.errors import InputError
from driftline.profiles import Profile
from driftline.windows import Window

MAXIMUM_EXACT_ROWS = 20_000
"""Two columns of data frames with more rows together are compared in the reference's 1,000 quantile cells."""

UNREADABLE = (ArithmeticError, LookupError, TypeError, ValueError)
"""What one column's content may raise in the libraries that read it; no such column hides the others."""

MULTIVARIATE_SHARE = 0.25
"""Part of the budget that `DriftDetector.detect_joint_drift` gives to the tests on all features together."""

Frame = Any
"""A pandas DataFrame, a pyarrow Table, or a mapping from names to columns."""


@dataclass(frozen=True)
class DriftDetector:
    """Finds the features that have drifted.

    A feature has drifted when a deciding test has *evidence* (its statistic is beyond what windows without drift reach
    at this number of rows, at ``thresholds.false_alarm_rate`` over all features and tests of the window together) and
    *effect* (at least its floor). With a `Calibration` evidence is what the baseline's own windows leave open;
    without, all rows are taken to be independent, and p-values are corrected by Bonferroni. Data that goes with the
    hour or the day of the week needs the calibration.

    Severity follows the published ladders (`driftline.drift.severity`) and never exceeds what the effect alone or the
    evidence alone would justify.
    """

    thresholds: DriftThresholds = field(default_factory=DriftThresholds)
    calibration: Calibration | None = None

    def detect_multivariate_drift(
        self, reference_df: Frame, current_df: Frame, features: Sequence[str] | None = None
    ) -> DriftVerdict:
        """Compares the columns of two tables; neither is modified.

        Parameters
        ----------
        reference_df, current_df
            pandas DataFrames, pyarrow Tables, or mappings from names to columns.
        features
            Columns to compare; default all of either table. One that a table lacks is ``not_evaluated``.
        """
        names = list(features) if features is not None else _column_names(reference_df, current_df)
        notes = [note for name in names if (note := _change_of_kind(reference_df, current_df, name))]
        makers = {name: _lazily(_pair_of_columns, reference_df, current_df, name) for name in names}
        return self._verdict(makers, notes)

    def detect_joint_drift(
        self,
        reference_df: Frame,
        current_df: Frame,
        features: Sequence[str] | None = None,
        *,
        score: str | None = None,
        joint_calibration: MultivariateCalibration | None = None,
    ) -> DriftVerdict:
        """`detect_multivariate_drift` and, beside the features one by one, all of them together and the model's score.

        The results on all features together (`driftline.drift.check_multivariate`) are about the subject
        ``multivariate`` and come last; ``score`` is no feature to them. They have a quarter of
        ``thresholds.false_alarm_rate``, the features one by one the rest; a `Calibration` has its own budget, which
        should then be three quarters of the window's.

        Parameters
        ----------
        reference_df, current_df, features
            As in `detect_multivariate_drift`.
        score
            Column of the model's score.
        joint_calibration
            Of `driftline.drift.learn_multivariate`; without it all rows are taken to be independent.
        """
        budget = self.thresholds.false_alarm_rate
        rest = replace(self.thresholds, false_alarm_rate=budget * (1 - MULTIVARIATE_SHARE))
        each = replace(self, thresholds=rest).detect_multivariate_drift(reference_df, current_df, features)
        joint = check_multivariate(
            joint_calibration,
            reference_df,
            current_df,
            features,
            score=score,
            false_alarm_rate=budget * MULTIVARIATE_SHARE,
            minimum_rows=self.thresholds.minimum_rows,
        )
        return DriftVerdict((*each.results, *joint.results), (*each.notes, *joint.notes), each.pairs)

    def detect_profile_drift(
        self, reference: Mapping[str, Profile], current: Mapping[str, Profile], *, window: Window | None = None
    ) -> DriftVerdict:
        """Compares profiles by feature; a feature that one side lacks is ``not_evaluated``.

        Parameters
        ----------
        reference, current
            Profiles by feature, counted in the same binnings.
        window
            When `current` was: with a calibration, the reference is taken as it is at these hours of the week.
        """
        names = list(dict.fromkeys([*reference, *current]))
        slices = window.slices if window is not None else ()
        makers = {name: _lazily(self._pair_in_season, reference, current, name, slices) for name in names}
        return self._verdict(makers, self._season_notes(window))

    def generate_drift_report(
        self, verdict: DriftVerdict, title: str = "Drift report", format: ReportFormat = ReportFormat.TEXT
    ) -> str:
        """The verdict for people: findings by severity, what moved, what to do; HTML is one self-contained page."""
        return render_drift_report(verdict, title, ReportFormat(format))

    def _pair_in_season(
        self,
        reference: Mapping[str, Profile],
        current: Mapping[str, Profile],
        name: str,
        slices: Sequence[datetime],
    ) -> Pair:
        pair = _pair_of_mappings(reference, current, name)
        return pair if self.calibration is None else self.calibration.in_season(name, pair, slices)

    def _season_notes(self, window: Window | None) -> list[str]:
        if window is None and self.calibration is not None and self.calibration.has_season:
            return ["The window's hours were not given: what the hour of the week explains is not taken off."]
        return []

    def _verdict(self, makers: Mapping[str, Callable[[], Pair]], notes: list[str]) -> DriftVerdict:
        pairs: dict[str, Pair] = {}
        reasons: dict[str, str] = {}
        for name, make in makers.items():
            try:
                pairs[name] = make()
            except InputError as error:
                reasons[name] = str(error)
            except UNREADABLE as error:
                reasons[name] = f"The column cannot be read ({type(error).__name__}: {error})."
        suites = suites_for(self.thresholds, self._significance(len(pairs)))
        results: list[DriftResult] = []
        for name in makers:
            if name in pairs:
                results += self._judged(suites.of(pairs[name]), name, pairs[name])
            else:
                results += _unreadable(suites, name, reasons[name])
        return DriftVerdict(tuple(results), (*self._notes(len(pairs)), *notes), pairs)

    def _judged(self, suite: Suite, name: str, pair: Pair) -> list[DriftResult]:
        deciding = [_guarded(test, name, pair, self.calibration) for test in suite.deciding]
        detected = any(result.detected for result in deciding)
        supporting = [
            _guarded(test, name, pair, None, decides=False, has_support=detected) for test in suite.supporting
        ]
        return [*deciding, *supporting]

    def _significance(self, features: int) -> float:
        return self.thresholds.false_alarm_rate / max(features * PROBABILITIES_PER_FEATURE, 1)

    def _notes(self, features: int) -> tuple[str, ...]:
        if self.calibration is not None and self.calibration.is_calibrated:
            return (
                f"Evidence is calibrated on {self.calibration.blocks} windows of {self.calibration.window_hours} h of "
                f"the baseline: {self.calibration.false_alarm_rate:.1%} of clean windows may alarm.",
            )
        why = f" ({self.calibration.reason})" if self.calibration is not None else ""
        return (
            f"Evidence is analytic, for independent rows, corrected for {features} features{why}: data that goes with "
            "the hour or the day of the week can alarm without drift.",
        )


def _guarded(
    test: DriftTest,
    name: str,
    pair: Pair,
    calibration: Calibration | None,
    *,
    decides: bool = True,
    has_support: bool = True,
) -> DriftResult:
    """A test's result; whatever goes wrong with one column must not hide the others."""
    try:
        return test.judge(pair, name, calibration, decides=decides, has_support=has_support)
    except UNREADABLE as error:
        return not_evaluated(test.name, name, f"{test.name} failed: {error}", (pair.reference_size, pair.current_size))


def _unreadable(suites: Suites, name: str, reason: str) -> list[DriftResult]:
    tests = dict.fromkeys(
        test.name for suite in (suites.numeric, suites.categorical) for test in (*suite.deciding, *suite.supporting)
    )
    return [not_evaluated(test, name, reason) for test in tests]


def _lazily(make: Callable[..., Pair], *arguments: Any) -> Callable[[], Pair]:
    return lambda: make(*arguments)


def _pair_of_mappings(reference: Mapping[str, Profile], current: Mapping[str, Profile], name: str) -> Pair:
    _require(name in reference, f"The baseline has no feature {name!r}; build it again to compare it.")
    _require(name in current, f"The window has no feature {name!r}; check that its column still exists.")
    return pair_of_profiles(reference[name], current[name])


def _pair_of_columns(reference_df: Frame, current_df: Frame, name: str) -> Pair:
    _require(name in _names(reference_df), f"The reference has no column {name!r}.")
    _require(name in _names(current_df), f"The current data has no column {name!r}.")
    reference, current = reference_df[name], current_df[name]
    if is_numeric(reference):
        return numeric_pair(reference, current, maximum_exact_rows=MAXIMUM_EXACT_ROWS)
    return categorical_pair(reference, current)


def _change_of_kind(reference_df: Frame, current_df: Frame, name: str) -> str | None:
    try:
        reference, current = reference_df[name], current_df[name]
        if kind_of(reference) is kind_of(current):
            return None
    except (InputError, *UNREADABLE):
        return None
    return f"{name} is {type_name(reference)} in the reference and {type_name(current)} in the current data."


def _column_names(reference_df: Frame, current_df: Frame) -> list[str]:
    return list(dict.fromkeys([*_names(reference_df), *_names(current_df)]))


def _names(frame: Frame) -> list[str]:
    if hasattr(frame, "column_names"):
        return list(frame.column_names)
    return list(frame.columns if hasattr(frame, "columns") else frame)


def _require(condition: bool, reason: str) -> None:
    if not condition:
        raise NotEvaluable(reason)
