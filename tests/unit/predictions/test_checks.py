"""Anomalies of a model's outputs, and the silence of clean windows."""

import json

import numpy as np
import pytest
from numpy.typing import NDArray

from driftline.errors import InputError
from driftline.findings import Check, Comparison, Finding, Severity, Status
from driftline.predictions import PredictionTask, PredictionThresholds, prediction_findings
from driftline.profiles import CategoricalBinning, CategoricalProfile, NumericBinning, NumericProfile, Profile
from driftline.profiles.binning import latency_binning

Floats = NDArray[np.float64]
Side = dict[str, Profile]

CLASSES = CategoricalBinning(("0", "1"))
ERRORS = CategoricalBinning(("false", "true"))


def classes(negatives: int, positives: int, nulls: int = 0, **others: int) -> Side:
    return {"prediction": CategoricalProfile.of({"0": negatives, "1": positives, **others}, CLASSES, nulls)}


def numeric(subject: str, reference: Floats, current: Floats) -> tuple[Side, Side]:
    """Both sides in cells made from the reference, as a baseline makes them."""
    binning = NumericBinning.from_values(reference)
    return {subject: NumericProfile.of(reference, binning)}, {subject: NumericProfile.of(current, binning)}


def found(
    reference: Side,
    current: Side,
    task: PredictionTask = PredictionTask.BINARY_CLASSIFICATION,
    positive_level: str | None = "1",
    **limits: object,
) -> dict[str, Finding]:
    findings = prediction_findings(
        reference,
        current,
        task=task,
        positive_level=positive_level,
        thresholds=PredictionThresholds(**limits),  # type: ignore[arg-type]
        version="v3.2",
        segment="carrier=UA",
    )
    assert len({finding.key for finding in findings}) == len(findings)
    assert {(f.check, f.version, f.segment) for f in findings} == {(Check.PREDICTIONS, "v3.2", "carrier=UA")}
    # Findings go to the database as JSON without NaN.
    json.dumps([dict(finding.details) for finding in findings], allow_nan=False)
    return {f"{finding.subject}/{finding.test}": finding for finding in findings}


def scored(reference: Floats, current: Floats) -> dict[str, Finding]:
    before, now = numeric("score", reference, current)
    return {
        name: finding
        for name, finding in found({**classes(500, 500), **before}, {**classes(500, 500), **now}).items()
        if name.startswith("score/")
    }


def predicted(reference: Floats, current: Floats, **limits: object) -> dict[str, Finding]:
    return found(*numeric("prediction", reference, current), task=PredictionTask.REGRESSION, **limits)


def detected(findings: dict[str, Finding]) -> set[str]:
    return {name for name, finding in findings.items() if finding.status is Status.DETECTED}


