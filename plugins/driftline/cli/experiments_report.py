"""An experiment as a person reads it in a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from driftline.store.experiment_verdicts import VerdictRecord
    from driftline.store.experiments import ExperimentRecord


def show_record(record: ExperimentRecord, history: Sequence[VerdictRecord], console: Console) -> None:
    """Prints it."""
    config = record.config
    arms = ", ".join(f"{version} {percent:g} %" for version, percent in config.percents(record.stage).items())
    stage = f"stage {record.stage + 1} of {len(config.stages)}, {config.coverage(record.stage):g} % of the traffic"
    lines = [f"{record.experiment} ({record.model}): {record.status.value}; {arms}; {stage}; control {config.control}"]
    lines += [f"{what}: {why}" for what, why in (("Ended", record.end_reason), ("Held", record.held_reason)) if why]
    lines += [f"The last look failed: {record.error}"] if record.error else []
    for line in lines:
        console.print(line, markup=False, highlight=False)
    if record.analysis is not None:
        _show_analysis(record.analysis, console)
        _show_horizon(record, record.analysis, console)
    for verdict in history:
        who = f"{verdict.actor}, overriding" if verdict.is_override else verdict.actor
        said = f"{verdict.decided_at:%Y-%m-%d %H:%M} {verdict.verdict.value} ({who}): {verdict.ruling.reason}"
        console.print(said, markup=False, highlight=False)


def _show_analysis(analysis: dict[str, Any], console: Console) -> None:
    planned = f" of {analysis['planned_samples']}" if analysis["planned_samples"] else ""
    console.print(
        f"Last look {analysis['at']}: {analysis['verdict']}. {analysis['reason']}\n"
        f"{analysis['samples']}{planned} samples; {analysis['method']}, because {analysis['method_reason']}",
        markup=False,
        highlight=False,
    )
    table = Table("metric", "version", "role", "control", "treatment", "difference", "interval", "p", box=box.SIMPLE)
    for result in analysis["results"]:
        name = f"{result['metric']} {result['group']}".strip()
        if result["reason"]:
            table.add_row(escape(name), escape(result["treatment"]), result["role"], escape(result["reason"]))
            continue
        low, high = result["interval"]
        table.add_row(
            escape(name),
            escape(result["treatment"]),
            result["role"],
            *(_number(result[key]) for key in ("control_value", "treatment_value", "effect")),
            f"{_number(low)} to {_number(high)}",
            _number(result["p_value"]),
        )
    console.print(table)
    ratio = analysis["sample_ratio"]
    seen = ", ".join(f"{arm} {count}" for arm, count in ratio["observed"].items())
    told = ratio["reason"] or f"p = {ratio['p_value']:.3g}"
    console.print(
        f"Units: {seen} ({told}{': MISMATCH' if ratio['is_mismatch'] else ''})", markup=False, highlight=False
    )


def _show_horizon(record: ExperimentRecord, analysis: dict[str, Any], console: Console) -> None:
    """How many samples the smallest effect that matters takes, from how good the control has been so far."""
    from driftline.experiments.planning import horizon_for

    design = record.config.design(record.stage)
    first = design.primary[0] if design.primary else None
    found = [each for each in analysis["results"] if first and each["metric"] == first.name and not each["reason"]]
    needed = horizon_for(design, found[0]["control_value"]) if found else None
    if needed is not None and first is not None:
        effect = f"{first.minimum_effect:g} of {first.name}"
        said = f"To see {effect} with a power of {design.power:.0%} takes {needed} samples."
        console.print(said, markup=False, highlight=False)


def _number(value: Any) -> str:
    return value if isinstance(value, str) else "–" if value is None else f"{value:.4g}"
