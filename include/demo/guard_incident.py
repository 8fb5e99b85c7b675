"""Incidents that the figures of the last minutes show, so that `guard_serving` sees them."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx
from rich.console import Console

from driftline.local.errors import LocalSetupError
from include.demo.incident_kinds import FAULTS, TOLD, IncidentKind
from include.demo.incident_stage import MODEL, IncidentStage, flights_of_now
from include.demo.traffic import Traffic

GUARD = "guard_serving"
WARM_UP_SECONDS = 30.0
GIVE_UP_SECONDS = 600.0


@dataclass
class Seen:
    """What the callers saw of the new version."""

    version: str = ""
    first_bad: float | None = None
    last_bad: float | None = None
    good_since: float | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, version: str, status: int, seconds: float) -> None:
        now = time.time()
        is_bad = status != httpx.codes.OK or seconds > 1
        with self.lock:
            if is_bad and self.version:
                # A slow answer was bad from when it was asked for.
                self.first_bad = self.first_bad or now - seconds
                self.last_bad = now
                self.good_since = None
            elif not is_bad and self.first_bad is not None and version != self.version:
                self.good_since = self.good_since or now


def play_guard_incident(kind: IncidentKind, stage: IncidentStage, console: Console) -> None:
    """Releases a version to all the traffic, which breaks, and tells what comes of it."""
    seen = Seen()
    traffic = Traffic(stage.url, flights_of_now(), MODEL, stage.prefix, answered=seen.note)
    traffic.start()
    try:
        with console.status(f"{MODEL} is asked 4 times a second; all is well"):
            time.sleep(WARM_UP_SECONDS)
        _break(kind, stage, seen, console)
        _watch(stage, seen, console)
    finally:
        traffic.stop()


def _break(kind: IncidentKind, stage: IncidentStage, seen: Seen, console: Console) -> None:
    version = stage.next_version()
    stage.break_version(version, FAULTS[kind])
    change = stage.release(version, f"demo incident: {kind}")
    seen.version = version
    console.print(
        f"{datetime.now(UTC):%H:%M:%S}  [bold]{version}[/bold] of {MODEL} gets all the traffic (revision "
        f"{change.revision}), and {TOLD[kind]}.",
        highlight=False,
    )


def _watch(stage: IncidentStage, seen: Seen, console: Console) -> None:
    """Tells each step as it comes, in seconds since the first bad answer."""
    told: set[str] = set()

    def tell(what: str, at: float, text: str) -> None:
        if what not in told and seen.first_bad is not None:
            told.add(what)
            console.print(f"  {at - seen.first_bad:+7.1f} s  {text}", highlight=False, markup=False)

    deadline = time.time() + GIVE_UP_SECONDS
    while time.time() < deadline:
        time.sleep(0.5)
        if seen.first_bad is not None:
            tell("bad", seen.first_bad, f"the first caller gets a bad answer of {seen.version}")
        rollback = stage.rollback_of(seen.version)
        if rollback is None:
            continue
        tell("seen", rollback.first_seen_at.timestamp(), f"the guard sees it: {rollback.reason}")
        tell(rollback.status.value, rollback.updated_at.timestamp(), rollback.explanation)
        if not rollback.status.has_changed_routes:
            return
        if seen.good_since is not None and seen.last_bad is not None:
            tell("last", seen.last_bad, "the last caller gets a bad answer")
        sent = stage.sent_at(f"rollback/{rollback.cause_key}/done")
        if sent is not None:
            tell("sent", sent.timestamp(), "the alert is delivered")
        if rollback.ended_at is not None:
            return
    raise LocalSetupError(
        f"Nothing came of it within {GIVE_UP_SECONDS / 60:.0f} minutes. Look at {GUARD} in Airflow, and at "
        "`driftline live` and `driftline rollbacks list`."
    )
