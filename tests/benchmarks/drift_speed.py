"""How long does the drift check take? `python tests/benchmarks/drift_speed.py` writes the evidence.

A day of 100,000 rows of 30 features against a baseline of 333,000: counting, judging, reporting, beside scipy alone.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import numpy as np
from scipy import stats

sys.path.insert(0, str(Path(__file__).parents[2]))

from driftline.drift import Calibration, DriftDetector, DriftVerdict, ReportFormat, build_calibration
from driftline.drift.localization import LocalizationEvidence, localize_drift
from driftline.profiles import NumericBinning, NumericProfile, merge
from tests.benchmarks.drift_data import START, Baseline, Columns, Log, window_at

EVIDENCE = Path(__file__).parents[2] / "docs" / "evidence" / "drift_speed.md"
FEATURES, BASELINE_ROWS, DAY_ROWS, SMALL_ROWS = 30, 333_000, 100_000, 10_000
REPEATS = 5


def best_of(run: Callable[[], object], repeats: int = REPEATS) -> tuple[float, float]:
    """Wall and processor seconds of the fastest of several runs: what the machine's other work disturbs least."""
    seconds = []
    for _ in range(repeats):
        wall, processor = time.perf_counter(), time.process_time()
        run()
        seconds.append((time.perf_counter() - wall, time.process_time() - processor))
    return min(wall for wall, _ in seconds), min(processor for _, processor in seconds)


def measured() -> dict[str, tuple[float, float]]:
    rng = np.random.default_rng(0)
    reference = {f"f{index}": rng.normal(size=BASELINE_ROWS) for index in range(FEATURES)}
    current = {f"f{index}": rng.normal(size=DAY_ROWS) for index in range(FEATURES)}
    small = {name: values[:SMALL_ROWS] for name, values in current.items()}
    binnings = {name: NumericBinning.from_values(values) for name, values in reference.items()}
    counted = {name: NumericProfile.of(values, binnings[name]) for name, values in reference.items()}

    def count_day() -> dict[str, NumericProfile]:
        return {name: NumericProfile.of(values, binnings[name]) for name, values in current.items()}

    day, detector = count_day(), DriftDetector()
    log = Log.of(0, 24 * 30, SMALL_ROWS, seasonal=True)
    baseline = Baseline.of(log, 28)
    calibration = build_calibration(baseline.slices, 24)
    calibrated = DriftDetector(calibration=calibration)
    window, now = window_at(24 * 28), baseline.counter.profiles(log.columns(24 * 28, 24))
    verdict = calibrated.detect_profile_drift(baseline.reference, now, window=window)
    drifted, evidence = _drifted(log, baseline, calibration)
    return {
        "count a day of 100,000 rows into the baseline's cells": best_of(count_day),
        "all tests on ready profiles, analytic": best_of(lambda: detector.detect_profile_drift(counted, day)),
        "all tests on ready profiles, calibrated, season taken off": best_of(
            lambda: calibrated.detect_profile_drift(baseline.reference, now, window=window)
        ),
        "HTML report with all distributions": best_of(
            lambda: calibrated.generate_drift_report(verdict, "Drift", ReportFormat.HTML)
        ),
        "locate the drift of all features (hour of 14 days, groups)": best_of(
            lambda: localize_drift(drifted, window, evidence)
        ),
        "arrays, 10,000 against 10,000 rows, all tests, exact": best_of(
            lambda: detector.detect_multivariate_drift(small, small)
        ),
        "arrays, 100,000 against 333,000 rows, all tests": best_of(
            lambda: detector.detect_multivariate_drift(reference, current), 2
        ),
        "scipy.stats.ks_2samp alone, 100,000 against 333,000 rows": best_of(
            lambda: [stats.ks_2samp(reference[name], current[name], method="asymp") for name in reference], 2
        ),
        "build the calibration (672 hourly profiles of 30 features)": best_of(
            lambda: build_calibration(baseline.slices, 24), 2
        ),
    }


def _drifted(log: Log, baseline: Baseline, calibration: Calibration) -> tuple[DriftVerdict, LocalizationEvidence]:
    """A window in which all features drift from its sixth hour on, and the hours of two weeks."""
    hours = range(24 * 15, 24 * 29)
    profiles = [baseline.counter.profiles(_shifted(log.columns(hour, 1), hour >= 24 * 28 + 6)) for hour in hours]
    current = {name: merge([each[name] for each in profiles[-24:]]) for name in baseline.reference}
    verdict = DriftDetector(calibration=calibration).detect_profile_drift(
        baseline.reference, current, window=window_at(24 * 28)
    )
    starts = [START + timedelta(hours=hour) for hour in hours]
    history = {name: list(zip(starts, [each[name] for each in profiles], strict=True)) for name in current}
    seasons = {name: each.season for name, each in calibration.features.items()}
    return verdict, LocalizationEvidence(history=history, seasons=seasons)


def _shifted(columns: Columns, is_changed: bool) -> Columns:
    if not is_changed:
        return columns
    return {
        name: values + 1.5 if values.dtype.kind == "f" else np.where(values % 2, values, 0)
        for name, values in columns.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=EVIDENCE)
    arguments = parser.parse_args()
    load = os.getloadavg()[0]
    seconds = measured()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    lines = [
        "# Speed of the drift check",
        "",
        f"By `python tests/benchmarks/drift_speed.py`; {FEATURES} features, {os.cpu_count()} cores, load {load:.1f}",
        f"at the start, fastest of {REPEATS} runs (2 of the long ones), peak memory of the process {peak:,.0f} MB.",
        "",
        "| what | wall time | processor time |",
        "|---|---:|---:|",
        *(f"| {what} | {wall * 1e3:,.1f} ms | {spent * 1e3:,.1f} ms |" for what, (wall, spent) in seconds.items()),
        "",
    ]
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text("\n".join(lines), encoding="utf-8")
    sys.stdout.write("\n".join(lines))


if __name__ == "__main__":
    main()
