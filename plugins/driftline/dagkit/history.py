"""A short history for DAGs that run every few seconds: Airflow keeps every run until somebody deletes it.

Tasks may not touch Airflow's database, and their own interface deletes nothing: what is left is the REST API, for which
a user of Airflow's is needed: the connection `airflow_api` (type HTTP: host, port, login, password).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import httpx
from airflow.sdk import BaseHook, Connection
from airflow.sdk.exceptions import AirflowNotFoundException, AirflowRuntimeError

API_CONNECTION = "airflow_api"
MOST_AT_ONCE = 100
_TIMEOUT_SECONDS = 20


def delete_old_runs(dag_id: str, keep: timedelta) -> int | None:
    """Deletes runs that succeeded and began longer than ``keep`` ago; how many, or None without `airflow_api`.

    At most 100 at once, the oldest first. Runs that failed stay: somebody may want to look.
    """
    try:
        connection = BaseHook.get_connection(API_CONNECTION)
    except (AirflowNotFoundException, AirflowRuntimeError):
        return None
    path = f"/api/v2/dags/{quote(dag_id, safe='')}/dagRuns"
    before = (datetime.now(UTC) - keep).isoformat()
    asked = {"state": "success", "run_after_lte": before, "order_by": "run_after", "limit": str(MOST_AT_ONCE)}
    with httpx.Client(base_url=_address(connection), timeout=_TIMEOUT_SECONDS) as client:
        client.headers["Authorization"] = f"Bearer {_token(client, connection)}"
        runs = client.get(path, params=asked).raise_for_status().json()["dag_runs"]
        for run in runs:
            client.delete(f"{path}/{quote(run['dag_run_id'], safe='')}").raise_for_status()
    return len(runs)


def _address(connection: Connection) -> str:
    scheme = "https" if "https" in (connection.conn_type, connection.schema) else "http"
    return f"{scheme}://{connection.host}" + (f":{connection.port}" if connection.port else "")


def _token(client: httpx.Client, connection: Connection) -> str:
    login = {"username": connection.login, "password": connection.password}
    return str(client.post("/auth/token", json=login).raise_for_status().json()["access_token"])