class TestClasses:
    def test_a_shift_of_the_balance_is_found_with_what_was_expected_and_seen(self) -> None:
        finding = found(classes(80_000, 20_000), classes(7_000, 3_000))["prediction/class_balance"]
        assert finding.status is Status.DETECTED
        assert finding.severity is Severity.MEDIUM
        assert finding.comparison is Comparison.BASELINE
        assert (finding.details["expected"], finding.details["seen"]) == (0.2, 0.3)
        assert (finding.statistic, finding.threshold, finding.effect) == pytest.approx((0.3, 0.05, 0.1))
        assert (finding.reference_size, finding.current_size) == (100_000, 10_000)
        assert finding.p_value is not None
        assert finding.p_value < 1e-100
        assert finding.description.startswith("30.00% of the predictions are '1'; 20.00% are expected (p = ")
        assert finding.recommendation

    @pytest.mark.parametrize(
        ("positives", "severity"),
        [
            (2_400, Severity.NONE),
            (2_600, Severity.LOW),
            (3_100, Severity.MEDIUM),
            (4_100, Severity.HIGH),
            (6_100, Severity.CRITICAL),
        ],
    )
    def test_severity_rises_with_the_shift(self, positives: int, severity: Severity) -> None:
        # 20 % expected, shifts of 4, 6, 11, 21 and 41 points.
        current = classes(10_000 - positives, positives)
        assert found(classes(80_000, 20_000), current)["prediction/class_balance"].severity is severity

    def test_a_certain_but_small_shift_is_fine(self) -> None:
        finding = found(classes(800_000, 200_000), classes(770_000, 230_000))["prediction/class_balance"]
        assert finding.p_value == 0
        assert finding.status is Status.OK

    def test_with_a_floor_of_zero_any_certain_shift_counts(self) -> None:
        sides = classes(800_000, 200_000), classes(798_000, 202_000)
        assert found(*sides, class_balance_shift=0.0)["prediction/class_balance"].severity is Severity.LOW
        same = classes(800_000, 200_000)
        assert found(same, same, class_balance_shift=0.0)["prediction/class_balance"].status is Status.OK

    def test_a_large_shift_that_chance_explains_is_fine(self) -> None:
        finding = found(classes(160, 40), classes(148, 52))["prediction/class_balance"]
        assert finding.effect == pytest.approx(0.06)
        assert finding.status is Status.OK
        assert finding.minimum_detectable_shift is not None
        assert finding.minimum_detectable_shift > 0.06

    def test_ten_times_the_positives_are_a_spike_however_few_points_that_is(self) -> None:
        findings = found(classes(99_800, 200), classes(9_780, 220))
        assert detected(findings) == {"prediction/positive_rate_spike"}
        spike = findings["prediction/positive_rate_spike"]
        assert spike.severity is Severity.HIGH
        assert spike.statistic == pytest.approx(11, rel=0.01)

    def test_a_tenth_of_the_positives_is_one_too(self) -> None:
        finding = found(classes(97_000, 3_000), classes(9_972, 28))["prediction/positive_rate_spike"]
        assert finding.status is Status.DETECTED
        assert finding.statistic == pytest.approx(0.095, rel=0.02)

    def test_one_class_only_is_found_however_rare_the_other_was(self) -> None:
        findings = found(classes(995_000, 5_000), classes(20_000, 0))
        finding = findings["prediction/one_class_only"]
        assert finding.status is Status.DETECTED
        assert finding.severity is Severity.HIGH
        assert finding.details["class"] == "'0'"
        assert finding.description.startswith("100.00% of the predictions are '0'; 99.50% are expected")

    def test_one_class_only_is_nothing_where_that_is_likely(self) -> None:
        # 400 predictions without one of the 0.1 % positives: a chance of 67 %.
        assert detected(found(classes(99_900, 100), classes(400, 0))) == set()

    def test_a_baseline_of_one_class_stays_silent(self) -> None:
        assert detected(found(classes(1_000, 0), classes(1_000, 0), positive_level="0")) == set()

    def test_classes_never_seen_count_by_their_mass(self) -> None:
        many = found(classes(800, 200), classes(500, 200, yes=300))["prediction/unknown_class"]
        assert many.status is Status.DETECTED
        assert many.severity is Severity.CRITICAL
        assert many.details["classes"] == ["yes"]
        few = found(classes(800, 200), classes(799, 200, yes=1))["prediction/unknown_class"]
        assert few.status is Status.OK

    def test_nulls_are_an_anomaly_of_their_own_and_no_class(self) -> None:
        findings = found(classes(800, 200), classes(640, 160, nulls=200))
        assert detected(findings) == {"prediction/null_share"}
        assert findings["prediction/null_share"].severity is Severity.HIGH
        assert findings["prediction/class_balance"].statistic == pytest.approx(0.2)

    def test_only_nulls_leave_nothing_to_balance_but_are_found(self) -> None:
        findings = found(classes(800, 200), classes(0, 0, nulls=1_000))
        assert findings["prediction/class_balance"].status is Status.NOT_EVALUATED
        assert findings["prediction/null_share"].severity is Severity.CRITICAL

    def test_a_positive_class_that_never_occurs_is_a_slip_of_the_configuration(self) -> None:
        finding = found(classes(800, 200), classes(800, 200), positive_level="yes")["prediction/class_balance"]
        assert finding.status is Status.NOT_EVALUATED
        assert finding.reason == "neither the baseline nor the window predicts 'yes': check positive_label"

    def test_without_a_positive_class_all_classes_are_balanced(self) -> None:
        findings = found(classes(700, 300), classes(400, 600), positive_level=None)
        assert "prediction/positive_rate_spike" not in findings
        finding = findings["prediction/class_balance"]
        assert finding.status is Status.DETECTED
        assert finding.statistic == pytest.approx(0.3)
        # By scipy.stats.chi2_contingency without continuity correction.
        assert finding.p_value == pytest.approx(1.9428901015464146e-41, rel=1e-9, abs=0)

    def test_too_few_rows_are_not_evaluated_with_the_reason(self) -> None:
        findings = found(classes(800, 200), classes(10, 2))
        assert {finding.status for finding in findings.values()} == {Status.NOT_EVALUATED}
        assert findings["prediction/class_balance"].reason == "12 predictions, at least 200 are needed"
        assert findings["prediction/null_share"].reason == "12 rows, at least 200 are needed"

    def test_a_small_baseline_is_said(self) -> None:
        finding = found(classes(8, 2), classes(800, 200))["prediction/class_balance"]
        assert finding.reason == "the baseline has 10 predictions, at least 200 are needed"


