"""An estimate's own error, and when an estimator is no longer believed."""

import pytest

from driftline.findings import Severity, Status
from driftline.performance import (
    EstimatedWindow,
    Metric,
    PerformanceThresholds,
    beside_realised,
    binary_outcomes,
    error_finding,
    estimate_error,
    estimate_findings,
    is_trusted,
    performance_findings,
)

ESTIMATED = Metric("accuracy", 0.90, 0.88, 0.92, size=1_000)
THRESHOLDS = PerformanceThresholds(metrics=("accuracy",))


def realised(value: float | None) -> Metric:
    return Metric("accuracy", value, size=400)


def window(**fields: object) -> EstimatedWindow:
    given = {"version": "v2", "segment": "", "estimate": lambda confidence: {"accuracy": ESTIMATED}, **fields}
    return EstimatedWindow(**given)  # type: ignore[arg-type]


def good_baseline() -> object:
    labels = [1, 0] * 5_000
    return binary_outcomes(labels, [1, 0] * 4_900 + [0, 1] * 100)


def test_the_error_is_estimated_minus_realised_and_knows_whether_it_was_inside() -> None:
    outside = estimate_error(ESTIMATED, realised(0.80))
    assert outside is not None
    assert outside.error == pytest.approx(0.10)
    assert not outside.is_inside
    inside = estimate_error(ESTIMATED, realised(0.885))
    assert inside is not None
    assert inside.is_inside


def test_what_the_baselines_windows_differ_by_widens_the_interval() -> None:
    error = estimate_error(ESTIMATED, realised(0.80), margin=0.11)
    assert error is not None
    assert error.is_inside


def test_an_undefined_metric_has_no_error() -> None:
    assert estimate_error(ESTIMATED, realised(None)) is None
    assert estimate_error(Metric("accuracy", None, reason="no scores"), realised(0.9)) is None


@pytest.mark.parametrize(
    ("inside", "trusted"),
    [
        ([], True),
        ([False, False], True),
        ([False, False, False], False),
        ([True] * 7 + [False] * 3, False),
        ([True] * 8 + [False] * 3, True),  # the third lies further back than ten
    ],
)
def test_three_of_the_last_ten_outside_end_the_trust(inside: list[bool], trusted: bool) -> None:
    assert is_trusted(inside) is trusted


def test_without_labels_an_estimated_degradation_is_detected_provisionally_and_never_above_medium() -> None:
    (found,) = estimate_findings(window(unjudged={"accuracy"}), good_baseline(), ["accuracy"], THRESHOLDS)  # type: ignore[arg-type]
    assert found.status is Status.DETECTED
    assert found.severity is Severity.MEDIUM
    assert found.details["is_provisional"]
    assert found.description == (
        "Accuracy is estimated at 90.0% (88.0% to 92.0%) without labels; the baseline has 98.0%."
    )


@pytest.mark.parametrize("fields", [{}, {"unjudged": {"accuracy"}, "untrusted": {"accuracy"}}])
def test_with_a_realised_verdict_or_without_trust_an_estimate_only_informs(fields: dict[str, object]) -> None:
    (found,) = estimate_findings(window(**fields), good_baseline(), ["accuracy"], THRESHOLDS)  # type: ignore[arg-type]
    assert found.status is Status.OK
    assert found.severity is Severity.NONE
    assert found.statistic == 0.90
    assert ("Not trusted" in found.description) == bool(fields)


def test_an_estimates_error_is_never_an_alert_and_names_distrust() -> None:
    error = estimate_error(ESTIMATED, realised(0.60))
    assert error is not None
    found = error_finding(window(untrusted={"accuracy"}), error, {"baseline_id": 1})
    assert (found.status, found.severity) == (Status.OK, Severity.NONE)
    assert found.statistic == pytest.approx(0.30)
    assert found.interval_low == pytest.approx(0.28)
    assert "400 labels show 60.0%, outside the interval" in found.description
    assert "not trusted" in found.description
    assert found.details["is_trusted"] is False


def test_the_realised_metric_carries_its_estimate_in_the_same_row() -> None:
    baseline = good_baseline()
    findings = performance_findings(
        baseline,  # type: ignore[arg-type]
        baseline,  # type: ignore[arg-type]
        predictions=10_000,
        thresholds=THRESHOLDS,
        is_mature=True,
        version="v2",
    )
    estimates = estimate_findings(window(), baseline, ["accuracy"], THRESHOLDS)  # type: ignore[arg-type]
    by_test = {finding.test: finding for finding in beside_realised(findings, estimates)}
    assert by_test["degradation"].details["estimate"]["value"] == 0.90
    assert "estimate" not in by_test["label_coverage"].details
