"""``driftline silence``: not to be told of something for a time."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text
from typer.core import TyperGroup

from driftline.cli.incidents import OfModel, open_store, person
from driftline.cli.options import DEFAULT_MODELS, AsJson, Models, configured_model
from driftline.config.durations import parse_duration
from driftline.errors import InputError
from driftline.findings import Check
from driftline.watching import Cause

if TYPE_CHECKING:
    from driftline.alerts import Silence

INSTALLATION = "driftline"
_ADD = "add"


class _AddsByDefault(TyperGroup):
    """`driftline silence MODEL …` is `driftline silence add MODEL …`, which names also a model called list or end."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        is_command = not args or args[0] in self.commands or args[0] in {"--help", "-h"}
        return super().parse_args(ctx, args if is_command else [_ADD, *args])


app = typer.Typer(
    cls=_AddsByDefault,
    help="Do not tell of a model, a check or a subject for a time: driftline silence MODEL --for 4h --reason …",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command(name=_ADD)
def add(  # noqa: PLR0917 - typer's options
    model: Annotated[str, typer.Argument(help="A model, or driftline: what concerns none alone.", show_default=False)],
    span: Annotated[str, typer.Option("--for", help="How long: 30m, 4h, 2d; at most 30d.", show_default=False)],
    reason: Annotated[str, typer.Option(help="Why: kept with your name.", show_default=False)],
    check: Annotated[str, typer.Option(help="Only this check, or other cause of incidents.")] = "",
    subject: Annotated[str, typer.Option(help="Only this feature, metric or other subject.")] = "",
    as_json: AsJson = False,
    models: Models = DEFAULT_MODELS,
) -> None:
    """Silence a model: incidents are opened and kept, nobody is told until the silence ends."""
    from driftline.rollback import Trigger
    from driftline.store.engine import store_transaction
    from driftline.store.silences import add_silence

    if model != INSTALLATION:
        configured_model(model, models)
    causes = list(dict.fromkeys(cause.value for cause in (*Check, *Cause, *Trigger)))
    if check and check not in causes:
        raise InputError(f"--check is {check!r}. Choose from: {', '.join(causes)}.")
    try:
        length = parse_duration(span)
    except ValueError as error:
        raise InputError(f"--for {error}.") from None
    with store_transaction(open_store()) as connection:
        silence = add_silence(
            connection,
            model=model,
            cause=check,
            subject=subject,
            reason=reason,
            created_by=person(),
            at=datetime.now(UTC),
            span=length,
        )
    _print(
        silence, f"Silence {silence.silence_id}: {_about(silence)} until {silence.until:%Y-%m-%d %H:%M} UTC.", as_json
    )


@app.command(name="list")
def list_silences(
    model: OfModel = None,
    everything: Annotated[bool, typer.Option("--all", help="Also those that are over, the newest 50.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show the silences in force."""
    from driftline.store.engine import store_transaction
    from driftline.store.silences import all_silences, silences_in_force

    now = datetime.now(UTC)
    with store_transaction(open_store()) as connection:
        found = all_silences(connection, model) if everything else silences_in_force(connection, now, model)
    if as_json:
        typer.echo(json.dumps([_values(silence, now) for silence in found], indent=2))
        return
    table = Table("silence", "about", "until (UTC)", "who", "why", "in force")
    for each in found:
        words = (_about(each), f"{each.ended_at or each.until:%Y-%m-%d %H:%M}", each.created_by, each.reason)
        table.add_row(str(each.silence_id), *map(Text, words), "yes" if each.is_in_force(now) else "no")
    Console().print(table if found else "Nothing is silenced.")


@app.command()
def end(
    silence: Annotated[int, typer.Argument(help="Its number.", show_default=False)], as_json: AsJson = False
) -> None:
    """End a silence before its time; what it kept back and is still open is told within 5 minutes."""
    from driftline.store.engine import store_transaction
    from driftline.store.silences import end_silence

    with store_transaction(open_store()) as connection:
        ended = end_silence(connection, silence, ended_by=person(), at=datetime.now(UTC))
    _print(ended, f"Silence {silence} is over: {_about(ended)}.", as_json)


def _about(silence: Silence) -> str:
    parts = [silence.model, *filter(None, (silence.cause, silence.subject))]
    return ", ".join(parts)


def _print(silence: Silence, said: str, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(_values(silence, datetime.now(UTC)), indent=2))
    else:
        Console(soft_wrap=True).print(said, markup=False, highlight=False)


def _values(silence: Silence, now: datetime) -> dict[str, Any]:
    return {
        "silence": silence.silence_id,
        "model": silence.model,
        "check": silence.cause,
        "subject": silence.subject,
        "reason": silence.reason,
        "created_by": silence.created_by,
        "created_at": silence.created_at.isoformat(),
        "until": silence.until.isoformat(),
        "ended_at": None if silence.ended_at is None else silence.ended_at.isoformat(),
        "ended_by": silence.ended_by,
        "is_in_force": silence.is_in_force(now),
    }
