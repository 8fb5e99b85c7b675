"""DAG files only declare: what they import when Airflow reads them is light."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
HEAVY = [
    "pandas",
    "numpy",
    "scipy",
    "sklearn",
    "statsmodels",
    "pyarrow",
    "great_expectations",
    "adbc_driver_postgresql",
]
_READ = """
import json, runpy, sys, time
import airflow.sdk, airflow.configuration  # what Airflow itself has loaded before it reads a file
before = set(sys.modules)
names = runpy.run_path(sys.argv[1])
print(json.dumps({"new": sorted(set(sys.modules) - before), "dags": [
    dag.dag_id for dag in names.values() if type(dag).__name__ == "DAG"]}))
"""


def _read(path: Path, home: Path) -> dict[str, list[str]]:
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
        "PYTHONPATH": str(ROOT / "plugins"),
    }
    done = subprocess.run(
        [sys.executable, "-c", _READ, str(path)], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, list[str]] = json.loads(done.stdout.strip().splitlines()[-1])
    return result


@pytest.mark.parametrize("path", sorted((ROOT / "dags").glob("*.py")), ids=lambda path: path.stem)
def test_reading_a_dag_file_loads_nothing_heavy(path: Path, tmp_path: Path) -> None:
    loaded = {name.partition(".")[0] for name in _read(path, tmp_path)["new"]}
    assert loaded & set(HEAVY) == set()


def test_every_model_file_has_its_monitor(tmp_path: Path) -> None:
    dags = _read(ROOT / "dags" / "monitor.py", tmp_path)["dags"]
    assert {"monitor__flight_delay", "monitor__arrival_delay"} <= set(dags)


_TASKS = """
import json
from pathlib import Path
from driftline.config import load_model
from driftline.dagkit.monitor_dag import monitor_dag
import sys
print(json.dumps({path: monitor_dag(load_model(Path(path))).task_ids for path in sys.argv[1:]}))
"""


def test_only_a_model_with_protected_attributes_has_the_task_of_fairness(tmp_path: Path) -> None:
    plain = (ROOT / "include" / "models" / "flight_delay.yaml").read_text(encoding="utf-8")
    (tmp_path / "plain.yaml").write_text(plain, encoding="utf-8")
    (tmp_path / "fair.yaml").write_text(f"{plain}\nfairness: {{attributes: [{{column: carrier}}]}}\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", _TASKS, str(tmp_path / "plain.yaml"), str(tmp_path / "fair.yaml")],
        env={**os.environ, "AIRFLOW_HOME": str(tmp_path), "PYTHONPATH": str(ROOT / "plugins")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    of_plain, of_fair = json.loads(done.stdout.strip().splitlines()[-1]).values()
    assert set(of_fair) - set(of_plain) == {"check_fairness"}
