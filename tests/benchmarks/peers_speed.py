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
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np
import pandas as pd

from driftline.drift import DriftDetector, ReportFormat, build_calibration
from driftline.profiles import NumericBinning, NumericProfile
from tests.benchmarks.drift_data import START, window_at
from tests.benchmarks.peers_rules import peak_memory

FEATURES = 30
BASELINE_DAYS, WINDOW_HOURS = 28, 24
WINDOW = window_at(24 * BASELINE_DAYS)
SIZES = {"10,000 against 10,000 rows": (10_000, 10_000), "100,000 against 333,000 rows": (333_000, 100_000)}
"""Rows of the reference and of the window."""

EVIDENTLY = "Evidently, DataDriftPreset"
PEER_WAYS = {"evidently": EVIDENTLY, "nannyml": "NannyML, UnivariateDriftCalculator: fit and calculate"}
OWN_WAYS = {
    "scipy": "scipy alone: ks_2samp (asymptotic) per column",
    "frames": "Driftline, arrays: DriftDetector.detect_multivariate_drift on both data frames",
    "counted": "Driftline, ready baseline: count the window, judge it calibrated, write the HTML report",
    "profiles": "Driftline, ready profiles: judge them calibrated",
    "analytic": "Driftline, ready profiles: judge them without a calibration",
}
WAYS = PEER_WAYS | OWN_WAYS


def prepare(folder: Path, reference_rows: int, current_rows: int) -> None:
    """Writes both sides, the reference's profiles and the window's, and the calibration on the reference's hours."""
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
    calibration = build_calibration(_hourly(reference, counted), WINDOW_HOURS)
    assert calibration.is_calibrated, calibration.reason
    (folder / "calibration.pickle").write_bytes(pickle.dumps(calibration))
    (folder / "reference.pickle").write_bytes(pickle.dumps(counted))
    (folder / "current.pickle").write_bytes(pickle.dumps(day))


def _hourly(
    reference: dict[str, np.ndarray], counted: dict[str, NumericProfile]
) -> list[tuple[datetime, dict[str, NumericProfile]]]:
    """The reference's rows as the hours of 28 days."""
    hours = 24 * BASELINE_DAYS
    parts = {name: np.array_split(values, hours) for name, values in reference.items()}
    return [
        (
            START + timedelta(hours=hour),
            {name: NumericProfile.of(part[hour], counted[name].binning) for name, part in parts.items()},
        )
        for hour in range(hours)
    ]


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
    reference, frame, detector = _profiles(folder, "reference"), _frame(folder, "current"), _calibrated(folder)
    columns = {name: frame[name].to_numpy() for name in frame}

    def count_judge_and_report() -> object:
        current = {name: NumericProfile.of(values, reference[name].binning) for name, values in columns.items()}
        verdict = detector.detect_profile_drift(reference, current, window=WINDOW)
        return detector.generate_drift_report(verdict, "Drift", ReportFormat.HTML)

    return count_judge_and_report


def _ready(folder: Path) -> Callable[[], object]:
    reference, current, detector = _profiles(folder, "reference"), _profiles(folder, "current"), _calibrated(folder)
    return lambda: detector.detect_profile_drift(reference, current, window=WINDOW)


def _analytic(folder: Path) -> Callable[[], object]:
    reference, current = _profiles(folder, "reference"), _profiles(folder, "current")
    return lambda: DriftDetector().detect_profile_drift(reference, current)


def _calibrated(folder: Path) -> DriftDetector:
    return DriftDetector(calibration=pickle.loads((folder / "calibration.pickle").read_bytes()))


def _frame(folder: Path, side: str) -> pd.DataFrame:
    return pd.read_parquet(folder / f"{side}.parquet")


def _profiles(folder: Path, side: str) -> dict[str, NumericProfile]:
    found: dict[str, NumericProfile] = pickle.loads((folder / f"{side}.pickle").read_bytes())
    return found


def main() -> None:
    way, folder, repeats = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    run = {"scipy": _scipy, "frames": _frames, "counted": _counted, "profiles": _ready, "analytic": _analytic}[way](
        folder
    )
    run()  # templates and lookup tables are made once per process
    before, seconds, processor = peak_memory(), [], []
    for _ in range(repeats):
        gc.collect()
        began, spent = time.perf_counter(), time.process_time()
        run()
        seconds.append(time.perf_counter() - began)
        processor.append(time.process_time() - spent)
    found = {"seconds": seconds, "processor": processor, "before": before, "peak": peak_memory()}
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
