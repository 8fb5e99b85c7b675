"""Does getting a label depend on what was predicted? Metrics of selected labels say nothing about the others."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from driftline.findings import Check, Comparison, Finding, Severity, Status
from driftline.performance.metric import OutcomeProfile
from driftline.performance.selection_shift import (
    LEAST_PREDICTIONS,
    SELECTION_ADVICE,
    SIGNIFICANCE,
    shift_between,
    shift_finding,
)
from driftline.profiles import (
    BinaryOutcomeProfile,
    CategoricalProfile,
    MulticlassOutcomeProfile,
    NumericProfile,
    Profile,
)

LARGEST_DIFFERENCE = 0.2
"""Coverage may differ by so much (20 points) between kinds of prediction before it is told."""
SCORE_GROUPS = 10


@dataclass(frozen=True)
class Coverage:
    """Predictions of one kind, and those of them that have a label."""

    kind: str
    labeled: int
    predictions: int

    @property
    def share(self) -> float:
        return min(self.labeled / self.predictions, 1.0)


def selection_findings(
    reference: tuple[Mapping[str, Profile], OutcomeProfile | None],
    current: tuple[Mapping[str, Profile], OutcomeProfile | None],
    *,
    positives: Collection[str],
    is_mature: bool,
    version: str,
    segment: str = "",
) -> list[Finding]:
    """Findings on the subject ``labels``, as long as predictions lack labels.

    Tests
    -----
    coverage_by_prediction, coverage_by_score
        Statistic = largest coverage minus smallest, over the predicted classes (or ten groups of rising score);
        detected where chance does not explain it (chi-square, p < 0.001) and it is more than 20 points larger than on
        the baseline, or, with `Severity.LOW`, where it was so on the baseline already or labels are still expected.
    labeled_predictions
        Regression. Statistic = how far the mean of the predictions that have a label is from that of all, in standard
        deviations of all; detected where chance does not explain it (normal, p < 0.001) and it is more than
        0.2 further than on the baseline; `Severity.LOW` as above.

    Parameters
    ----------
    reference, current:
        Profiles by subject (``prediction``, ``score``) and labeled predictions, of the baseline and of the window.
    positives : collection of str
        How a positive prediction may be spelled (binary classification).
    """
    shifted = shift_between(reference, current)
    if shifted is not None:
        return [shift_finding(*shifted, is_mature=is_mature, version=version, segment=segment)]
    found = []
    for test, coverages in (("coverage_by_prediction", _by_class), ("coverage_by_score", _by_score)):
        now = coverages(*current, positives)
        if len(now) < 2 or all(one.labeled >= one.predictions for one in now):
            continue
        usual = _difference(coverages(*reference, positives))
        found.append(_finding(test, now, usual, is_mature=is_mature, version=version, segment=segment))
    return found


def _by_class(
    subjects: Mapping[str, Profile], outcome: OutcomeProfile | None, positives: Collection[str]
) -> list[Coverage]:
    prediction = subjects.get("prediction")
    if not isinstance(prediction, CategoricalProfile):
        return []
    if isinstance(outcome, MulticlassOutcomeProfile):
        labeled = dict(zip(outcome.classes, outcome.confusion.sum(axis=0)[:-1], strict=True))
        kinds = {
            level: (int(labeled[level]), int(prediction.counts[cell]))
            for level, cell in prediction.binning.position.items()
            if level in labeled
        }
    elif isinstance(outcome, BinaryOutcomeProfile):
        predicted = _count(prediction, positives)
        rest = prediction.rows - prediction.nulls - predicted
        kinds = {
            "positive": (outcome.true_positives + outcome.false_positives, predicted),
            "negative": (outcome.true_negatives + outcome.false_negatives, rest),
        }
    else:
        return []
    return _large([Coverage(kind, *counts) for kind, counts in kinds.items()])


def _by_score(
    subjects: Mapping[str, Profile], outcome: OutcomeProfile | None, _positives: Collection[str]
) -> list[Coverage]:
    score = subjects.get("score")
    if not isinstance(score, NumericProfile) or not isinstance(outcome, BinaryOutcomeProfile):
        return []
    if score.binning.digest != outcome.binning.digest or not score.finite:
        return []
    middle = (np.cumsum(score.counts) - score.counts / 2) / score.finite
    group = np.minimum((middle * SCORE_GROUPS).astype(np.intp), SCORE_GROUPS - 1)
    rows = np.bincount(group, weights=score.counts, minlength=SCORE_GROUPS)
    labeled = np.bincount(group, weights=outcome.positives + outcome.negatives, minlength=SCORE_GROUPS)
    names = [f"scores of tenth {index + 1}" for index in range(SCORE_GROUPS)]
    return _large([Coverage(name, round(a), round(b)) for name, a, b in zip(names, labeled, rows, strict=True)])


def _count(prediction: CategoricalProfile, levels: Collection[str]) -> int:
    cells = [cell for level, cell in prediction.binning.position.items() if level in levels]
    unseen = sum(count for level, count in prediction.unseen_levels.items() if level in levels)
    return int(prediction.counts[cells].sum()) + unseen


def _large(coverages: list[Coverage]) -> list[Coverage]:
    return [one for one in coverages if one.predictions >= LEAST_PREDICTIONS]


def _difference(coverages: list[Coverage]) -> float:
    shares = [one.share for one in coverages]
    return max(shares) - min(shares) if len(shares) > 1 else 0.0


def _finding(test: str, now: list[Coverage], usual: float, *, is_mature: bool, version: str, segment: str) -> Finding:
    difference, chance = _difference(now), _chance(now)
    is_selected = chance < SIGNIFICANCE and difference > LARGEST_DIFFERENCE
    is_new = is_mature and difference - usual > LARGEST_DIFFERENCE
    most, least = max(now, key=lambda one: one.share), min(now, key=lambda one: one.share)
    severity = Severity.MEDIUM if is_new else Severity.LOW
    waiting = "" if is_mature else " Labels are still expected, which may even it out."
    return Finding(
        check=Check.PERFORMANCE,
        version=version,
        segment=segment,
        subject="labels",
        test=test,
        comparison=Comparison.BASELINE,
        status=Status.DETECTED if is_selected else Status.OK,
        severity=severity if is_selected else Severity.NONE,
        statistic=difference,
        p_value=chance,
        threshold=LARGEST_DIFFERENCE,
        effect=difference - usual,
        current_size=sum(one.predictions for one in now),
        description=(
            f"{most.share:.1%} of {most.kind} predictions have a label, and {least.share:.1%} of {least.kind} ones "
            f"(on the baseline the difference is {usual * 100:.1f} points).{waiting}"
        ),
        recommendation=SELECTION_ADVICE if is_selected else "",
        details={
            "is_provisional": not is_mature,
            "coverage": {one.kind: one.share for one in now},
            "predictions": {one.kind: one.predictions for one in now},
        },
    )


def _chance(coverages: list[Coverage]) -> float:
    """p-value of coverage being the same for all kinds: chi-square on the contingency table."""
    from scipy.stats import chi2_contingency

    labeled = [min(one.labeled, one.predictions) for one in coverages]
    table = np.array([labeled, [one.predictions - count for one, count in zip(coverages, labeled, strict=True)]])
    if not table.sum(axis=1).all():
        return 1.0
    return float(chi2_contingency(table, correction=False).pvalue)
