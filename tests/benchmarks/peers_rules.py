"""What Evidently and NannyML say, run by `peers.py` in an environment that has them and nothing of Driftline.

`python peers_rules.py verdicts FOLDER` judges the windows that `peers_windows.py` wrote there, `slow` those of
`slow_drift.py`;
`python peers_rules.py {evidently,nannyml} FOLDER REPEATS` times one comparison. Each prints one JSON object last.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

os.environ |= {"NML_DISABLE_USAGE_LOGGING": "1", "DO_NOT_TRACK": "1"}
warnings.simplefilter("ignore")
logging.disable(logging.WARNING)

import pandas as pd  # noqa: E402 - both read the settings above when they are imported

EVIDENTLY_ROWS = 30_000
"""Rows of the baseline, drawn at random, that Evidently gets: with all of them a window would take it 15 s."""

NANNYML_WINDOWS = 60
"""Windows of a slow drift that NannyML judges at once."""


def evidently_drifted(reference: pd.DataFrame, current: pd.DataFrame) -> list[str]:
    """Columns that the DataDriftPreset, as it comes, calls drifted."""
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    levels = [name for name in current if not pd.api.types.is_numeric_dtype(current[name])]
    definition = DataDefinition(
        numerical_columns=[name for name in current if name not in levels], categorical_columns=levels
    )
    report = Report([DataDriftPreset()]).run(
        Dataset.from_pandas(current, definition), Dataset.from_pandas(reference, definition)
    )
    return [
        metric["config"]["column"]
        for metric in report.dict()["metrics"]
        if "column" in metric["config"] and _is_drift(metric["config"], metric["value"])
    ]


def _is_drift(config: Mapping[str, Any], value: float) -> bool:
    is_p_value = config["method"].endswith("p_value")
    return bool(value < config["threshold"] if is_p_value else value >= config["threshold"])


def nannyml_alerts(reference: pd.DataFrame, windows: list[pd.DataFrame]) -> list[list[str]]:
    """Per window the columns that the UnivariateDriftCalculator, as it comes, alerts on; a chunk is a window."""
    from nannyml import UnivariateDriftCalculator

    names = list(reference.columns)
    calculator = UnivariateDriftCalculator(column_names=names, chunk_size=len(windows[0])).fit(reference)
    table = calculator.calculate(pd.concat(windows, ignore_index=True)).to_df()
    analysis = table[table["chunk", "chunk", "period"] == "analysis"]
    alerts = {name: list(analysis[name, "jensen_shannon", "alert"]) for name in names}
    return [[name for name in names if alerts[name][index]] for index in range(len(windows))]


def nannyml_joint_alerts(reference: pd.DataFrame, sets: Mapping[str, list[pd.DataFrame]]) -> dict[str, list[bool]]:
    """Per set of windows whether the DataReconstructionDriftCalculator (PCA), as it comes, alerts on each."""
    from nannyml import DataReconstructionDriftCalculator

    size = len(next(iter(sets.values()))[0])
    calculator = DataReconstructionDriftCalculator(column_names=list(reference.columns), chunk_size=size)
    calculator.fit(reference)
    found = {}
    for name, windows in sets.items():
        table = calculator.calculate(pd.concat(windows, ignore_index=True)).to_df()
        analysis = table[table["chunk", "period"] == "analysis"]
        found[name] = [bool(alert) for alert in analysis["reconstruction_error", "alert"]]
    return found


def verdicts(folder: Path) -> dict[str, Any]:
    """Judges ``window_*.parquet`` against ``reference.parquet``.

    A column ``feature_01@change`` of a window is that feature changed; its reference is the feature's. Both peers
    judge column by column, so that one run over a window with all changed columns is a run over each changed window.
    """
    reference = pd.read_parquet(folder / "reference.parquet")
    windows = [pd.read_parquet(file) for file in sorted(folder.glob("window_*.parquet"))]
    columns = list(windows[0].columns)
    sources = [name.split("@")[0] for name in columns]
    whole = reference[sources].set_axis(columns, axis=1)
    drawn = whole.sample(min(EVIDENTLY_ROWS, len(whole)), random_state=0)
    sets = {"": [window[list(reference.columns)] for window in windows]}
    joint = [name for name in columns if name.endswith("@flipped")]
    if joint:
        sets["flipped"] = [
            clean.assign(**{name.split("@")[0]: window[name] for name in joint})
            for clean, window in zip(sets[""], windows, strict=True)
        ]
    return {
        "evidently": [evidently_drifted(drawn, window) for window in windows],
        "nannyml": nannyml_alerts(whole, windows),
        "nannyml_joint": nannyml_joint_alerts(reference, sets),
    }


def slow(folder: Path) -> dict[str, list[list[str]]]:
    """What each calls drifted in the windows of ``plan.json``, up to the first that finds the drift."""
    plan = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    log = pd.read_parquet(folder / "log.parquet")
    reference = log.iloc[: plan["reference_rows"]]
    drawn = reference.sample(min(EVIDENTLY_ROWS, len(reference)), random_state=0)
    windows = [log.iloc[start:end] for start, end in plan["windows"]]
    first, drifting = plan["first_drifting"], set(plan["drifting"])
    evidently: list[list[str]] = []
    for window in windows:
        evidently.append(evidently_drifted(drawn, window))
        if len(evidently) > first and drifting & set(evidently[-1]):
            break
    nannyml: list[list[str]] = []
    for start in range(0, len(windows), NANNYML_WINDOWS):
        nannyml += nannyml_alerts(reference, windows[start : start + NANNYML_WINDOWS])
        if any(drifting & set(names) for names in nannyml[first:]):
            break
    return {"evidently": evidently, "nannyml": nannyml}


def timed(run: Callable[[pd.DataFrame, pd.DataFrame], object], folder: Path, repeats: int) -> dict[str, Any]:
    """Wall and processor seconds of each repetition, and the process's memory (MiB) before and at its peak."""
    reference = pd.read_parquet(folder / "reference.parquet")
    current = pd.read_parquet(folder / "current.parquet")
    run(reference.head(500), current.head(500))
    before, seconds, processor = peak_memory(), [], []
    for _ in range(repeats):
        began, spent = time.perf_counter(), time.process_time()
        run(reference, current)
        seconds.append(time.perf_counter() - began)
        processor.append(time.process_time() - spent)
    return {"seconds": seconds, "processor": processor, "before": before, "peak": peak_memory()}


def peak_memory() -> float:
    """Peak resident memory in MiB; of this program alone, where `ru_maxrss` starts with its parent's."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise OSError("/proc/self/status has no VmHWM; this benchmark needs Linux.")


def main() -> None:
    way, folder, *more = sys.argv[1:]
    if way == "verdicts":
        result = verdicts(Path(folder))
    elif way == "slow":
        result = slow(Path(folder))
    elif way == "evidently":
        result = timed(evidently_drifted, Path(folder), int(more[0]))
    else:
        result = timed(lambda reference, current: nannyml_alerts(reference, [current]), Path(folder), int(more[0]))
    sys.stdout.write("\n" + json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
