"""Where things are: relative to the pages' root, so that they hold under any prefix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from urllib.parse import quote, urlencode

from driftline.errors import InputError
from driftline.windows import Window, as_utc

MOUNT = "/driftline"
"""Where Airflow mounts the pages."""

_MONITOR_DAG = "monitor__"


def model_path(model: str) -> str:
    return f"models/{quote(model, safe='')}"


def window_path(model: str, window_end: datetime) -> str:
    """The page of the window that ends then, such as ``windows/fraud/2026-03-02T06:00Z``."""
    return f"windows/{quote(model, safe='')}/{stamp(window_end)}"


def serving_path(model: str) -> str:
    return f"serving/{quote(model, safe='')}"


def incident_path(incident_id: int) -> str:
    return f"incidents/{incident_id}"


def experiment_path(experiment: str) -> str:
    return f"experiments/{quote(experiment, safe='')}"


def report_path(model: str, window: Window, kind: str) -> str:
    """A stored report of a window (``drift``, ``quality``)."""
    return f"{window_path(model, window.end)}/reports/{quote(kind, safe='')}?window_start={stamp(window.start)}"


def stamp(moment: datetime) -> str:
    """A minute as addresses write it, such as ``2026-03-02T06:00Z``."""
    return f"{as_utc(moment, 'moment'):%Y-%m-%dT%H:%MZ}"


def finding_anchor(key: Sequence[str]) -> str:
    """Where on its window's page a finding stands, by `Finding.key`: names hold what no anchor may."""
    return f"finding-{sha256(chr(0x1F).join(key).encode()).hexdigest()[:12]}"


def query(asked: Mapping[str, object]) -> str:
    """What is asked for, as the end of an address; what is ``None`` is left out, and nothing remains of nothing."""
    written = urlencode({name: str(value) for name, value in asked.items() if value is not None})
    return f"?{written}" if written else ""


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


def whole_number(written: str, name: str) -> int:
    """The number that an address names.

    Raises
    ------
    InputError
        When it is none, or has more than nine digits.
    """
    if not written.isascii() or not written.isdecimal() or len(written) > 9:
        raise InputError(f"{written!r} is not a {name}. Write a whole number, for example 1.")
    return int(written)
