"""What ``driftline live`` shows a person."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from driftline.cli.live import _print, _values
from driftline.config import Task
from driftline.live import Feed, OutcomeCounts, PredictionCounts, VersionFigures
from driftline.store.live import FeedState

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
STATE = FeedState(
    model="fraud", feed=Feed.PREDICTIONS, watermark=None, newest_row=NOW - timedelta(seconds=26), rows_ahead=2,
    first_attempt_at=NOW, attempted_at=NOW, counted_at=NOW - timedelta(seconds=6), failing_since=None, error="",
)  # fmt: skip
FIGURES = VersionFigures(
    "v[2]",
    PredictionCounts(predictions=1_234, errors=1),
    OutcomeCounts(labeled=10, true_positives=6, false_positives=2, false_negatives=0, true_negatives=2),
)


def test_it_is_readable_in_a_terminal_of_80_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    _print("fraud", 15, [_values(FIGURES, Task.BINARY_CLASSIFICATION)], [STATE], NOW)
    shown = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    for line in (
        "fraud, 15 minutes v[2]",
        "predictions 1,234",
        "error rate 0.08%",
        "latency p95 ms –",
        "accuracy 80.00%",
        "precision 75.00%",
        "recall 100.00%",
    ):
        assert line in shown
    assert "the newest is 26 s old; counted 6 s ago; 2 are in the future" in shown[-1]
    assert not any("positives" in line for line in shown)


def test_a_regression_has_errors_and_no_confusion() -> None:
    outcomes = OutcomeCounts(labeled=2, error_sum=2.0, absolute_error_sum=4.0, squared_error_sum=10.0)
    values = _values(VersionFigures("v1", outcomes=outcomes), Task.REGRESSION)
    assert (values["mae"], values["bias"]) == (2.0, 1.0)
    assert "accuracy" not in values
    assert "true_positives" not in values
