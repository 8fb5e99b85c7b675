"""Hour by hour: the stored profiles of a few subjects, as they went over time."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime

from sqlalchemy import Connection, func, select

from driftline.profiles.profile import Profile
from driftline.profiles.serialization import unpack_profile
from driftline.store.baselines import StoredBaseline
from driftline.store.slices import Part
from driftline.store.tables import profiles, slices
from driftline.windows import Window

History = dict[str, list[tuple[datetime, Profile]]]
"""Per subject the start and profile of each of its hours that has rows, in order of time."""


def subject_history(
    connection: Connection,
    baseline: StoredBaseline,
    window: Window,
    *,
    version: str,
    segment: str,
    subjects: Collection[str],
) -> History:
    """The hours of ``window`` of one version and segment (``""``: the whole), for each of ``subjects``.

    An hour that was never counted, whose profiles have been dropped, or that has no rows, is missing.
    """
    known = [subject for subject in subjects if subject in baseline.binnings]
    rows = connection.execute(
        select(profiles.c.subject, profiles.c.slice_start, profiles.c.kind, profiles.c.payload)
        .where(
            profiles.c.model == baseline.model,
            profiles.c.baseline_id == baseline.baseline_id,
            profiles.c.part == Part.PREDICTIONS,
            profiles.c.slice_start >= window.start,
            profiles.c.slice_start < window.end,
            profiles.c.version == version,
            profiles.c.segment == segment,
            profiles.c.subject.in_(known),
        )
        .order_by(profiles.c.subject, profiles.c.slice_start)
    )
    history: History = {}
    for row in rows:
        profile = unpack_profile(row.kind, row.payload, baseline.binnings[row.subject])
        history.setdefault(row.subject, []).append((row.slice_start.astimezone(UTC), profile))
    return history


def counted_hours(connection: Connection, baseline: StoredBaseline, window: Window) -> int:
    """How many hours of ``window`` have been counted, with rows or without."""
    counted = connection.execute(
        select(func.count())
        .select_from(slices)
        .where(
            slices.c.model == baseline.model,
            slices.c.baseline_id == baseline.baseline_id,
            slices.c.part == Part.PREDICTIONS,
            slices.c.slice_start >= window.start,
            slices.c.slice_start < window.end,
        )
    ).scalar_one()
    return int(counted)
