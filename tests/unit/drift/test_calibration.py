"""Thresholds learned from a baseline: what they hold, when they cannot be learned, and that they travel as JSON."""

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from driftline.drift import Calibration, DriftDetector, DriftThresholds, build_calibration
from driftline.errors import InputError
from driftline.profiles import CategoricalBinning, CategoricalProfile, NumericBinning, NumericProfile, merge
from driftline.windows import Window

START = datetime(2026, 3, 1, tzinfo=UTC)
BINNING = NumericBinning.from_values(np.random.default_rng(0).normal(size=20_000), maximum_cells=200)
LEVELS = CategoricalBinning(("a", "b", "c"))
NO_FLOORS = DriftThresholds(
    psi=0, jensen_shannon=0, kolmogorov_smirnov=0, wasserstein=0, total_variation=0, null_share=0, new_level_share=0
)


def _hour(rng, location=0.0, rows=40, null_share=0.01):
    values = rng.normal(location, 1, rows)
    values[rng.random(rows) < null_share] = np.nan
    levels, counts = np.unique(rng.choice(["a", "b", "c"], rows, p=[0.5, 0.3, 0.2]), return_counts=True)
    return {
        "amount": NumericProfile.of(values, BINNING),
        "channel": CategoricalProfile.of(dict(zip(levels.tolist(), counts.tolist(), strict=True)), LEVELS),
    }


def _slices(seed, days=28, location=lambda hour: 0.0, rows=40):
    rng = np.random.default_rng(seed)
    return [(START + timedelta(hours=hour), _hour(rng, location(hour), rows)) for hour in range(24 * days)]


def _merged(slices):
    return {name: merge([profiles[name] for _, profiles in slices]) for name in slices[0][1]}


@pytest.fixture(scope="module")
def steady():
    return _slices(1)


@pytest.fixture(scope="module")
def calibration(steady):
    return build_calibration(steady, 24)


def test_thresholds_fall_with_the_rows_and_stop_at_the_baselines_own_windows(calibration):
    table = calibration.features["amount"].tables["kolmogorov_smirnov"]
    assert list(table.critical_values) == sorted(table.critical_values, reverse=True)
    at_own_size = calibration.evidence("amount", "kolmogorov_smirnov", 0.0, 950).critical_value
    assert calibration.evidence("amount", "kolmogorov_smirnov", 0.0, 10_000_000).critical_value == pytest.approx(
        at_own_size, rel=0.05
    )


def test_without_a_pattern_the_threshold_is_near_the_analytic_one(calibration):
    # Kolmogorov's limit at 0.1 % (1 % over two features and their tests) is 1.95 / sqrt(n).
    critical = calibration.evidence("amount", "kolmogorov_smirnov", 0.0, 200).critical_value
    assert 1.6 < critical * np.sqrt(200) < 2.4


def test_clean_windows_stay_within_twice_the_budget_and_shifted_ones_are_found(steady, calibration):
    # 150 windows at 1 %: 8 alarms or more have a probability of 0.02 % (binomial).
    rng = np.random.default_rng(9)
    reference = _merged(steady)
    detector = DriftDetector(NO_FLOORS, calibration)
    verdicts = [detector.detect_profile_drift(reference, _hour(rng, rows=960)) for _ in range(150)]
    assert sum(verdict.detected for verdict in verdicts) < 8
    shifted = detector.detect_profile_drift(reference, _hour(rng, 0.4, rows=960))
    assert shifted.drifted_features == ("amount",)


