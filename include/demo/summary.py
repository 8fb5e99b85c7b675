"""What the demo found, read from Driftline's tables and shown in the terminal."""

from __future__ import annotations

import json
import urllib.request
from datetime import datetime
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from driftline.local.airflow import LocalAirflow
from driftline.local.provisioning import Urls
from include.demo.monitors import MonitorRun
from include.demo.stack import Stack

MODEL = "flight_delay"
SHOWN_FINDINGS = 6
LONGEST_BAR = 6

_DECISION: LiteralString = "SELECT verdict, reason FROM driftline.decisions WHERE model = %s AND window_end = %s"
_WORST: LiteralString = """
SELECT check_name, subject, test, severity, description
FROM (
    SELECT DISTINCT ON (check_name, subject) check_name, subject, test, severity, description,
           array_position(ARRAY['critical', 'high', 'medium', 'low', 'none'], severity) AS rank
    FROM driftline.findings
    WHERE model = %s AND window_end = %s AND status = 'detected' AND segment = ''
    ORDER BY check_name, subject, rank, test <> 'population_stability_index', test) AS worst
ORDER BY rank, check_name, subject LIMIT %s
"""
_BY_MONTH: LiteralString = """
WITH whole AS (
    SELECT date_trunc('month', window_end) AS month, * FROM driftline.findings WHERE model = %s AND segment = ''
), moved AS (
    SELECT DISTINCT ON (month) month, subject AS most, avg(statistic) AS psi FROM whole
    WHERE test = 'population_stability_index' GROUP BY month, subject ORDER BY month, psi DESC NULLS LAST
)
SELECT month, count(DISTINCT window_end),
       count(DISTINCT window_end) FILTER (WHERE check_name = 'drift' AND status = 'detected') AS drifted,
       count(DISTINCT window_end) FILTER (WHERE check_name = 'performance' AND status = 'detected') AS degraded,
       avg(statistic) FILTER (
           WHERE test = 'degradation' AND comparison = 'baseline' AND subject = 'accuracy') AS accuracy,
       avg(statistic) FILTER (WHERE test = 'class_balance') AS called_late,
       avg(statistic) FILTER (WHERE test = 'population_stability_index' AND subject = 'temperature') AS temperature,
       max(most), max(psi)
FROM whole LEFT JOIN moved USING (month) GROUP BY month ORDER BY month
"""
_HISTORY: LiteralString = "SELECT count(DISTINCT window_end) FROM driftline.findings WHERE model = %s"
_OUTBOX: LiteralString = "SELECT status, count(*) FROM driftline.alert_outbox GROUP BY status"
_LOG_START: LiteralString = "SELECT min(predicted_at) FROM flights.flight_delay_predictions"
_BASELINE: LiteralString = "SELECT 1 FROM driftline.baselines WHERE model = %s AND is_active"


def has_baseline(store_url: str, model: str) -> bool:
    """Whether ``model`` has an active baseline."""
    return bool(_rows(store_url, _BASELINE, model))


def windows_checked(store_url: str, model: str) -> int:
    """How many windows of ``model`` have findings."""
    return int(_rows(store_url, _HISTORY, model)[0][0])


def is_decided(store_url: str, model: str, window_end: datetime) -> bool:
    """Whether the window of ``model`` that ended at ``window_end`` has been checked to its end."""
    return bool(_rows(store_url, _DECISION, model, window_end))


def log_start(log_url: str) -> datetime:
    """The first prediction in the log."""
    first: datetime = _rows(log_url, _LOG_START)[0][0]
    return first


def alerts_by_status(store_url: str) -> dict[str, int]:
    """Alerts in the outbox: `pending`, `sent` and so on, and how many."""
    return dict(_rows(store_url, _OUTBOX))


