"""Breaks something real in the demo, and shows what happens: detection, rollback, recovery, with their times.

The serving application is asked about flights of the year beside its usual callers. At the end what the incident
logged is taken away again; a version that was rolled back stays quarantined.
"""

from __future__ import annotations

from rich.console import Console

from driftline.local.provisioning import Urls
from include.demo.guard_incident import play_guard_incident
from include.demo.incident_kinds import IncidentKind
from include.demo.incident_stage import set_stage
from include.demo.stack import Stack
from include.demo.window_incident import play_window_incident


def run_incident(kind: IncidentKind, stack: Stack, urls: Urls, console: Console) -> None:
    """Breaks, watches and cleans up.

    Raises
    ------
    LocalSetupError
        When nothing comes of it, or not what should.
    """
    with set_stage(stack, urls) as stage:
        if kind.is_seen_by_windows:
            play_window_incident(kind, stage, stack.airflow(urls), console)
        else:
            play_guard_incident(kind, stage, console)
    console.print("What the incident logged is taken out of the log again.")