class TestScores:
    random = np.random.default_rng(1)
    usual = random.beta(0.6, 1.2, 50_000)

    def test_the_same_scores_are_fine(self) -> None:
        assert detected(scored(self.usual, np.random.default_rng(2).beta(0.6, 1.2, 10_000))) == set()

    def test_scores_that_gather_at_a_half_are_a_collapse(self) -> None:
        current = np.random.default_rng(3).normal(0.5, 0.03, 5_000)
        findings = scored(self.usual, current)
        finding = findings["score/confidence_collapse"]
        assert finding.status is Status.DETECTED
        assert finding.severity is Severity.CRITICAL
        assert finding.statistic == pytest.approx(np.mean((current >= 0.4) & (current <= 0.6)), abs=0.01)
        assert finding.details["expected"] == pytest.approx(
            np.mean((self.usual >= 0.4) & (self.usual <= 0.6)), abs=0.002
        )
        assert findings["score/entropy"].status is Status.DETECTED
        assert findings["score/over_confidence"].status is Status.OK

    def test_scores_that_gather_at_the_ends_are_over_confident(self) -> None:
        current = np.random.default_rng(4).choice([0.001, 0.999], 5_000)
        findings = scored(self.usual, current)
        assert findings["score/over_confidence"].severity is Severity.CRITICAL
        assert findings["score/over_confidence"].statistic == pytest.approx(1, abs=0.01)
        assert findings["score/confidence_collapse"].status is Status.OK

    def test_a_collapse_into_one_wide_cell_of_the_baseline_is_seen(self) -> None:
        # Nothing between 0.1 and 0.9 on the baseline: one cell holds all that lies there.
        ends = np.concatenate([np.linspace(0, 0.1, 5_000), np.linspace(0.9, 1, 5_000)])
        findings = scored(ends, np.full(1_000, 0.5))
        assert {"score/confidence_collapse", "score/constant_output"} <= detected(findings)

    @pytest.mark.parametrize("odd", [-0.01, 1.01, 37.0])
    def test_a_single_impossible_score_is_an_error(self, odd: float) -> None:
        finding = scored(self.usual, np.append(self.usual[:999], odd))["score/score_out_of_range"]
        assert finding.status is Status.DETECTED
        assert finding.severity is Severity.MEDIUM
        assert finding.comparison is Comparison.EXPECTATION
        assert finding.statistic == pytest.approx(odd)
        assert finding.threshold == (0.0 if odd < 0 else 1.0)
        assert finding.p_value is None

    def test_many_impossible_scores_are_critical_even_in_a_small_window(self) -> None:
        findings = scored(self.usual, np.linspace(0, 100, 50))
        assert findings["score/score_out_of_range"].severity is Severity.CRITICAL
        assert findings["score/confidence_collapse"].reason == "50 scores, at least 200 are needed"

    def test_null_and_infinite_scores_are_missing(self) -> None:
        current = self.usual[:1_000].copy()
        current[:60] = np.nan
        current[60:100] = np.inf
        finding = scored(self.usual, current)["score/null_share"]
        assert finding.status is Status.DETECTED
        assert finding.statistic == pytest.approx(0.1)

    def test_a_frozen_score_is_constant(self) -> None:
        finding = scored(self.usual, np.full(1_000, 0.731))["score/constant_output"]
        assert finding.status is Status.DETECTED
        assert finding.severity is Severity.CRITICAL
        assert finding.description.startswith("100.0% of the score values are 0.731; 0.1% are expected")
        assert finding.details["standard_deviation"] == 0

    def test_a_window_without_scores_where_the_baseline_had_some_says_so(self) -> None:
        before, _ = numeric("score", self.usual, self.usual)
        findings = found({**classes(800, 200), **before}, classes(800, 200))
        assert findings["score/confidence_collapse"].status is Status.NOT_EVALUATED
        assert findings["score/confidence_collapse"].reason == "the window holds no score"

    def test_scores_in_other_cells_than_the_baselines_are_not_compared(self) -> None:
        before, _ = numeric("score", self.usual, self.usual)
        now, _ = numeric("score", self.usual[:1_000], self.usual)
        finding = found({**classes(800, 200), **before}, {**classes(800, 200), **now})["score/entropy"]
        assert finding.status is Status.NOT_EVALUATED
        assert finding.reason == "score was counted in other cells than the baseline; count the window again"


