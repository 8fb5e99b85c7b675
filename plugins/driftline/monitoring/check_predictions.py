"""The prediction check of a window: the model's outputs against the baseline's."""

from __future__ import annotations

from collections.abc import Mapping

from driftline.config import Task
from driftline.findings import Check, Status, class_score
from driftline.monitoring.checks import Evidence, Result, learned_spread, nothing_to_check
from driftline.monitoring.monitor import Monitor, positive_levels
from driftline.predictions import PredictionTask, PredictionThresholds, prediction_findings
from driftline.profiles.categorical import CategoricalProfile
from driftline.profiles.profile import Profile
from driftline.profiles.roles import Role


def check_predictions(monitor: Monitor, evidence: Evidence) -> Result:
    if not evidence.current:
        return nothing_to_check(Check.PREDICTIONS, "The window has no predictions.")
    thresholds = _thresholds(monitor, shared_by=len(evidence.current))
    findings = [
        finding
        for (version, segment), subjects in sorted(evidence.current.items())
        for finding in prediction_findings(
            _outputs(monitor, evidence.reference.get(segment, {})),
            _outputs(monitor, subjects),
            task=_task(monitor),
            positive_level=_positive_level(monitor, evidence.reference.get("", {})),
            thresholds=thresholds,
            version=version,
            segment=segment,
            spread=learned_spread(evidence, Check.PREDICTIONS, segment),
        )
    ]
    return Result(findings)


def measured_predictions(
    monitor: Monitor, reference: Mapping[str, Profile], subjects: Mapping[str, Profile]
) -> dict[str, float]:
    """What the tests see on a window, by ``subject/test``: what the baseline's spread is learned from."""
    findings = prediction_findings(
        _outputs(monitor, reference),
        _outputs(monitor, subjects),
        task=_task(monitor),
        positive_level=_positive_level(monitor, reference),
        thresholds=_thresholds(monitor, shared_by=1),
        version="",
    )
    return {
        f"{finding.subject}/{finding.test}": finding.details["seen"]
        for finding in findings
        if finding.status is not Status.NOT_EVALUATED and isinstance(finding.details.get("seen"), float)
    }


def _thresholds(monitor: Monitor, shared_by: int) -> PredictionThresholds:
    configured = monitor.config.checks.predictions
    return PredictionThresholds(
        false_alarm_rate=configured.false_alarm_rate / shared_by,
        minimum_rows=configured.minimum_rows,
        class_balance_shift=configured.class_balance_shift,
        lowest=configured.lowest,
        highest=configured.highest,
    )


def _task(monitor: Monitor) -> PredictionTask:
    return PredictionTask(monitor.config.task.value)


def _outputs(monitor: Monitor, subjects: Mapping[str, Profile]) -> dict[str, Profile]:
    roles = (Role.PREDICTION.value, Role.SCORE.value, Role.LATENCY.value, Role.ERROR.value)
    scores = (class_score(name) for name in monitor.config.predictions.scores or ())
    return {subject: subjects[subject] for subject in (*roles, *scores) if subject in subjects}


def _positive_level(monitor: Monitor, reference: Mapping[str, Profile]) -> str | None:
    """The spelling of the positive class that the baseline has; none of many classes is."""
    prediction = reference.get(Role.PREDICTION)
    if not isinstance(prediction, CategoricalProfile) or monitor.config.task is not Task.BINARY_CLASSIFICATION:
        return None
    spellings = positive_levels(monitor)
    return next((level for level in prediction.binning.levels if level in spellings), None)
