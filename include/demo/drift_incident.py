"""A feed of a feature breaks: half of its values of the last day are lost, and the monitor's next run is to see it.

Windows are whole hours that have closed, so that what breaks is the log of the last day, by hand; the run that finds
it, its decision and its alert are the real ones. At the end the values are put back, and the window is run again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import psycopg
from psycopg import sql
from rich.console import Console

from driftline.local.airflow import LocalAirflow
from driftline.local.errors import LocalSetupError
from driftline.local.provisioning import Urls
from include.demo.flights import WEATHER
from include.demo.log import PREDICTIONS, SCHEMA

MODEL = "flight_delay"
MONITOR = f"monitor__{MODEL}"
LOOKBACK = timedelta(hours=24)
GIVE_UP_SECONDS = 300.0
KEPT = "incident_kept"
"""Table of the values that were taken away."""

_QUIET = """
SELECT subject FROM driftline.findings WHERE model = %s AND window_end = %s AND segment = ''
GROUP BY subject HAVING NOT bool_or(status = 'detected')
"""
_SEEN = """
SELECT severity, description, found_at FROM driftline.findings
WHERE model = %s AND window_end = %s AND subject = %s AND status = 'detected' AND check_name = 'drift' AND segment = ''
    AND found_at > %s
ORDER BY array_position(ARRAY['critical', 'high', 'medium', 'low'], severity), test LIMIT 1
"""
_SENT = """
SELECT sent_at, message ->> 'title' FROM driftline.alert_outbox
WHERE model = %s AND created_at > %s AND kind = 'message' AND sent_at IS NOT NULL ORDER BY alert_id LIMIT 1
"""


def run_drift_incident(airflow: LocalAirflow, urls: Urls, console: Console) -> None:
    """Breaks, lets the monitor look, and puts everything back.

    Raises
    ------
    LocalSetupError
        When the monitor does not run, or sees nothing.
    """
    with psycopg.connect(urls.store, autocommit=True) as store:
        end = _last_window(store)
        feature = _healthy_feature(store, end)
        with _broken(urls, feature, end) as lost:
            began = _now(store)
            console.print(
                f"{began:%H:%M:%S}  The feed of [bold]{feature}[/bold] breaks: {lost} values of the 24 hours until "
                f"{end:%Y-%m-%d %H:%M} UTC are lost.",
                highlight=False,
            )
            run_id = _start(airflow)
            tell = _teller(console, began)
            tell(began, f"{MONITOR} is run: {airflow.base_url}/dags/{MONITOR}/runs/{quote(run_id)}")
            _wait(airflow, run_id)
            seen = store.execute(_SEEN, [MODEL, end, feature, began]).fetchone()
            if seen is None:
                raise LocalSetupError(f"The monitor did not see it. Its run: {MONITOR}, {run_id}.")
            tell(seen[2], f"drift is found, {seen[0]}: {seen[1]}")
            sent = store.execute(_SENT, [MODEL, began]).fetchone()
            if sent is not None:
                tell(sent[0], f"the alert is delivered: {sent[1]}")
            else:
                console.print("            nothing is sent: it is part of an incident that is open and told already")
        mended = _now(store)
        tell(mended, "the feed is mended: the values are put back, and the window is run again")
        _wait(airflow, _start(airflow))
        still = store.execute(_SEEN, [MODEL, end, feature, mended]).fetchone()
        tell(_now(store), f"{feature} {'still drifts' if still else 'is as it was before'}")


def _last_window(store: psycopg.Connection[Any]) -> datetime:
    row = store.execute("SELECT max(window_end) FROM driftline.decisions WHERE model = %s", [MODEL]).fetchone()
    if row is None or row[0] is None:
        raise LocalSetupError(f"{MODEL} has no window yet. `make demo` checks the first.")
    end: datetime = row[0]
    return end


def _healthy_feature(store: psycopg.Connection[Any], end: datetime) -> str:
    quiet = {subject for (subject,) in store.execute(_QUIET, [MODEL, end])}
    for feature in WEATHER:
        if feature in quiet:
            return feature
    raise LocalSetupError("Every feature of the weather has drifted already: there is none to break.")


@contextmanager
def _broken(urls: Urls, feature: str, end: datetime) -> Iterator[int]:
    names = {
        "table": sql.Identifier(SCHEMA, PREDICTIONS[MODEL]),
        "kept": sql.Identifier(SCHEMA, KEPT),
        "feature": sql.Identifier(feature),
    }
    keep = sql.SQL(
        "CREATE TABLE {kept} AS SELECT prediction_id, {feature} AS value FROM {table} WHERE predicted_at >= %s AND "
        "predicted_at < %s AND {feature} IS NOT NULL AND hashtext(prediction_id) %% 2 = 0"
    ).format(**names)
    lose = sql.SQL(
        "UPDATE {table} AS log SET {feature} = NULL FROM {kept} AS kept WHERE kept.prediction_id = log.prediction_id"
    ).format(**names)
    put_back = sql.SQL(
        "UPDATE {table} AS log SET {feature} = value FROM {kept} AS kept WHERE kept.prediction_id = log.prediction_id"
    ).format(**names)
    with psycopg.connect(urls.log_owner, autocommit=True) as log:
        with log.transaction():
            log.execute(sql.SQL("DROP TABLE IF EXISTS {kept}").format(**names))
            log.execute(keep, [end - LOOKBACK, end])
            lost = log.execute(lose).rowcount
        try:
            yield lost
        finally:
            with log.transaction():
                log.execute(put_back)
                log.execute(sql.SQL("DROP TABLE {kept}").format(**names))


def _start(airflow: LocalAirflow) -> str:
    answer = airflow.api("POST", f"/api/v2/dags/{MONITOR}/dagRuns", {"logical_date": None, "conf": {}})
    return str(answer["dag_run_id"])


def _wait(airflow: LocalAirflow, run_id: str) -> None:
    deadline = time.monotonic() + GIVE_UP_SECONDS
    while time.monotonic() < deadline:
        state = airflow.api("GET", f"/api/v2/dags/{MONITOR}/dagRuns/{quote(run_id)}")["state"]
        if state == "success":
            return
        if state == "failed":
            raise LocalSetupError(f"The run {run_id} of {MONITOR} failed; its log is in Airflow.")
        time.sleep(1)
    raise LocalSetupError(f"The run {run_id} of {MONITOR} did not end within {GIVE_UP_SECONDS / 60:.0f} minutes.")


def _now(store: psycopg.Connection[Any]) -> datetime:
    row = store.execute("SELECT clock_timestamp()").fetchone()
    assert row is not None
    moment: datetime = row[0]
    return moment


def _teller(console: Console, began: datetime) -> Callable[[datetime, str], None]:
    def tell(at: datetime, text: str) -> None:
        console.print(f"  {(at - began).total_seconds():+7.1f} s  {text}", highlight=False, markup=False)

    return tell
