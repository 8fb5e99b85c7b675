"""Binary metrics against scikit-learn on the same rows."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn import metrics as sklearn_metrics

from driftline.performance import binary_metrics, roc_auc_error_bound
from driftline.profiles import BinaryOutcomeProfile, NumericBinning, pooled_binning

Floats = NDArray[np.float64]

# Evidently's fixture, values recomputed with scikit-learn (reference-values.md).
SCORES = np.array([0.91, 0.82, 0.73, 0.64, 0.55, 0.46, 0.37, 0.28, 0.19, 0.0])
LABELS = np.array([1, 0, 0, 1, 1, 1, 0, 1, 0, 0], dtype=bool)


def counted(
    labels: NDArray[np.bool_], scores: Floats, threshold: float = 0.5, binning: NumericBinning | None = None
) -> BinaryOutcomeProfile:
    return BinaryOutcomeProfile.of(labels, scores >= threshold, scores, binning or pooled_binning([scores]))


def sample(rows: int, seed: int) -> tuple[NDArray[np.bool_], Floats]:
    random = np.random.default_rng(seed)
    labels = random.random(rows) < 0.3
    return labels, 1 / (1 + np.exp(-random.normal(np.where(labels, 1.0, -1.0), 1.5)))


def test_the_published_fixture_gives_its_published_values() -> None:
    found = binary_metrics(counted(LABELS, SCORES, threshold=0.7))
    expected = {
        "accuracy": 0.4,
        "precision": 1 / 3,
        "recall": 1 / 5,
        "f1": 1 / 4,
        "roc_auc": 0.64,
        "log_loss": 0.6884817487155065,
        "brier": 0.25285,
        "pr_auc": 0.6783333333333332,
    }
    assert {name: found[name].value for name in expected} == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("rows", [50, 5_000])
def test_metrics_equal_scikit_learns_on_the_rows(rows: int) -> None:
    labels, scores = sample(rows, seed=rows)
    found = binary_metrics(counted(labels, scores))
    predicted = scores >= 0.5
    expected = {
        "accuracy": sklearn_metrics.accuracy_score(labels, predicted),
        "precision": sklearn_metrics.precision_score(labels, predicted),
        "recall": sklearn_metrics.recall_score(labels, predicted),
        "f1": sklearn_metrics.f1_score(labels, predicted),
        "specificity": sklearn_metrics.recall_score(~labels, ~predicted),
        "roc_auc": sklearn_metrics.roc_auc_score(labels, scores),
        "pr_auc": sklearn_metrics.average_precision_score(labels, scores),
        "log_loss": sklearn_metrics.log_loss(labels, scores),
        "brier": sklearn_metrics.brier_score_loss(labels, scores),
    }
    assert {name: found[name].value for name in expected} == pytest.approx(expected, rel=1e-10)


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=2, max_size=60),
)
def test_tied_scores_are_ranked_as_scikit_learn_ranks_them(rows: list[tuple[bool, int]]) -> None:
    labels = np.array([label for label, _ in rows])
    scores = np.array([score / 6 for _, score in rows])
    found = binary_metrics(counted(labels, scores))
    if labels.all() or not labels.any():
        assert found["roc_auc"].value is None
        assert "all" in found["roc_auc"].reason
        return
    assert found["roc_auc"].value == pytest.approx(sklearn_metrics.roc_auc_score(labels, scores), abs=1e-12)
    assert found["pr_auc"].value == pytest.approx(sklearn_metrics.average_precision_score(labels, scores), abs=1e-12)


@pytest.mark.parametrize("cells", [10, 100, 1_000])
def test_roc_auc_from_the_baselines_cells_stays_within_its_stated_bound(cells: int) -> None:
    _, baseline = sample(20_000, seed=1)
    labels, scores = sample(20_000, seed=2)
    profile = counted(labels, scores**1.3, binning=NumericBinning.from_values(baseline, maximum_cells=cells))
    exact = sklearn_metrics.roc_auc_score(labels, scores**1.3)
    value = binary_metrics(profile)["roc_auc"].value
    assert value is not None
    bound = roc_auc_error_bound(profile)
    assert abs(value - exact) <= bound
    # A cell holds about 1/cells of the rows: the bound is of that order.
    assert 0 < bound < 1 / cells


def test_a_thousand_cells_place_pr_auc_within_a_tenth_of_a_point() -> None:
    _, baseline = sample(50_000, seed=3)
    labels, scores = sample(50_000, seed=4)
    value = binary_metrics(counted(labels, scores, binning=NumericBinning.from_values(baseline)))["pr_auc"].value
    assert value == pytest.approx(sklearn_metrics.average_precision_score(labels, scores), abs=1e-3)


def test_atoms_make_the_bound_zero() -> None:
    labels, scores = sample(500, seed=5)
    rounded = scores.round(1)
    assert roc_auc_error_bound(counted(labels, rounded, binning=NumericBinning.from_values(rounded))) == 0


def test_calibration_error_is_that_of_ten_groups_of_equal_size() -> None:
    labels, scores = sample(4_000, seed=6)
    order = np.argsort(scores)
    groups = np.array_split(order, 10)
    by_hand = sum(abs(labels[group].mean() - scores[group].mean()) * group.size / 4_000 for group in groups)
    assert binary_metrics(counted(labels, scores))["calibration_error"].value == pytest.approx(by_hand, abs=1e-12)


def test_calibrated_scores_have_an_interval_that_reaches_zero() -> None:
    random = np.random.default_rng(7)
    scores = random.random(5_000)
    found = binary_metrics(counted(random.random(5_000) < scores, scores))["calibration_error"]
    assert found.interval_low == 0
    skewed = binary_metrics(counted(random.random(5_000) < scores**2, scores))["calibration_error"]
    assert skewed.interval_low is not None
    assert skewed.interval_low > 0.1


class TestUndefined:
    """Undefined is a reason, never 0 and never a warning (pytest turns RuntimeWarnings of ours into errors)."""

    def test_nothing_at_all(self) -> None:
        found = binary_metrics(BinaryOutcomeProfile.empty(pooled_binning([SCORES])))
        assert all(metric.value is None and metric.reason for metric in found.values())
        assert found["accuracy"].reason == "no labels"

    def test_only_negative_labels_and_predictions(self) -> None:
        none = np.zeros(10, dtype=bool)
        found = binary_metrics(BinaryOutcomeProfile.of(none, none, SCORES, pooled_binning([SCORES])))
        undefined = {name for name, metric in found.items() if metric.value is None}
        assert undefined == {"precision", "recall", "f1", "roc_auc", "pr_auc"}
        assert found["precision"].reason == "none of 10 predictions is positive"
        assert found["recall"].reason == "none of 10 labels is positive"
        assert (
            found["roc_auc"].reason == "all 10 labels with a score are negative; there is no positive to rank against"
        )
        assert found["specificity"].value == 1

    def test_only_positive_labels(self) -> None:
        every = np.ones(10, dtype=bool)
        found = binary_metrics(BinaryOutcomeProfile.of(every, every, SCORES, pooled_binning([SCORES])))
        assert {name for name, metric in found.items() if metric.value is None} == {"specificity", "roc_auc"}
        # As scikit-learn: without negatives every threshold has precision 1.
        assert found["pr_auc"].value == pytest.approx(1)

    def test_a_model_without_scores_has_only_confusion_metrics(self) -> None:
        found = binary_metrics(BinaryOutcomeProfile.of(LABELS, SCORES > 0.5, None, NumericBinning(np.empty(0))))
        undefined = {name for name, metric in found.items() if metric.value is None}
        assert undefined == {"roc_auc", "pr_auc", "log_loss", "brier", "calibration_error"}
        assert found["log_loss"].reason == "none of the 10 labeled rows has a valid score"
        assert found["accuracy"].value == 0.6

    def test_bad_scores_count_in_the_confusion_matrix_only(self) -> None:
        scores = SCORES.copy()
        scores[:4] = [np.nan, np.inf, -0.1, 1.1]
        found = binary_metrics(counted(LABELS, scores, threshold=0.5, binning=pooled_binning([SCORES])))
        assert found["accuracy"].size == 10
        assert found["brier"].size == found["roc_auc"].size == 6
        assert found["log_loss"].value == pytest.approx(sklearn_metrics.log_loss(LABELS[4:], SCORES[4:]))

    def test_one_row_has_a_mean_but_no_interval(self) -> None:
        found = binary_metrics(counted(np.array([True]), np.array([0.25])))
        assert found["log_loss"].value == pytest.approx(math.log(4))
        assert found["log_loss"].interval_low is None


def test_about_95_percent_of_the_intervals_hold_the_true_value() -> None:
    # True values from half a million rows; 600 samples of 400 rows. The standard error of a coverage is 0.9 points, so
    # 92.3 % is three of them below 95 %; intervals may be wider than needed, not narrower.
    truth = {name: metric.value for name, metric in binary_metrics(counted(*sample(500_000, seed=11))).items()}
    held = dict.fromkeys(truth, 0)
    for seed in range(600):
        for name, metric in binary_metrics(counted(*sample(400, seed=5_000 + seed))).items():
            held[name] += metric.interval_low <= truth[name] <= metric.interval_high  # type: ignore[operator]
    assert {name: count for name, count in held.items() if count < 0.923 * 600} == {}


def test_perfect_ranking_still_has_an_uncertain_auc() -> None:
    # With 3 positives and 4 negatives all in order, Newcombe's method 5 leaves the area uncertain downward only.
    labels = np.array([0, 0, 0, 0, 1, 1, 1], dtype=bool)
    found = binary_metrics(counted(labels, np.linspace(0.1, 0.9, 7)))["roc_auc"]
    assert found.value == 1
    assert found.interval_high == 1
    assert found.interval_low is not None
    assert 0.3 < found.interval_low < 0.8
    mirrored = binary_metrics(counted(~labels, np.linspace(0.1, 0.9, 7)))["roc_auc"]
    assert mirrored.value == 0
    assert mirrored.interval_high == pytest.approx(1 - found.interval_low)


def test_a_higher_confidence_gives_a_wider_interval() -> None:
    profile = counted(LABELS, SCORES)
    usual, wide = binary_metrics(profile), binary_metrics(profile, confidence=0.999)
    for name, metric in usual.items():
        assert wide[name].interval_low <= metric.interval_low  # type: ignore[operator]
        assert wide[name].interval_high >= metric.interval_high  # type: ignore[operator]
