"""Arguments and options that several commands share."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from driftline.cli.exit_codes import ExitCode
from driftline.cli.options import configured_model, described_models, moment
from driftline.errors import ConfigError, InputError

VALID = """
model: {name}
task: binary_classification
connection: prediction_log
predictions: {{table: log.predictions, id: id, time: at, version: v, prediction: p}}
features: discover
baseline: {{first: 7d}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two valid files and a broken one."""
    for name in ("fraud", "churn"):
        (tmp_path / f"{name}.yaml").write_text(VALID.format(name=name), encoding="utf-8")
    (tmp_path / "broken.yml").write_text("model: [", encoding="utf-8")
    return tmp_path


def test_a_model_is_found_though_another_file_is_broken(folder: Path) -> None:
    assert configured_model("churn", folder).model == "churn"


def test_a_model_that_nothing_describes_is_refused_with_all_faults_and_all_names(folder: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        configured_model("Fraud", folder)
    assert "broken.yml: is not valid YAML" in str(refused.value)
    assert "no valid file describes the model 'Fraud'. There are: churn, fraud." in str(refused.value)


def test_an_empty_folder_describes_none(tmp_path: Path) -> None:
    assert described_models(tmp_path) == ({}, [])
    with pytest.raises(ConfigError, match="There are: none"):
        configured_model("fraud", tmp_path)


def test_a_file_in_the_folders_place_is_refused(folder: Path) -> None:
    with pytest.raises(ConfigError, match="no such folder"):
        described_models(folder / "fraud.yaml")


@pytest.mark.parametrize("written", ["2026-03-08T06:00:00Z", "2026-03-08T01:00:00-05:00", "2026-03-08 06:00+00"])
def test_a_moment_is_read_in_its_zone(written: str) -> None:
    assert moment(written, "--from") == datetime(2026, 3, 8, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("2026-03-08", "--from 2026-03-08T00:00:00 has no time zone. Write one"),
        ("2026-02-30T00:00:00Z", "--from is '2026-02-30T00:00:00Z', which is no date and time"),
        ("", "--from is '', which is no date and time"),
    ],
)
def test_what_is_no_moment_names_its_option(written: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        moment(written, "--from")


def test_exit_codes_are_those_that_scripts_rely_on() -> None:
    assert {code.name: int(code) for code in ExitCode} == {"CLEAR": 0, "FOUND": 1, "REFUSED": 2}


@pytest.mark.parametrize(
    "module",
    ["driftline.cli.app", "driftline.config", "driftline.monitoring.schedule", "driftline.monitoring.connections"],
)
def test_what_every_command_and_dag_file_imports_is_light(module: str) -> None:
    heavy = ("pandas", "scipy", "sklearn", "statsmodels", "great_expectations", "pyarrow", "airflow", "numpy")
    program = f"import sys, {module}; print([name for name in {heavy!r} if name in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
