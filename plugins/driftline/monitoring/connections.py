"""Where connections lead when no Airflow is there to ask: the environment says."""

from __future__ import annotations

import json
import os
from urllib.parse import quote

from driftline.errors import ConnectionNotConfigured


def environment_url(connection_id: str) -> str:
    """The URL of a connection from ``AIRFLOW_CONN_<ID>`` (URI or JSON, as Airflow reads it).

    Raises
    ------
    ConnectionNotConfigured
        When it is not set, or is neither.
    """
    variable = f"AIRFLOW_CONN_{connection_id.upper()}"
    written = os.environ.get(variable, "").strip()
    if not written:
        raise ConnectionNotConfigured(
            f"Nothing says where the connection {connection_id!r} leads. Set {variable} to a URL such as "
            "postgresql://user:password@host:5432/database. For the demo: source .driftline/env"
        )
    return _from_json(variable, written) if written.startswith("{") else written


def _from_json(variable: str, written: str) -> str:
    try:
        parts = json.loads(written)
    except ValueError:
        raise ConnectionNotConfigured(f"{variable} begins like JSON, but is not valid JSON. Correct it.") from None
    login = f"{quote(parts.get('login') or '', safe='')}:{quote(parts.get('password') or '', safe='')}@"
    return f"postgresql://{login}{parts.get('host') or ''}:{parts.get('port') or 5432}/{parts.get('schema') or ''}"
