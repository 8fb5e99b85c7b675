"""One look at live figures: what exceeds a limit beyond doubt, what does not, and what cannot be told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from driftline.findings import Severity, Status
from driftline.live import MinuteFigures, PredictionCounts
from driftline.live.latency import cell_of
from driftline.rollback import Limits, Reading
from driftline.rollback.live_triggers import PredictingVersion, error_rate, latency

LIMITS = Limits()
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def failing(failed: int, of: int) -> PredictionCounts:
    return PredictionCounts(predictions=of, errors=failed)


def timed(**share_by_ms: int) -> PredictionCounts:
    cells = {cell_of(float(ms[2:])): count for ms, count in share_by_ms.items()}
    return PredictionCounts(predictions=sum(cells.values()), latencies=cells)


def minutes(*counts: PredictionCounts, since: Reading | None = None, version: str = "v2") -> PredictingVersion:
    """One after the other, the last of them running."""
    first = NOW - (len(counts) - 1) * MINUTE
    figures = [MinuteFigures(first + number * MINUTE, version, each) for number, each in enumerate(counts)]
    seen = {} if since is None else {since.trigger: since.latest}
    return PredictingVersion(version=version, minutes=figures, now=NOW + timedelta(seconds=30), since=seen)


def read(reading: Reading | None) -> Reading:
    assert reading is not None
    return reading


def test_failing_predictions_exceed_the_limit_and_are_told() -> None:
    reading = read(error_rate(minutes(failing(0, 240), failing(0, 240), failing(15, 100), failing(15, 100)), LIMITS))
    assert (reading.status, reading.severity) == (Status.DETECTED, Severity.CRITICAL)
    assert (reading.samples, reading.minutes, reading.value) == (200, 2, 0.15)
    assert "30 of 200 predictions of v2 failed in 2 minutes (15.0%" in reading.description


def test_a_rate_just_above_its_limit_is_seen_over_a_longer_span() -> None:
    assert read(error_rate(minutes(*[failing(5, 240)] * 2), LIMITS)).status is Status.OK
    reading = read(error_rate(minutes(*[failing(5, 240)] * 60), LIMITS))
    assert (reading.minutes, reading.status) == (15, Status.DETECTED)


def test_what_is_over_is_not_exceeded_though_the_sums_still_hold_it() -> None:
    outage = minutes(failing(0, 240), failing(120, 240))
    first = read(error_rate(outage, LIMITS))
    assert first.is_exceeded
    over = minutes(failing(0, 240), failing(120, 320), since=first)
    assert read(error_rate(over, LIMITS)).status is Status.OK
    lasting = minutes(failing(0, 240), failing(160, 320), since=first)
    assert read(error_rate(lasting, LIMITS)).is_exceeded


def test_a_look_waits_until_there_is_something_new() -> None:
    first = read(error_rate(minutes(failing(120, 240)), LIMITS))
    again = read(error_rate(minutes(failing(129, 249), since=first), LIMITS))
    assert again.status is Status.NOT_EVALUATED
    assert again.description == "9 predictions of v2 since the last look; 20 are needed."


def test_too_few_predictions_are_no_verdict() -> None:
    reading = read(error_rate(minutes(failing(50, 99)), LIMITS))
    assert reading.status is Status.NOT_EVALUATED
    assert reading.description == "99 predictions of v2 to judge; 100 are needed."
    assert read(error_rate(minutes(), LIMITS)).status is Status.NOT_EVALUATED


def test_slow_predictions_exceed_the_limit() -> None:
    reading = read(latency(minutes(timed(ms40=150, ms5000=50)), LIMITS))
    assert (reading.status, reading.severity) == (Status.DETECTED, Severity.CRITICAL)
    assert reading.value == pytest.approx(5000, rel=0.02)
    assert "50 of 200 predictions took longer" in reading.description


def test_the_slowest_twentieth_may_be_slow() -> None:
    assert read(latency(minutes(timed(ms40=950, ms5000=50)), LIMITS)).status is Status.OK


def test_latencies_at_the_limit_count_as_fast() -> None:
    assert read(latency(minutes(timed(ms500=1000)), LIMITS)).status is Status.OK


def test_a_log_without_latencies_has_no_verdict_on_them() -> None:
    assert latency(minutes(failing(0, 500)), LIMITS) is None


def test_what_is_not_watched_has_no_reading() -> None:
    unwatched = Limits(error_rate=None, latency_p95_ms=None)
    assert error_rate(minutes(failing(100, 100)), unwatched) is None
    assert latency(minutes(timed(ms5000=100)), unwatched) is None
