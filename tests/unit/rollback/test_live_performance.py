"""One look at labels: worse than the stable version beyond doubt, or not to be told."""

from __future__ import annotations

from datetime import timedelta

import pytest

from driftline.findings import Status
from driftline.live import OutcomeCounts
from driftline.rollback import Limits, Reading
from driftline.rollback.live_performance import LabeledVersion, live_performance

LIMITS = Limits()
HOUR = timedelta(hours=1)


def right(correct: int, of: int) -> OutcomeCounts:
    return OutcomeCounts(labeled=of, true_positives=correct, false_positives=of - correct)


def read(reading: Reading | None) -> Reading:
    assert reading is not None
    return reading


def test_a_version_worse_than_the_stable_one_is_seen() -> None:
    bad = LabeledVersion(version="v2", spans={15: right(700, 1000)}, latest="now", served_for=HOUR)
    stable = LabeledVersion(version="v1", spans={15: right(900, 1000)})
    reading = read(live_performance(bad, stable, LIMITS))
    assert reading.status is Status.DETECTED
    assert reading.value == pytest.approx(0.2)
    assert "Accuracy of v2 is 0.7 by 1000 labels, of v1 0.9 by 1000" in reading.description


def test_a_drop_that_chance_may_make_is_not_seen() -> None:
    bad = LabeledVersion(version="v2", spans={15: right(850, 1000)}, served_for=HOUR)
    stable = LabeledVersion(version="v1", spans={15: right(900, 1000)})
    assert read(live_performance(bad, stable, LIMITS)).status is Status.OK


def test_a_regressions_mean_absolute_error_may_grow_by_its_share() -> None:
    def errors(of: int, absolute: float) -> OutcomeCounts:
        squares = of * (absolute**2 + 1)
        return OutcomeCounts(labeled=of, absolute_error_sum=of * absolute, squared_error_sum=squares)

    stable = LabeledVersion(version="v1", spans={15: errors(1000, 10.0)})
    worse = LabeledVersion(version="v2", spans={15: errors(1000, 13.0)}, served_for=HOUR)
    reading = read(live_performance(worse, stable, LIMITS))
    assert (reading.status, reading.value) == (Status.DETECTED, pytest.approx(0.3))
    alike = LabeledVersion(version="v2", spans={15: errors(1000, 10.1)}, served_for=HOUR)
    assert read(live_performance(alike, stable, LIMITS)).status is Status.OK


def test_a_version_is_not_compared_before_its_slow_labels_can_have_come() -> None:
    bad = LabeledVersion(version="v2", spans={15: right(0, 1000)}, served_for=timedelta(minutes=59))
    stable = LabeledVersion(version="v1", spans={15: right(900, 1000)})
    reading = read(live_performance(bad, stable, Limits(label_delay=HOUR)))
    assert reading.status is Status.NOT_EVALUATED
    assert "has not served for as long as labels take" in reading.description


def test_labels_for_one_arm_only_are_no_verdict() -> None:
    bad = LabeledVersion(version="v2", spans={15: right(0, 1000)}, served_for=HOUR)
    reading = read(live_performance(bad, LabeledVersion(version="v1", spans={}), LIMITS))
    assert reading.status is Status.NOT_EVALUATED
    assert reading.description == "v1 has 0 labels, too few to compare with."


def test_the_stable_versions_older_labels_serve_where_it_serves_no_more() -> None:
    bad = LabeledVersion(version="v2", spans={15: right(700, 1000)}, served_for=HOUR)
    stable = LabeledVersion(version="v1", spans={10_080: right(9000, 10_000)})
    assert read(live_performance(bad, stable, LIMITS)).status is Status.DETECTED


def test_what_is_not_watched_has_no_reading() -> None:
    worse = LabeledVersion(version="v2", spans={15: right(0, 500)}, served_for=HOUR)
    stable = LabeledVersion(version="v1", spans={15: right(500, 500)})
    assert live_performance(worse, stable, Limits(performance_drop=None)) is None
    assert live_performance(worse, None, LIMITS) is None
