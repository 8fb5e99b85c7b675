"""The Markdown of `slow_drift.py`, from its runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tests.benchmarks.false_alarms import share_in_words

Runs = Sequence[dict[str, Any]]
LEADING_FLOOR = "PSI 0.1"


def document(runs: Runs) -> str:
    lines = [
        "# A slow drift: on which day is it seen?",
        "",
        "Made by `python tests/benchmarks/slow_drift.py`. Logs as in false_alarms.md, 10,000 rows a day, baseline",
        "of 28 days, then 14 clean days, then 5 of 30 features move linearly by up to 1 sd (of a row's own noise)",
        "over 90 days. Windows of 24 h every 6 h, merged from hourly profiles; calibrated at 1 % per window. The",
        "same rows for all; the peers as in drift-peers.md (Evidently: any column, 30,000 rows of the baseline;",
        "NannyML: any feature), on fewer seeds and one window a day.",
        "",
        "A drift is *material* from the day on which it is beyond an effect floor, computed exactly: the baseline's",
        "true distribution against the same moved by the drift, the first of the five features. Detection is the",
        "end of the first window in which one of the five is called drifted; its delay in days is counted from the",
        "material day (negative: before it; wanted: at most 1). A rule that alarms in clean windows finds every",
        "drift at once: read the false alarms.",
    ]
    for kind in dict.fromkeys(run["kind"] for run in runs):
        lines += ["", *_kind([run for run in runs if run["kind"] == kind], kind)]
    return "\n".join([*lines, ""])


def _kind(runs: Runs, kind: str) -> list[str]:
    floors = list(runs[0]["material"])
    days = {floor: [run["material"][floor] for run in runs] for floor in floors}
    lines = [
        f"## {kind} ({len(runs)} seeds)",
        "",
        "Material on day (over the seeds): " + "; ".join(f"{floor}: {_span(days[floor])}" for floor in floors) + ".",
        "",
        "| rule | seeds | clean windows that alarm | first seen on day, median (range) | "
        + " | ".join(f"delay after {floor}" for floor in floors)
        + " |",
        "|---|---:|---:|---:|" + "---:|" * len(floors),
    ]
    for rule in dict.fromkeys(rule for run in runs for rule in run["rules"]):
        judged = [run for run in runs if rule in run["rules"]]
        told = [run["rules"][rule] for run in judged]
        found = [each["found_day"] for each in told if each["found_day"] is not None]
        alarms, clean = sum(each["alarms"] for each in told), sum(each["clean"] for each in told)
        delays = [_delay(judged, rule, floor) for floor in floors]
        missed = f", {len(told) - len(found)} never" if len(found) < len(told) else ""
        lines.append(
            f"| {rule} | {len(judged)} | {share_in_words(alarms, clean)} | {_span(found)}{missed} | "
            + " | ".join(delays)
            + " |"
        )
    return lines


def _delay(runs: Runs, rule: str, floor: str) -> str:
    return _span(
        [
            run["rules"][rule]["found_day"] - run["material"][floor]
            for run in runs
            if run["rules"][rule]["found_day"] is not None
        ]
    )


def _span(values: Sequence[float]) -> str:
    if not values:
        return "–"
    return f"{np.median(values):.1f} ({min(values):.1f} to {max(values):.1f})"
