from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from driftline.alerts import Link, Ticket, TicketConnection
from driftline.alerts.ticket_webhook import TicketWebhook
from driftline.alerts.tickets import TicketHook, ticket_hook
from driftline.errors import InputError
from driftline.findings import Severity

TICKET = Ticket(
    kind="rollback",
    model="fraud",
    owner="risk",
    title="fraud: rolled back",
    description="v2 to v1",
    severity=Severity.CRITICAL,
    happened_at=datetime(2026, 3, 1, tzinfo=UTC),
    incident_id=7,
    facts={"bad_version": "v2"},
    links=(Link("Run", "http://localhost/run"),),
)


def test_a_ticket_survives_the_outbox() -> None:
    assert Ticket.from_json(json.loads(json.dumps(TICKET.to_json()))) == TICKET


def test_the_webhook_comes_with_driftline() -> None:
    assert isinstance(ticket_hook("webhook"), TicketWebhook)
    assert isinstance(TicketWebhook(), TicketHook)


def test_a_hook_of_another_package_is_found_by_its_entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real distribution, as pip would lay it out."""
    metadata = tmp_path / "driftline_test_tracker-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: driftline-test-tracker\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text(
        "[driftline.ticket_hooks]\njira = driftline_test_tracker:Jira\nbroken = driftline_test_tracker:Broken\n"
    )
    (tmp_path / "driftline_test_tracker.py").write_text(
        "class Jira:\n    def open_ticket(self, ticket, connection, key):\n"
        "        return f'{ticket.model}-{key}@{connection.url}'\n\nclass Broken:\n    pass\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    try:
        opened = ticket_hook("jira").open_ticket(TICKET, TicketConnection("https://jira"), "1")
        assert opened == "fraud-1@https://jira"
        with pytest.raises(InputError, match="has no method open_ticket"):
            ticket_hook("broken")
        with pytest.raises(InputError, match=r"No ticket hook 'other' .* broken, jira, webhook"):
            ticket_hook("other")
    finally:
        sys.modules.pop("driftline_test_tracker", None)


def test_a_connection_does_not_show_its_secrets() -> None:
    shown = repr(TicketConnection("https://jira", "ada", "hunter2", {"token": "s3cret"}))
    assert "hunter2" not in shown
    assert "s3cret" not in shown
    assert "ada" not in shown
