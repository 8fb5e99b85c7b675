"""Where connections lead when no Airflow is there to ask: the environment, or what `make demo` wrote."""

from __future__ import annotations

import json
import os
from pathlib import Path
from urllib.parse import quote

from driftline.errors import ConnectionNotConfigured

LOCAL_CONNECTIONS = Path(".driftline") / "connections.json"


def environment_url(connection_id: str) -> str:
    """The URL of a connection from ``AIRFLOW_CONN_<ID>`` (URI or JSON), or from ``.driftline/connections.json``.

    Raises
    ------
    ConnectionNotConfigured
        When neither has it.
    """
    variable = f"AIRFLOW_CONN_{connection_id.upper()}"
    written = os.environ.get(variable) or _local().get(connection_id)
    if not written:
        raise ConnectionNotConfigured(
            f"Nothing says where the connection {connection_id!r} leads. Set {variable} to a URL such as "
            "postgresql://user:password@host:5432/database, or run this where `make demo` was run."
        )
    return _from_json(written) if written.lstrip().startswith("{") else written


def _local() -> dict[str, str]:
    here = Path.cwd()
    for folder in (here, *here.parents):
        path = folder / LOCAL_CONNECTIONS
        if path.is_file():
            connections: dict[str, str] = json.loads(path.read_text())
            return connections
    return {}


def _from_json(written: str) -> str:
    parts = json.loads(written)
    login = f"{quote(parts.get('login') or '', safe='')}:{quote(parts.get('password') or '', safe='')}@"
    return f"postgresql://{login}{parts.get('host') or ''}:{parts.get('port') or 5432}/{parts.get('schema') or ''}"
