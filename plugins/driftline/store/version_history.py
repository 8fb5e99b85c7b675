"""What served before a version, and how good it was: read from the routes and from the counted slices."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, select, true

from driftline.profiles.profile import Profile
from driftline.profiles.roles import Role
from driftline.profiles.serialization import unpack_profile
from driftline.store.baselines import StoredBaseline
from driftline.store.slices import Part
from driftline.store.tables import profiles, route_history, routes
from driftline.windows import Window

LOOK_BACK = timedelta(days=30)
"""Without routes, a version that predicted this lately may be the one before."""

SPAN = timedelta(days=7)
"""So much of a version's last time is what it is remembered by."""


def version_before(connection: Connection, baseline: StoredBaseline, version: str, window: Window) -> str | None:
    """The version that had all the traffic before ``version`` got any; ``None`` where there was none.

    By the serving registry where it has routed ``version``. Otherwise, of the versions that predicted earlier than it
    within `LOOK_BACK`, the one with the most predictions.
    """
    share = func.jsonb_each_text(route_history.c.shares_after).table_valued("key", "value").render_derived()
    routed = select(route_history.c.revision).select_from(route_history).join(share, true())
    routed = routed.where(route_history.c.model == baseline.model)
    introduced = connection.execute(
        select(func.min(routed.where(share.c.key == version).subquery().c.revision))
    ).scalar_one_or_none()
    if introduced is None:
        return _seen_before(connection, baseline, version, window)
    return connection.execute(
        routed.with_only_columns(share.c.key)
        .where(share.c.value.cast(routes.c.share.type) == 1, route_history.c.revision < introduced)
        .order_by(route_history.c.revision.desc())
        .limit(1)
    ).scalar_one_or_none()


def last_outcomes(
    connection: Connection, baseline: StoredBaseline, version: str, until: datetime
) -> tuple[Window | None, dict[str, Profile]]:
    """The labeled predictions of a version's last `SPAN` before ``until``, by segment, and when that was."""
    of_version = _of(baseline).where(
        profiles.c.version == version, profiles.c.subject == Role.OUTCOME.value, profiles.c.slice_start < until
    )
    last = connection.execute(of_version.with_only_columns(func.max(profiles.c.slice_start))).scalar_one_or_none()
    binning = baseline.binnings.get(Role.OUTCOME)
    if last is None or binning is None:
        return None, {}
    span = Window.ending(last + timedelta(hours=1), SPAN)
    rows = connection.execute(
        of_version.with_only_columns(profiles.c.segment, profiles.c.kind, profiles.c.payload)
        .where(profiles.c.slice_start >= span.start)
        .order_by(profiles.c.slice_start, profiles.c.segment)
    )
    merged: dict[str, Any] = {}
    for row in rows:
        profile: Any = unpack_profile(row.kind, row.payload, binning)
        merged[row.segment] = merged[row.segment].merged(profile) if row.segment in merged else profile
    return span, merged


def _seen_before(connection: Connection, baseline: StoredBaseline, version: str, window: Window) -> str | None:
    rows = connection.execute(
        _of(baseline)
        .with_only_columns(
            profiles.c.version, func.min(profiles.c.slice_start).label("first"), func.sum(profiles.c.rows).label("rows")
        )
        .where(
            profiles.c.part == Part.PREDICTIONS.value,
            profiles.c.subject == Role.PREDICTION.value,
            profiles.c.segment == "",
            profiles.c.slice_start >= window.end - LOOK_BACK,
            profiles.c.slice_start < window.end,
        )
        .group_by(profiles.c.version)
    ).all()
    first = {row.version: row.first for row in rows}
    earlier = [row for row in rows if version in first and row.first < first[version]]
    return max(earlier, key=lambda row: (row.rows, row.version)).version if earlier else None


def _of(baseline: StoredBaseline) -> Any:
    return select(profiles).where(profiles.c.model == baseline.model, profiles.c.baseline_id == baseline.baseline_id)
