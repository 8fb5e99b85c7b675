"""Drift of the features together."""

import json
from functools import cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge
from sklearn.metrics import roc_auc_score

from driftline.drift import (
    DomainClassifierTest,
    DriftDetector,
    DriftSeverity,
    DriftStatus,
    MultivariateCalibration,
    ReconstructionTest,
    ScoreTest,
    check_multivariate,
    findings_of,
    learn_multivariate,
)
from driftline.drift.domain_classifier import (
    PENALTY,
    _CrossFit,
    _Design,
    area_between,
    area_under_curve,
    separation_of,
)
from driftline.drift.encoding import Encoding, read_tables
from driftline.drift.multivariate_learning import chosen_blocks
from driftline.drift.multivariate_null import WindowNull, from_normal_unit, in_normal_unit
from driftline.drift.rank_tests import KolmogorovSmirnovTest
from driftline.drift.reconstruction import reconstruction_of
from driftline.errors import InputError
from driftline.findings import Comparison


def _frame(seed, rows=1_000, features=30, *, correlation=0.0, shift=0.0, shifted=0):
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((rows, features))
    values[:, 1] = correlation * values[:, 0] + np.sqrt(1 - correlation**2) * values[:, 1]
    values[:, 2 : 2 + shifted] += shift
    return pd.DataFrame(values, columns=[f"feature_{index}" for index in range(features)])


def _by_test(verdict):
    return {result.test: result for result in verdict.results}


@cache
def _seasonal_calibration():
    """Twelve days of 250 rows whose levels differ by 0.3 sd."""
    frame, days = _seasonal(0, 12)
    return learn_multivariate(frame, days, score="score"), frame


def _seasonal(seed, days, rows=250, features=6):
    rng = np.random.default_rng(seed)
    levels = rng.normal(0, 0.3, (days, features)).repeat(rows, axis=0)
    frame = pd.DataFrame(rng.standard_normal(levels.shape) + levels, columns=[f"f{index}" for index in range(features)])
    frame["score"] = 1 / (1 + np.exp(-frame.sum(axis=1) / 2))
    return frame, np.repeat(np.arange(days), rows)


def test_a_correlation_that_flips_with_unchanged_margins_is_detected_and_its_features_are_named():
    reference, current = _frame(1, correlation=0.6), _frame(2, correlation=-0.6)
    assert not DriftDetector().detect_multivariate_drift(reference, current).detected, "one by one nothing has moved"
    result = DomainClassifierTest().detect_drift(reference, current)
    assert result.detected
    assert result.p_value < 1e-6
    assert set(list(result.details["importances"])[:2]) == {"feature_0", "feature_1"}
    assert "feature_0" in result.description
    assert "feature_1" in result.recommendation


def test_small_shifts_of_many_features_add_up():
    result = DomainClassifierTest().detect_drift(_frame(3), _frame(4, shift=0.25, shifted=10))
    assert result.detected
    named = {f"feature_{index}" for index in range(2, 12)}
    assert set(result.details["importances"]) <= named


def test_clean_data_is_clean():
    verdict = check_multivariate(None, _frame(5), _frame(6))
    assert [result.status for result in verdict.results] == [DriftStatus.OK] * 3
    assert verdict.severity is DriftSeverity.NONE


def test_p_values_of_clean_data_are_those_of_chance():
    """120 pairs, fixed seeds: at 0.1 a binomial count is 4 to 21 with probability 0.998, at 0.01 at most 5."""
    domain, components, pairs = [], [], []
    for seed in range(120):
        reference = _frame(1_000 + seed, 300, 6, correlation=0.5)
        current = _frame(2_000 + seed, 250, 6, correlation=0.5)
        first, second, third = check_multivariate(None, reference, current).results
        domain.append(first.p_value)
        components.append(second.p_value)
        pairs.append(third.p_value)
    for p_values in (np.array(domain), np.array(components), np.array(pairs)):
        assert 4 <= np.count_nonzero(p_values < 0.1) <= 21
        assert np.count_nonzero(p_values < 0.01) <= 5


def test_the_same_rows_give_the_same_result():
    results = [check_multivariate(None, _frame(7, 400), _frame(8, 300)).results for _ in range(2)]
    assert results[0] == results[1]


