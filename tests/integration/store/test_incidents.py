from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from driftline.alerts import IncidentChange, IncidentChangeKind, IncidentStatus
from driftline.errors import InputError
from driftline.findings import Severity
from driftline.store.engine import store_transaction
from driftline.store.incidents import open_incidents, open_or_update_incident, resolve_incidents
from driftline.windows import Window

FIRST = Window(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC))
SIX_HOURS = timedelta(hours=6)


def _window(number: int) -> Window:
    return Window(FIRST.start + number * SIX_HOURS, FIRST.end + number * SIX_HOURS)


def _find(engine: Engine, window: Window = FIRST, **others: Any) -> IncidentChange:
    values: dict[str, Any] = {
        "model": "flight_delay",
        "cause": "drift",
        "severity": Severity.MEDIUM,
        "title": "Drift in temp",
        "findings": [{"subject": "temp", "statistic": 0.2}],
        "at": window.end,
    }
    with store_transaction(engine) as connection:
        return open_or_update_incident(connection, window=window, **{**values, **others})


def _resolve(
    engine: Engine, window: Window, still_open: tuple[str, ...] = (), model: str = "flight_delay"
) -> list[int]:
    with store_transaction(engine) as connection:
        return resolve_incidents(connection, model=model, causes_still_open=still_open, window=window, at=window.end)


def test_the_first_window_opens_an_incident(store_engine: Engine) -> None:
    change = _find(store_engine)
    assert change.change is IncidentChangeKind.OPENED
    with store_transaction(store_engine) as connection:
        (incident,) = open_incidents(connection, "flight_delay")
    assert incident.incident_id == change.incident_id
    assert (incident.cause, incident.status, incident.severity) == ("drift", IncidentStatus.OPEN, Severity.MEDIUM)
    assert incident.findings == ({"subject": "temp", "statistic": 0.2},)
    assert incident.first_window_end == incident.last_window_end == incident.opened_at == FIRST.end
    assert incident.resolved_at is None


def test_the_same_window_again_changes_nothing(store_engine: Engine) -> None:
    opened = _find(store_engine)
    with store_transaction(store_engine) as connection:
        before = open_incidents(connection)
    again = _find(store_engine, at=FIRST.end + timedelta(hours=1))
    assert again == IncidentChange(opened.incident_id, IncidentChangeKind.UNCHANGED, Severity.MEDIUM)
    with store_transaction(store_engine) as connection:
        assert open_incidents(connection) == before


def test_a_newer_window_updates_the_one_incident(store_engine: Engine) -> None:
    opened = _find(store_engine)
    change = _find(store_engine, _window(1), title="Drift in wind", findings=[{"subject": "wind"}])
    assert (change.incident_id, change.change) == (opened.incident_id, IncidentChangeKind.UPDATED)
    with store_transaction(store_engine) as connection:
        (incident,) = open_incidents(connection)
    assert (incident.title, incident.findings) == ("Drift in wind", ({"subject": "wind"},))
    assert (incident.first_window_end, incident.last_window_end) == (FIRST.end, _window(1).end)


def test_a_higher_severity_escalates_once_and_a_lower_one_does_not_take_it_back(store_engine: Engine) -> None:
    _find(store_engine)
    kinds = [
        _find(store_engine, _window(number), severity=severity).change
        for number, severity in enumerate((Severity.HIGH, Severity.HIGH, Severity.LOW, Severity.HIGH), start=1)
    ]
    updated = IncidentChangeKind.UPDATED
    assert kinds == [IncidentChangeKind.ESCALATED, updated, updated, updated]
    with store_transaction(store_engine) as connection:
        assert [incident.severity for incident in open_incidents(connection)] == [Severity.HIGH]


def test_revised_findings_of_the_last_window_replace_it(store_engine: Engine) -> None:
    _find(store_engine)
    change = _find(store_engine, findings=[{"subject": "temp", "statistic": 0.3}])
    assert change.change is IncidentChangeKind.UPDATED
    with store_transaction(store_engine) as connection:
        assert open_incidents(connection)[0].findings == ({"subject": "temp", "statistic": 0.3},)


