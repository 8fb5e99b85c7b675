"""Incidents that only a window shows: a queue of a day's questions is worked off, and the model's monitor checks it.

A window is made of whole hours, so what is asked now is seen after the hour. The queue is what an application finds
that was away for a day: its questions were asked then, and are answered now.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pandas as pd
import psycopg
from rich.console import Console
from sqlalchemy import Engine, select

from driftline.decisions import Verdict
from driftline.findings import Severity, Status
from driftline.local.airflow import LocalAirflow
from driftline.local.errors import LocalSetupError
from driftline.store.decisions import DecisionRecord, window_decision
from driftline.store.incidents import open_incidents
from driftline.store.reading import store_reading
from driftline.store.tables import decisions
from driftline.store.windows import window_findings
from driftline.windows import SLICE_LENGTH, Window
from include.demo.incident_kinds import FAULTS, TOLD, IncidentKind
from include.demo.incident_stage import MODEL, IncidentStage, flights_of_now
from include.demo.log import LABELS, add_rows
from include.demo.traffic import Traffic, work_off

QUESTIONS = 1_000
DAY = timedelta(hours=24)
FINISHED = ("success", "failed")
GIVE_UP_SECONDS = 600.0
NAMED_FINDINGS = 4


@dataclass
class Answers:
    """Which version answered last."""

    last_of: dict[str, float] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, version: str, _status: int, _seconds: float) -> None:
        with self.lock:
            self.last_of[version] = time.time()


@dataclass
class Clock:
    """Tells in seconds since the incident began."""

    console: Console
    began: float = field(default_factory=time.time)

    def tell(self, text: str, at: float | None = None) -> None:
        seconds = (at or time.time()) - self.began
        self.console.print(f"  {seconds:+7.1f} s  {text}", highlight=False, markup=False)


def play_window_incident(kind: IncidentKind, stage: IncidentStage, airflow: LocalAirflow, console: Console) -> None:
    """Breaks what the queue is answered with, has the window checked, and tells what comes of it.

    Raises
    ------
    LocalSetupError
        When the monitor finds nothing, or a run of it fails.
    """
    before = stage.serving_version()
    version = stage.next_version() if kind is IncidentKind.BIAS else before
    stage.break_version(version, FAULTS[kind])
    if version != before:
        stage.release(version, f"demo incident: {kind}")
    console.print(f"{datetime.now(UTC):%H:%M:%S}  {version} of {MODEL} has all the traffic, and {TOLD[kind]}.")
    clock, answers = Clock(console), Answers()
    traffic = Traffic(stage.url, flights_of_now(), MODEL, f"{stage.prefix}now-", answered=answers.note)
    traffic.start()
    try:
        window = _Window.before_the_last_hour()
        _answer_queue(stage, window.checked, clock)
        _check(airflow, stage.store, window.checked, clock)
        if kind is IncidentKind.BIAS:
            _watch_rollback(stage, version, answers, clock)
    finally:
        traffic.stop()
    _recover(stage, airflow, window.next, clock)


@dataclass(frozen=True)
class _Window:
    """Only a window that ends later than the one that found it shows that an incident is over."""

    checked: Window
    next: Window

    @classmethod
    def before_the_last_hour(cls) -> _Window:
        hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
        return cls(Window(hour - SLICE_LENGTH - DAY, hour - SLICE_LENGTH), Window(hour - DAY, hour))


def _answer_queue(stage: IncidentStage, window: Window, clock: Clock) -> None:
    flights = flights_of_now().sample(QUESTIONS, random_state=7).reset_index(drop=True)
    # Every flight at its own time of day.
    flights["asked_at"] = window.start + (flights["predicted_at"] - window.start) % DAY
    flights["prediction_id"] = [f"{stage.prefix}queue-{number}" for number in range(len(flights))]
    work_off(stage.url, flights, MODEL)
    _wait_until_logged(stage, f"{stage.prefix}queue-", len(flights))
    clock.tell(f"{len(flights):,} questions of {window} are answered")
    _label(stage, flights)


def _wait_until_logged(stage: IncidentStage, prefix: str, rows: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if stage.logged(prefix) >= rows:
            return
        time.sleep(0.2)
    raise LocalSetupError("The serving application does not log its predictions. Its log is in .driftline/run.")


def _label(stage: IncidentStage, flights: pd.DataFrame) -> None:
    """What has landed by now is known, as of all other flights."""
    known = flights[["prediction_id"]].copy()
    known["label_at"] = flights["asked_at"] + (flights["label_at"] - flights["predicted_at"])
    known["was_late"] = flights["is_late"]
    with psycopg.connect(stage.urls.log_owner, autocommit=True) as connection:
        add_rows(connection, LABELS[MODEL], known[known["label_at"] <= datetime.now(UTC)])


def _check(airflow: LocalAirflow, store: Engine, window: Window, clock: Clock) -> None:
    clock.tell(f"monitor__{MODEL} is run on {window}")
    run_id = _start(airflow, window)
    decision, decided_at = _decision_of(airflow, store, window, run_id)
    if decision.verdict is Verdict.NOTHING:
        raise LocalSetupError(f"The window {window} found nothing: {decision.reason}.")
    clock.tell(f"the window is judged {decision.severity}: {decision.reason}", decided_at.timestamp())
    with store_reading(store) as connection:
        findings = window_findings(connection, MODEL, window)
    detected = [each for each in findings if each.status is Status.DETECTED and each.severity is not Severity.NONE]
    worst = {(each.check, each.subject): each for each in sorted(detected, key=lambda each: each.severity.rank)}
    for finding in sorted(worst.values(), key=lambda each: -each.severity.rank)[:NAMED_FINDINGS]:
        clock.console.print(f"             {finding.check} {finding.subject}: {finding.description}", markup=False)


def _start(airflow: LocalAirflow, window: Window) -> str:
    asked = {"logical_date": None, "conf": {"window_end": window.end.isoformat()}}
    return str(airflow.api("POST", f"/api/v2/dags/monitor__{MODEL}/dagRuns", asked)["dag_run_id"])


def _decision_of(airflow: LocalAirflow, store: Engine, window: Window, run_id: str) -> tuple[DecisionRecord, datetime]:
    path = f"/api/v2/dags/monitor__{MODEL}/dagRuns/{quote(run_id)}"
    deadline = time.monotonic() + GIVE_UP_SECONDS
    while time.monotonic() < deadline:
        with store_reading(store) as connection:
            decision = window_decision(connection, MODEL, window)
            if decision is not None and decision.run_id == run_id:
                return decision, connection.execute(
                    select(decisions.c.decided_at).where(
                        decisions.c.model == MODEL,
                        decisions.c.window_start == window.start,
                        decisions.c.window_end == window.end,
                    )
                ).scalar_one()
        if airflow.api("GET", path)["state"] == "failed":
            raise LocalSetupError(f"The run failed; its log is at {airflow.base_url}/dags/monitor__{MODEL}.")
        time.sleep(0.5)
    raise LocalSetupError(f"The window {window} was not judged within {GIVE_UP_SECONDS / 60:.0f} minutes.")


def _watch_rollback(stage: IncidentStage, version: str, answers: Answers, clock: Clock) -> None:
    told: set[str] = set()

    def tell(what: str, at: float, text: str) -> None:
        if what not in told:
            told.add(what)
            clock.tell(text, at)

    deadline = time.time() + GIVE_UP_SECONDS
    while time.time() < deadline:
        time.sleep(0.5)
        rollback = stage.rollback_of(version)
        if rollback is None:
            continue
        tell(rollback.status.value, rollback.updated_at.timestamp(), rollback.explanation)
        if not rollback.status.has_changed_routes:
            return
        if rollback.target_version in answers.last_of:
            tell("last", answers.last_of[version], f"the last caller gets an answer of {version}")
        sent = stage.sent_at(f"rollback/{rollback.cause_key}/done")
        if sent is not None:
            tell("sent", sent.timestamp(), "the alert is delivered")
        if rollback.ended_at is not None:
            return
    raise LocalSetupError(
        f"{version} was not rolled back within {GIVE_UP_SECONDS / 60:.0f} minutes. Look at monitor__{MODEL} in "
        "Airflow, and at `driftline rollbacks list`."
    )


def _recover(stage: IncidentStage, airflow: LocalAirflow, window: Window, clock: Clock) -> None:
    """With the fault mended and its rows gone, the next window shows that all is well."""
    stage.mend()
    stage.take_away()
    clock.tell("the fault is mended, what it spoiled is taken out of the log")
    decision, decided_at = _decision_of(airflow, stage.store, window, _start(airflow, window))
    clock.tell(f"the next window is judged {decision.severity}: {decision.reason}", decided_at.timestamp())
    with store_reading(stage.store) as connection:
        left = [f"#{each.incident_id} {each.title}" for each in open_incidents(connection, MODEL)]
    clock.tell(f"incidents that are still open: {', '.join(left)}" if left else "no incident is open any more")
