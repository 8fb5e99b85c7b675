from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from driftline.alerts import AlertRefused, DestinationRefused, NotDelivered, ReceiverBusy
from driftline.alerts.answers import pause, require_taken

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_what_is_taken_raises_nothing(status: int) -> None:
    require_taken("Slack", status, "ok", {}, NOW)


@pytest.mark.parametrize(
    ("status", "error"),
    [(301, NotDelivered), (400, AlertRefused), (401, DestinationRefused), (404, DestinationRefused),
     (408, NotDelivered), (409, AlertRefused), (413, AlertRefused), (422, AlertRefused), (429, ReceiverBusy),
     (500, NotDelivered), (503, NotDelivered)],
)  # fmt: skip
def test_what_is_not_taken_says_whose_fault_it_is(status: int, error: type[NotDelivered]) -> None:
    with pytest.raises(NotDelivered, match=rf"^Slack answered {status}: no service$") as raised:
        require_taken("Slack", status, "no\n service", {}, NOW)
    assert type(raised.value) is error


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_receiver_says_how_long(status: int) -> None:
    with pytest.raises(ReceiverBusy) as raised:
        require_taken("Slack", status, "", {"Retry-After": "45"}, NOW)
    assert raised.value.wait == timedelta(seconds=45)
    assert "nothing" in str(raised.value)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("45", 45),
        (" 45 ", 45),
        ("0", 1),
        ("999999999999999999999", 3600),
        ("Sun, 01 Mar 2026 12:02:00 GMT", 120),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 1),
        ("soon", 30),
        ("", 30),
        ("-5", 30),
        ("٣", 30),
        (None, 30),
    ],
)
def test_a_pause_is_read_from_seconds_or_a_date_and_kept_within_an_hour(written: str | None, seconds: int) -> None:
    assert pause(written, NOW) == timedelta(seconds=seconds)
