"""The tests on all features together, and the one on the model's score."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from typing import ClassVar

import numpy as np
from scipy import special, stats

from driftline.drift.domain_classifier import Separation, separation_of
from driftline.drift.encoding import Encoding, Frame, Table, TablePair, read_tables
from driftline.drift.measurement import Evidence, not_evaluated
from driftline.drift.multivariate_calibration import EXPLAINED_VARIANCE, MultivariateCalibration, reference_rows
from driftline.drift.multivariate_correlation import CorrelationChange, correlation_change
from driftline.drift.multivariate_judgement import SUBJECT, Observation, judged, listed
from driftline.drift.multivariate_null import MultivariateTest, WindowNull
from driftline.drift.pairs import NotEvaluable
from driftline.drift.reconstruction import reconstruction_of
from driftline.drift.result import DriftResult
from driftline.drift.score_distance import score_distance
from driftline.errors import InputError

SEED = 20_260_104
MAXIMUM_ROWS = 2_500
"""Rows of either side that are looked at without a calibration."""
NAMED_FEATURES = 5
"""So many features are named as those that carry a drift."""


@dataclass(frozen=True, kw_only=True)
class MultivariateDriftTest(ABC):
    """What the multivariate tests share.

    Attributes
    ----------
    floor:
        Smallest effect that matters, in the statistic's unit.
    significance:
        Largest p-value that is evidence. `check_multivariate` gives each test its part of the budget.
    minimum_rows:
        With fewer rows on either side the result is ``not_evaluated``.
    calibration:
        What the baseline's own windows do; without it all rows are taken to be independent.
    only_calibrated:
        Whether what the calibration knows nothing of is ``not_evaluated``, and not taken to be independent.
    """

    name: ClassVar[MultivariateTest]

    floor: float
    significance: float = 0.01
    minimum_rows: int = 200
    calibration: MultivariateCalibration | None = None
    only_calibrated: bool = False

    def detect_drift(
        self, reference_df: Frame, current_df: Frame, features: list[str] | tuple[str, ...] | None = None
    ) -> DriftResult:
        """Compares the columns of two tables together; neither is modified.

        Parameters
        ----------
        reference_df, current_df
            pandas DataFrames, pyarrow Tables, or mappings from names to columns. Numbers, text and booleans may be
            mixed, with nulls; at most 2,500 rows of either are looked at, always the same.
        features
            Columns to compare; default all of either table. One that cannot be read is left out, and
            ``details["left_out"]`` says why.
        """
        return self.judge(read_tables(reference_df, current_df, features))

    def judge(self, pair: TablePair) -> DriftResult:
        """Decides on two tables that were read already."""
        sizes = (pair.reference.rows, pair.current.rows)
        try:
            _require_rows(sizes, self.minimum_rows)
            if not pair.reference.features:
                reasons = " ".join(pair.left_out.values())
                raise NotEvaluable(f"No column can be compared. {reasons}".strip())
            self._require_calibration(sizes[1])
            observation = self.observe(*self._thinned(pair))
        except InputError as error:
            return not_evaluated(self.name.value, SUBJECT, str(error), sizes)
        except (ArithmeticError, ValueError, RuntimeError, MemoryError) as error:  # one test never costs the others
            return not_evaluated(self.name.value, SUBJECT, f"{type(error).__name__}: {error}", sizes)
        return judged(observation, self._window_null(sizes[1]), self.significance, self.floor)

    @abstractmethod
    def observe(self, reference: Table, current: Table) -> Observation:
        """The statistic and what carries it. Raises `NotEvaluable` where it is undefined."""

    def _thinned(self, pair: TablePair) -> tuple[Table, Table]:
        """The reference as the calibration saw it, the window at a size that it knows."""
        learned = self.calibration.size_for(pair.current.rows) if self.calibration else None
        before, now = (MAXIMUM_ROWS, MAXIMUM_ROWS) if learned is None else (reference_rows(learned), learned)
        return pair.reference.thinned(before, SEED), pair.current.thinned(now, SEED)

    def _require_calibration(self, rows: int) -> None:
        if self.only_calibrated and self._window_null(rows) is None:
            reason = self.calibration.reason if self.calibration else ""
            missing = reason or f"it is not known what windows of the baseline with {rows} rows do to this statistic"
            raise NotEvaluable(f"{missing[0].upper()}{missing[1:]}.")

    def _evidence(self, critical: float, p_value: float) -> Evidence:
        is_evident = p_value <= self.significance
        return Evidence(critical_value=critical, p_value=p_value, is_evident=is_evident, source="analytic")

    def _window_null(self, rows: int) -> WindowNull | None:
        return self.calibration.null_of(self.name.value, rows) if self.calibration else None


@dataclass(frozen=True, kw_only=True)
class DomainClassifierTest(MultivariateDriftTest):
    """How well a classifier tells the window's rows from the reference's, on rows that it has not seen.

    Statistic and effect: the cross-validated AUC, 0 to 1, 0.5 where nothing has changed. It sees the margins of all
    features and their dependence two by two: a correlation that turns while every feature alone stays. Not for changes
    that show in three features together only. p-value: permutation of the labels, everything fitted anew (see
    `driftline.drift.domain_classifier.separation_of`).

    Source: Lopez-Paz, Oquab (2017), "Revisiting Classifier Two-Sample Tests", ICLR.
    """

    name: ClassVar[MultivariateTest] = MultivariateTest.DOMAIN_CLASSIFIER
    floor: float = 0.55

    def observe(self, reference: Table, current: Table) -> Observation:
        if not Encoding.fitted(reference, current).owners:
            raise NotEvaluable("No column varies enough to tell rows apart.")
        separation = separation_of(reference, current)
        carriers = _carriers(separation)
        return Observation(
            test=self.name.value,
            value=separation.auc,
            analytic=self._analytic(separation),
            deviation=separation.null_deviation,
            sizes=(reference.rows, current.rows),
            summary=f"A classifier tells this window's rows from the reference's with AUC {separation.auc:.3f}",
            carriers=carriers,
            remark=f"It needs {listed(carriers)} most." if carriers else "No single feature carries it.",
            details={
                "null_mean": separation.null_mean,
                "null_deviation": separation.null_deviation,
                "importances": {name: loss for name, loss in separation.importances if name in carriers},
            },
        )

    def _analytic(self, separation: Separation) -> Evidence:
        null = WindowNull(separation.null_mean, separation.null_deviation, separation.permutations)
        p_value = null.upper_tail(separation.auc)
        return self._evidence(null.quantile(self.significance), p_value)


@dataclass(frozen=True, kw_only=True)
class ReconstructionTest(MultivariateDriftTest):
    """How well the reference's principal components still describe the rows.

    Statistic: the logarithm of the ratio of the mean reconstruction errors (current over reference), by its size: 0
    where nothing has changed, 0.1 for about 10 %. Two-sided, because where features come to depend on each other the
    components fit better than before: the error falls. Effect: the statistic. p-value: normal, from the errors'
    variance; the components are cross-fitted. Blind to changes along the components kept, such as a shift of all
    features together.

    Attributes
    ----------
    explained_variance:
        Share of the reference's variance that the components have to describe (NannyML's default: 0.65).
    """

    name: ClassVar[MultivariateTest] = MultivariateTest.PCA_RECONSTRUCTION
    floor: float = 0.02
    explained_variance: float = EXPLAINED_VARIANCE

    def __post_init__(self) -> None:
        if not 0 < self.explained_variance < 1:
            raise InputError(f"explained_variance is {self.explained_variance}; it must lie between 0 and 1.")

    def observe(self, reference: Table, current: Table) -> Observation:
        found = reconstruction_of(reference, current, self.explained_variance)
        distance = abs(found.log_ratio) / found.standard_error if found.standard_error else math.inf
        p_value = 2 * float(stats.norm.sf(distance))
        critical = float(stats.norm.isf(self.significance / 2)) * found.standard_error
        carriers = tuple(name for name, _ in found.changes[:NAMED_FEATURES])
        return Observation(
            test=self.name.value,
            value=found.log_ratio,
            analytic=self._evidence(critical, p_value),
            deviation=found.standard_error,
            sizes=(reference.rows, current.rows),
            summary=(
                f"The reference's {found.components} principal components describe the rows with a mean error of "
                f"{found.current_error:.3f} (reference: {found.reference_error:.3f}); log ratio {found.log_ratio:+.3g}"
            ),
            carriers=carriers,
            remark=f"The residuals of {listed(carriers)} changed most.",
            details={
                "reference_error": found.reference_error,
                "current_error": found.current_error,
                "components": found.components,
                "columns": found.columns,
                "direction": "rise" if found.log_ratio > 0 else "fall",
                "residual_changes": dict(found.changes[:NAMED_FEATURES]),
            },
        )


@dataclass(frozen=True, kw_only=True)
class CorrelationTest(MultivariateDriftTest):
    """The largest change of the correlation of two features, of all pairs.

    Statistic and effect: Cohen's q, the difference of the Fisher z of the two correlations (0.1 small, 0.3 medium, 0.5
    large; 0.6 that becomes -0.6 is 1.39). It finds two features whose dependence changes, however many others stay
    as they are and however much the level of all of them moves with the day: there the domain classifier has to see it
    in every other difference, and a reconstruction error in the mean over all features. Correlations are of ranks, of
    indicators where features are categorical. Not for dependence that no rank correlation shows. p-value: permutation
    of the sides (see `driftline.drift.multivariate_correlation.correlation_change`).
    """

    name: ClassVar[MultivariateTest] = MultivariateTest.CORRELATION_CHANGE
    floor: float = 0.1

    def observe(self, reference: Table, current: Table) -> Observation:
        found = correlation_change(reference, current)
        leading, sizes = found.pairs[0], (reference.rows, current.rows)
        return Observation(
            test=self.name.value,
            value=found.largest,
            analytic=self._by_chance(found),
            deviation=found.unit.standard_error,
            sizes=sizes,
            summary=(
                f"The correlation of {listed(leading.features)} went from {leading.before:+.2f} to {leading.now:+.2f} "
                f"(Cohen's q {found.largest:.2f})"
            ),
            carriers=_carrying_pairs(found),
            remark=f"It changed most of {found.compared:,} pairs.",
            details={"compared": found.compared, "pairs": [asdict(pair) for pair in found.pairs]},
            unit=found.unit,
        )

    def _by_chance(self, found: CorrelationChange) -> Evidence:
        values = [found.unit.of(value) for value in found.chance]
        null = WindowNull(float(np.mean(values)), float(np.std(values, ddof=1)), len(values))
        critical = found.unit.back(null.quantile(self.significance))
        return self._evidence(critical, null.upper_tail(found.unit.of(found.largest)))


@dataclass(frozen=True, kw_only=True)
class ScoreTest(MultivariateDriftTest):
    """The Kolmogorov-Smirnov test on the model's own score.

    Statistic and effect: D, 0 to 1. Rabanser, Günnemann, Lipton (2019), "Failing Loudly" (arXiv 1810.11953) found tests
    on the model's outputs the strongest single detector of a shift in the inputs. The tables hold one column, the
    score.
    """

    name: ClassVar[MultivariateTest] = MultivariateTest.SCORE_DRIFT
    floor: float = 0.1

    def observe(self, reference: Table, current: Table) -> Observation:
        name = reference.features[0]
        if name not in reference.numbers:
            raise NotEvaluable(f"The score {name!r} holds no numbers.")
        distance = score_distance(reference, current, name)
        sizes = reference.rows, current.rows
        size = sizes[0] * sizes[1] / sum(sizes)
        p_value = float(stats.kstwo.sf(distance, round(size)))
        critical = float(special.kolmogi(self.significance)) / math.sqrt(size)
        return Observation(
            test=self.name.value,
            value=distance,
            analytic=self._evidence(critical, p_value),
            deviation=0.5 / math.sqrt(size),
            sizes=sizes,
            summary=f"Kolmogorov-Smirnov distance of the score {name!r} {distance:.3g}",
            remark="This is of a sample; the prediction check judges all of the window's scores, and knows more.",
        )


def _carriers(separation: Separation) -> tuple[str, ...]:
    """The features without which the AUC falls by at least a tenth of what it has above chance."""
    least = max((separation.auc - 0.5) / 10, 1e-6)
    return tuple(name for name, loss in separation.importances[:NAMED_FEATURES] if loss >= least)


def _carrying_pairs(found: CorrelationChange) -> tuple[str, ...]:
    """The features of the pairs that changed at least half as much as the leading one."""
    pairs = [pair.features for pair in found.pairs if pair.change >= found.largest / 2]
    return tuple(dict.fromkeys(name for pair in pairs for name in pair))


def _require_rows(sizes: tuple[int, int], minimum_rows: int) -> None:
    for side, rows in zip(("reference", "current window"), sizes, strict=True):
        if rows < minimum_rows:
            raise NotEvaluable(f"The {side} has {rows} rows; at least {minimum_rows} are needed.")