class TestNumbers:
    usual = np.random.default_rng(5).normal(20, 10, 50_000)

    def test_the_same_predictions_are_fine(self) -> None:
        findings = predicted(self.usual, np.random.default_rng(6).normal(20, 10, 10_000))
        assert detected(findings) == set()
        assert set(findings) == {
            f"prediction/{test}" for test in ("constant_output", "regression_range", "outliers", "null_share")
        }

    def test_predictions_beyond_the_baselines_range_are_found(self) -> None:
        current = np.append(np.random.default_rng(7).normal(20, 10, 9_000), np.full(1_000, 500.0))
        findings = predicted(self.usual, current)
        finding = findings["prediction/regression_range"]
        assert finding.status is Status.DETECTED
        assert finding.severity is Severity.HIGH
        assert finding.statistic == pytest.approx(0.1, abs=0.005)
        assert finding.details["maximum"] == 500
        assert findings["prediction/outliers"].status is Status.DETECTED

    def test_wider_predictions_are_outliers(self) -> None:
        current = np.random.default_rng(8).normal(20, 20, 5_000)
        finding = predicted(self.usual, current)["prediction/outliers"]
        mean, deviation = self.usual.mean(), self.usual.std()
        assert finding.status is Status.DETECTED
        assert finding.statistic == pytest.approx(np.mean(np.abs(current - mean) > 3 * deviation), abs=0.005)
        # Two standard deviations instead of one: 13 % beyond three, where 0.3 % are usual.
        assert finding.details["expected"] == pytest.approx(0.0027, abs=0.001)

    def test_impossible_values_need_a_limit_and_no_evidence(self) -> None:
        current = np.append(np.abs(self.usual[:999]), -3.0)
        assert "prediction/impossible_values" not in predicted(self.usual, current)
        finding = predicted(self.usual, current, lowest=0.0)["prediction/impossible_values"]
        assert finding.status is Status.DETECTED
        assert (finding.statistic, finding.threshold) == (-3.0, 0.0)
        assert finding.description == "Prediction values run -3 to 71.0416; at least 0 is possible".replace(
            "71.0416", f"{np.abs(self.usual[:999]).max():.6g}"
        )

    def test_possible_values_are_fine(self) -> None:
        finding = predicted(self.usual, np.abs(self.usual[:999]), lowest=0.0, highest=1_000.0)
        assert finding["prediction/impossible_values"].status is Status.OK
        assert finding["prediction/impossible_values"].effect == 0

    def test_a_constant_prediction_is_found_wherever_it_lies(self) -> None:
        for value in (20.0, -500.0, 500.0):
            assert "prediction/constant_output" in detected(predicted(self.usual, np.full(1_000, value)))

    def test_a_shift_beyond_the_range_is_not_called_constant(self) -> None:
        current = np.random.default_rng(9).normal(2_000, 10, 1_000)
        assert detected(predicted(self.usual, current)) == {"prediction/regression_range", "prediction/outliers"}

    def test_a_model_that_was_always_constant_stays_silent(self) -> None:
        findings = predicted(np.full(5_000, 7.0), np.full(1_000, 7.0))
        assert detected(findings) == set()
        assert findings["prediction/outliers"].status is Status.NOT_EVALUATED

    def test_nothing_but_nulls_is_found_and_nothing_crashes(self) -> None:
        findings = predicted(self.usual, np.full(1_000, np.nan), lowest=0.0)
        assert detected(findings) == {"prediction/null_share"}
        assert findings["prediction/impossible_values"].reason == "the window holds no number"
        assert findings["prediction/outliers"].reason == "0 predictions, at least 200 are needed"

    def test_huge_values_are_found_and_raise_no_warning(self) -> None:
        assert "prediction/regression_range" in detected(predicted(self.usual, np.linspace(-8e307, 8e307, 1_000)))

    def test_a_baseline_without_a_finite_value_is_said(self) -> None:
        finding = predicted(np.full(500, np.nan), self.usual[:500])["prediction/outliers"]
        assert finding.reason == "the baseline has 0 predictions, at least 200 are needed"