def test_the_area_under_the_curve_is_scikit_learns():
    rng = np.random.default_rng(9)
    scores, labels = rng.integers(0, 20, (200, 3)).astype(float), (rng.random((200, 3)) < 0.4).astype(float)
    expected = [roc_auc_score(labels[:, column], scores[:, column]) for column in range(3)]
    assert np.allclose(area_under_curve(scores, labels), expected)


def test_the_classifier_ranks_as_scikit_learns_ridge_does():
    """Fold by fold, on the same columns: the sums over the other folds are those of the rows that are fitted on."""
    pair = read_tables(_frame(20, 300, 5), _frame(21, 200, 5, shift=0.5, shifted=2))
    design = _Design.of(pair.reference, pair.current)
    fit = _CrossFit.of(design, design.is_current[:, np.newaxis])
    for fold, area in enumerate(fit.areas()[:, 0]):
        held_out = design.folds == fold
        model = Ridge(alpha=PENALTY * design.matrix.shape[1])
        model.fit(design.matrix[~held_out].astype(float), design.is_current[~held_out])
        expected = model.predict(design.matrix[held_out].astype(float))
        assert np.corrcoef(expected, fit.scores(fold)[:, 0])[0, 1] == pytest.approx(1, abs=1e-6)
        assert area == pytest.approx(roc_auc_score(design.is_current[held_out], expected), abs=1e-4)


def test_the_area_is_the_same_with_and_without_permutations():
    pair = read_tables(_frame(10, 300, 5), _frame(11, 200, 5, shift=0.5, shifted=2))
    separation = separation_of(pair.reference, pair.current)
    assert separation.auc == pytest.approx(area_between(pair.reference, pair.current), abs=1e-4)
    assert separation.null_mean == pytest.approx(0.5, abs=0.02)


def test_the_area_of_a_shift_comes_near_the_best_possible_one():
    """Two normal samples 1 sd apart: no ranking does better than Phi(1 / sqrt(2)) = 0.7602."""
    pair = read_tables(_frame(12, 2_500, 3), _frame(13, 2_500, 3, shift=1.0, shifted=1))
    assert area_between(pair.reference, pair.current) == pytest.approx(0.7602, abs=0.02)


def test_reconstruction_errors_are_those_of_principal_components_on_unseen_rows():
    """Against components fitted once on 4,000 rows and applied to 4,000 others."""
    frame = _frame(14, 8_000, 6, correlation=0.9)
    pair = read_tables(frame[:4_000], frame[4_000:].reset_index(drop=True))
    found = reconstruction_of(pair.reference, pair.current, 0.65)
    encoding = Encoding.fitted(pair.reference)
    matrix, other = encoding.encode(pair.reference), encoding.encode(pair.current)
    model = PCA(n_components=0.65, svd_solver="full").fit(matrix)
    errors = np.linalg.norm(other - model.inverse_transform(model.transform(other)), axis=1)
    assert found.components == model.n_components_
    assert found.current_error == pytest.approx(errors.mean(), rel=0.005)


def test_reconstruction_sees_the_error_rise_where_dependence_is_lost_and_fall_where_it_comes():
    rng = np.random.default_rng(15)
    common = rng.standard_normal((1_000, 1))
    tied = pd.DataFrame(common + 0.5 * rng.standard_normal((1_000, 6))).rename(columns=str)
    loose = pd.DataFrame(rng.standard_normal((1_000, 6))).rename(columns=str)
    rise = ReconstructionTest().detect_drift(tied, loose)
    assert (rise.detected, rise.details["direction"]) == (True, "rise")
    tighter = pd.DataFrame(common + 0.2 * rng.standard_normal((1_000, 6))).rename(columns=str)
    fall = ReconstructionTest().detect_drift(tied, tighter)
    assert (fall.detected, fall.details["direction"]) == (True, "fall")
    assert fall.statistic > 0


def test_the_score_is_tested_as_any_feature_is():
    rng = np.random.default_rng(16)
    before, now = rng.beta(2, 5, 1_500), rng.beta(2, 4, 800)
    result = ScoreTest().detect_drift({"score": before}, {"score": now})
    known = KolmogorovSmirnovTest(significance=0.01).detect_drift(before, now)
    assert (result.statistic, result.p_value) == pytest.approx((known.statistic, known.p_value))
    assert result.detected


