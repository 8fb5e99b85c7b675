"""`driftline predictions` on files, as a person or a pipeline calls it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from driftline.cli.app import app
from driftline.errors import DriftlineError


def outputs(positive_share: float, seed: int, rows: int = 5_000) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    said = rng.random(rows) < positive_share
    return pd.DataFrame({"p": said.astype(int), "s": np.clip(rng.normal(0.3 + 0.4 * said, 0.1), 0, 1)})


@pytest.fixture
def before(tmp_path: Path) -> Path:
    path = tmp_path / "before.parquet"
    outputs(0.05, seed=1).to_parquet(path)
    return path


def written(tmp_path: Path, frame: pd.DataFrame, name: str = "after.csv") -> Path:
    path = tmp_path / name
    frame.to_csv(path, index=False)
    return path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["predictions", *map(str, arguments)], env={"COLUMNS": "200"})


def test_a_class_balance_shift_exits_with_1_and_is_named(before: Path, tmp_path: Path) -> None:
    after = written(tmp_path, outputs(0.20, seed=2))
    result = run(before, after, "-p", "p", "-s", "s", "--json")
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    assert document["anomaly_detected"] is True
    assert document["task"] == "binary"
    balance = document["subjects"]["prediction"]["class_balance"]
    assert balance["status"] == "detected"
    assert balance["statistic"] == pytest.approx(0.2, abs=0.02)
    table = run(before, after, "-p", "p")
    assert table.exit_code == 1
    assert "class_balance" in table.stdout


def test_more_of_the_same_exits_with_0(before: Path, tmp_path: Path) -> None:
    result = run(before, written(tmp_path, outputs(0.05, seed=3)), "-p", "p", "-s", "s")
    assert result.exit_code == 0
    assert "No anomaly" in result.stdout


def test_several_classes_are_compared_as_a_whole(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    before = written(tmp_path, pd.DataFrame({"p": rng.choice(["a", "b", "c"], 3_000)}), "before.csv")
    after = written(tmp_path, pd.DataFrame({"p": rng.choice(["a", "b", "c"], 3_000, p=[0.7, 0.2, 0.1])}))
    document = json.loads(run(before, after, "-p", "p", "--json").stdout)
    assert document["task"] == "multiclass"
    assert document["subjects"]["prediction"]["class_balance"]["status"] == "detected"


def test_a_regression_that_became_impossible_is_found(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    before = written(tmp_path, pd.DataFrame({"p": rng.gamma(3, 1, 3_000)}), "before.csv")
    after = written(tmp_path, pd.DataFrame({"p": [*rng.gamma(3, 1, 2_999), -1.0]}))
    assert run(before, after, "-p", "p").exit_code == 0
    document = json.loads(run(before, after, "-p", "p", "--lowest", "0", "--json").stdout)
    assert document["task"] == "regression"
    assert document["subjects"]["prediction"]["impossible_values"]["status"] == "detected"


@pytest.mark.parametrize(
    ("columns", "arguments", "said"),
    [
        ({"q": [1, 0]}, ["-p", "p"], "has no column 'p'"),
        ({"p": ["yes", "no"]}, ["-p", "p", "-t", "binary"], "their classes cannot be matched"),
        ({"p": [1, 0], "s": [0.5, 7]}, ["-p", "p", "-s", "s"], "'s' holds 7 in row 2"),
        ({"p": []}, ["-p", "p"], "has no rows"),
        ({"p": [1, 2]}, ["-p", "p", "-t", "binary"], "holds 3 classes ('0', '1', '2'); a binary task has two"),
        ({"p": [1, 0]}, ["-p", "p", "--positive", "9"], "--positive is '9', which is never seen"),
        ({"p": [1, 0]}, ["-p", "p", "-t", "regression", "--positive", "1"], "a regression has none"),
        ({"p": [1, 0], "s": [1, 0]}, ["-p", "p", "-t", "regression", "-s", "s"], "a regression has none"),
        ({"p": [1, 0]}, ["-p", "p", "--false-alarm-rate", "2"], "false_alarm_rate is 2.0"),
    ],
)
def test_bad_input_is_refused_in_words(
    before: Path, tmp_path: Path, columns: dict[str, Any], arguments: list[str], said: str
) -> None:
    error = run(before, written(tmp_path, pd.DataFrame(columns)), *arguments).exception
    assert isinstance(error, DriftlineError), error
    assert said in str(error)
