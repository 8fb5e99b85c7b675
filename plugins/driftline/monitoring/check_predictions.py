"""The prediction check of a window: the model's outputs against the baseline's."""

from __future__ import annotations

from collections.abc import Mapping

from driftline.config import Task
from driftline.findings import Check
from driftline.monitoring.checks import Evidence, Result, nothing_to_check
from driftline.monitoring.monitor import Monitor, positive_levels
from driftline.predictions import PredictionTask, PredictionThresholds, prediction_findings
from driftline.profiles.categorical import CategoricalProfile
from driftline.profiles.profile import Profile
from driftline.profiles.roles import Role


def check_predictions(monitor: Monitor, evidence: Evidence) -> Result:
    if not evidence.current:
        return nothing_to_check(Check.PREDICTIONS, "The window has no predictions.")
    configured = monitor.config.checks.predictions
    thresholds = PredictionThresholds(
        false_alarm_rate=configured.false_alarm_rate / len(evidence.current),
        minimum_rows=configured.minimum_rows,
        class_balance_shift=configured.class_balance_shift,
        lowest=configured.lowest,
        highest=configured.highest,
    )
    is_regression = monitor.config.task is Task.REGRESSION
    findings = [
        finding
        for (version, segment), subjects in sorted(evidence.current.items())
        for finding in prediction_findings(
            _outputs(evidence.reference.get(segment, {})),
            _outputs(subjects),
            task=PredictionTask.REGRESSION if is_regression else PredictionTask.BINARY_CLASSIFICATION,
            positive_level=_positive_level(monitor, evidence),
            thresholds=thresholds,
            version=version,
            segment=segment,
        )
    ]
    return Result(findings)


def _outputs(subjects: Mapping[str, Profile]) -> dict[str, Profile]:
    roles = (Role.PREDICTION, Role.SCORE, Role.LATENCY, Role.ERROR)
    return {role.value: subjects[role] for role in roles if role in subjects}


def _positive_level(monitor: Monitor, evidence: Evidence) -> str | None:
    """The spelling of the positive class that the baseline has."""
    prediction = evidence.reference.get("", {}).get(Role.PREDICTION)
    if not isinstance(prediction, CategoricalProfile):
        return None
    spellings = positive_levels(monitor)
    return next((level for level in prediction.binning.levels if level in spellings), None)
