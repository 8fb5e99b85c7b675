"""``driftline live``: what a model does right now."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from driftline.cli.options import DEFAULT_MODELS, AsJson, Model, Models, configured_model
from driftline.config import Task

if TYPE_CHECKING:
    from driftline.live import VersionFigures
    from driftline.store.live import FeedState

PERCENTILES = {"latency_p50_ms": 0.5, "latency_p95_ms": 0.95, "latency_p99_ms": 0.99}
OUTCOMES = {
    Task.BINARY_CLASSIFICATION: ("accuracy", "precision", "recall"),
    Task.REGRESSION: ("mae", "rmse", "bias"),
}
CONFUSION = ("true_positives", "false_positives", "false_negatives", "true_negatives")
"""For a machine; a person sees what is made of them."""


def live(
    model: Model,
    minutes: Annotated[int, typer.Option(help="How many minutes to look back.", min=1, max=20_160)] = 15,
    as_json: AsJson = False,
    models: Models = DEFAULT_MODELS,
) -> None:
    """Show the last minutes of a model per version, as guard_serving counted them.

    Predictions, errors and latencies are of the predictions made in these minutes; accuracy and the like are of the
    labels that arrived in them, whatever they are about.
    """
    from driftline.monitoring.connections import environment_url
    from driftline.monitoring.live import recent_figures, recent_states
    from driftline.store.engine import STORE_CONNECTION, create_store_engine

    config = configured_model(model, models)
    store, now = create_store_engine(environment_url(STORE_CONNECTION)), datetime.now(UTC)
    figures, states = recent_figures(store, model, minutes, now), recent_states(store, model)
    if as_json:
        said = {
            "model": model,
            "minutes": minutes,
            "feeds": {state.feed.value: _state_values(state, now) for state in states},
            "versions": [_values(each, config.task) for each in figures],
        }
        typer.echo(json.dumps(said, indent=2))
    else:
        _print(model, minutes, [_values(each, config.task) for each in figures], states, now)


def _values(figures: VersionFigures, task: Task) -> dict[str, Any]:
    made, outcomes = figures.predictions, figures.outcomes
    confusion = {name: getattr(outcomes, name) for name in CONFUSION}
    return {
        "version": figures.version,
        "predictions": made.predictions,
        "errors": made.errors,
        "error_rate": made.error_rate,
        **{name: made.latency_ms(share) for name, share in PERCENTILES.items()},
        "labeled": outcomes.labeled,
        **{name: getattr(outcomes, name) for name in OUTCOMES[task]},
        **(confusion if task is Task.BINARY_CLASSIFICATION else {}),
    }


def _state_values(state: FeedState, now: datetime) -> dict[str, Any]:
    return {
        "newest_row": _iso(state.newest_row),
        "newest_row_age_seconds": _age(state.newest_row, now),
        "counted_at": _iso(state.counted_at),
        "rows_in_the_future": state.rows_ahead,
        "failing_since": _iso(state.failing_since),
        "error": state.error,
    }


def _print(model: str, minutes: int, values: list[dict[str, Any]], states: list[FeedState], now: datetime) -> None:
    console = Console(soft_wrap=True)
    if not states:
        console.print(f"{model} has not been counted yet: guard_serving does it. Is it switched on in Airflow?")
    if values:
        table = Table(f"{model}, {minutes} minutes", *(escape(each["version"]) for each in values), box=box.SIMPLE)
        for name in values[0]:
            if name not in CONFUSION and name != "version":
                table.add_row(name.replace("_", " "), *(_shown(name, each[name]) for each in values))
        console.print(table)
    elif states:
        console.print(f"{model}: nothing in the last {minutes} minutes.", highlight=False)
    for state in states:
        console.print(_sentence(state, now), markup=False, highlight=False)


def _sentence(state: FeedState, now: datetime) -> str:
    age = _age(state.newest_row, now)
    newest = "none seen yet" if age is None else f"the newest is {age:.0f} s old"
    counted = _age(state.counted_at, now)
    said = f"{state.feed}: {newest}; " + ("never counted" if counted is None else f"counted {counted:.0f} s ago")
    if state.rows_ahead:
        said += f"; {state.rows_ahead} are in the future, and count when their time has come"
    return said + (f"; cannot be counted: {state.error}" if state.error else "")


def _shown(name: str, value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.2%}" if name in {"error_rate", "accuracy", "precision", "recall"} else f"{value:,.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _age(moment: datetime | None, now: datetime) -> float | None:
    return None if moment is None else round((now - moment).total_seconds(), 1)
