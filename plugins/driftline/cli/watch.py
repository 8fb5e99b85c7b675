"""``driftline watch``: is everybody at work who should be?"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from driftline.cli.exit_codes import ExitCode
from driftline.cli.options import DEFAULT_MODELS, AsJson, Models, described_models

if TYPE_CHECKING:
    from driftline.monitoring.watch import Watched


def watch(
    as_json: AsJson = False,
    alert: Annotated[
        bool, typer.Option("--alert", help="Open incidents, and put their alerts and reminders into the outbox.")
    ] = False,
    models: Models = DEFAULT_MODELS,
) -> None:
    """Look for what should have happened and has not, as watch_monitors does: for a cron job beside Airflow.

    Nobody is told, unless --alert asks for it. Whether a monitor's DAG is paused or failing only Airflow knows; that it
    is late is seen all the same. Exit code 0: all is well; 1: something is amiss; 2: not done.
    """
    from driftline.monitoring.connections import environment_url
    from driftline.monitoring.reminding import remind
    from driftline.monitoring.watch import act_on
    from driftline.monitoring.watch import watch as look
    from driftline.store.engine import STORE_CONNECTION, create_store_engine

    valid, faults = described_models(models)
    store = create_store_engine(environment_url(STORE_CONNECTION))
    watched = look(store, valid.values(), environment_url, faults=faults)
    if alert:
        act_on(store, watched)
        remind(store, valid.values())
    if as_json:
        typer.echo(json.dumps({"watched": [_as_json(each) for each in watched]}, indent=2))
    else:
        _print(watched)
    is_well = not any(each.amiss for each in watched)
    raise typer.Exit(ExitCode.CLEAR if is_well else ExitCode.FOUND)


def _as_json(watched: Watched) -> dict[str, object]:
    return {"model": watched.model, "results": [asdict(result) for result in watched.results]}


def _print(watched: list[Watched]) -> None:
    console = Console(soft_wrap=True)
    for each in watched:
        for result in each.amiss:
            said = f"{each.model}: {result.cause.value}: {result.description} {result.recommendation}"
            console.print(said, style="red", markup=False, highlight=False)
        if not each.amiss:
            console.print(f"{each.model}: all is well", markup=False, highlight=False)
        for result in each.results:
            if result.status.value == "not_evaluated":
                said = f"  {result.cause.value} could not be told: {result.description}"
                console.print(said, style="dim", markup=False, highlight=False)
