"""``driftline experiments``: A/B tests and gradual rollouts from a terminal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from driftline.cli.experiments_report import show_record
from driftline.cli.options import DEFAULT_MODELS, AsJson, Models
from driftline.errors import InputError
from driftline.monitoring.experiment_report import record_json, told_ends, verdict_json

if TYPE_CHECKING:
    from driftline.config.experiment_config import ABTestConfig
    from driftline.monitoring.ab_tests import ABTestController

app = typer.Typer(help="A/B tests and gradual rollouts between the versions of a model.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="An experiment's name.", show_default=False)]
File = Annotated[Path, typer.Argument(help="The experiment's YAML file.", show_default=False)]
Reason = Annotated[str, typer.Option(help="Why: kept in the history.", show_default=False)]
Traffic = Annotated[float | None, typer.Option(help="Predictions a day: prints how soon it can end.")]
Decision = Annotated[
    str, typer.Argument(help="promote, roll_back, inconclusive, hold or continue.", show_default=False)
]
Winner = Annotated[str | None, typer.Option(help="Who is promoted. Default: the only treatment.")]


@app.command(name="list")
def list_(model: Annotated[str | None, typer.Option(help="Of one model.")] = None, as_json: AsJson = False) -> None:
    """List the experiments, the newest first."""
    from driftline.store.engine import store_transaction
    from driftline.store.experiments import all_experiments

    with store_transaction(_controller(DEFAULT_MODELS).store) as connection:
        records = all_experiments(connection, model=model)
    if as_json:
        typer.echo(json.dumps([record_json(record) for record in records], indent=2))
        return
    table = Table("experiment", "model", "status", "stage", "arms", "last look")
    for record in records:
        verdict = (record.analysis or {}).get("verdict", "")
        stages = f"{record.stage + 1} of {len(record.config.stages)}"
        arms = ", ".join(f"{name} {percent:g} %" for name, percent in record.config.percents(record.stage).items())
        table.add_row(record.experiment, record.model, record.status.value, stages, arms, verdict)
    Console().print(table if records else "There is no experiment.", highlight=False)


@app.command()
def create(
    file: File,
    begin: Annotated[bool, typer.Option("--start", help="Start it, too.")] = False,
    traffic_per_day: Traffic = None,
    models: Models = DEFAULT_MODELS,
    as_json: AsJson = False,
) -> None:
    """Keep the experiment that a file describes; the same one again changes nothing."""
    from driftline.config.experiment_files import load_experiment

    controller, config = _controller(models), load_experiment(file)
    record = controller.create_ab_test(config, actor=_person())
    if begin:
        record = controller.start_ab_test(config.experiment, actor=_person())
    ends = _ends(controller, config, traffic_per_day)
    if as_json:
        typer.echo(json.dumps({**record_json(record), **ends}, indent=2))
        return
    show_record(record, [], Console(soft_wrap=True))
    _tell_ends(ends)


@app.command()
def show(
    experiment: Name,
    traffic_per_day: Traffic = None,
    fixed_horizon: Annotated[
        bool, typer.Option("--fixed-horizon", help="Also the classical tests, which looking often spoils.")
    ] = False,
    models: Models = DEFAULT_MODELS,
    as_json: AsJson = False,
) -> None:
    """Show an experiment: its arms, what was found at the last look, what was ruled."""
    from driftline.monitoring.experiment_comparison import fixed_horizon_results
    from driftline.store.engine import store_transaction
    from driftline.store.experiment_verdicts import verdicts
    from driftline.store.experiments import experiment as stored

    controller = _controller(models)
    with store_transaction(controller.store) as connection:
        record, history = stored(connection, experiment), verdicts(connection, experiment)
        classical = fixed_horizon_results(connection, record) if fixed_horizon else {}
    ends = _ends(controller, record.config, traffic_per_day)
    if as_json:
        ruled = [verdict_json(verdict) for verdict in history]
        typer.echo(json.dumps({**record_json(record), "verdicts": ruled, "fixed_horizon": classical, **ends}, indent=2))
        return
    console = Console(soft_wrap=True)
    show_record(record, history, console)
    for key, result in classical.items():
        console.print(f"{key}: {result['told']}", markup=False, highlight=False)
    _tell_ends(ends)


@app.command()
def start(experiment: Name, models: Models = DEFAULT_MODELS, as_json: AsJson = False) -> None:
    """Start an experiment: a new phase, with a new salt, that counts from nothing."""
    record = _controller(models).start_ab_test(experiment, actor=_person())
    _print(record, as_json)


@app.command()
def stop(experiment: Name, reason: Reason, models: Models = DEFAULT_MODELS, as_json: AsJson = False) -> None:
    """End an experiment without a verdict: the version that served before gets all the traffic."""
    record = _controller(models).stop_ab_test(experiment, actor=_person(), reason=reason)
    _print(record, as_json)


@app.command()
def decide(  # noqa: PLR0917 - typer's options
    experiment: Name,
    decision: Decision,
    reason: Reason,
    winner: Winner = None,
    models: Models = DEFAULT_MODELS,
    as_json: AsJson = False,
) -> None:
    """Rule on an experiment yourself, whatever the analysis says; it is recorded, and done at once."""
    from driftline.experiments import Ruling, Verdict

    if decision not in set(Verdict):
        raise InputError(f"The decision is {decision!r}; it is one of {', '.join(Verdict)}.")
    ruling = Ruling(Verdict(decision), reason, winner)
    verdict, done = _controller(models).decide_ab_test(experiment, ruling, actor=_person())
    if as_json:
        said = {"experiment": experiment, "verdict": verdict.verdict.value, "winner": verdict.ruling.winner}
        typer.echo(json.dumps({**said, "actor": verdict.actor, "number": verdict.number, "done": done}, indent=2))
        return
    Console(soft_wrap=True).print(done, markup=False, highlight=False)


@app.command()
def run(
    experiment: Annotated[str | None, typer.Argument(help="One experiment. Default: all that run.")] = None,
    models: Models = DEFAULT_MODELS,
    as_json: AsJson = False,
) -> None:
    """Look at the experiments now, as `run_experiments` does every 5 minutes: read, judge, act."""
    controller = _controller(models)
    steps = controller.run_all() if experiment is None else [controller.run(experiment)]
    told = [
        {
            "experiment": step.experiment,
            "verdict": None if step.ruling is None else step.ruling.verdict.value,
            "reason": "" if step.ruling is None else step.ruling.reason,
            "done": step.note,
            "error": step.error,
        }
        for step in steps
    ]
    if as_json:
        typer.echo(json.dumps(told, indent=2))
        return
    for each in told:
        said = " ".join(str(part) for part in (each["reason"], each["done"], each["error"]) if part)
        Console(soft_wrap=True).print(f"{each['experiment']}: {said}", markup=False, highlight=False)


def _controller(models: Path) -> ABTestController:
    from driftline.config.loader import load_valid_models
    from driftline.monitoring.ab_tests import ABTestController
    from driftline.monitoring.connections import environment_url
    from driftline.store.engine import STORE_CONNECTION, create_store_engine

    valid = load_valid_models(models)[0] if models.is_dir() else {}
    return ABTestController(create_store_engine(environment_url(STORE_CONNECTION)), valid, environment_url)


def _ends(controller: ABTestController, config: ABTestConfig, traffic: float | None) -> dict[str, Any]:
    return {} if traffic is None else told_ends(config, controller.models.get(config.model), traffic)


def _tell_ends(ends: dict[str, Any]) -> None:
    for told in ends.get("told", ()):
        Console(soft_wrap=True).print(told, markup=False, highlight=False)


def _print(record: Any, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(record_json(record), indent=2))
    else:
        show_record(record, [], Console(soft_wrap=True))


def _person() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
