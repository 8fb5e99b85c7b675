"""All tests of a model's outputs, as findings."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TypeVar

from driftline.findings import Comparison, Finding, class_score
from driftline.predictions.candidate import Candidate, judge
from driftline.predictions.classes import CLASS_TESTS, class_candidates
from driftline.predictions.nulls import null_share
from driftline.predictions.ranges import constant_output, impossible_values, outlier_share, range_change
from driftline.predictions.scores import (
    CLASS_SCORE_TESTS,
    SCORE_TESTS,
    class_score_candidates,
    score_candidates,
)
from driftline.predictions.service import error_rate, latency_p95
from driftline.predictions.subjects import Pair, pair_of, too_few
from driftline.predictions.task import PredictionTask
from driftline.predictions.thresholds import PredictionThresholds
from driftline.profiles import CategoricalProfile, NumericProfile, Profile
from driftline.spread import WindowSpread

NUMBER_TESTS = ("constant_output", "regression_range", "outliers", "null_share")

P = TypeVar("P", NumericProfile, CategoricalProfile)

Sides = tuple[Mapping[str, Profile], Mapping[str, Profile]]
"""The baseline's and the window's profiles by subject."""


def prediction_findings(
    reference: Mapping[str, Profile],
    current: Mapping[str, Profile],
    *,
    task: PredictionTask,
    positive_level: str | None,
    thresholds: PredictionThresholds,
    version: str,
    segment: str = "",
    comparison: Comparison = Comparison.BASELINE,
    spread: WindowSpread | None = None,
) -> list[Finding]:
    """Whether the outputs look as they did on the baseline.

    A change is detected where it is beyond chance *and* large enough to matter. All tests of the call share one budget
    of false alarms. Impossible values need no evidence.

    Parameters
    ----------
    reference, current : mapping of str to Profile
        Profiles of the baseline and the window by subject: ``prediction`` (categorical for classification, numeric for
        regression), and where the model has them ``score``, ``latency`` (milliseconds), ``error`` (levels ``true``
        and ``false``) and, of several classes, ``score of CLASS``.
    task : PredictionTask
        What the model predicts.
    positive_level : str or None
        The predicted class that counts as positive.
    thresholds : PredictionThresholds
        The limits.
    version, segment : str
        Whom the findings are about; ``""`` is the whole.
    comparison : Comparison
        What ``reference`` is.
    spread : WindowSpread or None
        How much the reference's own windows differ, by ``subject/test``; without one, the window's rows are taken to be
        independent.

    Returns
    -------
    list of Finding
        One per subject and test, ``not_evaluated`` with the reason where a subject is missing on one side; none for a
        subject that is missing on both (``prediction`` excepted).
    """
    sides = (reference, current)
    candidates = [
        *_prediction(sides, task, positive_level, thresholds),
        *_optional(NumericProfile, "score", SCORE_TESTS, sides, lambda pair: score_candidates(pair, thresholds)),
        *_class_scores(sides, thresholds),
        *_optional(NumericProfile, "latency", ("latency_p95",), sides, lambda pair: [latency_p95(pair, thresholds)]),
        *_optional(CategoricalProfile, "error", ("error_rate",), sides, lambda pair: [error_rate(pair, thresholds)]),
    ]
    return judge(
        candidates,
        false_alarm_rate=thresholds.false_alarm_rate,
        version=version,
        segment=segment,
        comparison=comparison,
        spread=spread or WindowSpread(0, {}),
    )


def _prediction(
    sides: Sides, task: PredictionTask, positive_level: str | None, thresholds: PredictionThresholds
) -> list[Candidate]:
    if task is PredictionTask.REGRESSION:
        numbers = pair_of(NumericProfile, "prediction", *sides)
        return _tested(numbers, "prediction", NUMBER_TESTS, lambda pair: _number_candidates(pair, thresholds))
    classes = pair_of(CategoricalProfile, "prediction", *sides)
    tests = tuple(test for test in CLASS_TESTS if positive_level is not None or test != "positive_rate_spike")
    return _tested(classes, "prediction", tests, lambda pair: class_candidates(pair, positive_level, thresholds))


def _class_scores(sides: Sides, thresholds: PredictionThresholds) -> list[Candidate]:
    subjects = dict.fromkeys(subject for side in sides for subject in side if subject.startswith(class_score("")))
    return [
        candidate
        for subject in subjects
        for candidate in _optional(
            NumericProfile, subject, CLASS_SCORE_TESTS, sides, lambda pair: class_score_candidates(pair, thresholds)
        )
    ]


def _optional(
    kind: type[P],
    subject: str,
    tests: tuple[str, ...],
    sides: Sides,
    candidates: Callable[[Pair[P]], list[Candidate]],
) -> list[Candidate]:
    if not any(subject in side for side in sides):
        return []
    return _tested(pair_of(kind, subject, *sides), subject, tests, candidates)


def _tested(
    pair: Pair[P] | str, subject: str, tests: tuple[str, ...], candidates: Callable[[Pair[P]], list[Candidate]]
) -> list[Candidate]:
    if isinstance(pair, str):
        return [Candidate(subject=subject, test=test, reason=pair) for test in tests]
    return candidates(pair)


def _number_candidates(pair: Pair[NumericProfile], thresholds: PredictionThresholds) -> list[Candidate]:
    found = [null_share(pair, thresholds.minimum_rows)]
    if thresholds.lowest is not None or thresholds.highest is not None:
        lowest = -math.inf if thresholds.lowest is None else thresholds.lowest
        highest = math.inf if thresholds.highest is None else thresholds.highest
        found.append(impossible_values(pair, "impossible_values", lowest, highest))
    reason = too_few("predictions", pair.reference.finite, pair.current.finite, thresholds.minimum_rows)
    if reason:
        return [*pair.refused(NUMBER_TESTS[:-1], reason), *found]
    return [constant_output(pair), range_change(pair), outlier_share(pair), *found]
