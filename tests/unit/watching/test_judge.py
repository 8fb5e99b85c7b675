"""When something is amiss, when not, and when nobody can tell."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from driftline import watching
from driftline.findings import Severity, Status
from driftline.watching import Cause

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.mark.parametrize(
    ("silence", "usual", "status"),
    [
        (HOUR, [500, 480, 510, 490], Status.DETECTED),
        (4 * MINUTE, [500, 480, 510, 490], Status.OK),
        (HOUR, [500, 0, 510, 490], Status.DETECTED),  # one outage blinds nobody
        (HOUR, [500, 0, 0, 490], Status.OK),  # twice quiet is a habit
        (HOUR, [0, 500], Status.OK),
        (HOUR, [500, 480], Status.DETECTED),
        (HOUR, [500], Status.NOT_EVALUATED),
        (HOUR, [], Status.NOT_EVALUATED),
        (HOUR, [19.9, 19.9], Status.OK),
        (HOUR, [20, 20], Status.DETECTED),
    ],
)
def test_silence_is_amiss_where_the_same_time_of_the_week_never_is_silent(
    silence: timedelta, usual: list[float], status: Status
) -> None:
    assert watching.predictions_missing(NOW - silence, usual, NOW).status is status


def test_silence_says_since_when_and_what_is_usual() -> None:
    result = watching.predictions_missing(NOW - 90 * MINUTE, [100, 120], NOW)
    assert result.description == (
        "No predictions since 2026-03-02 10:30 UTC (1 h 30 min); at this time of the week at least 100 are usual."
    )
    assert result.severity is Severity.HIGH
    assert result.cause is Cause.NO_PREDICTIONS


def test_an_empty_log_is_not_judged() -> None:
    assert watching.predictions_missing(None, [], NOW).status is Status.NOT_EVALUATED


@pytest.mark.parametrize(
    ("due", "coverage", "is_amiss"),
    [(0, 0.9, False), (1000, 0.9, True), (22, 0.9, False), (23, 0.9, True), (1000, 0.01, False), (199, None, False),
     (200, None, True), (1000, 0.0, False)],
)  # fmt: skip
def test_labels_are_missing_where_enough_predictions_should_have_one(
    due: int, coverage: float | None, is_amiss: bool
) -> None:
    assert watching.labels_missing(NOW - DAY, due, coverage, 6 * HOUR, NOW).is_amiss is is_amiss


def test_labels_that_never_came_are_told_so() -> None:
    result = watching.labels_missing(None, 1000, None, 6 * HOUR, NOW)
    assert result.description.startswith("No labels ever, although 1,000+ predictions made after that are older than")


@pytest.mark.parametrize(
    ("decided", "known_since", "is_amiss"),
    [
        (NOW, None, False),
        (NOW + 6 * HOUR, None, False),
        (NOW - HOUR, None, True),
        (NOW - HOUR, NOW + HOUR, True),
        (None, NOW + HOUR, False),  # a new model: its first window is still to come
        (None, NOW - HOUR, True),
        (None, None, True),
    ],
)
def test_a_monitor_is_late_when_its_last_window_is_not_decided(
    decided: datetime | None, known_since: datetime | None, is_amiss: bool
) -> None:
    assert watching.monitor_late(decided, NOW, known_since).is_amiss is is_amiss


@pytest.mark.parametrize("judge", [watching.monitor_paused, watching.monitor_failing])
def test_what_only_airflow_knows_is_not_judged_without_it(judge: object) -> None:
    assert judge("monitor__fraud", None, "not asked").status is Status.NOT_EVALUATED  # type: ignore[operator]
    assert judge("monitor__fraud", True).is_amiss  # type: ignore[operator]
    assert judge("monitor__fraud", False).status is Status.OK  # type: ignore[operator]


def test_counting_may_fail_for_a_moment() -> None:
    assert watching.counting_fails(None, "", NOW).status is Status.OK
    assert watching.counting_fails(NOW - MINUTE, "no such table", NOW).status is Status.OK
    assert "no such table" in watching.counting_fails(NOW - 3 * MINUTE, "no such table", NOW).description


def test_the_guard_is_silent_after_two_minutes_or_when_it_never_ran() -> None:
    assert watching.guard_silent(NOW - MINUTE, NOW).status is Status.OK
    assert "last ran 2026-03-02 11:55 UTC (5 min ago)" in watching.guard_silent(NOW - 5 * MINUTE, NOW).description
    assert "has never run" in watching.guard_silent(None, NOW).description


def test_an_outbox_may_hold_an_alert_for_a_while() -> None:
    assert watching.outbox_stuck(0, None, "", NOW).status is Status.OK
    assert watching.outbox_stuck(3, NOW - 10 * MINUTE, "503", NOW).status is Status.OK
    result = watching.outbox_stuck(3, NOW - 3 * DAY, "503", NOW)
    assert result.description == "3 alerts are not sent, the oldest for 3 days; last error: 503."


def test_alerts_that_were_given_up_are_amiss_until_somebody_sees_to_them() -> None:
    assert watching.alerts_failed(0, "", ()).status is Status.OK
    result = watching.alerts_failed(2, "channel_not_found", ("slack_alerts",))
    assert result.is_amiss
    assert "2 alerts were refused for good by slack_alerts" in result.description
    assert "driftline alerts resend" in result.recommendation


def test_a_bad_model_file_is_told_by_its_first_fault() -> None:
    assert watching.model_files_bad([]).status is Status.OK
    result = watching.model_files_bad(["bad.yaml: x: is not a known key.", "y", "z"])
    assert "bad.yaml: x: is not a known key. (and 2 more faults)" in result.description
