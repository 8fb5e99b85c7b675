"""What the drift check learns on the baseline's hours: kept with the baseline, as JSON, by segment."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import Connection

from driftline.findings import Check
from driftline.monitoring.monitor import Monitor, segment_names
from driftline.profiles.roles import Role
from driftline.store.baselines import StoredBaseline
from driftline.store.slices import hourly_profiles


def calibrate(monitor: Monitor, connection: Connection, baseline: StoredBaseline) -> dict[str, Any]:
    """How much windows of the model's own length differ on the baseline, for the whole and for each segment."""
    from driftline.drift import build_calibration

    hours = monitor.config.schedule.lookback // timedelta(hours=1)
    features = set(baseline.subjects(Role.FEATURE))
    learned: dict[str, Any] = {}
    for segment in ("", *segment_names(monitor)):
        slices = [
            (start, {subject: profile for subject, profile in subjects.items() if subject in features})
            for start, subjects in hourly_profiles(connection, baseline, baseline.period, segment).items()
        ]
        learned[segment] = build_calibration(slices, hours, share_of_budget(monitor)).to_json()
    return {Check.DRIFT.value: learned}


def share_of_budget(monitor: Monitor) -> float:
    """The window's false-alarm budget, shared alike by the whole and the segments: each is looked at."""
    return monitor.config.checks.drift.false_alarm_rate / (1 + len(segment_names(monitor)))
