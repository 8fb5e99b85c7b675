"""Real receivers on loopback, and a process that delivers to them by Airflow's hooks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sqlalchemy import Connection, Engine, Row, select

from driftline.alerts import AlertItem, AlertMessage, IncidentChange, IncidentChangeKind
from driftline.config import Alerts
from driftline.findings import Severity
from driftline.local.page_receiver import PageReceiver, start_page_receiver
from driftline.local.provisioning import Urls
from driftline.local.slack_receiver import SlackReceiver, start_receiver
from driftline.monitoring.telling import Audience, News, tell_news, tell_resolved
from driftline.store.engine import store_transaction
from driftline.store.incidents import known_incidents, open_or_renew_incident, resolve_causes
from driftline.store.tables import alert_outbox

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SLACK_TOKEN = "xoxb-1234567890-s3cret"
ROUTING_KEY = "R0UT1NGKEYs3cretR0UT1NGKEYs3cret"
TICKET_TOKEN = "tick3t-s3cret"
SECRETS = (SLACK_TOKEN, ROUTING_KEY, TICKET_TOKEN, "s3cret", "driftline/local")


EVERYWHERE = Alerts(slack_connection="slack_api", pagerduty_connection="pagerduty", ticket_connection="tickets")


@dataclass
class Deliverer:
    """The process that delivers."""

    process: subprocess.Popen[str]
    said: list[str] = field(default_factory=list)

    def drain(self, now: datetime, at_once: int = 1) -> dict[str, Any]:
        """What one drain did, or the first of several that ran at once."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{now.isoformat()} {at_once}\n")
        self.process.stdin.flush()
        first: dict[str, Any] = json.loads(self.wait_for("drained "))[0]
        return first

    def wait_for(self, beginning: str) -> str:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line)
            if line.startswith(beginning):
                return line.removeprefix(beginning)
        raise AssertionError("The deliverer ended: " + "".join(self.said))


@pytest.fixture(scope="module")
def slack() -> Iterator[SlackReceiver]:
    with start_receiver() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of 127.0.0.1, signed by itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    written = tmp_path_factory.mktemp("tls") / "receiver.pem"
    written.write_bytes(signed.public_bytes(serialization.Encoding.PEM) + key.private_bytes(*form))
    return written


@pytest.fixture(scope="module")
def pages(certificate: Path) -> Iterator[PageReceiver]:
    with start_page_receiver(certificate) as receiver:
        yield receiver


@pytest.fixture(scope="module")
def _deliverer(
    slack: SlackReceiver, pages: PageReceiver, certificate: Path, urls: Urls, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deliverer]:
    slow = {"timeout": 1}
    refused = {"base_url": "http://127.0.0.1:1/api/"}
    connections = {
        "SLACK_API": {"conn_type": "slack", "password": SLACK_TOKEN, "extra": {"base_url": slack.api_url, **slow}},
        "SLACK_REFUSED": {"conn_type": "slack", "password": SLACK_TOKEN, "extra": {**refused, **slow}},
        "SLACK_ALERTS": {"conn_type": "slackwebhook", "password": slack.webhook_url, "extra": slow},
        "PAGERDUTY": {"conn_type": "pagerduty_events", "password": ROUTING_KEY, "host": pages.url, "extra": slow},
        "TICKETS": {
            "conn_type": "http", "password": TICKET_TOKEN, "host": pages.url, "extra": {"endpoint": "tickets", **slow}
        },
    }  # fmt: skip
    root = Path(__file__).parents[3]
    environment = os.environ | {
        **{f"AIRFLOW_CONN_{name}": json.dumps(written) for name, written in connections.items()},
        "AIRFLOW_HOME": str(tmp_path_factory.mktemp("airflow")),
        "PYTHONPATH": str(root / "plugins"),
        "NO_PROXY": "127.0.0.1,localhost",
        "SSL_CERT_FILE": str(certificate),
        "TEST_STORE": urls.store,
    }
    command = [sys.executable, str(Path(__file__).with_name("deliverer.py"))]
    with subprocess.Popen(
        command, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        deliverer = Deliverer(process)
        deliverer.wait_for("ready")
        yield deliverer
        assert process.stdin is not None
        process.stdin.close()
        process.wait(timeout=30)


@pytest.fixture
def deliverer(_deliverer: Deliverer, store_engine: Engine, slack: SlackReceiver, pages: PageReceiver) -> Deliverer:
    """With receivers that work and hold nothing, and an empty store."""
    slack.mend()
    slack.forget()
    pages.mend()
    pages.forget()
    _deliverer.said.clear()
    return _deliverer


@dataclass
class Teller:
    """Opens, worsens and resolves incidents of a model, and tells of them as the monitors do."""

    store: Engine
    alerts: Alerts = EVERYWHERE

    @property
    def audience(self) -> Audience:
        return Audience("fraud", "risk", "#risk", self.alerts)

    def find(
        self, *causes: str, severity: Severity = Severity.HIGH, at: datetime = NOON, subject: str = "amount"
    ) -> list[int]:
        """One look that finds these causes; the ids of their incidents."""
        with store_transaction(self.store) as connection:
            news = [self._news(connection, cause, severity, at, subject) for cause in causes]
            tell_news(connection, self.audience, news, self.compose, at)
        return [each.change.incident_id for each in news]

    def widen(self, incident_id: int, subject: str, at: datetime) -> None:
        """A window finds another subject in an open incident."""
        with store_transaction(self.store) as connection:
            (incident,) = known_incidents(connection, [incident_id])
            change = IncidentChange(incident_id, IncidentChangeKind.WIDENED, incident.severity, (subject,))
            tell_news(connection, self.audience, [News(incident.cause, change)], self.compose, at)

    def resolve(self, *causes: str, at: datetime) -> None:
        with store_transaction(self.store) as connection:
            resolved = resolve_causes(connection, model="fraud", causes=causes, at=at)
            tell_resolved(connection, self.audience, resolved, why="It is well again.", at=at)

    def compose(self, news: Any) -> AlertMessage:
        causes = ", ".join(each.cause for each in news)
        severity = max((each.change.severity for each in news), key=lambda severity: severity.rank)
        item = AlertItem(severity, "amount", "moved; password=s3cret")
        return AlertMessage(
            model="fraud", owner="risk", channel="#risk", title=f"fraud: {causes}", severity=severity, window=None,
            verdict="Alert.", items=(item,),
        )  # fmt: skip

    def rows(self) -> list[Row[Any]]:
        with store_transaction(self.store) as connection:
            return list(connection.execute(select(alert_outbox).order_by(alert_outbox.c.alert_id)))

    def statuses(self) -> list[tuple[str, str, str]]:
        return [(row.kind, row.deduplication_key, row.status) for row in self.rows()]

    def _news(self, connection: Connection, cause: str, severity: Severity, at: datetime, subject: str) -> News:
        change = open_or_renew_incident(
            connection, model="fraud", cause=cause, severity=severity, title=f"{cause} is amiss", at=at
        )
        return News(cause, change, frozenset({subject}))


@pytest.fixture
def teller(store_engine: Engine) -> Teller:
    return Teller(store_engine)


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)
