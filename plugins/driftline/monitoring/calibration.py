"""What the checks learn on the baseline's hours: kept with the baseline, as JSON, by check and segment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from driftline.fairness import GroupCounts, UsualGaps
from driftline.findings import Check
from driftline.monitoring.check_fairness import group_counts, measured_gaps
from driftline.monitoring.check_performance import measured_performance
from driftline.monitoring.check_predictions import measured_predictions
from driftline.monitoring.estimation import ESTIMATION, Estimation, learn_estimation
from driftline.monitoring.groups import baseline_groups, readable_attributes, stored_group
from driftline.monitoring.label_delays import LABEL_DELAYS, learn_delays
from driftline.monitoring.log_faults import LABEL_FAULTS, learn_label_faults
from driftline.monitoring.monitor import Monitor, segment_names
from driftline.monitoring.multivariate import MULTIVARIATE, is_joint, learn_joint
from driftline.profiles.profile import Profile
from driftline.profiles.roles import Role
from driftline.spread import WindowSpread
from driftline.store.baselines import StoredBaseline
from driftline.store.slices import hourly_profiles
from driftline.windows import Window

Hours = Mapping[datetime, Mapping[str, Profile]]


def calibrate(
    monitor: Monitor,
    connection: Connection,
    baseline: StoredBaseline,
    reference: Mapping[str, Mapping[str, Profile]],
) -> dict[str, Any]:
    """How much windows of the model's own length differ on the baseline, for the whole and for each segment.

    Parameters
    ----------
    reference:
        The period's profiles by segment and subject.
    """
    learned: dict[str, Any] = {check.value: {} for check in (Check.DRIFT, Check.PERFORMANCE, Check.PREDICTIONS)}
    learned[ESTIMATION] = {}
    learned[Check.QUALITY] = {LABEL_FAULTS: learn_label_faults(monitor, baseline.period)}
    learned[LABEL_DELAYS] = learn_delays(monitor, baseline.period)
    if (joint := learn_joint(monitor, connection, baseline)) is not None:
        learned[MULTIVARIATE] = joint.to_json()
    estimation: Estimation | None = None
    for segment in ("", *segment_names(monitor)):
        hours = hourly_profiles(connection, baseline, baseline.period, segment)
        windows = list(_windows(hours, baseline.period, monitor.config.schedule.lookback))
        whole = reference.get(segment, {})
        learned[Check.DRIFT][segment] = _drift(monitor, baseline, hours, segment)
        performance = WindowSpread.of([measured_performance(subjects) for subjects in windows])
        learned[Check.PERFORMANCE][segment] = performance.to_json()
        predictions = WindowSpread.of([measured_predictions(monitor, whole, subjects) for subjects in windows])
        learned[Check.PREDICTIONS][segment] = predictions.to_json()
        of_segment = learn_estimation(monitor, baseline.period, whole, windows, estimation)
        learned[ESTIMATION][segment] = of_segment.to_json()
        estimation = estimation or of_segment
    learned[Check.FAIRNESS] = _fairness(monitor, connection, baseline)
    return learned


def _fairness(monitor: Monitor, connection: Connection, baseline: StoredBaseline) -> dict[str, Any]:
    """How much groups' gaps differ between windows, by attribute."""
    learned: dict[str, Any] = {}
    for attribute in readable_attributes(monitor):
        windows: list[dict[str, GroupCounts]] = []
        for group in baseline_groups(attribute, baseline.binnings):
            hours = hourly_profiles(connection, baseline, baseline.period, stored_group(group))
            of_group = _windows(hours, baseline.period, monitor.config.schedule.lookback)
            windows = windows or [{} for _ in of_group]
            for window, subjects in zip(windows, of_group, strict=True):
                window[group] = group_counts(monitor, subjects)
        learned[attribute.name] = UsualGaps.of([measured_gaps(monitor, window) for window in windows]).to_json()
    return learned


def drift_budget(monitor: Monitor, segment: str) -> float:
    """The window's false-alarm budget for features one by one.

    Half of the whole budget is for the whole, the other half shared by the segments (without segments, all is for the
    whole); of the whole's part a quarter is `joint_budget`, where the features are compared together too.
    """
    if segment == "":
        return _whole_budget(monitor) - joint_budget(monitor)
    return monitor.config.checks.drift.false_alarm_rate / (2 * len(segment_names(monitor)))


def joint_budget(monitor: Monitor) -> float:
    """The part of the whole's budget for the features together; 0 where they are not compared."""
    from driftline.drift.detector import MULTIVARIATE_SHARE

    return MULTIVARIATE_SHARE * _whole_budget(monitor) if is_joint(monitor) else 0.0


def _whole_budget(monitor: Monitor) -> float:
    rate = monitor.config.checks.drift.false_alarm_rate
    return rate / 2 if segment_names(monitor) else rate


def _drift(monitor: Monitor, baseline: StoredBaseline, hours: Hours, segment: str) -> dict[str, Any]:
    from driftline.drift import build_calibration

    features = set(baseline.subjects(Role.FEATURE))
    slices = [
        (start, {subject: profile for subject, profile in subjects.items() if subject in features})
        for start, subjects in hours.items()
    ]
    window_hours = monitor.config.schedule.lookback // timedelta(hours=1)
    return build_calibration(slices, window_hours, drift_budget(monitor, segment)).to_json()


def _windows(hours: Hours, period: Window, length: timedelta) -> Sequence[dict[str, Profile]]:
    """The profiles of the period's windows, one after the other."""
    windows: list[dict[str, Profile]] = []
    for number in range(period.length // length):
        window = Window(period.start + number * length, period.start + (number + 1) * length)
        merged: dict[str, Any] = {}
        for start in window.slices:
            for subject, profile in hours.get(start, {}).items():
                merged[subject] = merged[subject].merged(profile) if subject in merged else profile
        windows.append(merged)
    return windows
