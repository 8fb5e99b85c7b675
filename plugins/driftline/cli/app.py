"""The command line: ``driftline --help``."""

from __future__ import annotations

import sys

import typer
from rich.console import Console

from driftline import __version__
from driftline.cli import (
    alerts,
    baseline,
    check,
    compare,
    demo,
    evaluate,
    experiments,
    grants,
    incidents,
    live,
    migrate,
    models,
    predictions,
    revise,
    rollbacks,
    serving,
    silence,
    watch,
)
from driftline.cli.exit_codes import ExitCode
from driftline.errors import DriftlineError

app = typer.Typer(
    name="driftline",
    help="Monitors machine-learning models in production, on Apache Airflow and Postgres.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.add_typer(models.app, name="models")
app.add_typer(baseline.app, name="baseline")
app.add_typer(demo.app, name="demo")
app.add_typer(experiments.app, name="experiments")
app.add_typer(rollbacks.app, name="rollbacks")
app.add_typer(incidents.app, name="incidents")
app.add_typer(alerts.app, name="alerts")
app.add_typer(silence.app, name="silence")
app.command(name="check")(check.check)
app.command(name="compare")(compare.compare)
app.command(name="evaluate")(evaluate.evaluate)
app.command(name="grants")(grants.grants)
app.command(name="live")(live.live)
app.command(name="mark")(serving.mark)
app.command(name="migrate")(migrate.migrate)
app.command(name="predictions")(predictions.predictions)
app.command(name="promote")(serving.promote)
app.command(name="register")(serving.register)
app.command(name="revise")(revise.revise)
app.command(name="rollback")(serving.rollback)
app.command(name="routes")(serving.routes)
app.command(name="versions")(serving.versions)
app.command(name="watch")(watch.watch)


@app.command()
def version() -> None:
    """Print the version."""
    Console().print(__version__)


def main() -> None:
    """Runs the command; what a person can mend is said in plain words, without a traceback."""
    try:
        app()
    except DriftlineError as error:
        Console(stderr=True, soft_wrap=True).print(str(error), style="red", markup=False, highlight=False)
        sys.exit(ExitCode.REFUSED)
