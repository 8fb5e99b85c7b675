"""Pages through Airflow's PagerDuty provider: its connection, its form of an event, its client.

The client by itself tries again without end while PagerDuty asks for a pause (429), asleep all the while; here the
outbox decides when to try again, so each call is one request. https://developer.pagerduty.com/docs/events-api-v2-overview
"""

from __future__ import annotations

from datetime import UTC, datetime

from driftline.alerts import Outgoing, Page, Receipt
from driftline.alerts.answers import require_taken

PATH = "/v2/enqueue"


def send_page(outgoing: Outgoing, base_url: str | None, timeout: int) -> Receipt:
    """Triggers, acknowledges or resolves the page's alert.

    Parameters
    ----------
    base_url:
        Of the service region, for example https://events.eu.pagerduty.com; None for the usual one.
    """
    from airflow.providers.pagerduty.hooks.pagerduty_events import PagerdutyEventsHook, prepare_event_data
    from pagerduty import EventsApiV2Client

    hook = PagerdutyEventsHook(pagerduty_events_conn_id=outgoing.destination)
    event = prepare_event_data(**Page.from_json(outgoing.message).event(), action_key_name="event_action")
    with EventsApiV2Client(hook.integration_key, base_url=base_url) as client:
        client.timeout = timeout
        client.max_network_attempts = 0
        client.retry = _ONE_REQUEST
        answer = client.post(PATH, json=event)
    require_taken("PagerDuty", answer.status_code, answer.text, answer.headers, datetime.now(UTC))
    return Receipt(event["dedup_key"])


class _OneRequest(dict[int, int]):
    """For every status a number of retries that is used up before the first: the client then returns the answer."""

    def get(self, _status: int, _default: int = 0) -> int:  # type: ignore[override]
        return -2


_ONE_REQUEST = _OneRequest()
