from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.alerts import AlertItem, AlertMessage, Link
from driftline.errors import InputError
from driftline.findings import Severity
from driftline.windows import Window

WINDOW = Window(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC))

items = st.builds(AlertItem, st.sampled_from(Severity), st.text(), st.text(), st.text())
messages = st.builds(
    AlertMessage,
    model=st.text(),
    owner=st.text(),
    channel=st.text(),
    title=st.text(),
    severity=st.sampled_from(Severity),
    window=st.just(WINDOW),
    verdict=st.text(),
    items=st.lists(items).map(tuple),
    recommendation=st.text(),
    links=st.lists(st.builds(Link, st.text(), st.text())).map(tuple),
)


@given(messages)
def test_a_message_survives_the_way_through_json(message: AlertMessage) -> None:
    assert AlertMessage.from_json(json.loads(json.dumps(message.to_json()))) == message


def test_items_stand_in_order_of_severity_and_ties_keep_their_order() -> None:
    low, high, other_high = (
        AlertItem(Severity.LOW, "a", ""),
        AlertItem(Severity.HIGH, "b", ""),
        AlertItem(Severity.HIGH, "c", ""),
    )
    assert _message(items=(low, high, other_high)).items == (high, other_high, low)


def test_a_message_without_one_of_its_fields_is_refused() -> None:
    fields = _message().to_json()
    del fields["verdict"]
    with pytest.raises(KeyError, match="verdict"):
        AlertMessage.from_json(fields)


def test_a_message_whose_window_is_naive_is_refused() -> None:
    fields = _message().to_json()
    fields["window"]["start"] = "2026-03-01T00:00:00"
    with pytest.raises(InputError, match="has no time zone"):
        AlertMessage.from_json(fields)


def _message(items: tuple[AlertItem, ...] = ()) -> AlertMessage:
    return AlertMessage(
        model="flight_delay",
        owner="ops",
        channel="#ops",
        title="Drift",
        severity=Severity.HIGH,
        window=WINDOW,
        verdict="Alert.",
        items=items,
    )
