"""`driftline compare` on files, as a person or a pipeline calls it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from driftline.cli.app import app
from driftline.errors import DriftlineError


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """5,000 rows of three columns, as Parquet, and the same with one of them shifted by 0.5 sd, as CSV."""
    rng = np.random.default_rng(7)
    frame = pd.DataFrame(
        {
            "amount": rng.normal(size=5_000),
            "country": rng.choice(["DE", "FR"], 5_000),
            "items": rng.integers(0, 5, 5_000),
        }
    )
    shifted = frame.assign(amount=rng.normal(0.5, 1, 5_000))
    frame.to_parquet(tmp_path / "before.parquet")
    shifted.to_csv(tmp_path / "after.csv", index=False)
    return tmp_path / "before.parquet", tmp_path / "after.csv"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["compare", *map(str, arguments)])


def test_drift_is_named_and_exits_with_1(files: tuple[Path, Path]) -> None:
    result = run(*files)
    assert result.exit_code == 1
    assert "amount" in result.stdout


def test_a_file_against_itself_exits_with_0(files: tuple[Path, Path]) -> None:
    assert run(files[0], files[0]).exit_code == 0


def test_json_has_every_test_of_every_column(files: tuple[Path, Path]) -> None:
    answer = json.loads(run(*files, "--json").stdout)
    assert answer["drifted_features"] == ["amount"]
    ks = answer["features"]["amount"]["kolmogorov_smirnov"]
    expected = {"statistic", "p_value", "threshold", "effect", "severity", "detected", "status", "reason"}
    assert expected <= set(ks)
    assert ks["detected"] is True
    assert answer["features"]["country"]["chi_square"]["detected"] is False


def test_where_nothing_can_be_evaluated_nothing_is_called_clear(files: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "header.csv").write_text("amount,country,items\n")
    result = run(files[0], tmp_path / "header.csv")
    assert result.exit_code == 2
    assert "Nothing could be evaluated" in result.stdout
    assert "0 rows; at least 200 are needed" in result.stdout


def test_a_column_of_times_is_named_and_hides_no_other(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for month, shift in ((1, 0), (2, 1)):
        times = pd.date_range(f"2026-0{month}-01", periods=500, freq="h", tz="UTC")
        frame = pd.DataFrame({"at": times, "amount": rng.normal(shift, 1, 500)})
        frame.to_parquet(tmp_path / f"{month}.parquet")
    answer = json.loads(run(tmp_path / "1.parquet", tmp_path / "2.parquet", "--json").stdout)
    assert answer["drifted_features"] == ["amount"]
    assert "points in time" in answer["features"]["at"]["chi_square"]["reason"]


def test_html_is_one_file_that_loads_nothing(files: tuple[Path, Path], tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    run(*files, "--html", page)
    assert "<svg" in page.read_text()
    assert "src=" not in page.read_text()


def test_only_the_named_columns_are_compared(files: tuple[Path, Path]) -> None:
    answer = json.loads(run(*files, "-c", "country", "-c", "items", "--json").stdout)
    assert set(answer["features"]) == {"country", "items"}
    assert answer["drift_detected"] is False


def test_numbers_can_be_compared_as_levels(files: tuple[Path, Path]) -> None:
    answer = json.loads(run(*files, "-c", "items", "-k", "items=categorical", "--json").stdout)
    assert "chi_square" in answer["features"]["items"]
    assert "kolmogorov_smirnov" not in answer["features"]["items"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-c", "nothing"], "has no column 'nothing'"),
        (["-k", "amount"], "NAME=numeric"),
        (["-k", "country=numeric"], "cannot be read as numeric"),
        (["--html", "/nonexistent/folder/report.html"], "cannot be written"),
        (["--false-alarm-rate", "2"], "false_alarm_rate"),
    ],
)
def test_bad_options_are_refused_in_words(files: tuple[Path, Path], arguments: list[str], said: str) -> None:
    refusal = run(*files, *arguments).exception
    assert isinstance(refusal, DriftlineError)
    assert said in str(refusal)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("absent.csv", None, "no such file"),
        ("notes.txt", b"a", "neither Parquet"),
        ("broken.parquet", b"not parquet", "cannot be read"),
        ("empty.csv", b"", "cannot be read"),
    ],
)
def test_bad_files_are_refused_in_words(
    files: tuple[Path, Path], tmp_path: Path, name: str, content: bytes | None, said: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    refusal = run(files[0], tmp_path / name).exception
    assert isinstance(refusal, DriftlineError)
    assert said in str(refusal)
