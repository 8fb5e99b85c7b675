"""``driftline alerts``: those that were refused for good, and what people do about them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from driftline.cli.incidents import OfModel, open_store
from driftline.cli.options import AsJson
from driftline.errors import InputError

app = typer.Typer(help="Alerts that their receivers refused for good.", no_args_is_help=True, rich_markup_mode=None)

Numbers = Annotated[list[int] | None, typer.Argument(help="The alerts' numbers.", show_default=False)]
Everything = Annotated[bool, typer.Option("--all", help="All that have failed.")]


@app.command()
def failed(model: OfModel = None, as_json: AsJson = False) -> None:
    """Show the alerts that are no longer tried, and what their receivers answered."""
    from driftline.store.engine import store_transaction
    from driftline.store.failed_alerts import failed_alerts

    with store_transaction(open_store()) as connection:
        found = failed_alerts(connection, model)
    if as_json:
        typer.echo(json.dumps([{**vars(each), "created_at": each.created_at.isoformat()} for each in found], indent=2))
        return
    table = Table("alert", "model", "kind", "to", "since (UTC)", "what", "answer")
    for each in found:
        shown = (each.model, each.kind.value, each.destination, f"{each.created_at:%Y-%m-%d %H:%M}", each.title)
        table.add_row(str(each.alert_id), *map(Text, (*shown, each.last_error)))
    Console().print(table if found else "No alert has failed.")


@app.command()
def resend(alerts: Numbers = None, everything: Everything = False) -> None:
    """Send failed alerts again, once what their receivers took exception to is mended."""
    from driftline.store.engine import store_transaction
    from driftline.store.failed_alerts import failed_alerts, send_again

    with store_transaction(open_store()) as connection:
        chosen = [each.alert_id for each in failed_alerts(connection)] if everything else _named(alerts)
        send_again(connection, chosen, datetime.now(UTC))
    _say(f"{len(chosen)} alerts are in the outbox again: the next watch_monitors, or send_alerts, sends them.")


@app.command()
def drop(alerts: Numbers = None, everything: Everything = False) -> None:
    """Say that failed alerts need telling no more."""
    from driftline.store.engine import store_transaction
    from driftline.store.failed_alerts import drop_failed, failed_alerts

    with store_transaction(open_store()) as connection:
        chosen = [each.alert_id for each in failed_alerts(connection)] if everything else _named(alerts)
        drop_failed(connection, chosen)
    _say(f"{len(chosen)} alerts are dropped.")


def _named(alerts: list[int] | None) -> list[int]:
    if not alerts:
        raise InputError("Name the alerts by their numbers, or say --all. See them by: driftline alerts failed")
    return list(dict.fromkeys(alerts))


def _say(what: str) -> None:
    Console(soft_wrap=True).print(what, markup=False, highlight=False)
