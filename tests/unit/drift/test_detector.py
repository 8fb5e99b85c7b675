"""The verdict over all features of a window."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from driftline.drift import DriftDetector, DriftSeverity, DriftStatus, DriftThresholds, findings_of
from driftline.errors import InputError
from driftline.findings import Check, Comparison
from driftline.profiles import CategoricalBinning, CategoricalProfile, NumericBinning, NumericProfile


def _frame(seed, rows=2_000, shift=0.0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "amount": rng.normal(shift, 1, rows),
            "age": rng.integers(18, 90, rows),
            "country": rng.choice(["de", "fr", "it"], rows, p=[0.5, 0.3, 0.2]),
            "is_new": rng.random(rows) < 0.3,
        }
    )


def test_clean_data_is_clean():
    verdict = DriftDetector().detect_multivariate_drift(_frame(1), _frame(2))
    assert not verdict.detected
    assert verdict.severity is DriftSeverity.NONE
    assert verdict.drifted_features == ()
    assert {result.feature_name for result in verdict.results} == {"amount", "age", "country", "is_new"}


def test_the_shifted_feature_is_named_and_no_other():
    verdict = DriftDetector().detect_multivariate_drift(_frame(1), _frame(2, shift=1.0))
    assert verdict.drifted_features == ("amount",)
    assert verdict.severity is DriftSeverity.CRITICAL


def test_drifted_features_come_most_severe_first():
    current = _frame(2, shift=0.4)
    current["country"] = "de"
    verdict = DriftDetector().detect_multivariate_drift(_frame(1), current)
    assert verdict.drifted_features == ("country", "amount")


def test_every_test_is_reported_for_every_feature():
    verdict = DriftDetector().detect_multivariate_drift(_frame(1), _frame(2))
    numeric = {result.test for result in verdict.results if result.feature_name == "amount"}
    categorical = {result.test for result in verdict.results if result.feature_name == "country"}
    assert numeric >= {
        "kolmogorov_smirnov", "population_stability_index", "jensen_shannon", "wasserstein", "null_share",
        "cramer_von_mises", "hellinger", "total_variation", "chi_square",
    }  # fmt: skip
    assert categorical >= {
        "population_stability_index",
        "jensen_shannon",
        "chi_square",
        "null_share",
        "new_level_share",
    }


def test_bad_columns_are_named_and_do_not_hide_the_others():
    reference, current = _frame(1), _frame(2, shift=1.0)
    reference["empty"], current["empty"] = None, None
    reference["constant"], current["constant"] = 1.0, 1.0
    reference["infinite"], current["infinite"] = 1.0, np.inf
    reference["gone"] = 1.0
    current["arrived"] = 1.0
    current["age"] = current["age"].astype(str)
    reference["mixed"], current["mixed"] = ["a", 1] * 1_000, [{"b": 1}, None] * 1_000
    verdict = DriftDetector().detect_multivariate_drift(reference, current)
    reasons = {result.feature_name: result.reason for result in verdict.not_evaluated}
    assert "amount" in verdict.drifted_features
    assert "age" in verdict.drifted_features, "text in a numeric column is missing values"
    assert "no value" in reasons["empty"]
    assert "constant" in reasons["constant"]
    assert "no finite value" in reasons["infinite"]
    assert "The current data has no column 'gone'." in reasons["gone"]
    assert "The reference has no column 'arrived'." in reasons["arrived"]
    assert any(note.startswith("age is int64 in the reference and") for note in verdict.notes)
    assert all(result.reason for result in verdict.not_evaluated)


def test_a_known_level_that_replaces_others_in_five_percent_of_rows_is_drift():
    """It moves less than 5 points of share: by as much less as rows had it before."""
    rng = np.random.default_rng(0)
    before, now = (rng.choice(list("abcdef"), rows) for rows in (40_000, 10_000))
    replaced = np.where(rng.random(now.size) < 0.05, "a", now)
    assert not DriftDetector().detect_multivariate_drift({"level": before}, {"level": now}).detected
    [found] = [
        result
        for result in DriftDetector().detect_multivariate_drift({"level": before}, {"level": replaced}).results
        if result.test == "total_variation"
    ]
    assert found.detected
    assert 0.03 < found.effect < 0.05
    assert found.severity is DriftSeverity.LOW


def test_few_rows_are_not_evaluated():
    verdict = DriftDetector().detect_multivariate_drift(_frame(1), _frame(2, rows=199, shift=5.0))
    assert not verdict.detected
    assert {result.status for result in verdict.results} == {DriftStatus.NOT_EVALUATED}
    assert "199 rows; at least 200 are needed" in verdict.results[0].reason


def test_the_inputs_are_not_modified():
    reference, current = _frame(1), _frame(2)
    before = reference.copy(deep=True), current.copy(deep=True)
    DriftDetector().detect_multivariate_drift(reference, current)
    pd.testing.assert_frame_equal(reference, before[0])
    pd.testing.assert_frame_equal(current, before[1])


def test_arrow_tables_and_mappings_are_read_too():
    reference, current = _frame(1), _frame(2, shift=1.0)
    from_arrow = DriftDetector().detect_multivariate_drift(pa.table(reference), pa.table(current))
    from_mapping = DriftDetector().detect_multivariate_drift(dict(reference.items()), dict(current.items()))
    assert from_arrow.drifted_features == from_mapping.drifted_features == ("amount",)


def test_profiles_give_what_their_arrays_give():
    reference, current = _frame(1), _frame(2, shift=0.6)
    binning = NumericBinning.from_values(reference["amount"].to_numpy())
    levels = CategoricalBinning.from_counts(reference["country"].value_counts().to_dict())
    sides = [
        {
            "amount": NumericProfile.of(side["amount"].to_numpy(), binning),
            "country": CategoricalProfile.of(side["country"].value_counts().to_dict(), levels),
        }
        for side in (reference, current)
    ]
    on_profiles = DriftDetector().detect_profile_drift(*sides)
    on_arrays = DriftDetector().detect_multivariate_drift(reference, current, ["amount", "country"])
    assert on_profiles.drifted_features == on_arrays.drifted_features == ("amount",)
    for left, right in zip(on_profiles.results, on_arrays.results, strict=True):
        assert (left.test, left.feature_name, left.status) == (right.test, right.feature_name, right.status)


def test_a_feature_that_one_side_lacks_is_not_evaluated():
    profile = NumericProfile.of(np.arange(500.0), NumericBinning.from_values(np.arange(500.0)))
    verdict = DriftDetector().detect_profile_drift({"a": profile}, {"b": profile})
    assert {result.status for result in verdict.results} == {DriftStatus.NOT_EVALUATED}
    assert {result.feature_name for result in verdict.results} == {"a", "b"}


def test_supporting_tests_never_detect_alone():
    verdict = DriftDetector(DriftThresholds(psi=9, jensen_shannon=1, kolmogorov_smirnov=1, wasserstein=9))
    outcome = verdict.detect_multivariate_drift(_frame(1), _frame(2, shift=1.0), ["amount"])
    assert not outcome.detected


def test_the_budget_is_for_all_features_together():
    # 200 clean windows of 12 features at 1 %: 8 or more alarms have a probability of 0.1 % (binomial). Were the budget
    # each feature's own, 11 % would alarm, and fewer than 8 would have a probability of 0.01 %.
    rng = np.random.default_rng(7)
    detector = DriftDetector(
        DriftThresholds(psi=1e-9, jensen_shannon=1e-9, kolmogorov_smirnov=1e-9, wasserstein=1e-9, null_share=0)
    )
    alarms = 0
    for _ in range(200):
        reference = {f"f{index}": rng.normal(size=400) for index in range(12)}
        current = {f"f{index}": rng.normal(size=300) for index in range(12)}
        alarms += detector.detect_multivariate_drift(reference, current).detected
    assert alarms < 8


def test_findings_carry_what_the_results_say():
    verdict = DriftDetector().detect_multivariate_drift(_frame(1), _frame(2, shift=1.0))
    findings = findings_of(verdict, version="v1", segment="", comparison=Comparison.BASELINE)
    assert len(findings) == len({finding.key for finding in findings}) == len(verdict.results)
    worst = next(each for each in findings if each.subject == "amount" and each.test == "population_stability_index")
    assert (worst.check, worst.version, worst.status) == (Check.DRIFT, "v1", DriftStatus.DETECTED)
    assert worst.statistic > worst.threshold
    assert worst.description.startswith("Population stability index 0.")
    assert "the median went from" in worst.description
    json.dumps([dict(finding.details) for finding in findings], allow_nan=False)


@pytest.mark.parametrize("change", [{"psi": -1}, {"false_alarm_rate": 0}, {"minimum_rows": 1}, {"psi": float("nan")}])
def test_thresholds_out_of_range_are_refused(change):
    with pytest.raises(InputError):
        DriftThresholds(**change)
