"""What other roles may read of the store: as little as they need, so that a stolen password shows as little."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType

from sqlalchemy import Connection, Table, select, text
from sqlalchemy.exc import ProgrammingError

from driftline.errors import InputError
from driftline.store import tables
from driftline.store.tables import SCHEMA

_NO_SUCH_ROLE = "42704"


class Reader(StrEnum):
    """Who reads the store beside Driftline itself."""

    DASHBOARDS = "dashboards"
    """Grafana: results, routes, incidents, experiments. Nothing of single rows or entities: no samples, no profiles,
    no text of messages."""
    ROUTING = "routing"
    """Serving applications: the routes, which is all that `driftline.serving.router` asks for."""


Columns = Sequence[str]

_WHOLE: Columns = ()
_READ: Mapping[Reader, Mapping[Table, Columns]] = MappingProxyType(
    {
        Reader.ROUTING: {tables.route_revisions: _WHOLE},
        Reader.DASHBOARDS: {
            tables.windows: _WHOLE,
            tables.findings: _WHOLE,
            tables.decisions: _WHOLE,
            tables.verdict_history: _WHOLE,
            tables.incidents: _WHOLE,
            tables.silences: _WHOLE,
            tables.rollbacks: _WHOLE,
            tables.model_versions: _WHOLE,
            tables.routes: _WHOLE,
            tables.route_history: _WHOLE,
            tables.live_predictions: _WHOLE,
            tables.live_outcomes: _WHOLE,
            tables.live_watermarks: _WHOLE,
            tables.trigger_states: _WHOLE,
            tables.experiments: _WHOLE,
            tables.experiment_verdicts: _WHOLE,
            tables.baselines: ("baseline_id", "model", "period_start", "period_end", "rows", "built_at", "is_active"),
            tables.baseline_binnings: ("baseline_id", "subject", "role"),
            tables.baseline_profiles: ("baseline_id", "segment", "subject", "rows"),
            tables.alert_outbox: (
                "alert_id", "model", "destination", "kind", "status", "attempts", "created_at", "sent_at", "is_refused",
            ),
        },
    }
)  # fmt: skip


def grant_reading(connection: Connection, role: str, reader: Reader) -> list[str]:
    """Lets ``role`` read what ``reader`` needs, and nothing else of the store; returns what was run.

    What the role was granted before is taken away first, so that this can be run again after a migration.

    Raises
    ------
    InputError
        When there is no such role, or it may do everything with the tables already.
    """
    _refuse_powerful(connection, role)
    statements = grant_statements(connection, role, reader)
    for statement in statements:
        connection.execute(text(statement.replace(":", "\\:")))
    return statements


def grant_statements(connection: Connection, role: str, reader: Reader) -> list[str]:
    """The SQL of `grant_reading`, for whoever runs it by hand."""
    quoted = connection.dialect.identifier_preparer.quote_identifier(role)
    begin = [
        f"REVOKE ALL ON ALL TABLES IN SCHEMA {SCHEMA} FROM {quoted}",
        f"REVOKE ALL ON SCHEMA {SCHEMA} FROM {quoted}",
        f"GRANT USAGE ON SCHEMA {SCHEMA} TO {quoted}",
    ]
    return begin + [
        f"GRANT SELECT{_listed(columns)} ON {table.fullname} TO {quoted}" for table, columns in _READ[reader].items()
    ]


def _listed(columns: Columns) -> str:
    return f" ({', '.join(columns)})" if columns else ""


def _refuse_powerful(connection: Connection, role: str) -> None:
    """A role that owns the tables, by itself or as a member, would lose rights or gain nothing."""
    try:
        is_member = connection.execute(select(text("pg_has_role(:role, current_user, 'MEMBER')")), {"role": role})
        has_all = bool(is_member.scalar_one())
    except ProgrammingError as error:
        if getattr(error.orig, "sqlstate", None) != _NO_SUCH_ROLE:
            raise
        raise InputError(
            f"There is no role {role!r}. An administrator makes it, with a password of its own: "
            f'CREATE ROLE "{role}" LOGIN PASSWORD \'…\'; and lets it in: GRANT CONNECT ON DATABASE … TO "{role}"'
        ) from None
    if has_all:
        raise InputError(
            f"The role {role!r} may do everything with Driftline's tables already: it owns them, is a superuser, or a "
            "member of the role that owns them. Give the reader a role of its own."
        )
