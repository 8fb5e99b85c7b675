"""Airflow's connections as URLs."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException, AirflowRuntimeError

from driftline.errors import ConnectionNotConfigured

if TYPE_CHECKING:
    from driftline.monitoring.monitor import Monitor

LIBPQ_EXTRAS = frozenset(
    {"sslmode", "sslcert", "sslkey", "sslrootcert", "sslcrl", "channel_binding", "target_session_attrs", "gssencmode"}
)
"""Extras of an Airflow connection that mean the same to every Postgres client."""


def connection_url(connection_id: str) -> str:
    """The Postgres URL of an Airflow connection, with what its extras say about encryption and the server's role.

    Raises
    ------
    ConnectionNotConfigured
        When Airflow has none of that name.
    """
    try:
        connection = BaseHook.get_connection(connection_id)
    except (AirflowNotFoundException, AirflowRuntimeError) as error:
        raise ConnectionNotConfigured(
            f"Airflow has no connection {connection_id!r}. Add it (Admin, Connections; type Postgres) or set "
            f"AIRFLOW_CONN_{connection_id.upper()}."
        ) from error
    login = f"{quote(connection.login or '', safe='')}:{quote(connection.password or '', safe='')}@"
    host = f"{connection.host or 'localhost'}:{connection.port or 5432}"
    extras = {name: value for name, value in connection.extra_dejson.items() if name in LIBPQ_EXTRAS}
    options = f"?{urlencode(extras)}" if extras else ""
    return f"postgresql://{login}{host}/{quote(connection.schema or '', safe='')}{options}"


def airflow_monitor(model: str) -> Monitor:
    """The monitor of a configured model, with Airflow's connections."""
    from driftline.dagkit.model_files import configured_model
    from driftline.monitoring.monitor import open_monitor

    return open_monitor(configured_model(model), connection_url)
