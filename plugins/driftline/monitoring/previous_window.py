"""A window beside the one before it: told, never judged.

A weekday against a Sunday differs with nothing wrong. A threshold for it would have to be calibrated on pairs of the
baseline's windows, and would take its share of the one false-alarm budget that a window has, from the comparison with
the baseline, which sees the same change against far more rows. So this comparison never alarms. What it is good for is
the question that follows an alarm: is this new, or has it been so for longer?
"""

from __future__ import annotations

from collections.abc import Mapping

from driftline.drift.localization_cells import CoarseCells
from driftline.drift.localization_segments import total_variation_of
from driftline.drift.movement import movement_in_words
from driftline.drift.pairs import NotEvaluable, pair_of_profiles
from driftline.findings import Check, Comparison, Finding, Status
from driftline.monitoring.checks import Evidence
from driftline.monitoring.monitor import Monitor
from driftline.profiles.profile import Profile
from driftline.profiles.roles import Role
from driftline.store.engine import store_transaction
from driftline.store.slice_history import counted_hours
from driftline.store.slices import window_profiles

TEST = "total_variation"
NOT_JUDGED = {"decides": False, "is_information": True}


def compare_with_previous_window(monitor: Monitor, evidence: Evidence) -> list[Finding]:
    """One finding per version and feature of the whole: how much it differs from the window before.

    Where the store does not have the whole window before, a single finding says so.
    """
    previous = evidence.record.window.previous
    with store_transaction(monitor.store) as connection:
        hours = counted_hours(connection, evidence.baseline, previous)
        earlier = window_profiles(connection, evidence.baseline, previous) if hours == len(previous.slices) else {}
    if not earlier:
        reason = f"The store has {hours} of the {len(previous.slices)} slices of the window before ({previous})."
        reason = reason if hours < len(previous.slices) else f"The window before ({previous}) has no predictions."
        return [_not_compared("", "rows", reason)]
    features = evidence.baseline.subjects(Role.FEATURE)
    return [
        _compared(version, feature, earlier.get((version, ""), {}), subjects)
        for (version, segment), subjects in sorted(evidence.current.items())
        if segment == ""
        for feature in features
        if feature in subjects
    ]


def _compared(version: str, feature: str, earlier: Mapping[str, Profile], now: Mapping[str, Profile]) -> Finding:
    if feature not in earlier:
        return _not_compared(version, feature, f"Version {version} has no predictions in the window before.")
    try:
        pair = pair_of_profiles(earlier[feature], now[feature])
    except NotEvaluable as error:
        return _not_compared(version, feature, str(error))
    variation = total_variation_of(CoarseCells.of(pair), pair.reference, pair.current)
    return Finding(
        check=Check.DRIFT,
        version=version,
        subject=feature,
        test=TEST,
        comparison=Comparison.PREVIOUS_WINDOW,
        status=Status.OK,
        statistic=variation,
        effect=variation,
        reference_size=pair.reference_size,
        current_size=pair.current_size,
        description=f"Against the window before, {variation:.1%} of the rows changed their cell; not judged, the hour "
        f"and the day of the week are in it: {movement_in_words(pair)}",
        details=NOT_JUDGED,
    )


def _not_compared(version: str, subject: str, reason: str) -> Finding:
    return Finding(
        check=Check.DRIFT,
        version=version,
        subject=subject,
        test=TEST,
        comparison=Comparison.PREVIOUS_WINDOW,
        status=Status.NOT_EVALUATED,
        reason=reason,
        description=f"{subject} was not compared with the window before.",
        details=NOT_JUDGED,
    )