class TestService:
    @staticmethod
    def latency(reference: Floats, current: Floats) -> Finding:
        cells = latency_binning()
        before, now = (NumericProfile.of(values, cells) for values in (reference, current))
        return found({**classes(500, 500), "latency": before}, {**classes(500, 500), "latency": now})[
            "latency/latency_p95"
        ]

    usual = np.random.default_rng(10).lognormal(np.log(200), 0.5, 50_000)

    def test_a_ten_times_slower_service_is_critical(self) -> None:
        # The mission's incident: 500 ms become 5 s at the 95th percentile.
        finding = self.latency(self.usual, 10 * self.usual[:2_000])
        assert finding.status is Status.DETECTED
        assert finding.severity is Severity.CRITICAL
        assert finding.statistic == pytest.approx(10 * np.quantile(self.usual[:2_000], 0.95), rel=0.03)
        assert finding.details["expected"] == pytest.approx(np.quantile(self.usual, 0.95), rel=0.03)
        assert finding.interval_low is not None
        assert finding.interval_high is not None
        assert finding.interval_low < finding.statistic < finding.interval_high  # type: ignore[operator]

    def test_the_same_latency_is_fine(self) -> None:
        assert self.latency(self.usual, self.usual[:2_000]).status is Status.OK

    def test_a_slightly_slower_service_is_fine_however_certain(self) -> None:
        finding = self.latency(self.usual, 1.1 * self.usual)
        assert finding.p_value is not None
        assert finding.p_value < 1e-6
        assert finding.status is Status.OK

    def test_a_faster_service_is_fine(self) -> None:
        finding = self.latency(self.usual, 0.5 * self.usual)
        assert finding.status is Status.OK
        assert finding.effect == pytest.approx(-0.5, abs=0.02)

    def test_latencies_of_zero_cannot_rise_relatively(self) -> None:
        finding = self.latency(np.zeros(500), self.usual[:500])
        assert finding.status is Status.NOT_EVALUATED
        assert "no relative rise" in finding.reason

    @staticmethod
    def errors(before: tuple[int, int], now: tuple[int, int]) -> Finding:
        sides = [
            {**classes(500, 500), "error": CategoricalProfile.of({"false": right, "true": wrong}, ERRORS)}
            for right, wrong in (before, now)
        ]
        return found(*sides)["error/error_rate"]

    def test_more_errors_are_found(self) -> None:
        finding = self.errors((99_900, 100), (930, 70))
        assert finding.severity is Severity.HIGH
        assert (finding.statistic, finding.effect) == pytest.approx((0.07, 0.069))
        assert finding.description.startswith("7.00% of the predictions failed; 0.10% are expected")

    def test_as_many_errors_as_ever_are_fine(self) -> None:
        assert self.errors((90_000, 10_000), (900, 105)).status is Status.OK

    def test_no_errors_at_all_are_fine(self) -> None:
        finding = self.errors((1_000, 0), (1_000, 0))
        assert (finding.status, finding.p_value) == (Status.OK, 1)


