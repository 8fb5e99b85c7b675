"""Slices and their profiles: what of the prediction log has been counted, and the counts."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, delete, insert, select, text

from driftline.profiles.binning import Binning
from driftline.profiles.profile import Profile
from driftline.profiles.sample_counting import SliceSamples
from driftline.profiles.serialization import pack_profile, profile_kind, unpack_profile
from driftline.profiles.slices import SliceProfiles
from driftline.store.baselines import StoredBaseline
from driftline.store.samples import replace_samples
from driftline.store.tables import SCHEMA, profiles, samples, slices, windows
from driftline.windows import Window

_ROWS_PER_INSERT = 500


class Part(StrEnum):
    """The two streams of a slice; late labels make only the second stale."""

    PREDICTIONS = "predictions"
    OUTCOMES = "outcomes"


@dataclass(frozen=True)
class Fingerprint:
    """What the log held of a slice when it was counted: another fingerprint means that the slice is stale."""

    rows: int
    newest: datetime | None
    digest: int | None = None
    """Of the labels themselves: a label corrected in place changes neither rows nor newest."""


@dataclass(frozen=True)
class CountedSlices:
    """What one reading of slices gave; samples are drawn of predictions only."""

    profiles: SliceProfiles
    samples: SliceSamples = field(default_factory=dict)


def counted_slices(
    connection: Connection, baseline: StoredBaseline, part: Part, window: Window
) -> dict[datetime, Fingerprint]:
    """The slices of ``window`` that are counted in the baseline's binnings, as the log was then."""
    rows = connection.execute(
        select(slices.c.slice_start, slices.c.log_rows, slices.c.log_newest, slices.c.log_digest).where(
            slices.c.model == baseline.model,
            slices.c.baseline_id == baseline.baseline_id,
            slices.c.part == part,
            slices.c.slice_start >= window.start,
            slices.c.slice_start < window.end,
        )
    )
    return {row.slice_start.astimezone(UTC): Fingerprint(row.log_rows, row.log_newest, row.log_digest) for row in rows}


def counted_starts(connection: Connection, baseline: StoredBaseline, part: Part, since: datetime) -> list[datetime]:
    """Starts of the slices, from ``since`` on, that are counted in the baseline's binnings, in order."""
    rows = connection.execute(
        select(slices.c.slice_start)
        .where(
            slices.c.model == baseline.model,
            slices.c.baseline_id == baseline.baseline_id,
            slices.c.part == part,
            slices.c.slice_start >= since,
        )
        .order_by(slices.c.slice_start)
    )
    return [start.astimezone(UTC) for start in rows.scalars()]


def counted_baselines(connection: Connection, model: str) -> list[int]:
    """Baselines that a window of the model was counted for, by id."""
    rows = connection.execute(select(windows.c.baseline_id).where(windows.c.model == model).distinct())
    return sorted(rows.scalars())


def replace_slices(
    connection: Connection,
    baseline: StoredBaseline,
    part: Part,
    fingerprints: Mapping[datetime, Fingerprint],
    counted: CountedSlices,
) -> None:
    """Writes the slices named by ``fingerprints`` with profiles and samples, instead of what stood there before.

    A slice without rows is written too: that it is empty is known. Two writers of one model take turns.
    """
    if not fingerprints:
        return
    connection.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": f"slices:{baseline.model}"}
    )
    ensure_profile_partitions(connection, list(fingerprints))
    for table in (profiles, slices):
        connection.execute(
            delete(table).where(
                table.c.model == baseline.model,
                table.c.baseline_id == baseline.baseline_id,
                table.c.part == part,
                table.c.slice_start.in_(list(fingerprints)),
            )
        )
    connection.execute(insert(slices), list(_slice_rows(baseline, part, fingerprints)))
    packed = list(_profile_rows(baseline, part, counted.profiles))
    for first in range(0, len(packed), _ROWS_PER_INSERT):
        connection.execute(insert(profiles), packed[first : first + _ROWS_PER_INSERT])
    if part is Part.PREDICTIONS:
        replace_samples(connection, baseline, fingerprints.keys(), counted.samples)


def window_profiles(
    connection: Connection, baseline: StoredBaseline, window: Window, subjects: Collection[str] | None = None
) -> dict[tuple[str, str], dict[str, Profile]]:
    """Per (version, segment) the window's profile of each subject (of ``subjects`` only): the sum of its slices."""
    merged: dict[tuple[str, str], dict[str, Profile]] = {}
    for row in _stored(connection, baseline, window, subjects=subjects):
        binning = baseline.binnings.get(row.subject)
        if binning is not None:
            _merge_into(merged.setdefault((row.version, row.segment), {}), row, binning)
    return merged


