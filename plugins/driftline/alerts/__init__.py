"""What people are told: messages, their form in Slack, and the words for incidents and deliveries. Pure."""

from driftline.alerts.block_kit import violations
from driftline.alerts.compose import compose_alert
from driftline.alerts.delivery import Delivery, DeliveryStatus
from driftline.alerts.incidents import Incident, IncidentChange, IncidentChangeKind, IncidentStatus
from driftline.alerts.message import AlertItem, AlertMessage, Link
from driftline.alerts.slack import slack_payload

__all__ = [
    "AlertItem",
    "AlertMessage",
    "Delivery",
    "DeliveryStatus",
    "Incident",
    "IncidentChange",
    "IncidentChangeKind",
    "IncidentStatus",
    "Link",
    "compose_alert",
    "slack_payload",
    "violations",
]