def show_first_finding(console: Console, store_url: str, window_end: datetime, seconds: float) -> None:
    """What the first window came to."""
    window = f"{MODEL}, the 24 hours until {window_end:%Y-%m-%d %H:%M} UTC"
    console.print(f"\n[bold]First findings after {seconds:.0f} s[/bold]: {window}", highlight=False)
    console.print(_worst_findings(store_url, window_end))
    for verdict, reason in _rows(store_url, _DECISION, MODEL, window_end):
        console.print(f"Decision: [bold]{escape(verdict)}[/bold]. {escape(reason)}\n", highlight=False)


def show_summary(  # noqa: PLR0917 - what there is to show
    console: Console,
    stack: Stack,
    airflow: LocalAirflow,
    urls: Urls,
    runs: list[MonitorRun],
    environment_file: Path,
    seconds: float,
) -> None:
    """The year, what arrived, and where to look."""
    console.print(_year(urls.store))
    places = Table.grid(padding=(0, 2))
    login = airflow.login
    places.add_row("Airflow", f"[link]{airflow.base_url}[/link]")
    places.add_row("  login", f"[bold]{login.user}[/bold] / [bold]{login.password}[/bold]")
    for run in runs:
        places.add_row(f"  {run.dag_id}", f"{run.state}: {airflow.base_url}/dags/{run.dag_id}")
    places.add_row("Alerts", _alerts(stack, urls))
    places.add_row("Findings", "schema driftline of the database driftline: findings, decisions, incidents")
    places.add_row("Commands", f". {_short(environment_file)} && driftline check {MODEL} (or: live {MODEL}, watch)")
    places.add_row("Serving", f"flights go on being predicted, in real time, by {stack.serving_url}")
    places.add_row("", "")
    places.add_row("make stop", "ends all this; `make demo` resumes; `make clean` removes it")
    console.print(Panel(places, title=f"Driftline is at work ({seconds:.0f} s)", title_align="left", expand=False))


def _worst_findings(store_url: str, window_end: datetime) -> Table:
    table = Table("severity", "check", "subject", "test", "what was found")
    for check, subject, test, severity, description in _rows(store_url, _WORST, MODEL, window_end, SHOWN_FINDINGS):
        table.add_row(severity, check, escape(subject), test.replace("_", " "), escape(description))
    return table


def _year(store_url: str) -> Table:
    table = Table(
        title=f"{MODEL} through the year: single days against the first four weeks",
        caption="Moves as PSI: above 0.2 is large. The season moves the weather, and the weather the model.",
        box=box.SIMPLE,
        padding=(0, 1, 0, 0),
    )
    for title in ("month", "days", "drift", "worse", "accuracy", "late", "temperature", "moved most"):
        table.add_column(title, no_wrap=True)
    for month, days, drifted, degraded, *figures in _rows(store_url, _BY_MONTH, MODEL):
        accuracy, late, temperature, most, psi = figures
        moved = f"{most} {psi:.1f}" if most else ""
        shown = [_share(accuracy), _share(late), _bar(temperature), moved]
        table.add_row(f"{month:%b %Y}", str(days), str(drifted), str(degraded), *shown)
    return table


def _alerts(stack: Stack, urls: Urls) -> str:
    counts = ", ".join(f"{count} {status}" for status, count in sorted(alerts_by_status(urls.store).items()))
    if stack.has_own_slack:
        return f"{counts or 'none yet'}: in the Slack of your webhook"
    url = stack.receiver_url
    messages = _arrived(url)
    newest = f"\nlast: {escape(messages[0])}" if messages else ""
    return f"{len(messages)} arrived, shown at [link]{url}[/link] (outbox: {counts or 'empty'}){newest}"


def _arrived(receiver_url: str) -> list[str]:
    """The texts of the messages that arrived, the newest first."""
    try:
        with urllib.request.urlopen(f"{receiver_url}messages", timeout=5) as answer:  # noqa: S310 - our own http address
            return [str(message["body"].get("text", "")) for message in json.load(answer)]
    except (OSError, ValueError):
        return []


def _rows(url: str, statement: LiteralString, *values: object) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(statement, values).fetchall()


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"


def _bar(psi: float | None) -> str:
    return "" if psi is None else f"{psi:5.2f} {'▇' * min(round(psi), LONGEST_BAR)}"


def _short(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
