"""``driftline rollbacks``: what was rolled back, what was not and why, and a person's word on what waits for it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from driftline.cli.exit_codes import ExitCode
from driftline.cli.options import DEFAULT_MODELS, AsJson, Models
from driftline.cli.serving import person, plain
from driftline.errors import InputError

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from driftline.rollback import Rollback

app = typer.Typer(no_args_is_help=True, help="What was rolled back, and what waits for a person's word.")

Number = Annotated[int, typer.Argument(help="The rollback's number, as `driftline rollbacks list` shows it.")]


@app.command("list")
def list_rollbacks(
    model: Annotated[str | None, typer.Argument(help="Only this model's.", show_default=False)] = None,
    last: Annotated[int, typer.Option(min=1, max=1_000, help="So many, the newest first.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Show the rollbacks that were asked for, and what became of each."""
    from driftline.store.reading import store_reading
    from driftline.store.rollback_log import rollbacks_of

    with store_reading(_store()) as connection:
        found = rollbacks_of(connection, model, limit=last)
    if as_json:
        typer.echo(json.dumps([_as_json(rollback) for rollback in found], indent=2))
        return
    table = Table("#", "when (UTC)", "model", "from", "to", "trigger", "status", "what became of it")
    for rollback in found:
        table.add_row(
            str(rollback.rollback_id),
            f"{rollback.created_at:%Y-%m-%d %H:%M:%S}",
            *(plain(each or "") for each in (rollback.model, rollback.bad_version, rollback.target_version)),
            rollback.trigger.value,
            rollback.status.value,
            plain(rollback.explanation.split(". ")[0]),
        )
    Console().print(table if found else "Nothing was rolled back.", highlight=False)


@app.command()
def approve(rollback: Number, models: Models = DEFAULT_MODELS) -> None:
    """Do the rollback that waits for a person's word. Exit code 2: it does not wait."""
    _answer(rollback, approved=True, models=models)


@app.command()
def decline(rollback: Number, models: Models = DEFAULT_MODELS) -> None:
    """Hold: the version serves on, and the same cause asks no more. Exit code 2: it does not wait."""
    _answer(rollback, approved=False, models=models)


def _answer(rollback_id: int, *, approved: bool, models: Any) -> None:
    from driftline.cli.options import described_models
    from driftline.monitoring.approval import answer, waiting_rollback
    from driftline.monitoring.rollback_engine import rollback_policy

    store = _store()
    waiting = waiting_rollback(store, rollback_id)
    if waiting is None:
        raise InputError(f"Rollback {rollback_id} does not wait for approval. See `driftline rollbacks list`.")
    valid, _ = described_models(models)
    policy = rollback_policy(valid[waiting.model]) if waiting.model in valid else None
    said = answer(store, rollback_id, approved=approved, person=person(), policy=policy)
    Console(soft_wrap=True).print(said, highlight=False, markup=False)
    if said.startswith("Not rolled back") and approved:
        raise typer.Exit(ExitCode.REFUSED)


def _store() -> Engine:
    from driftline.monitoring.connections import environment_url
    from driftline.store.engine import STORE_CONNECTION, create_store_engine

    return create_store_engine(environment_url(STORE_CONNECTION))


def _as_json(rollback: Rollback) -> dict[str, Any]:
    moments = ("first_seen_at", "created_at", "updated_at", "done_at", "verify_at", "ended_at")
    shown = {name: value for name, value in vars(rollback).items() if name not in moments}
    told = {name: getattr(rollback, name) for name in moments}
    return {**shown, **{name: None if moment is None else moment.isoformat() for name, moment in told.items()}}
