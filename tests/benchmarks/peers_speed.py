"""Time and memory of one comparison, each way in a process of its own; what `peers.py` runs for its speed table.

`python peers_speed.py WAY FOLDER REPEATS` measures one of Driftline's ways or scipy and prints one JSON object; the
peers' ways are in `peers_rules.py`. FOLDER holds what `prepare` wrote: 30 normal features as Parquet, and the
reference counted.
"""

from __future__ import annotations

import gc
import json
import os
import pickle
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np
import pandas as pd

from driftline.drift import DriftDetector
from driftline.profiles import NumericBinning, NumericProfile
from tests.benchmarks.peers_rules import peak_memory

FEATURES = 30
SIZES = {"10,000 against 10,000 rows": (10_000, 10_000), "100,000 against 333,000 rows": (333_000, 100_000)}
"""Rows of the reference and of the window."""

EVIDENTLY = "Evidently, DataDriftPreset"
PEER_WAYS = {"evidently": EVIDENTLY, "nannyml": "NannyML, UnivariateDriftCalculator: fit and calculate"}
OWN_WAYS = {
    "scipy": "scipy alone: ks_2samp (asymptotic) per column",
    "frames": "Driftline from data frames: DriftDetector.detect_multivariate_drift",
    "counted": "Driftline: count the window into ready cells, and judge",
    "profiles": "Driftline: judge ready profiles",
}
WAYS = PEER_WAYS | OWN_WAYS


def prepare(folder: Path, reference_rows: int, current_rows: int) -> None:
    """Writes both sides, the reference's profiles and the window's."""
    rng = np.random.default_rng(0)
    names = [f"feature_{index:02d}" for index in range(FEATURES)]
    reference = {name: rng.normal(size=reference_rows) for name in names}
    current = {name: rng.normal(size=current_rows) for name in names}
    pd.DataFrame(reference).to_parquet(folder / "reference.parquet")
    pd.DataFrame(current).to_parquet(folder / "current.parquet")
    counted = {
        name: NumericProfile.of(values, NumericBinning.from_values(values)) for name, values in reference.items()
    }
    day = {name: NumericProfile.of(values, counted[name].binning) for name, values in current.items()}
    (folder / "reference.pickle").write_bytes(pickle.dumps(counted))
    (folder / "current.pickle").write_bytes(pickle.dumps(day))


def measured_apart(way: str, folder: Path, repeats: int, peers_python: Path) -> dict[str, Any]:
    """Runs one way in a process of its own."""
    python, script = (peers_python, "peers_rules.py") if way in PEER_WAYS else (Path(sys.executable), "peers_speed.py")
    command = [str(python), str(Path(__file__).with_name(script)), way, str(folder), str(repeats)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=dict(os.environ))
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr[-4_000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _scipy(folder: Path) -> Callable[[], object]:
    from scipy import stats

    reference, current = _frame(folder, "reference"), _frame(folder, "current")
    return lambda: [stats.ks_2samp(reference[name], current[name], method="asymp") for name in reference]


def _frames(folder: Path) -> Callable[[], object]:
    reference, current = _frame(folder, "reference"), _frame(folder, "current")
    return lambda: DriftDetector().detect_multivariate_drift(reference, current)


def _counted(folder: Path) -> Callable[[], object]:
    reference, frame = _profiles(folder, "reference"), _frame(folder, "current")
    columns = {name: frame[name].to_numpy() for name in frame}

    def count_and_judge() -> object:
        current = {name: NumericProfile.of(values, reference[name].binning) for name, values in columns.items()}
        return DriftDetector().detect_profile_drift(reference, current)

    return count_and_judge


def _ready(folder: Path) -> Callable[[], object]:
    reference, current = _profiles(folder, "reference"), _profiles(folder, "current")
    return lambda: DriftDetector().detect_profile_drift(reference, current)


def _frame(folder: Path, side: str) -> pd.DataFrame:
    return pd.read_parquet(folder / f"{side}.parquet")


def _profiles(folder: Path, side: str) -> dict[str, NumericProfile]:
    found: dict[str, NumericProfile] = pickle.loads((folder / f"{side}.pickle").read_bytes())
    return found


def main() -> None:
    way, folder, repeats = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    run = {"scipy": _scipy, "frames": _frames, "counted": _counted, "profiles": _ready}[way](folder)
    before, seconds = peak_memory(), []
    for _ in range(repeats):
        gc.collect()
        began = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - began)
    sys.stdout.write(json.dumps({"seconds": seconds, "before": before, "peak": peak_memory()}) + "\n")


if __name__ == "__main__":
    main()
