"""Where things are: relative to the pages' root, so that they hold under any prefix."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import quote

from driftline.errors import InputError
from driftline.windows import as_utc

MOUNT = "/driftline"
"""Where Airflow mounts the pages."""

_MONITOR_DAG = "monitor__"


def model_path(model: str) -> str:
    return f"models/{quote(model, safe='')}"


def window_path(model: str, window_end: datetime) -> str:
    """The page of the window that ends then, such as ``windows/fraud/2026-03-02T06:00Z``."""
    return f"windows/{quote(model, safe='')}/{as_utc(window_end, 'window_end'):%Y-%m-%dT%H:%MZ}"


def run_path(model: str, run_id: str) -> str:
    """Airflow's own page of a monitor's run, relative to Airflow's root."""
    return f"dags/{quote(monitor_dag_id(model), safe='')}/runs/{quote(run_id, safe='')}"


def monitor_dag_id(model: str) -> str:
    """The DAG that watches the model."""
    return f"{_MONITOR_DAG}{model}"


def monitored_model(dag_id: str) -> str | None:
    """The model that a DAG watches; ``None`` for a DAG that is no monitor."""
    model = dag_id.removeprefix(_MONITOR_DAG)
    return model if model and model != dag_id else None


def parse_moment(written: str, name: str) -> datetime:
    """The moment that an address names, in UTC.

    Raises
    ------
    InputError
        When it is no ISO 8601 time, or has no time zone.
    """
    try:
        return as_utc(datetime.fromisoformat(written), name)
    except (ValueError, OverflowError):
        raise InputError(
            f"{written!r} is not a time. Write the {name} in ISO 8601 with a zone, for example 2026-03-02T06:00Z."
        ) from None
