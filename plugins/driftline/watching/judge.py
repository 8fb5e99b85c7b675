"""The decisions: what was observed in, whether something is amiss out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from driftline.findings import Severity
from driftline.watching.result import Cause, WatchResult, amiss, unknown

SHORTEST_SILENCE = timedelta(minutes=5)
"""Rows may arrive so much later than their time says."""
WEEKS = 4
FEWEST_WEEKS = 2
EXPECTED_ROWS = 20.0
"""Silence is amiss where at least so many rows were to be expected: independent ones fail to come by chance once in
half a billion times (exp(-20))."""
UNKNOWN_COVERAGE_ROWS = 200
"""Where nothing says which share of the predictions gets a label, so many without any are amiss."""
MONITOR_ALLOWANCE = timedelta(minutes=30)
"""A window is to be decided within so long after its end."""
GUARD_ALLOWANCE = timedelta(minutes=2)
"""Six of its runs."""
OUTBOX_ALLOWANCE = timedelta(minutes=15)
"""A failed alert waits at most 10 minutes for its next try."""


def predictions_missing(newest: datetime | None, usual: Sequence[float], now: datetime) -> WatchResult:
    """No predictions although the same time of earlier weeks had some.

    Parameters
    ----------
    usual:
        Rows of each earlier week (as far as known) between the same moments as `newest` and ``now``. The lowest counts,
        so that a time that is ever quiet never alarms; of four weeks the lowest but one, so that one outage does not
        blind its hour for a month.
    """
    cause = Cause.NO_PREDICTIONS
    if newest is None:
        return unknown(cause, "the prediction log is empty")
    if now - newest < SHORTEST_SILENCE:
        return WatchResult(cause)
    if len(usual) < FEWEST_WEEKS:
        return unknown(cause, f"{len(usual)} earlier weeks are known; at least {FEWEST_WEEKS} say what is usual")
    expected = sorted(usual)[1 if len(usual) >= WEEKS else 0]
    if expected < EXPECTED_ROWS:
        return WatchResult(cause)
    return amiss(
        cause,
        Severity.HIGH,
        f"No predictions since {_moment(newest)} ({_span(now - newest)}); at this time of the week at least "
        f"{expected:.0f} are usual.",
        "See whether the model is asked at all, and whether its answers are still logged.",
    )


def labels_missing(
    newest: datetime | None, due: int, coverage: float | None, expected_delay: timedelta, now: datetime
) -> WatchResult:
    """No label for longer than expected.

    Parameters
    ----------
    due:
        Predictions made since the newest label arrived that are older than ``expected_delay``.
    coverage:
        The share of predictions that usually gets a label.
    """
    cause = Cause.NO_LABELS
    enough = due >= UNKNOWN_COVERAGE_ROWS if coverage is None else due * coverage >= EXPECTED_ROWS
    if not enough:
        return WatchResult(cause)
    since = "ever" if newest is None else f"since {_moment(newest)} ({_span(now - newest)})"
    return amiss(
        cause,
        Severity.HIGH,
        f"No labels {since}, although {due:,}{'+' if due >= 1000 else ''} predictions made after that are older than "
        f"the expected delay of {_span(expected_delay)}.",
        "See whether the job that writes the labels runs. Until then nobody knows how good the model is.",
    )


def monitor_late(decided: datetime | None, due: datetime, known_since: datetime | None) -> WatchResult:
    """No decision on the window that ended at ``due`` (the last whose allowance has passed), nor on a newer one.

    Parameters
    ----------
    decided:
        End of the newest window with a decision.
    known_since:
        When the model was first seen: a new one's first window may be still to come.
    """
    cause = Cause.MONITOR_LATE
    if decided is not None and decided >= due:
        return WatchResult(cause)
    if decided is None and known_since is not None and known_since > due:
        return WatchResult(cause)
    last = "no window was ever decided" if decided is None else f"the last decided one ended {_moment(decided)}"
    return amiss(
        cause,
        Severity.HIGH,
        f"The window that ended {_moment(due)} has not been decided; {last}.",
        "See the monitor's runs in Airflow: is it paused, failing, or waiting for a worker?",
    )


def monitor_paused(dag_id: str, is_paused: bool | None, reason: str = "") -> WatchResult:
    """The monitor's DAG is switched off; ``is_paused`` is None where Airflow could not be asked."""
    if is_paused is None:
        return unknown(Cause.MONITOR_PAUSED, reason)
    if not is_paused:
        return WatchResult(Cause.MONITOR_PAUSED)
    return amiss(
        Cause.MONITOR_PAUSED,
        Severity.MEDIUM,
        f"{dag_id} is paused: nobody watches the model.",
        f"Switch {dag_id} on in Airflow, or remove the model's file.",
    )


