"""What a trend says to people."""

from datetime import UTC, datetime, timedelta

import pytest

from driftline.findings import Status
from driftline.performance import PerformancePoint, performance_trend, trend_finding

START = datetime(2026, 3, 1, tzinfo=UTC)


def said(values: list[float], metric: str = "accuracy", objective: float | None = 0.90) -> str:
    points = [PerformancePoint(START + timedelta(hours=6 * index), value) for index, value in enumerate(values)]
    trend = performance_trend(metric, points, objective=objective)
    finding = trend_finding(trend, objective=objective, until=points[-1].moment, version="v1")
    assert finding.is_information
    assert finding.status is Status.OK
    assert finding.details["until"] == points[-1].moment.isoformat()
    return finding.description


FALLING = [0.94 - 0.0005 * index for index in range(40)]


def test_a_fall_says_when_the_objective_breaks() -> None:
    assert said(FALLING) == (
        "Accuracy is 93.0% on average over 40 windows of 30 days and moves by -0.20 points a day (p = 0); "
        "it reaches its objective of 90.0% in 10 days (10 to 10)."
    )


@pytest.mark.parametrize(
    ("values", "metric", "objective", "expected"),
    [
        ([0.9] * 40, "accuracy", 0.8, "with no certain slope (p = 1)."),
        (FALLING, "accuracy", 0.99, "it is past its objective of 99.0%."),
        (FALLING[::-1], "accuracy", 0.90, "moves by +0.20 points a day (p = 0)."),
        (FALLING, "accuracy", None, "moves by -0.20 points a day (p = 0)."),
        ([10.0 + index for index in range(40)], "mae", 100.0, "moves by +4 a day (p = 0); it reaches"),
        (FALLING[:5], "accuracy", 0.9, "no slope: 5 windows with a value, at least 12"),
    ],
)
def test_each_case_in_words(values: list[float], metric: str, objective: float | None, expected: str) -> None:
    assert expected in said(values, metric, objective)
