"""The guard's task starts 4,320 times a day: what it imports is light."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HEAVY = {
    "pandas",
    "numpy",
    "scipy",
    "sklearn",
    "statsmodels",
    "pyarrow",
    "great_expectations",
    "adbc_driver_postgresql",
}
_IMPORT = "import sys, driftline.monitoring.live; print(*{name.partition('.')[0] for name in sys.modules})"


def test_counting_live_figures_imports_nothing_heavy() -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3] / "plugins")}
    done = subprocess.run([sys.executable, "-c", _IMPORT], env=environment, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "psycopg" in loaded
    assert loaded & HEAVY == set()