def test_mixed_columns_with_bad_ones_are_judged_on_the_good_ones():
    reference, current = _mixed(1, ["visa", "amex"]), _mixed(2, ["amex", "visa"])
    before = reference.copy(deep=True), current.copy(deep=True)
    verdict = check_multivariate(None, reference, current, score="score")
    pd.testing.assert_frame_equal(reference, before[0])
    pd.testing.assert_frame_equal(current, before[1])
    found = _by_test(verdict)
    assert found["domain_classifier"].detected
    assert {"card", "country"} == set(found["domain_classifier"].details["importances"])
    assert set(found["domain_classifier"].details["left_out"]) == {"empty", "gone"}
    assert found["score_drift"].status is DriftStatus.NOT_EVALUATED
    assert any("'gone'" in note for note in verdict.notes)


def _mixed(seed, cards):
    """The country decides on the card; which one it is changes, the shares of both do not."""
    rng = np.random.default_rng(seed)
    is_home = rng.random(800) < 0.5
    frame = pd.DataFrame(
        {
            "country": np.where(is_home, "de", "fr"),
            "card": np.where(is_home ^ (rng.random(800) < 0.2), *cards),
            "amount": rng.lognormal(0, 2, 800),
            "is_new": pd.array(rng.random(800) < 0.3, dtype="boolean"),
            "empty": None,
            "score": 0.5,
        }
    )
    frame.loc[:30, ["amount", "is_new"]] = None
    frame.loc[31:40, "amount"] = np.inf
    return frame.assign(gone=1.0) if seed == 1 else frame


@pytest.mark.parametrize(
    ("reference", "current", "reason"),
    [
        (_frame(1, 100), _frame(2, 1_000), "The reference has 100 rows; at least 200"),
        (_frame(1, 1_000), _frame(2, 0), "The current window has 0 rows"),
        (pd.DataFrame(), pd.DataFrame(), "The reference has 0 rows"),
        (pd.DataFrame({"a": [1.0] * 300}), pd.DataFrame({"a": [1.0] * 300}), "constant"),
        (pd.DataFrame({"a": [None] * 300}), pd.DataFrame({"a": [None] * 300}), "no usable value"),
        (pd.DataFrame({"a": range(300)}), pd.DataFrame({"b": range(300)}), "no column 'a'"),
    ],
)  # fmt: skip
def test_what_cannot_be_judged_says_why(reference, current, reason):
    verdict = check_multivariate(None, reference, current)
    assert [result.status for result in verdict.results] == [DriftStatus.NOT_EVALUATED] * 3
    assert all(reason in result.reason for result in verdict.results)


def test_a_feature_that_is_constant_on_one_side_only_is_drift():
    current = _frame(2, 500, 3)
    current["feature_0"] = 0.5
    found = _by_test(check_multivariate(None, _frame(1, 500, 3), current))
    assert found["domain_classifier"].detected
    assert found["domain_classifier"].severity is DriftSeverity.CRITICAL


def test_a_single_feature_has_no_components():
    found = _by_test(check_multivariate(None, _frame(1, 500, 2)[["feature_0"]], _frame(2, 500, 2)[["feature_0"]]))
    assert found["domain_classifier"].status is DriftStatus.OK
    assert "at least 2" in found["pca_reconstruction"].reason
    assert "two features" in found["correlation_change"].reason


def test_copies_of_one_column_have_no_reconstruction_error_to_compare():
    frame = _frame(1, 500, 2)
    frame["feature_1"] = frame["feature_0"]
    assert "without error" in ReconstructionTest().detect_drift(frame, frame).reason


@settings(max_examples=15, deadline=None)
@given(
    st.integers(0, 2**31),
    st.sampled_from(["float", "text", "nulls", "mixed", "huge", "bool"]),
    st.sampled_from(["float", "text", "nulls", "mixed", "huge", "bool"]),
)
def test_any_columns_give_defined_results(seed, before, now):
    rng = np.random.default_rng(seed)
    reference = {"odd": _odd(before, rng), "plain": rng.standard_normal(40)}
    current = {"odd": _odd(now, rng), "plain": rng.standard_normal(40)}
    for result in check_multivariate(None, reference, current, minimum_rows=20, score="plain").results:
        if result.status is DriftStatus.NOT_EVALUATED:
            assert result.reason
        else:
            assert 0 <= result.p_value <= 1
            assert np.isfinite([result.statistic, result.threshold, result.effect]).all()


