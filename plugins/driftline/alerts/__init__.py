"""What people are told: messages, pages and tickets, their forms, and the words for incidents and deliveries.

Pure, but for the ticket webhook.
"""

from driftline.alerts.block_kit import violations
from driftline.alerts.compose import compose_alert
from driftline.alerts.delivery import (
    AlertKind,
    AlertRefused,
    Delivery,
    DeliveryStatus,
    DestinationRefused,
    NotDelivered,
    Outgoing,
    Receipt,
    ReceiverBusy,
    Send,
    Thread,
)
from driftline.alerts.incidents import Incident, IncidentChange, IncidentChangeKind, IncidentStatus
from driftline.alerts.message import AlertEvent, AlertItem, AlertMessage, Link
from driftline.alerts.pages import Page, PageAction
from driftline.alerts.silences import Silence
from driftline.alerts.slack import slack_payload
from driftline.alerts.tickets import Ticket, TicketConnection, TicketHook

__all__ = [
    "AlertEvent",
    "AlertItem",
    "AlertKind",
    "AlertMessage",
    "AlertRefused",
    "Delivery",
    "DeliveryStatus",
    "DestinationRefused",
    "Incident",
    "IncidentChange",
    "IncidentChangeKind",
    "IncidentStatus",
    "Link",
    "NotDelivered",
    "Outgoing",
    "Page",
    "PageAction",
    "Receipt",
    "ReceiverBusy",
    "Send",
    "Silence",
    "Thread",
    "Ticket",
    "TicketConnection",
    "TicketHook",
    "compose_alert",
    "slack_payload",
    "violations",
]
