"""Estimating a window's performance before its labels are there: what is learned with the baseline, and its use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftline.errors import InputError
from driftline.findings import class_score, own_score
from driftline.monitoring.monitor import Monitor
from driftline.performance import (
    ClassScores,
    ErrorModel,
    Metric,
    MulticlassCalibration,
    OutcomeProfile,
    ScoreCalibration,
    ScoredPredictions,
    estimate_binary_metrics,
    estimate_error,
    estimate_errors_of_profile,
    estimate_multiclass_metrics,
    is_trusted,
    labeled_rows,
    outcome_metrics,
    threshold_misfit,
)
from driftline.performance.error_model import PREDICTION
from driftline.performance.estimate_error import RECENT_ESTIMATES
from driftline.performance.estimate_findings import ESTIMATE_ERROR
from driftline.profiles import (
    BinaryOutcomeProfile,
    CategoricalProfile,
    MulticlassOutcomeProfile,
    NumericProfile,
    Profile,
    RegressionOutcomeProfile,
)
from driftline.profiles.counting import numeric_values
from driftline.profiles.roles import Role
from driftline.spread import WindowSpread
from driftline.store.engine import store_transaction
from driftline.store.windows import earlier_findings
from driftline.windows import Window

Learned = ScoreCalibration | MulticlassCalibration | ErrorModel
_KINDS: Mapping[str, type[ScoreCalibration] | type[MulticlassCalibration] | type[ErrorModel]] = {
    "score_calibration": ScoreCalibration,
    "multiclass_calibration": MulticlassCalibration,
    "error_model": ErrorModel,
}

ESTIMATION = "estimation"
"""Under this key the baseline keeps what is learned here, by segment."""

LARGEST_MISFIT = 0.01
"""Where more of the baseline's rows contradict one threshold on the score, predictions cannot be told from scores."""

SAMPLE_ROWS = 50_000
"""Labeled predictions that a regression's error is learned from."""

LOOK_BACK = 4 * RECENT_ESTIMATES
"""Window lengths that the estimator's record reaches back, so that gaps in the labels leave enough of it."""

Subjects = Mapping[str, Profile]


@dataclass(frozen=True, eq=False)
class Estimation:
    """What estimates of one segment's performance rest on; `model` is ``None`` where they cannot be made."""

    model: Learned | None
    errors: WindowSpread
    reason: str = ""

    def to_json(self) -> dict[str, Any]:
        learned = {kind: self.model.to_json() for kind, made in _KINDS.items() if isinstance(self.model, made)}
        return {**learned, "errors": self.errors.to_json(), "reason": self.reason}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Estimation:
        stored = (made.from_json(document[kind]) for kind, made in _KINDS.items() if kind in document)
        model: Learned | None = next(stored, None)
        return cls(model, WindowSpread.from_json(document["errors"]), document["reason"])

    def of_window(self, subjects: Subjects, positives: frozenset[str], confidence: float) -> dict[str, Metric]:
        """The estimated metrics of a window's predictions; empty where they cannot be estimated."""
        prediction, score = subjects.get(Role.PREDICTION), subjects.get(Role.SCORE)
        if isinstance(self.model, MulticlassCalibration):
            return _estimate_classes(self.model, subjects, confidence)
        if isinstance(self.model, ErrorModel) and isinstance(prediction, NumericProfile):
            return estimate_errors_of_profile(self.model, prediction, confidence=confidence)
        if not isinstance(self.model, ScoreCalibration) or not isinstance(prediction, CategoricalProfile):
            return {}
        if not isinstance(score, NumericProfile):
            return {}
        predictions = ScoredPredictions.from_profile(score, _positives(prediction, positives))
        return estimate_binary_metrics(self.model, predictions, confidence)

    def of_labeled(self, subjects: Subjects, confidence: float = 0.95) -> dict[str, Metric]:
        """What would have been estimated of the predictions that have a label by now."""
        outcome, prediction = subjects.get(Role.OUTCOME), subjects.get(Role.PREDICTION)
        if isinstance(self.model, MulticlassCalibration) and isinstance(outcome, MulticlassOutcomeProfile):
            return _estimate_classes(self.model, subjects, confidence, outcome.rows)
        if isinstance(self.model, ScoreCalibration) and isinstance(outcome, BinaryOutcomeProfile):
            return estimate_binary_metrics(self.model, ScoredPredictions.from_outcomes(outcome), confidence)
        if not isinstance(self.model, ErrorModel) or not isinstance(outcome, RegressionOutcomeProfile):
            return {}
        if not isinstance(prediction, NumericProfile):
            return {}
        labeled = labeled_rows(outcome)
        return estimate_errors_of_profile(self.model, prediction, labeled=labeled, confidence=confidence)


NO_ESTIMATION = Estimation(None, WindowSpread(0, {}), "the baseline was built before estimates were learned")


def learn_estimation(
    monitor: Monitor, period: Window, reference: Subjects, windows: Sequence[Subjects], whole: Estimation | None = None
) -> Estimation:
    """What the baseline's labels teach about one segment; ``whole`` stands in where the segment has too few."""
    model, reason = _learned(monitor, period, reference.get(Role.OUTCOME), whole)
    bare = Estimation(model, WindowSpread(0, {}), reason)
    return Estimation(model, WindowSpread.of([_errors(bare, subjects) for subjects in windows]), reason)


def stored_estimation(calibration: Mapping[str, Any], segment: str) -> Estimation:
    learned = calibration.get(ESTIMATION, {}).get(segment)
    return NO_ESTIMATION if learned is None else Estimation.from_json(learned)


