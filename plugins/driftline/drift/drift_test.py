"""What all drift tests share: reading the data, and deciding on the measurement."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from driftline.drift.calibration import Calibration
from driftline.drift.columns import ColumnData, is_numeric
from driftline.drift.measurement import Evidence, Measurement, judged, not_evaluated
from driftline.drift.pairs import NotEvaluable, Pair, categorical_pair, numeric_pair, pair_of_profiles
from driftline.drift.result import DriftResult
from driftline.errors import InputError
from driftline.profiles import Profile


@dataclass(frozen=True, kw_only=True)
class DriftTest(ABC):
    """A statistic on a pair of distributions, with the limits that make it a drift.

    Every test takes two one-dimensional columns of any two lengths, or two profiles in one binning; what cannot be
    computed is ``not_evaluated`` with the reason, never an exception. Its docstring says what the statistic is and
    its range, what it assumes, when not to use it, and its source.

    Attributes
    ----------
    floor:
        Smallest effect that matters, in the effect's unit.
    significance:
        Largest p-value that is evidence. `DriftDetector` gives it corrected for the number of features and tests.
    minimum_rows:
        With fewer rows on either side the result is ``not_evaluated``.
    """

    name: ClassVar[str]

    floor: float = 0.1
    significance: float = 0.01
    minimum_rows: int = 2

    def detect_drift(
        self, reference_data: ColumnData, current_data: ColumnData, feature_name: str = "feature"
    ) -> DriftResult:
        """Compares two columns.

        Parameters
        ----------
        reference_data, current_data
            One-dimensional numpy arrays, pandas Series, pyarrow arrays or lists, of any two lengths and types. They
            are not modified. The reference says whether the feature is numeric; in a numeric feature what is no
            number counts as missing.
        feature_name
            How the result calls the feature.
        """
        try:
            pair = self.pair_of_data(reference_data, current_data)
        except InputError as error:
            return not_evaluated(self.name, feature_name, str(error))
        return self.judge(pair, feature_name)

    def detect_profile_drift(self, reference: Profile, current: Profile, feature_name: str = "feature") -> DriftResult:
        """Compares two profiles that were counted in one binning."""
        try:
            pair = pair_of_profiles(reference, current)
        except InputError as error:
            return not_evaluated(self.name, feature_name, str(error))
        return self.judge(pair, feature_name)

    def judge(
        self,
        pair: Pair,
        feature_name: str,
        calibration: Calibration | None = None,
        *,
        decides: bool = True,
        has_support: bool = True,
    ) -> DriftResult:
        """Decides on a pair; what ``calibration`` does not know gets the evidence of two independent samples.

        That a test only supports others (``decides``) is noted in the result's details; it detects something only where
        one of them does (``has_support``).
        """
        sizes = (pair.reference_size, pair.current_size)
        try:
            _require_rows(sizes, self.minimum_rows)
            measurement = self.measure(pair)
        except NotEvaluable as reason:
            return not_evaluated(self.name, feature_name, str(reason), sizes)
        evidence = None
        if calibration is not None:
            evidence = calibration.evidence(feature_name, self.name, measurement.statistic, measurement.current_size)
        evidence = evidence or self.analytic_evidence(measurement)
        return judged(
            self.name, feature_name, measurement, evidence, self.floor, decides=decides, has_support=has_support
        )

    def analytic_evidence(self, measurement: Measurement) -> Evidence:
        """What the statistic is worth if all rows are independent."""
        p_value = self.p_value(measurement)
        return Evidence(
            critical_value=self.critical_value(measurement),
            p_value=p_value,
            is_evident=p_value <= self.significance,
            source="analytic",
        )

    def pair_of_data(self, reference_data: ColumnData, current_data: ColumnData) -> Pair:
        if is_numeric(reference_data):
            return numeric_pair(reference_data, current_data)
        return categorical_pair(reference_data, current_data)

    @abstractmethod
    def measure(self, pair: Pair) -> Measurement:
        """The statistic and the effect. Raises `NotEvaluable` where they are undefined."""

    @abstractmethod
    def p_value(self, measurement: Measurement) -> float:
        """Probability of this statistic or a larger one, were both sides drawn from one distribution."""

    @abstractmethod
    def critical_value(self, measurement: Measurement) -> float:
        """The statistic whose p-value is about `significance` at these sizes."""


def _require_rows(sizes: tuple[int, int], minimum_rows: int) -> None:
    if min(sizes) < minimum_rows:
        side, rows = ("reference", sizes[0]) if sizes[0] < minimum_rows else ("current window", sizes[1])
        raise NotEvaluable(f"The {side} has {rows} rows; at least {minimum_rows} are needed.")
