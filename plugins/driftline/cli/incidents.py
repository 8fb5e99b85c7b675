"""``driftline incidents``: what is open, and what people do about it."""

from __future__ import annotations

import getpass
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from driftline.cli.options import DEFAULT_MODELS, AsJson, Models
from driftline.errors import ConfigError, InputError

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from driftline.alerts import Incident
    from driftline.monitoring.telling import Audience

app = typer.Typer(help="See and look after incidents.", no_args_is_help=True, rich_markup_mode=None)

Number = Annotated[int, typer.Argument(help="The incident's number, as alerts name it.", show_default=False)]
OfModel = Annotated[str | None, typer.Option("--model", help="Only of this model.")]


@app.command(name="list")
def list_incidents(
    model: OfModel = None,
    everything: Annotated[bool, typer.Option("--all", help="Also those that are resolved, the newest 50.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show the open incidents, the most severe first."""
    from driftline.store.engine import store_transaction
    from driftline.store.incidents import open_incidents, recent_incidents

    with store_transaction(open_store()) as connection:
        found = recent_incidents(connection, model) if everything else open_incidents(connection, model)
    if as_json:
        typer.echo(json.dumps([_values(each) for each in found], indent=2))
        return
    table = Table("incident", "model", "cause", "severity", "status", "since (UTC)", "what")
    for each in found:
        status = f"acknowledged by {each.acknowledged_by}" if each.acknowledged_by else each.status.value
        shown = (each.model, each.cause, each.severity.value, status, f"{each.opened_at:%Y-%m-%d %H:%M}", each.title)
        table.add_row(f"#{each.incident_id}", *map(Text, shown))
    Console().print(table if found else "No incident is open." if not everything else "No incidents yet.")


@app.command()
def show(incident: Number, as_json: AsJson = False) -> None:
    """Show one incident, and what was told of it."""
    from driftline.store.engine import store_transaction
    from driftline.store.incidents import known_incidents
    from driftline.store.told import alerts_about

    with store_transaction(open_store()) as connection:
        found = known_incidents(connection, [incident])
        alerts = alerts_about(connection, incident)
    if not found:
        raise InputError(f"There is no incident {incident}. `driftline incidents list --all` shows the latest.")
    said = _values(found[0]) | {"alerts": [{**each, "created_at": each["created_at"].isoformat()} for each in alerts]}
    if as_json:
        typer.echo(json.dumps(said, indent=2))
        return
    console = Console(soft_wrap=True)
    for name, value in said.items():
        if name not in {"alerts", "findings"} and value not in {None, ""}:
            console.print(f"{name.replace('_', ' ')}: {value}", markup=False, highlight=False)
    for each in alerts:
        told = f"  {each['created_at']:%Y-%m-%d %H:%M} {each['kind']} to {each['destination']}: {each['status']}"
        console.print(told + (f" ({each['last_error']})" if each["last_error"] else ""), markup=False, highlight=False)


@app.command()
def acknowledge(incident: Number, as_json: AsJson = False, models: Models = DEFAULT_MODELS) -> None:
    """Say that you look after an incident: nobody is reminded of it, unless it gets worse."""
    from driftline.monitoring.telling import tell_acknowledged
    from driftline.store.engine import store_transaction
    from driftline.store.incidents import acknowledge_incident

    at = datetime.now(UTC)
    with store_transaction(open_store()) as connection:
        changed = acknowledge_incident(connection, incident, by=person(), at=at)
        tell_acknowledged(connection, _audience(changed.model, models), changed, at=at)
    _tell(changed, "acknowledged", as_json)


@app.command()
def resolve(
    incident: Number,
    reason: Annotated[str, typer.Option(help="Why: told in the incident's thread.", show_default=False)],
    as_json: AsJson = False,
    models: Models = DEFAULT_MODELS,
) -> None:
    """Declare an incident resolved. A newer window (or look) that finds its cause opens another."""
    from driftline.monitoring.telling import tell_resolved
    from driftline.store.engine import store_transaction
    from driftline.store.incidents import resolve_incident

    if not reason.strip():
        raise InputError("--reason is empty. Say why the incident is over.")
    at = datetime.now(UTC)
    with store_transaction(open_store()) as connection:
        changed = resolve_incident(connection, incident, by=person(), at=at)
        why = f"Resolved by {changed.resolved_by}: {reason}"
        tell_resolved(connection, _audience(changed.model, models), [incident], why=why, at=at)
    _tell(changed, "resolved", as_json)


def open_store() -> Engine:
    """The store, as the environment names it."""
    from driftline.monitoring.connections import environment_url
    from driftline.store.engine import STORE_CONNECTION, create_store_engine

    return create_store_engine(environment_url(STORE_CONNECTION))


def person() -> str:
    """Who runs the command."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def _audience(model: str, folder: Path) -> Audience:
    """By the model's file; of a model that has none any more, the default connections."""
    from driftline.cli.options import configured_model
    from driftline.monitoring.telling import Audience

    try:
        return Audience.of(configured_model(model, folder))
    except ConfigError:
        return Audience(model)


def _tell(incident: Incident, what: str, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(_values(incident), indent=2))
    else:
        said = f"Incident #{incident.incident_id} ({incident.model}, {incident.cause}) is {what}."
        Console(soft_wrap=True).print(said, markup=False, highlight=False)


def _values(incident: Incident) -> dict[str, Any]:
    moments = ("opened_at", "updated_at", "resolved_at", "first_window_end", "last_window_end", "told_at")
    values = {name: getattr(incident, name) for name in (*moments, "acknowledged_at")}
    return {
        "incident": incident.incident_id,
        "model": incident.model,
        "cause": incident.cause,
        "status": incident.status.value,
        "severity": incident.severity.value,
        "title": incident.title,
        **{name: None if value is None else value.isoformat() for name, value in values.items()},
        "acknowledged_by": incident.acknowledged_by,
        "resolved_by": incident.resolved_by,
        "findings": list(incident.findings),
    }