def record_of_estimates(monitor: Monitor, window: Window, baseline_id: int) -> dict[tuple[str, str, str], list[bool]]:
    """Per (version, segment, metric), whether the labels came out inside: the newest first, windows that do not
    overlap each other or ``window``."""
    since = window.start - LOOK_BACK * window.length
    with store_transaction(monitor.store) as connection:
        earlier = earlier_findings(connection, monitor.model, ESTIMATE_ERROR, since, window.start)
    inside: dict[tuple[str, str, str], list[bool]] = {}
    earliest: dict[tuple[str, str, str], Window] = {}
    for its_window, finding in earlier:
        key = (finding.version, finding.segment, finding.subject)
        last = earliest.get(key, window)
        if its_window.overlaps(last) or finding.details.get("baseline_id") != baseline_id:
            continue
        earliest[key] = its_window
        inside.setdefault(key, []).append(bool(finding.details.get("is_inside")))
    return inside


def untrusted_metrics(
    record: Mapping[tuple[str, str, str], Sequence[bool]], version: str, segment: str, now: Mapping[str, bool]
) -> frozenset[str]:
    """The metrics whose estimator is no longer believed, with what the window's own labels show (``now``) in it."""
    known = {metric for its_version, its_segment, metric in record if (its_version, its_segment) == (version, segment)}
    found = set()
    for metric in known | now.keys():
        latest = [now[metric]] if metric in now else []
        if not is_trusted([*latest, *record.get((version, segment, metric), ())]):
            found.add(metric)
    return frozenset(found)


def _estimate_classes(
    model: MulticlassCalibration, subjects: Subjects, confidence: float, labeled: int | None = None
) -> dict[str, Metric]:
    predictions = []
    for name in model.classes:
        everywhere, own = subjects.get(class_score(name)), subjects.get(own_score(name))
        if not isinstance(everywhere, NumericProfile) or not isinstance(own, NumericProfile):
            return {}
        predictions.append(ClassScores.from_profiles(everywhere, own))
    return estimate_multiclass_metrics(model, predictions, confidence, labeled)


def _learned(
    monitor: Monitor, period: Window, outcome: Profile | None, whole: Estimation | None
) -> tuple[Learned | None, str]:
    try:
        if isinstance(outcome, MulticlassOutcomeProfile) and whole is None:
            return _class_calibration(monitor, period), ""
        if isinstance(outcome, BinaryOutcomeProfile):
            return _calibration(outcome), ""
        if isinstance(outcome, RegressionOutcomeProfile) and whole is None:
            return _error_model(monitor, period, outcome.rows), ""
    except InputError as error:
        if whole is None:
            return None, str(error)
    if whole is not None:
        return whole.model, whole.reason
    return None, "the baseline has no labels to learn from"


def _calibration(outcome: BinaryOutcomeProfile) -> ScoreCalibration:
    calibration = ScoreCalibration.learned(outcome)
    misfit = threshold_misfit(outcome)
    if misfit > LARGEST_MISFIT:
        raise InputError(
            f"{misfit:.1%} of the baseline's predictions do not follow from one threshold on the score, so that "
            "predictions cannot be told from scores. Log the score that the prediction is made from."
        )
    return calibration


def _class_calibration(monitor: Monitor, period: Window) -> MulticlassCalibration:
    scores = monitor.config.predictions.scores
    if scores is None:
        raise InputError("the model's file maps no `predictions.scores`, which estimates are made from")
    return MulticlassCalibration.learned(tuple(scores), _labeled_scores(monitor, period))


def _labeled_scores(
    monitor: Monitor, period: Window
) -> Iterator[tuple[NDArray[np.object_], NDArray[np.object_], NDArray[np.float64]]]:
    """Labels, predictions and the scores of all classes, batch by batch."""
    first = 2 + len(monitor.log.present_segment_columns())
    for batch in monitor.log.read_outcomes(period):
        labels, predictions = (
            batch.column(first + index).to_numpy(zero_copy_only=False).astype(object) for index in (0, 1)
        )
        yield labels, predictions, np.column_stack([numeric_values(one)[0] for one in batch.columns[first + 2 :]])


def _error_model(monitor: Monitor, period: Window, rows: int) -> ErrorModel:
    stride = max(-(-rows // SAMPLE_ROWS), 1)
    leading = 2 + len(monitor.log.present_segment_columns())
    labels, predictions = [np.empty(0)], [np.empty(0)]
    for batch in monitor.log.read_outcomes(period):
        labels.append(numeric_values(batch.column(leading))[0][::stride])
        predictions.append(numeric_values(batch.column(leading + 1))[0][::stride])
    predicted = np.concatenate(predictions)
    return ErrorModel.learned({PREDICTION: predicted}, predicted - np.concatenate(labels))


def _errors(estimation: Estimation, subjects: Subjects) -> dict[str, float]:
    outcome = subjects.get(Role.OUTCOME)
    if not isinstance(outcome, OutcomeProfile):
        return {}
    realised = outcome_metrics(outcome)
    found = {name: estimate_error(metric, realised[name]) for name, metric in estimation.of_labeled(subjects).items()}
    return {name: error.error for name, error in found.items() if error is not None}


def _positives(prediction: CategoricalProfile, positives: frozenset[str]) -> int:
    cells = [cell for level, cell in prediction.binning.position.items() if level in positives]
    return int(prediction.counts[cells].sum()) + sum(
        count for level, count in prediction.unseen_levels.items() if level in positives
    )
