"""What docs/DRIFT_DETECTION.md tells the reader to type does what the page shows."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from driftline.cli.app import app
from driftline.config.model_config import DriftCheck
from driftline.drift import DriftThresholds
from driftline.drift.severity import EFFECT_LADDERS

PAGE = (Path(__file__).parents[3] / "docs" / "DRIFT_DETECTION.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """The page's code blocks in one language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    return [line for block in blocks("sh") for line in block.splitlines() if line.startswith("driftline compare ")]


@pytest.fixture(scope="module")
def months(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the page's Python has made the two files."""
    folder = tmp_path_factory.mktemp("months")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        exec(compile(blocks("python")[0], "DRIFT_DETECTION.md", "exec"), {})
    return folder


def run(command: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Result:
    monkeypatch.chdir(folder)
    return CliRunner().invoke(app, shlex.split(command)[1:])


def test_the_first_command_prints_what_the_page_shows(months: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(commands()[0], months, monkeypatch)
    assert result.exit_code == 1
    assert result.stdout.strip() == blocks("text")[0].strip()
    assert "<svg" in (months / "report.html").read_text(encoding="utf-8")


def test_the_command_for_machines_gives_what_the_page_shows(months: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(commands()[1], months, monkeypatch)
    answer, shown = json.loads(result.stdout), json.loads(blocks("json")[0])
    assert result.exit_code == 1
    assert {name: answer[name] for name in shown if name != "features"} == {
        name: value for name, value in shown.items() if name != "features"
    }
    for feature, tests in shown["features"].items():
        for test, fields in tests.items():
            for name, value in fields.items():
                is_number = isinstance(value, float)
                expected = pytest.approx(value, rel=1e-5) if is_number else value
                assert answer["features"][feature][test][name] == expected, (feature, test, name)


def test_the_page_names_every_floor_with_its_default() -> None:
    [yaml] = blocks("yaml")
    for name in ("false_alarm_rate", "minimum_rows", *(set(DriftCheck.model_fields) & set(vars(DriftThresholds())))):
        assert re.search(rf"^    {name}: {getattr(DriftThresholds(), name):g}\b", yaml, flags=re.MULTILINE), name


@pytest.mark.parametrize(
    ("row", "test"),
    [
        ("population stability index", "population_stability_index"),
        ("Kolmogorov-Smirnov", "kolmogorov_smirnov"),
        ("Wasserstein (sd)", "wasserstein"),
        ("spread", "spread"),
        ("Hellinger", "hellinger"),
        ("total variation, chi-square's effect", "total_variation"),
        ("missing share", "null_share"),
        ("never-seen levels", "new_level_share"),
    ],
)
def test_the_page_shows_the_severity_ladders(row: str, test: str) -> None:
    [line] = [line for line in PAGE.splitlines() if line.startswith(f"| {row} |")]
    assert [float(cell) for cell in line.split("|")[2:-1]] == list(EFFECT_LADDERS[test])
