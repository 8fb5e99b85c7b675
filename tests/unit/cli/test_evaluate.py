"""`driftline evaluate` on files, as a person or a pipeline calls it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sklearn_metrics
from typer.testing import CliRunner, Result

from driftline.cli.app import app
from driftline.errors import DriftlineError


def binary(rows: int = 4_000, seed: int = 1, flipped: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 2, rows)
    score = np.clip(rng.normal(0.3 + 0.4 * label, 0.2), 0, 1)
    said = (score > 0.5).astype(int)
    return pd.DataFrame({"y": label, "p": np.where(rng.random(rows) < flipped, 1 - said, said), "s": score})


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good.parquet"
    binary().to_parquet(path)
    return path


def written(tmp_path: Path, name: str = "file.parquet", **columns: Any) -> Path:
    path = tmp_path / name
    frame = pd.DataFrame(columns)
    frame.to_parquet(path) if name.endswith("parquet") else frame.to_csv(path, index=False)
    return path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["evaluate", *map(str, arguments)], env={"COLUMNS": "160"})


def answer(*arguments: object) -> dict[str, Any]:
    result = run(*arguments, "--json")
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def refusal(*arguments: object) -> str:
    error = run(*arguments).exception
    assert isinstance(error, DriftlineError), error
    return str(error)


COLUMNS = ("--label", "y", "--prediction", "p")


def test_a_binary_file_gives_scikit_learns_metrics_with_intervals(good: Path) -> None:
    frame = pd.read_parquet(good)
    found = answer(good, *COLUMNS, "--score", "s")
    assert (found["task"], found["positive_label"], found["rows"], found["labeled_rows"]) == (
        "binary",
        "1",
        4_000,
        4_000,
    )
    metrics = found["metrics"]
    assert metrics["f1"]["value"] == pytest.approx(sklearn_metrics.f1_score(frame.y, frame.p))
    assert metrics["roc_auc"]["value"] == pytest.approx(sklearn_metrics.roc_auc_score(frame.y, frame.s))
    assert metrics["f1"]["interval_low"] < metrics["f1"]["value"] < metrics["f1"]["interval_high"]
    assert found["confusion_matrix"]["classes"] == ["0", "1"]
    assert found["confusion_matrix"]["counts"] == sklearn_metrics.confusion_matrix(frame.y, frame.p).tolist()


def test_a_person_sees_a_table(good: Path) -> None:
    result = run(good, *COLUMNS, "--score", "s")
    assert result.exit_code == 0
    assert "ROC-AUC" in result.stdout
    assert "Confusion matrix" in result.stdout


def test_undefined_metrics_say_why_and_are_no_error(good: Path) -> None:
    metrics = answer(good, *COLUMNS)["metrics"]
    assert metrics["roc_auc"]["status"] == "not_evaluated"
    assert metrics["roc_auc"]["value"] is None
    assert "valid score" in metrics["roc_auc"]["reason"]


def test_several_classes_with_a_score_each(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    label = rng.choice(["ant", "bee", "cow"], 900)
    scores = rng.dirichlet([1, 1, 1], 900)
    predicted = np.array(["ant", "bee", "cow"])[scores.argmax(axis=1)]
    columns = {
        "y": label,
        "p": predicted,
        **{f"s_{one}": scores[:, at] for at, one in enumerate(("ant", "bee", "cow"))},
    }
    path = written(tmp_path, **columns)
    wanted = [argument for one in ("cow", "ant", "bee") for argument in ("--score", f"{one}=s_{one}")]
    found = answer(path, *COLUMNS, *wanted)
    assert found["task"] == "multiclass"
    assert found["metrics"]["f1_macro"]["value"] == pytest.approx(
        sklearn_metrics.f1_score(label, predicted, average="macro")
    )
    assert found["metrics"]["roc_auc_ovr"]["value"] == pytest.approx(
        sklearn_metrics.roc_auc_score(label, scores, multi_class="ovr")
    )
    assert set(found["classes"]) == {"ant", "bee", "cow"}
    assert run(path, *COLUMNS).exit_code == 0


def test_a_regression_from_csv_leaves_out_what_is_missing_and_says_so(tmp_path: Path) -> None:
    path = written(tmp_path, "file.csv", y=[1.5, 2.0, None, 4.5], p=[1.0, 2.0, 3.0, 2.0])
    found = answer(path, *COLUMNS)
    assert found["task"] == "regression"
    assert found["metrics"]["mae"]["value"] == pytest.approx(1.0)
    assert found["notes"] == ["1 of 4 rows lack a finite label or prediction and are left out"]
    assert "confusion_matrix" not in found


@pytest.mark.parametrize(
    ("labels", "predicted", "arguments", "positive"),
    [
        (["yes", "no", "yes", "yes"], ["yes", "yes", "no", "yes"], [], "yes"),
        (["fraud", "ok", "fraud", "fraud"], ["fraud", "fraud", "ok", "fraud"], ["--positive", "fraud"], "fraud"),
        ([True, False, True, True], [1, 1, 0, 1], ["--positive", "true"], "1"),
        ([1.0, 0.0, 1.0, 1.0], [1, 1, 0, 1], [], "1"),
    ],
)
def test_classes_may_be_text_truth_or_numbers(
    tmp_path: Path, labels: list[Any], predicted: list[Any], arguments: list[str], positive: str
) -> None:
    found = answer(written(tmp_path, y=labels, p=predicted), *COLUMNS, *arguments)
    assert found["positive_label"] == positive
    assert found["metrics"]["recall"]["value"] == pytest.approx(2 / 3)


def test_degradation_against_a_reference_exits_with_1(good: Path, tmp_path: Path) -> None:
    worse = tmp_path / "worse.parquet"
    binary(seed=2, flipped=0.2).to_parquet(worse)
    arguments = (worse, *COLUMNS, "--score", "s", "--reference", good)
    found = run(*arguments, "--json")
    assert found.exit_code == 1
    document = json.loads(found.stdout)
    assert "accuracy" in document["degraded"]
    assert "roc_auc" not in document["degraded"], "the scores are as good as before"
    assert document["comparison"]["accuracy"]["status"] == "detected"
    table = run(*arguments)
    assert table.exit_code == 1
    assert "Degraded: Accuracy" in table.stdout


def test_no_degradation_and_a_tolerated_one_exit_with_0(good: Path, tmp_path: Path) -> None:
    worse = tmp_path / "worse.parquet"
    binary(seed=2, flipped=0.2).to_parquet(worse)
    assert run(good, *COLUMNS, "--reference", good).exit_code == 0
    assert run(worse, *COLUMNS, "--reference", good, "--maximum-drop", "0.5").exit_code == 0


def test_a_class_that_is_never_a_label_is_noted(tmp_path: Path) -> None:
    found = answer(written(tmp_path, y=["a", "b", "b"], p=["a", "b", "z"]), *COLUMNS, "--task", "multiclass")
    assert found["notes"] == ["predicted, and never a label: 'z'"]
    assert found["classes"]["z"]["recall"]["status"] == "not_evaluated"


def test_rows_without_a_score_are_noted_and_counted_elsewhere(tmp_path: Path) -> None:
    found = answer(written(tmp_path, y=[1, 0, 1], p=[1, 0, 1], s=[0.9, None, 0.8]), *COLUMNS, "-s", "s")
    assert found["notes"] == ["1 of 3 rows lack a score in 's'; metrics of scores leave them out"]
    assert found["metrics"]["accuracy"]["size"] == 3
    assert found["metrics"]["brier"]["size"] == 2


@pytest.mark.parametrize(
    ("columns", "arguments", "said"),
    [
        ({"y": [1, 0], "q": [1, 0]}, [], "has no column 'p'. It has: y, q."),
        ({"y": ["1", "0"], "p": [1, 0]}, [], "holds text, and the column 'p' holds numbers"),
        (
            {"y": [1, 0], "p": [1, 0], "s": [0.5, 1.5]},
            ["-s", "s"],
            "'s' holds 1.5 in row 2 (1 values are outside 0 to 1)",
        ),
        ({"y": [1, 0], "p": [1, 0], "s": [np.inf, 0.5]}, ["-s", "s"], "'s' holds inf in row 1"),
        ({"y": [1, 0], "p": [1, 0], "s": [None, None]}, ["-s", "s"], "'s' holds no score at all"),
        ({"y": [1, 0], "p": [1, 0], "s": ["high", "low"]}, ["-s", "s"], "'s' holds text; numbers are needed"),
        ({"y": [], "p": []}, [], "has no rows"),
        ({"y": [None, None], "p": [1, 0]}, ["-t", "binary"], "no row has both a label and a prediction"),
        ({"y": ["a", "b"], "p": ["a", "b"]}, [], "Name it with --positive; there are: 'a', 'b'"),
        ({"y": ["a", "b"], "p": ["a", "b"]}, ["--positive", "c"], "--positive is 'c', which is never seen"),
        ({"y": [1, 2, 3], "p": [1, 2, 3]}, ["-t", "binary"], "hold 3 classes ('1', '2', '3'); binary metrics need two"),
        ({"y": [1, 2, 3], "p": [1, 2, 3]}, ["--positive", "1"], "several classes have no positive one"),
        ({"y": ["a", "b"], "p": ["a", "b"]}, ["-t", "regression"], "'y' holds text; numbers are needed"),
        ({"y": [1.5, 2], "p": [1, 2.5]}, ["-t", "regression", "-s", "y"], "a regression has none"),
        ({"y": [1, 2, 3], "p": [1, 2, 3], "s": [0.1] * 3}, ["-s", "s"], "--score CLASS=COLUMN"),
        (
            {"y": [1, 2, 3], "p": [1, 2, 3], "s": [0.1] * 3},
            ["-s", "1=s", "-s", "2=s"],
            "no score column for the class '3'",
        ),
        ({"y": [1, 0], "p": [1, 0], "s": [0.1] * 2}, ["-s", "s", "-s", "s"], "A binary task has one --score"),
        ({"y": [1, 0], "p": [1, 0]}, ["--maximum-drop", "2"], "maximum_drop is 2.0; it must be a share"),
    ],
)
def test_bad_input_is_refused_in_words(
    tmp_path: Path, columns: dict[str, Any], arguments: list[str], said: str
) -> None:
    assert said in refusal(written(tmp_path, **columns), *COLUMNS, *arguments)


def test_a_reference_of_other_classes_is_refused(good: Path, tmp_path: Path) -> None:
    other = written(tmp_path, y=["yes", "no"], p=["yes", "no"])
    said = refusal(good, *COLUMNS, "--reference", other)
    assert str(other) in said
    assert "Write both alike" in said


def test_bad_input_exits_with_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from driftline.cli.app import main

    monkeypatch.setattr("sys.argv", ["driftline", "evaluate", str(tmp_path / "absent.csv"), *COLUMNS])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "no such file" in capsys.readouterr().err
