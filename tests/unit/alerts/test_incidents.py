from __future__ import annotations

import pytest

from driftline.alerts import IncidentChange, IncidentChangeKind
from driftline.findings import Severity


@pytest.mark.parametrize(
    ("kind", "calls"),
    [
        (IncidentChangeKind.OPENED, True),
        (IncidentChangeKind.ESCALATED, True),
        (IncidentChangeKind.WIDENED, True),
        (IncidentChangeKind.UPDATED, False),
        (IncidentChangeKind.UNCHANGED, False),
    ],
)
def test_an_incident_speaks_when_it_opens_and_when_it_gets_worse(kind: IncidentChangeKind, calls: bool) -> None:
    assert IncidentChange(1, kind, Severity.HIGH).calls_for_alert is calls


def test_an_alert_is_named_by_its_incident_and_severity() -> None:
    opened = IncidentChange(7, IncidentChangeKind.OPENED, Severity.LOW)
    escalated = IncidentChange(7, IncidentChangeKind.ESCALATED, Severity.HIGH)
    assert opened.deduplication_key == "incident/7/low"
    assert escalated.deduplication_key == "incident/7/high"
