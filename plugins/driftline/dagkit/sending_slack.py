"""Messages to Slack through Airflow's provider: by its API in threads, by an incoming webhook without.

The clients' own retrying is switched off: what they repeat after a time-out, Slack may have taken the first time.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from driftline.alerts import (
    AlertMessage,
    AlertRefused,
    DestinationRefused,
    NotDelivered,
    Outgoing,
    Receipt,
    ReceiverBusy,
    Thread,
)
from driftline.alerts import slack_payload as payload_of
from driftline.alerts.answers import pause, require_taken

_THREAD_IS_GONE = frozenset({"thread_not_found", "message_not_found", "cannot_reply_to_message", "invalid_thread_ts"})
_ABOUT_THE_MESSAGE = frozenset(
    {"invalid_arguments", "invalid_blocks", "invalid_blocks_format", "invalid_payload", "msg_blocks_too_long",
     "msg_too_long", "no_text"}
)  # fmt: skip
_ABOUT_ITS_CHANNEL = frozenset(
    {"channel_is_archived", "channel_not_found", "is_archived", "not_in_channel", "posting_to_general_channel_denied",
     "restricted_action", "restricted_action_read_only_channel"}
)  # fmt: skip
_ABOUT_THE_CONNECTION = frozenset(
    {"access_denied", "account_inactive", "invalid_auth", "missing_scope", "no_permission", "not_allowed_token_type",
     "not_authed", "org_login_required", "team_not_found", "token_expired", "token_revoked"}
)  # fmt: skip
"""https://docs.slack.dev/reference/methods/chat.postMessage"""


def send_by_webhook(outgoing: Outgoing, timeout: int) -> Receipt:
    """Posts to the channel of the webhook. Which incident it is about the message says."""
    from airflow.providers.slack.hooks.slack_webhook import SlackWebhookHook

    payload = payload_of(AlertMessage.from_json(outgoing.message))
    hook = SlackWebhookHook(slack_webhook_conn_id=outgoing.destination, timeout=timeout, retry_handlers=[])
    answer = hook.client.send(text=payload["text"], blocks=payload["blocks"])
    require_taken("Slack", answer.status_code, answer.body, _plain(answer.headers), datetime.now(UTC))
    return Receipt()


def send_by_api(outgoing: Outgoing, default_channel: str, timeout: int) -> Receipt:
    """Posts by `chat.postMessage`: into the incident's thread, or to the channel where that begins.

    News are shown in the channel as well. A thread that is gone is begun anew.

    Parameters
    ----------
    default_channel:
        Where messages go whose model names no channel.
    """
    message = AlertMessage.from_json(outgoing.message)
    if outgoing.thread is not None:
        try:
            return Receipt(_post(outgoing.destination, message, outgoing.thread, timeout).timestamp)
        except _ThreadIsGone:
            pass
    begun = _post(outgoing.destination, message, Thread(message.channel or default_channel, ""), timeout)
    return Receipt(begun.timestamp, begun)


class _ThreadIsGone(NotDelivered):
    """Slack no longer has the message that began the thread."""


def _post(connection_id: str, message: AlertMessage, to: Thread, timeout: int) -> Thread:
    from airflow.providers.slack.hooks.slack import SlackHook
    from slack_sdk.errors import SlackApiError

    if not to.channel:
        raise AlertRefused(
            "The message names no channel. Give slack_channel in the model's file, or the connection "
            f"{connection_id!r} the extra "
            '{"channel": "#name"}.'
        )
    body: dict[str, Any] = {"channel": to.channel, **payload_of(message)}
    if to.timestamp:
        body |= {"thread_ts": to.timestamp, "reply_broadcast": message.event.is_for_everybody}
    hook = SlackHook(slack_conn_id=connection_id, timeout=timeout, retry_handlers=[])
    try:
        answer = hook.call("chat.postMessage", json=body)
    except SlackApiError as error:
        raise _refusal(error.response, to) from None
    return Thread(str(answer["channel"]), str(answer["ts"]))


def _refusal(response: Any, to: Thread) -> NotDelivered:
    """Slack answers most refusals with the status 200 and an ``error``."""
    headers, now = _plain(response.headers), datetime.now(UTC)
    try:
        require_taken("Slack", response.status_code, str(response.get("error", "")), headers, now)
    except NotDelivered as refused:
        return refused
    error = str(response.get("error", "no reason"))
    said = f"Slack refused the message for {to.channel}: {error}"
    if error in {"ratelimited", "rate_limited"}:
        return ReceiverBusy(said, pause(headers.get("retry-after"), now))
    if to.timestamp and error in _THREAD_IS_GONE:
        return _ThreadIsGone(said)
    if error in _ABOUT_THE_MESSAGE | _ABOUT_ITS_CHANNEL:
        return AlertRefused(said)
    if error in _ABOUT_THE_CONNECTION:
        return DestinationRefused(said)
    return NotDelivered(said)


def _plain(headers: Mapping[str, Any]) -> dict[str, str]:
    """Header names in lower case; the clients give some values as lists."""
    plain = {}
    for name, value in headers.items():
        plain[name.lower()] = str(value[0]) if isinstance(value, list | tuple) and value else str(value)
    return plain