def test_an_older_window_does_not_overwrite_a_newer_one(store_engine: Engine) -> None:
    _find(store_engine, _window(2), title="newer")
    assert _find(store_engine, _window(1), title="older").change is IncidentChangeKind.UNCHANGED
    with store_transaction(store_engine) as connection:
        (incident,) = open_incidents(connection)
    assert (incident.title, incident.last_window_end) == ("newer", _window(2).end)


def test_an_older_window_still_escalates_but_keeps_the_newer_findings(store_engine: Engine) -> None:
    _find(store_engine, _window(2), title="newer")
    change = _find(store_engine, _window(1), title="older", severity=Severity.CRITICAL)
    assert (change.change, change.severity) == (IncidentChangeKind.ESCALATED, Severity.CRITICAL)
    with store_transaction(store_engine) as connection:
        assert open_incidents(connection)[0].title == "newer"


def test_a_newer_window_without_the_cause_resolves_it_and_the_next_finding_opens_another(store_engine: Engine) -> None:
    opened = _find(store_engine)
    assert _resolve(store_engine, _window(1)) == [opened.incident_id]
    with store_transaction(store_engine) as connection:
        assert open_incidents(connection) == ()
    reopened = _find(store_engine, _window(2))
    assert reopened.change is IncidentChangeKind.OPENED
    assert reopened.incident_id != opened.incident_id


def test_resolving_twice_resolves_once(store_engine: Engine) -> None:
    _find(store_engine)
    assert len(_resolve(store_engine, _window(1))) == 1
    assert _resolve(store_engine, _window(1)) == []


def test_the_window_that_found_the_cause_and_older_ones_do_not_resolve_it(store_engine: Engine) -> None:
    _find(store_engine, _window(1))
    assert _resolve(store_engine, _window(1)) == []
    assert _resolve(store_engine, FIRST) == []


def test_a_window_that_was_counted_before_the_resolution_opens_nothing_when_it_runs_again(store_engine: Engine) -> None:
    opened = _find(store_engine)
    _resolve(store_engine, _window(1))
    assert _find(store_engine) == IncidentChange(opened.incident_id, IncidentChangeKind.UNCHANGED, Severity.MEDIUM)
    with store_transaction(store_engine) as connection:
        assert open_incidents(connection) == ()


def test_causes_that_are_still_open_and_other_models_are_not_resolved(store_engine: Engine) -> None:
    _find(store_engine)
    _find(store_engine, cause="performance")
    _find(store_engine, model="arrival_delay")
    assert len(_resolve(store_engine, _window(1), still_open=("performance",))) == 1
    with store_transaction(store_engine) as connection:
        left = {(incident.model, incident.cause) for incident in open_incidents(connection)}
        assert left == {("flight_delay", "performance"), ("arrival_delay", "drift")}
        assert len(open_incidents(connection, "arrival_delay")) == 1


def test_open_incidents_stand_in_order_of_severity(store_engine: Engine) -> None:
    _find(store_engine, cause="a", severity=Severity.LOW)
    _find(store_engine, cause="b", severity=Severity.CRITICAL)
    with store_transaction(store_engine) as connection:
        assert [incident.cause for incident in open_incidents(connection)] == ["b", "a"]


def test_two_runs_at_once_open_one_incident(store_engine: Engine) -> None:
    with ThreadPoolExecutor(4) as pool:
        changes = list(pool.map(lambda _: _find(store_engine), range(8)))
    assert [change.change for change in changes].count(IncidentChangeKind.OPENED) == 1
    assert len({change.incident_id for change in changes}) == 1


def test_values_that_json_does_not_know_are_kept_as_text(store_engine: Engine) -> None:
    findings = [{"statistic": float("nan"), "effect": float("inf"), "level": "a\x00b\ud800"}]
    _find(store_engine, title="A'; DROP TABLE incidents --\x00", findings=findings)
    assert _find(store_engine, title="", findings=findings).change is IncidentChangeKind.UNCHANGED
    with store_transaction(store_engine) as connection:
        (incident,) = open_incidents(connection)
    assert incident.findings == ({"statistic": "nan", "effect": "inf", "level": "a\ufffdb\ufffd"},)
    assert incident.title == "A'; DROP TABLE incidents --\ufffd"


def test_a_naive_moment_is_refused(store_engine: Engine) -> None:
    with pytest.raises(InputError, match="has no time zone"):
        _find(store_engine, at=datetime(2026, 3, 2))  # noqa: DTZ001 - the bad input itself