def hourly_profiles(
    connection: Connection, baseline: StoredBaseline, window: Window, segment: str = ""
) -> dict[datetime, dict[str, Profile]]:
    """Per slice the profile of each subject, over all versions, of one segment (``""``: the whole)."""
    merged: dict[datetime, dict[str, Profile]] = {}
    for row in _stored(connection, baseline, window, segment):
        binning = baseline.binnings.get(row.subject)
        if binning is not None:
            _merge_into(merged.setdefault(row.slice_start.astimezone(UTC), {}), row, binning)
    return merged


def ensure_profile_partitions(connection: Connection, moments: Sequence[datetime]) -> None:
    """Makes the monthly partitions that profiles and samples of ``moments`` belong to."""
    for year, month in sorted({(moment.year, moment.month) for moment in moments}):
        for table in (profiles, samples):
            _ensure_partition(connection, table.name, year, month)


def _ensure_partition(connection: Connection, table: str, year: int, month: int) -> None:
    name = f"{table}_{year:04d}_{month:02d}"
    known = connection.execute(text("SELECT to_regclass(:name)"), {"name": f"{SCHEMA}.{name}"}).scalar()
    if known is not None:
        return
    connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('driftline:partitions', 0))"))
    following = f"{year + month // 12:04d}-{month % 12 + 1:02d}-01"
    connection.execute(
        text(
            f"CREATE TABLE IF NOT EXISTS {SCHEMA}.{name} PARTITION OF {SCHEMA}.{table} "
            f"FOR VALUES FROM ('{year:04d}-{month:02d}-01 00:00+00') TO ('{following} 00:00+00')"
        )
    )


def _slice_rows(
    baseline: StoredBaseline, part: Part, fingerprints: Mapping[datetime, Fingerprint]
) -> Iterator[dict[str, object]]:
    now = datetime.now(UTC)
    for start, fingerprint in fingerprints.items():
        yield {
            "model": baseline.model,
            "baseline_id": baseline.baseline_id,
            "part": part.value,
            "slice_start": start,
            "log_rows": fingerprint.rows,
            "log_newest": fingerprint.newest,
            "log_digest": fingerprint.digest,
            "counted_at": now,
        }


def _profile_rows(baseline: StoredBaseline, part: Part, counted: SliceProfiles) -> Iterator[dict[str, object]]:
    for key, subjects in counted.items():
        for subject, profile in subjects.items():
            yield {
                "model": baseline.model,
                "baseline_id": baseline.baseline_id,
                "part": part.value,
                "slice_start": key.slice_start,
                "version": key.version,
                "segment": key.segment,
                "subject": subject,
                "kind": profile_kind(profile),
                "rows": profile.rows,
                "payload": pack_profile(profile),
            }


def _stored(
    connection: Connection,
    baseline: StoredBaseline,
    window: Window,
    segment: str | None = None,
    subjects: Collection[str] | None = None,
) -> Iterator[Any]:
    wanted = select(
        profiles.c.slice_start,
        profiles.c.version,
        profiles.c.segment,
        profiles.c.subject,
        profiles.c.kind,
        profiles.c.payload,
    ).where(
        profiles.c.model == baseline.model,
        profiles.c.baseline_id == baseline.baseline_id,
        profiles.c.slice_start >= window.start,
        profiles.c.slice_start < window.end,
    )
    if segment is not None:
        wanted = wanted.where(profiles.c.segment == segment)
    if subjects is not None:
        wanted = wanted.where(profiles.c.subject.in_(list(subjects)))
    # In the order of the primary key: sums of floats in another order differ in their last digit.
    wanted = wanted.order_by(
        profiles.c.part, profiles.c.slice_start, profiles.c.version, profiles.c.segment, profiles.c.subject
    )
    yield from connection.execute(wanted, execution_options={"yield_per": 2_000})


def _merge_into(subjects: dict[str, Profile], row: Any, binning: Binning) -> None:
    profile = unpack_profile(row.kind, row.payload, binning)
    earlier = subjects.get(row.subject)
    subjects[row.subject] = profile if earlier is None else earlier.merged(profile)  # type: ignore[arg-type]