def test_days_that_differ_raise_the_threshold_above_chance():
    rng = np.random.default_rng(2)
    levels = rng.normal(0, 0.3, 28)
    restless = build_calibration(_slices(3, location=lambda hour: levels[hour // 24]), 24)
    assert restless.features["amount"].overdispersion > 1.3
    assert restless.evidence("amount", "kolmogorov_smirnov", 0.0, 960).critical_value > 0.2
    assert restless.evidence("channel", "total_variation", 0.0, 960).critical_value < 0.12


def test_a_weekly_pattern_is_learned_and_taken_off():
    def weekend(hour):
        return 0.8 if (START + timedelta(hours=hour)).weekday() >= 5 else 0.0

    slices = _slices(4, location=weekend)
    calibration = build_calibration(slices, 24)
    detector = DriftDetector(NO_FLOORS, calibration)
    assert calibration.has_season
    rng = np.random.default_rng(5)
    sunday = Window(START + timedelta(days=28), START + timedelta(days=29))
    tuesday = Window(START + timedelta(days=30), START + timedelta(days=31))
    on_sunday = _hour(rng, 0.8, rows=960)
    as_expected = detector.detect_profile_drift(_merged(slices), on_sunday, window=sunday)
    out_of_place = detector.detect_profile_drift(_merged(slices), on_sunday, window=tuesday)
    assert not as_expected.detected
    assert out_of_place.drifted_features == ("amount",)
    without_hours = detector.detect_profile_drift(_merged(slices), on_sunday)
    assert any("hours were not given" in note for note in without_hours.notes)


def test_p_values_are_spread_evenly_on_clean_windows(steady, calibration):
    rng = np.random.default_rng(11)
    detector = DriftDetector(NO_FLOORS, calibration)
    p_values = [
        next(
            result.p_value
            for result in detector.detect_profile_drift(_merged(steady), _hour(rng, rows=500)).results
            if result.test == "kolmogorov_smirnov"
        )
        for _ in range(100)
    ]
    assert 0.3 < np.mean(p_values) < 0.7
    assert 0 < min(p_values) <= max(p_values) <= 1


def test_the_same_baseline_gives_the_same_calibration_in_any_order(steady, calibration):
    assert build_calibration(steady[::-1], 24) == calibration


def test_a_calibration_travels_as_json(calibration):
    text = json.dumps(calibration.to_json())
    assert Calibration.from_json(text) == calibration
    assert Calibration.from_json(json.loads(text)) == calibration


def test_json_of_another_format_is_refused(calibration):
    with pytest.raises(InputError, match="build the baseline again"):
        Calibration.from_json(calibration.to_json() | {"format": 0})


def test_a_short_baseline_falls_back_to_analytic_thresholds_and_says_so():
    slices = _slices(1, days=5)
    calibration = build_calibration(slices, 24)
    assert not calibration.is_calibrated
    assert "holds 5 windows of 24 h; at least 10" in calibration.reason
    current = _hour(np.random.default_rng(0), 1.0, rows=500)
    verdict = DriftDetector(calibration=calibration).detect_profile_drift(_merged(slices), current)
    assert verdict.drifted_features == ("amount",)
    assert any("holds 5 windows" in note for note in verdict.notes)
    assert {result.details["evidence"] for result in verdict.results if result.details.get("decides", True)} <= {
        "analytic"
    }


def test_nothing_counted_is_a_short_baseline():
    assert "holds 0 windows" in build_calibration([], 24).reason


def test_a_feature_the_calibration_does_not_know_is_judged_analytically(steady, calibration):
    reference, current = _merged(steady), _hour(np.random.default_rng(0), 1.0, rows=500)
    reference["new"], current["new"] = reference["amount"], current["amount"]
    verdict = DriftDetector(calibration=calibration).detect_profile_drift(reference, current)
    assert set(verdict.drifted_features) == {"amount", "new"}


def test_missing_hours_and_columns_without_values_do_not_stop_the_others(steady):
    empty = NumericProfile.of(np.full(40, np.nan), BINNING)
    constant = NumericProfile.of(np.full(40, 0.5), BINNING)
    slices = [
        (start, profiles | {"empty": empty, "constant": constant}) for start, profiles in steady if start.hour != 3
    ]
    calibration = build_calibration(slices, 24)
    assert "amount" in calibration.features
    assert "empty" not in calibration.features
    verdict = DriftDetector(calibration=calibration).detect_profile_drift(_merged(slices), _merged(slices))
    assert not verdict.detected


def test_nulls_and_new_levels_are_found_under_calibration(steady, calibration):
    rng = np.random.default_rng(0)
    current = _hour(rng, rows=960, null_share=0.1)
    current["channel"] = CategoricalProfile.of({"a": 480, "b": 280, "c": 180, "z": 20}, LEVELS)
    verdict = DriftDetector(calibration=calibration).detect_profile_drift(_merged(steady), current)
    found = {(result.feature_name, result.test) for result in verdict.results if result.detected}
    assert {("amount", "null_share"), ("channel", "new_level_share")} <= found


def test_windows_of_six_hours_learn_the_time_of_day():
    slices = _slices(6, location=lambda hour: 0.8 * np.cos(2 * np.pi * hour / 24))
    calibration = build_calibration(slices, 6)
    assert calibration.blocks == 112
    rng = np.random.default_rng(7)
    first = 24 * 28
    current = [_hour(rng, 0.8 * np.cos(2 * np.pi * (first + hour) / 24)) for hour in range(6)]
    merged = {name: merge([each[name] for each in current]) for name in current[0]}
    window = Window(START + timedelta(hours=first), START + timedelta(hours=first + 6))
    verdict = DriftDetector(calibration=calibration).detect_profile_drift(_merged(slices), merged, window=window)
    assert not verdict.detected
    assert DriftDetector().detect_profile_drift(_merged(slices), merged).detected


def test_it_explains_itself(calibration):
    explanation = calibration.explained(1_000)
    assert "28 windows of 24 h" in explanation
    assert "amount: " in explanation
    assert "kolmogorov_smirnov 0.0" in explanation


@pytest.mark.parametrize(("hours", "rate"), [(0, 0.01), (24, 0.0), (24, 1.0)])
def test_impossible_windows_and_budgets_are_refused(steady, hours, rate):
    with pytest.raises(InputError):
        build_calibration(steady, hours, rate)
