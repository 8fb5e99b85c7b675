"""What is kept for how long."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, Table, delete, text

from driftline.store.engine import store_transaction
from driftline.store.live import drop_live_figures
from driftline.store.tables import (
    SCHEMA,
    decisions,
    findings,
    profiles,
    reports,
    samples,
    slices,
    verdict_history,
    windows,
)
from driftline.windows import as_utc


@dataclass(frozen=True)
class Retention:
    """How long profiles (with samples and the pages made of them), findings with their decisions, and live figures
    are kept."""

    profiles: timedelta
    findings: timedelta
    live: timedelta = timedelta(days=14)


def drop_expired(engine: Engine, retention: Retention, now: datetime) -> dict[str, int]:
    """Drops what is older; returns what was dropped: rows by table, and whole partitions of profiles and samples.

    Baselines keep their merged profiles and sample, so windows can be compared with an old baseline for ever. A
    dropped slice that is asked for again is counted again from the log.
    """
    moment = as_utc(now, "now")
    profiles_before, findings_before = moment - retention.profiles, moment - retention.findings
    dropped: dict[str, int] = {}
    with store_transaction(engine) as connection:
        first_kept = profiles_before.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        dropped["profile_partitions"] = _drop_partitions(connection, profiles, first_kept)
        dropped["sample_partitions"] = _drop_partitions(connection, samples, first_kept)
        dropped["slices"] = connection.execute(delete(slices).where(slices.c.slice_start < first_kept)).rowcount
        dropped["reports"] = connection.execute(delete(reports).where(reports.c.window_end < profiles_before)).rowcount
        dropped["live_minutes"] = drop_live_figures(connection, moment - retention.live)
        for table in (findings, decisions, verdict_history, windows):
            expired = delete(table).where(table.c.window_end < findings_before)
            dropped[table.name] = connection.execute(expired).rowcount
    return dropped


def _drop_partitions(connection: Connection, table: Table, first_kept: datetime) -> int:
    """Drops the months that lie wholly before ``first_kept``, the start of one."""
    names = connection.execute(
        text(
            "SELECT child.relname FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid "
            "WHERE inhparent = to_regclass(:table) AND child.relname < :first_kept"
        ),
        {"table": table.fullname, "first_kept": f"{table.name}_{first_kept:%Y_%m}"},
    ).scalars()
    expired = list(names)
    for name in expired:
        quoted = connection.dialect.identifier_preparer.quote(name)
        connection.execute(text(f"DROP TABLE {SCHEMA}.{quoted}"))
    return len(expired)