def _odd(kind, rng):
    values = rng.standard_normal(40)
    return {
        "float": values,
        "text": [str(round(value)) for value in values],
        "nulls": [None] * 40,
        "mixed": [1, "a", None, True, {"b": 1}, float("nan"), -np.inf, 2.5] * 5,
        "huge": values * 1e300,
        "bool": values > 0,
    }[kind]


def test_the_budget_is_split_between_the_tests():
    reference = _frame(1, 300, 4).assign(score=np.linspace(0, 1, 300))
    current = _frame(2, 300, 4).assign(score=np.linspace(0, 1, 300))
    three = _by_test(check_multivariate(None, reference.drop(columns="score"), current, false_alarm_rate=0.015))
    four = _by_test(check_multivariate(None, reference, current, score="score", false_alarm_rate=0.02))
    assert set(four) == {"domain_classifier", "pca_reconstruction", "correlation_change", "score_drift"}
    assert three["domain_classifier"].details["left_out"] == {"score": "The reference has no column 'score'."}
    assert three["domain_classifier"].threshold == four["domain_classifier"].threshold
    with pytest.raises(InputError, match="false_alarm_rate is 0"):
        check_multivariate(None, reference, current, false_alarm_rate=0)
    with pytest.raises(InputError, match="explained_variance is 1"):
        ReconstructionTest(explained_variance=1)


def test_days_that_differ_are_in_the_calibrated_null():
    """Eight further days: independent rows make alarms of most, the baseline's own days of hardly any."""
    calibration, reference = _seasonal_calibration()
    plain = calibrated = 0
    for seed in range(100, 108):
        day = _seasonal(seed, 1)[0]
        plain += check_multivariate(None, reference, day, score="score", false_alarm_rate=0.01).detected
        verdict = check_multivariate(calibration, reference, day, false_alarm_rate=0.01)
        calibrated += verdict.detected
        assert {result.details["evidence"] for result in verdict.results} == {"calibrated"}
        assert min(result.p_value for result in verdict.results) > 1e-4  # learned and judged in one unit
    assert plain >= 5
    assert calibrated <= 1
    assert "12 windows" in verdict.notes[0]


def test_a_large_drift_is_beyond_the_days():
    calibration, reference = _seasonal_calibration()
    current = _seasonal(200, 1)[0]
    current[["f0", "f1", "f2"]] += 2.0
    current["score"] = current["score"] ** 4
    found = _by_test(check_multivariate(calibration, reference, current, false_alarm_rate=0.01))
    assert found["domain_classifier"].detected
    assert found["score_drift"].detected


def test_a_calibration_survives_json():
    calibration, reference = _seasonal_calibration()
    again = MultivariateCalibration.from_json(json.dumps(calibration.to_json()))
    assert again == calibration
    assert MultivariateCalibration.from_json(calibration.to_json()) == calibration
    current = _seasonal(300, 1)[0]
    assert check_multivariate(again, reference, current) == check_multivariate(calibration, reference, current)
    with pytest.raises(InputError, match="build the baseline again"):
        MultivariateCalibration.from_json({**calibration.to_json(), "format": 0})


def test_of_an_earlier_format_only_what_has_another_unit_is_lost():
    calibration, reference = _seasonal_calibration()
    earlier = MultivariateCalibration.from_json({**calibration.to_json(), "format": 2})
    found = _by_test(check_multivariate(earlier, reference, _seasonal(300, 1)[0], only_calibrated=True))
    assert found["pca_reconstruction"].status is DriftStatus.NOT_EVALUATED
    assert "not known what windows of the baseline" in found["pca_reconstruction"].reason
    assert {found[name].status for name in found if name != "pca_reconstruction"} == {DriftStatus.OK}


def test_a_window_is_thinned_to_a_size_that_was_learned():
    calibration, reference = _seasonal_calibration()
    assert tuple(calibration.nulls) == (200,)
    found = _by_test(check_multivariate(calibration, reference, _seasonal(400, 1, rows=450)[0]))
    assert found["domain_classifier"].current_size == 200


