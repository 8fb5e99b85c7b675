"""A model's outputs in arrays: what they look like, and whether they still do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftline.findings import Finding
from driftline.predictions.arrays import column_of, level_of, numbers_of, require_same_length, scores_of
from driftline.predictions.cells import change_within
from driftline.predictions.checks import prediction_findings
from driftline.predictions.scores import SURE, UNSURE, mean_entropy
from driftline.predictions.task import PredictionTask
from driftline.predictions.thresholds import PredictionThresholds
from driftline.profiles import CategoricalBinning, CategoricalProfile, NumericBinning, NumericProfile, Profile

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)


@dataclass(frozen=True, kw_only=True)
class PredictionDistribution:
    """What a batch of outputs looks like.

    Attributes
    ----------
    rows, missing:
        Predictions, and how many of them are null or no finite number.
    class_shares:
        Share of each predicted class among those present, the largest first (classification).
    mean, standard_deviation, minimum, maximum, quantiles:
        Of the predicted numbers (regression) or of the scores, where there are any; quantiles by their share.
    unsure_share, certain_share, entropy_bits:
        Of the scores: share from 0.4 to 0.6, share beyond 0.01 and 0.99, mean binary entropy.
    """

    rows: int
    missing: int
    class_shares: Mapping[str, float] = field(default_factory=dict)
    mean: float | None = None
    standard_deviation: float | None = None
    minimum: float | None = None
    maximum: float | None = None
    quantiles: Mapping[float, float] = field(default_factory=dict)
    unsure_share: float | None = None
    certain_share: float | None = None
    entropy_bits: float | None = None


class PredictionDistributionMonitor:
    """Describes and compares the outputs of one model.

    Parameters
    ----------
    task : PredictionTask
        What the model predicts.
    positive_level : str, optional
        The predicted class that counts as positive, as text (``"1"``, ``"true"``).
    thresholds : PredictionThresholds, optional
        What counts as an anomaly.
    """

    def __init__(
        self,
        task: PredictionTask = PredictionTask.BINARY_CLASSIFICATION,
        *,
        positive_level: str | None = None,
        thresholds: PredictionThresholds | None = None,
    ) -> None:
        self.task = task
        self.positive_level = positive_level
        self.thresholds = thresholds if thresholds is not None else PredictionThresholds()

    def analyze_prediction_distribution(
        self, predictions: Any, probabilities: Any | None = None
    ) -> PredictionDistribution:
        """What a batch looks like.

        Parameters
        ----------
        predictions : array-like, shape (rows,)
            Predicted classes (numbers, booleans or text) or numbers (regression).
        probabilities : array-like, shape (rows,) or (rows, 2), optional
            Scores of the positive class.

        Raises
        ------
        InputError
            When the two have different lengths, or numbers are expected and something else is given.
        """
        outputs = self._outputs(predictions, probabilities)
        numbers = outputs.numbers
        profile = None if numbers is None else NumericProfile.of(numbers, NumericBinning.from_values(numbers))
        if self.task is PredictionTask.REGRESSION:
            finite = 0 if profile is None else profile.finite
            return PredictionDistribution(rows=outputs.rows, missing=outputs.rows - finite, **_described(profile))
        present = outputs.classes.total()
        return PredictionDistribution(
            rows=outputs.rows,
            missing=outputs.rows - present,
            class_shares={level: count / present for level, count in outputs.classes.most_common()},
            **_described(profile),
            **_confidence(profile),
        )

    def detect_prediction_anomalies(
        self,
        reference: Any,
        current: Any,
        *,
        reference_probabilities: Any | None = None,
        current_probabilities: Any | None = None,
        version: str = "current",
        segment: str = "",
    ) -> list[Finding]:
        """The findings of `prediction_findings` on two batches of outputs.

        Parameters
        ----------
        reference, current : array-like, shape (rows,)
            Predictions of the baseline and of now.
        reference_probabilities, current_probabilities : array-like, optional
            Their scores.

        Raises
        ------
        InputError
            As `analyze_prediction_distribution`.
        """
        before = self._outputs(reference, reference_probabilities)
        now = self._outputs(current, current_probabilities)
        profiles = (_profiles(before, before, now, self.task), _profiles(now, before, now, self.task))
        return prediction_findings(
            *profiles,
            task=self.task,
            positive_level=self.positive_level,
            thresholds=self.thresholds,
            version=version,
            segment=segment,
        )

    def _outputs(self, predictions: Any, probabilities: Any | None) -> _Outputs:
        if self.task is PredictionTask.REGRESSION:
            numbers = numbers_of(predictions, "predictions")
            return _Outputs(Counter(), numbers.size, numbers)
        column = column_of(predictions, "predictions")
        scores = None if probabilities is None else scores_of(probabilities, "probabilities")
        require_same_length(predictions=column, probabilities=scores)
        levels = [level for value in column if (level := level_of(value)) is not None]
        return _Outputs(Counter(levels), column.size, scores)


@dataclass(frozen=True)
class _Outputs:
    """Counted classes (classification), rows, and numbers: the predictions' (regression) or the scores."""

    classes: Counter[str]
    rows: int
    numbers: NDArray[np.float64] | None


def _profiles(outputs: _Outputs, before: _Outputs, now: _Outputs, task: PredictionTask) -> dict[str, Profile]:
    """Profiles in cells made of both batches, so that no value of either shares a cell with a distant one."""
    found: dict[str, Profile] = {}
    if task is not PredictionTask.REGRESSION:
        binning = CategoricalBinning.from_counts(dict(before.classes))
        nulls = outputs.rows - outputs.classes.total()
        found["prediction"] = CategoricalProfile.of(outputs.classes, binning, nulls)
    if outputs.numbers is not None:
        samples = [batch.numbers for batch in (before, now) if batch.numbers is not None]
        cells = NumericBinning.from_values(np.concatenate(samples))
        subject = "prediction" if task is PredictionTask.REGRESSION else "score"
        found[subject] = NumericProfile.of(outputs.numbers, cells)
    return found


def _described(profile: NumericProfile | None) -> dict[str, Any]:
    if profile is None or profile.finite == 0:
        return {}
    return {
        "mean": profile.moments.mean,
        "standard_deviation": profile.moments.standard_deviation if profile.finite > 1 else None,
        "minimum": profile.minimum,
        "maximum": profile.maximum,
        "quantiles": {share: profile.quantile(share) for share in QUANTILES},
    }


def _confidence(profile: NumericProfile | None) -> dict[str, Any]:
    if profile is None or profile.finite == 0:
        return {}
    low, high = SURE
    return {
        "unsure_share": change_within(profile, profile, *UNSURE).seen,
        "certain_share": change_within(profile, profile, np.nextafter(low, 1), np.nextafter(high, 0)).complement.seen,
        "entropy_bits": mean_entropy(profile)[0],
    }