def monitor_failing(dag_id: str, has_failed: bool | None, reason: str = "") -> WatchResult:
    """The run of the last window failed; ``has_failed`` is None where Airflow could not be asked."""
    if has_failed is None:
        return unknown(Cause.MONITOR_FAILING, reason)
    if not has_failed:
        return WatchResult(Cause.MONITOR_FAILING)
    return amiss(
        Cause.MONITOR_FAILING,
        Severity.HIGH,
        f"The last scheduled run of {dag_id} failed.",
        "See the log of its failed task, mend the cause and clear the run.",
    )


def counting_fails(failing_since: datetime | None, error: str, now: datetime) -> WatchResult:
    """The guard cannot count the model's log."""
    if failing_since is None or now - failing_since < GUARD_ALLOWANCE:
        return WatchResult(Cause.NOT_COUNTED)
    return amiss(
        Cause.NOT_COUNTED,
        Severity.HIGH,
        f"No live figures since {_moment(failing_since)} ({_span(now - failing_since)}): {error}",
        "Mend what the message names; the figures are counted again by themselves.",
    )


def guard_silent(attempted: datetime | None, now: datetime) -> WatchResult:
    """The guard has not tried to count anything for a while."""
    cause = Cause.GUARD_SILENT
    if attempted is not None and now - attempted < GUARD_ALLOWANCE:
        return WatchResult(cause)
    last = "has never run" if attempted is None else f"last ran {_moment(attempted)} ({_span(now - attempted)} ago)"
    return amiss(
        cause,
        Severity.HIGH,
        f"guard_serving {last}: live figures stand still.",
        "Switch guard_serving on in Airflow, or see the log of its last run.",
    )


def outbox_stuck(
    pending: int, oldest: datetime | None, error: str, now: datetime, destinations: Sequence[str] = ("slack_alerts",)
) -> WatchResult:
    """Alerts wait, and nobody gets them."""
    if oldest is None or now - oldest < OUTBOX_ALLOWANCE:
        return WatchResult(Cause.OUTBOX_STUCK)
    why = f"; last error: {error}" if error else ""
    return amiss(
        Cause.OUTBOX_STUCK,
        Severity.HIGH,
        f"{pending} alerts are not sent, the oldest for {_span(now - oldest)}{why}.",
        f"Check the connection {' and '.join(destinations)}, and whether the receiver answers.",
    )


def alerts_failed(failed: int, error: str, destinations: Sequence[str]) -> WatchResult:
    """Alerts were given up, and nobody has sent them again or dropped them."""
    if not failed:
        return WatchResult(Cause.ALERTS_FAILED)
    return amiss(
        Cause.ALERTS_FAILED,
        Severity.HIGH,
        f"{failed} alerts were refused for good by {' and '.join(destinations)}, and are no longer tried; the last "
        f"answer: {error}.",
        "Mend what the answer names (the channel, the connection), then: driftline alerts resend --all. See them by: "
        "driftline alerts failed.",
    )


def model_files_bad(faults: Sequence[str]) -> WatchResult:
    """Files that are not valid: their models have no monitor."""
    if not faults:
        return WatchResult(Cause.MODEL_FILES)
    more = f" (and {len(faults) - 1} more faults)" if len(faults) > 1 else ""
    return amiss(
        Cause.MODEL_FILES,
        Severity.HIGH,
        f"A model's file is not valid, so nobody watches the model: {faults[0]}{more}",
        "Correct the file; `driftline models validate` names every fault.",
    )


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _span(span: timedelta) -> str:
    minutes = int(span.total_seconds() // 60)
    if minutes >= 2 * 24 * 60:
        return f"{minutes // (24 * 60)} days"
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"