def test_learned_are_the_sizes_that_windows_reach_and_the_smallest():
    frame, days = _seasonal(7, 11, rows=600, features=2)
    calibration = learn_multivariate(frame, days)
    assert (tuple(calibration.nulls), calibration.rows, calibration.blocks) == ((200, 500), 600, 11)
    assert calibration.size_for(499) == 200


def test_of_many_blocks_forty_are_learned_on_spread_over_all():
    chosen = chosen_blocks(112)
    assert (chosen.size, chosen[0], chosen[-1]) == (40, 0, 111)
    assert set(np.diff(chosen)) <= {2, 3}
    assert np.bincount(chosen % 4).min() >= 9, "windows of six hours: every time of day is there"
    assert chosen_blocks(28).tolist() == list(range(28))
    assert chosen_blocks(0).size == 0


def test_what_was_not_learned_is_not_evaluated_where_only_calibrated_evidence_counts():
    calibration, reference = _seasonal_calibration()
    current = _seasonal(500, 1)[0]
    known = check_multivariate(calibration, reference, current, only_calibrated=True)
    assert {result.status for result in known.results} == {DriftStatus.OK}
    small = check_multivariate(calibration, reference, current[:120], minimum_rows=100, only_calibrated=True)
    assert all("windows of the baseline with 120 rows" in result.reason for result in small.results)
    for unknown, reason in ((None, "with 250 rows"), (learn_multivariate(*_seasonal(1, 9)), "9 of 9 windows")):
        verdict = check_multivariate(unknown, reference, current, score="score", only_calibrated=True)
        assert {result.status for result in verdict.results} == {DriftStatus.NOT_EVALUATED}
        assert all(reason in result.reason for result in verdict.results)


def test_too_few_or_too_small_blocks_fall_back_to_independent_rows_and_say_so():
    frame, days = _seasonal(1, 9)
    calibration = learn_multivariate(frame, days)
    assert "9 of 9 windows" in calibration.reason
    verdict = check_multivariate(calibration, frame, _seasonal(2, 1)[0])
    assert {result.details["evidence"] for result in verdict.results} == {"analytic"}
    assert "9 of 9 windows" in verdict.notes[0]
    with pytest.raises(InputError, match="one block for each row"):
        learn_multivariate(frame, days[:-1])


def test_a_window_null_allows_for_how_few_windows_there_are():
    """scipy.stats.t.isf(0.01, 9) = 2.8214, times sqrt(1.1); with many windows the normal 2.3263."""
    assert WindowNull(0.0, 1.0, 10).quantile(0.01) == pytest.approx(2.8214 * 1.1**0.5, rel=1e-4)
    assert WindowNull(0.0, 1.0, 100_000).quantile(0.01) == pytest.approx(2.3263, rel=1e-3)
    assert WindowNull(0.0, 1.0, 10).upper_tail(WindowNull(0.0, 1.0, 10).quantile(0.003)) == pytest.approx(0.003)


@pytest.mark.parametrize("test", ["domain_classifier", "score_drift"])
def test_no_limit_is_beyond_what_the_statistic_can_reach(test):
    assert 0.9 < from_normal_unit(test, 10.0) <= 1


@pytest.mark.parametrize("test", ["domain_classifier", "pca_reconstruction", "score_drift"])
@pytest.mark.parametrize("statistic", [0.4, 0.5, 0.99])
def test_normal_units_lead_back(test, statistic):
    assert from_normal_unit(test, in_normal_unit(test, statistic)) == pytest.approx(statistic)


def test_the_detector_joins_both_views_in_one_verdict():
    reference, current = _frame(1, 600, 4, correlation=0.7), _frame(2, 600, 4, correlation=-0.7)
    verdict = DriftDetector().detect_joint_drift(reference, current)
    assert verdict.drifted_features == ("multivariate",)
    assert "correlation_change" in DriftDetector().generate_drift_report(verdict)
    tests = {finding.test for finding in findings_of(verdict, version="1", segment="", comparison=Comparison.BASELINE)}
    assert {"kolmogorov_smirnov", "domain_classifier", "pca_reconstruction"} <= tests
    assert "All features together" in DriftDetector().generate_drift_report(verdict)
    assert "independent rows" in " ".join(verdict.notes)
