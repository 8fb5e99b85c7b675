"""Baselines: the reference period, its binnings and what was calibrated on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from driftline.profiles.binning import Binning
from driftline.profiles.profile import Profile
from driftline.profiles.roles import Role
from driftline.profiles.serialization import (
    binning_kind,
    pack_binning,
    pack_profile,
    profile_kind,
    unpack_binning,
    unpack_profile,
)
from driftline.store.tables import baseline_binnings, baseline_profiles, baselines, binnings
from driftline.windows import Window


@dataclass(frozen=True, eq=False)
class StoredBaseline:
    """A built baseline.

    Attributes
    ----------
    binnings, roles:
        Per subject, its fixed cells and what it is to the model.
    rows:
        Predictions in the period.
    calibration:
        What the checks learned on the period, by check (JSON).
    """

    baseline_id: int
    model: str
    period: Window
    rows: int
    built_at: datetime
    binnings: Mapping[str, Binning]
    roles: Mapping[str, Role]
    calibration: Mapping[str, Any]

    def subjects(self, role: Role) -> list[str]:
        return [subject for subject, its_role in self.roles.items() if its_role is role]


def active_baseline(connection: Connection, model: str) -> StoredBaseline | None:
    """The baseline that the model's windows are compared with."""
    row = connection.execute(select(baselines).where(baselines.c.model == model, baselines.c.is_active)).one_or_none()
    return None if row is None else _baseline(connection, row)


def stored_baseline(connection: Connection, baseline_id: int) -> StoredBaseline:
    """A baseline, in force or not: what a window was counted by stays so when a newer one is built."""
    return _baseline(
        connection, connection.execute(select(baselines).where(baselines.c.baseline_id == baseline_id)).one()
    )


def _baseline(connection: Connection, row: Row[Any]) -> StoredBaseline:
    cells: dict[str, Binning] = {}
    roles: dict[str, Role] = {}
    stored = connection.execute(
        select(baseline_binnings.c.subject, baseline_binnings.c.role, binnings.c.kind, binnings.c.payload)
        .join(binnings, baseline_binnings.c.binning_id == binnings.c.binning_id)
        .where(baseline_binnings.c.baseline_id == row.baseline_id)
        .order_by(baseline_binnings.c.role, baseline_binnings.c.subject)
    )
    for binning in stored:
        cells[binning.subject] = unpack_binning(binning.kind, binning.payload)
        roles[binning.subject] = Role(binning.role)
    return StoredBaseline(
        baseline_id=row.baseline_id,
        model=row.model,
        period=Window(row.period_start, row.period_end),
        rows=row.rows,
        built_at=row.built_at.astimezone(UTC),
        binnings=cells,
        roles=roles,
        calibration=row.calibration,
    )


def lock_baseline(connection: Connection, model: str) -> None:
    """Lets one builder of the model's baseline in at a time, until the transaction ends."""
    connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": f"baseline:{model}"})


def add_baseline(
    connection: Connection,
    model: str,
    period: Window,
    cells: Mapping[str, tuple[Role, Binning]],
) -> StoredBaseline:
    """Writes a baseline that is not active yet; `activate_baseline` makes it the one in force."""
    now = datetime.now(UTC)
    baseline_id = connection.execute(
        insert(baselines)
        .values(
            model=model,
            period_start=period.start,
            period_end=period.end,
            rows=0,
            built_at=now,
            is_active=False,
            calibration={},
        )
        .returning(baselines.c.baseline_id)
    ).scalar_one()
    for subject, (role, binning) in cells.items():
        connection.execute(
            insert(baseline_binnings).values(
                baseline_id=baseline_id,
                subject=subject,
                role=role.value,
                binning_id=_binning_id(connection, model, subject, binning),
            )
        )
    return StoredBaseline(
        baseline_id=baseline_id,
        model=model,
        period=period,
        rows=0,
        built_at=now,
        binnings={subject: binning for subject, (_, binning) in cells.items()},
        roles={subject: role for subject, (role, _) in cells.items()},
        calibration={},
    )


def activate_baseline(
    connection: Connection, baseline: StoredBaseline, rows: int, calibration: Mapping[str, Any]
) -> None:
    """Puts the baseline in force, instead of the model's earlier one."""
    connection.execute(
        update(baselines).where(baselines.c.model == baseline.model, baselines.c.is_active).values(is_active=False)
    )
    connection.execute(
        update(baselines)
        .where(baselines.c.baseline_id == baseline.baseline_id)
        .values(is_active=True, rows=rows, calibration=dict(calibration))
    )


def write_baseline_profiles(
    connection: Connection, baseline: StoredBaseline, merged: Mapping[str, Mapping[str, Profile]]
) -> None:
    """Keeps the period's profiles, by segment and subject, ready for every window to be compared with."""
    rows = [
        {
            "baseline_id": baseline.baseline_id,
            "segment": segment,
            "subject": subject,
            "kind": profile_kind(profile),
            "rows": profile.rows,
            "payload": pack_profile(profile),
        }
        for segment, subjects in merged.items()
        for subject, profile in subjects.items()
    ]
    if rows:
        connection.execute(insert(baseline_profiles), rows)


def reference_profiles(connection: Connection, baseline: StoredBaseline) -> dict[str, dict[str, Profile]]:
    """The period's profiles by segment and subject."""
    rows = connection.execute(select(baseline_profiles).where(baseline_profiles.c.baseline_id == baseline.baseline_id))
    merged: dict[str, dict[str, Profile]] = {}
    for row in rows:
        profile = unpack_profile(row.kind, row.payload, baseline.binnings[row.subject])
        merged.setdefault(row.segment, {})[row.subject] = profile
    return merged


def _binning_id(connection: Connection, model: str, subject: str, binning: Binning) -> int:
    values = {
        "model": model,
        "subject": subject,
        "kind": binning_kind(binning),
        "digest": binning.digest,
        "payload": pack_binning(binning),
    }
    written = upsert(binnings).values(values)
    written = written.on_conflict_do_update(
        index_elements=["model", "subject", "digest"], set_={"digest": written.excluded.digest}
    )
    return int(connection.execute(written.returning(binnings.c.binning_id)).scalar_one())