class TestBudget:
    def test_all_tests_of_a_window_share_the_false_alarm_rate(self) -> None:
        random = np.random.default_rng(11)
        before, now = numeric("score", random.random(5_000), random.random(5_000))
        findings = found({**classes(800, 200), **before}, {**classes(800, 200), **now}, false_alarm_rate=0.02)
        tested = [finding for finding in findings.values() if finding.p_value is not None]
        assert {finding.details["significance"] for finding in tested} == {0.02 / len(tested)}
        assert findings["score/score_out_of_range"].details["significance"] is None

    @pytest.mark.parametrize("rows", [200, 5_000])
    def test_clean_windows_alarm_no_more_often_than_budgeted(self, rows: int) -> None:
        # 300 clean windows at 1 %: more than 9 alarms have a chance of 0.1 % (binomial).
        random = np.random.default_rng(rows)
        scores = random.beta(0.6, 1.2, 50_000)
        binning = NumericBinning.from_values(scores)

        def side(values: Floats) -> Side:
            positives = int(np.count_nonzero(values > 0.5))
            return {**classes(values.size - positives, positives), "score": NumericProfile.of(values, binning)}

        baseline = side(scores)
        alarms = sum(
            bool(detected(found(baseline, side(random.beta(0.6, 1.2, rows)), class_balance_shift=0.001)))
            for _ in range(300)
        )
        assert alarms <= 9


class TestMissing:
    def test_no_prediction_at_all_is_not_evaluated(self) -> None:
        findings = found({}, {})
        assert {finding.reason for finding in findings.values()} == {"the baseline holds no prediction"}

    def test_subjects_that_neither_side_has_make_no_finding(self) -> None:
        assert {name.split("/")[0] for name in found(classes(800, 200), classes(800, 200))} == {"prediction"}

    def test_predictions_of_another_kind_than_the_task_are_said(self) -> None:
        finding = found(classes(8, 2), classes(8, 2), task=PredictionTask.REGRESSION)["prediction/outliers"]
        assert finding.reason == "prediction was not counted as a NumericProfile; build the baseline again"


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"false_alarm_rate": 0.0}, "false_alarm_rate is 0.0"),
        ({"minimum_rows": 1}, "minimum_rows is 1"),
        ({"class_balance_shift": -0.1}, "class_balance_shift is -0.1"),
        ({"class_balance_shift": 1.1}, "class_balance_shift is 1.1"),
        ({"lowest": 2.0, "highest": 1.0}, r"lowest \(2.0\) must be below highest \(1.0\)"),
    ],
)
def test_limits_out_of_their_range_are_refused(limits: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        PredictionThresholds(**limits)  # type: ignore[arg-type]
