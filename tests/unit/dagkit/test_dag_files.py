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
# As Airflow does it: what it has loaded itself is there, and each file is read in a fork of that.
_READ = """
import json, os, runpy, sys
import airflow.sdk, airflow.configuration
before = set(sys.modules)
for path in sys.argv[1:]:
    sys.stdout.flush()
    if (child := os.fork()) == 0:
        names = runpy.run_path(path)
        print(json.dumps({"path": path, "new": sorted(set(sys.modules) - before), "dags": [
            dag.dag_id for dag in names.values() if type(dag).__name__ == "DAG"]}), flush=True)
        os._exit(0)
    if os.waitpid(child, 0)[1] != 0:
        sys.exit(f"{path} cannot be read")
"""
DAG_FILES = sorted((ROOT / "dags").glob("*.py"))


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, dict[str, list[str]]]:
    """What reading each file loads, and the DAGs in it."""
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(tmp_path_factory.mktemp("airflow")),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
        "PYTHONPATH": str(ROOT / "plugins"),
    }
    done = subprocess.run(
        [sys.executable, "-c", _READ, *map(str, DAG_FILES)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    results = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"path"')]
    return {Path(result["path"]): result for result in results}


@pytest.mark.parametrize("path", DAG_FILES, ids=lambda path: path.stem)
def test_reading_a_dag_file_loads_nothing_heavy(read: dict[Path, dict[str, list[str]]], path: Path) -> None:
    loaded = {name.partition(".")[0] for name in read[path]["new"]}
    assert loaded & set(HEAVY) == set()


def test_every_model_file_has_its_monitor(read: dict[Path, dict[str, list[str]]]) -> None:
    dags = read[ROOT / "dags" / "monitor.py"]["dags"]
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
    plain = (ROOT / "include" / "models" / "arrival_delay.yaml").read_text(encoding="utf-8")
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
