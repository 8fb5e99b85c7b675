"""Driftline beside Evidently and NannyML: `python tests/benchmarks/peers.py` writes docs/evidence/drift-peers.md.

Installs both peers in an environment of their own (`.driftline/bench-peers`, once), has everyone judge the same clean
and changed windows, and times one comparison. About a quarter of an hour on 2 cores.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.benchmarks.peers_report import document
from tests.benchmarks.peers_speed import PEER_WAYS, SIZES, WAYS, measured_apart, prepare
from tests.benchmarks.peers_windows import Job, judged

ROOT = Path(__file__).parents[2]
EVIDENCE = ROOT / "docs" / "evidence" / "drift-peers.md"
ENVIRONMENT = ROOT / ".driftline" / "bench-peers" / "venv"
REQUIREMENTS = Path(__file__).with_name("peers-requirements.txt")
SIZES_JUDGED = (1_000, 10_000)
PEER_RUNS = {"10,000 against 10,000 rows": 3, "100,000 against 333,000 rows": 1}
"""So often at most the peers run: they take up to a minute."""


def peers_environment() -> Path:
    """The Python that has the peers; installed if it does not have them as pinned."""
    python, installed = ENVIRONMENT / "bin" / "python", ENVIRONMENT / "installed.txt"
    pins = REQUIREMENTS.read_text(encoding="utf-8")
    if not installed.exists() or installed.read_text(encoding="utf-8") != pins:
        uv = str(Path(sys.executable).with_name("uv"))
        subprocess.run([uv, "venv", "--clear", "--python", sys.executable, str(ENVIRONMENT)], check=True)
        subprocess.run([uv, "pip", "install", "--python", str(python), "--requirements", str(REQUIREMENTS)], check=True)
        installed.write_text(pins, encoding="utf-8")
    return python


def verdicts(jobs: list[Job], python: Path) -> Iterator[dict[str, Any]]:
    """The jobs' figures as they are done; as many at once as there are cores, each with one thread."""
    with ProcessPoolExecutor(os.cpu_count(), initializer=threadpool_limits, initargs=(1,)) as pool:
        running = {pool.submit(judged, job, python): job for job in jobs}
        for done in as_completed(running):
            yield done.result()


def speed(repeats: int, python: Path) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Title, way and measurement, one after the other."""
    for title, (reference_rows, current_rows) in reversed(SIZES.items()):
        with tempfile.TemporaryDirectory(prefix="driftline-peers-") as folder:
            prepare(Path(folder), reference_rows, current_rows)
            for way in reversed(WAYS):
                runs = min(repeats, PEER_RUNS[title]) if way in PEER_WAYS else repeats
                yield title, way, measured_apart(way, Path(folder), runs, python)


def main() -> None:
    arguments = _arguments()
    python, began = peers_environment(), time.monotonic()
    known = _known(arguments.output) if arguments.keep else {}
    figures = {"verdicts": [], "speed": {}} | known | _circumstances(python)
    jobs = [
        Job(kind, size, seed, arguments.windows)
        for size in sorted(arguments.sizes, reverse=True)
        for kind in arguments.kinds
        for seed in range(arguments.baselines)
    ]
    for found in verdicts(jobs, python) if "verdicts" in arguments.parts else ():
        figures["verdicts"] = [job for job in figures["verdicts"] if _key(job) != _key(found)] + [found]
        _write(arguments.output, figures)
        _say(f"{time.monotonic() - began:4.0f} s: {found['kind']} n={found['size']} {found['alarms']}")
    for title, way, found in speed(arguments.repeats, python) if "speed" in arguments.parts else ():
        figures["speed"].setdefault(title, {})[way] = found
        _write(arguments.output, figures)
        _say(f"{time.monotonic() - began:4.0f} s: {title}, {way} {min(found['seconds']):.3f} s")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", nargs="*", default=["verdicts", "speed"], choices=["verdicts", "speed"])
    parser.add_argument("--kinds", nargs="*", default=["iid", "seasonal"], choices=["iid", "seasonal"])
    parser.add_argument("--sizes", type=int, nargs="*", default=list(SIZES_JUDGED))
    parser.add_argument("--baselines", type=int, default=4)
    parser.add_argument("--windows", type=int, default=10, help="after each baseline")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--keep", action="store_true", help="keep the figures of earlier runs that this one has not")
    parser.add_argument("--output", type=Path, default=EVIDENCE)
    return parser.parse_args()


def _circumstances(python: Path) -> dict[str, Any]:
    script = "import json, importlib.metadata as m; print(json.dumps({n: m.version(n) for n in %r}))"
    peers = ["evidently", "nannyml", "pandas", "numpy", "scipy", "scikit-learn", "statsmodels"]
    answer = subprocess.run([str(python), "-c", script % peers], check=True, capture_output=True, text=True).stdout
    own = ("numpy", "scipy", "pandas", "scikit-learn")
    return {
        "made": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "machine": f"{_processor()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start",
        "versions": {"Python": platform.python_version()} | {name: metadata.version(name) for name in own},
        "peer_versions": json.loads(answer),
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def _key(job: dict[str, Any]) -> tuple[str, int, int]:
    return job["kind"], job["size"], job["seed"]


def _known(path: Path) -> dict[str, Any]:
    figures = path.with_suffix(".json")
    return json.loads(figures.read_text(encoding="utf-8")) if figures.exists() else {}


def _write(path: Path, figures: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(document(figures), encoding="utf-8")
    path.with_suffix(".json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
