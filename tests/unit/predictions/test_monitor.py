"""Outputs in arrays: described and compared."""

import numpy as np
import pandas as pd
import pytest

from driftline.errors import InputError
from driftline.findings import Status
from driftline.predictions import PredictionDistributionMonitor, PredictionTask

CLASSIFIER = PredictionDistributionMonitor(positive_level="1")
REGRESSION = PredictionDistributionMonitor(PredictionTask.REGRESSION)


def test_classes_and_scores_are_described() -> None:
    scores = np.array([0.0, 0.5, 0.45, 0.995, 0.2])
    described = CLASSIFIER.analyze_prediction_distribution([0, 1, 0, 1, None], scores)
    assert (described.rows, described.missing) == (5, 1)
    assert described.class_shares == {"0": 0.5, "1": 0.5}
    assert (described.minimum, described.maximum) == (0.0, 0.995)
    assert described.mean == pytest.approx(scores.mean())
    assert described.unsure_share == pytest.approx(0.4)
    assert described.certain_share == pytest.approx(0.4)
    with np.errstate(divide="ignore", invalid="ignore"):
        bits = np.nan_to_num(-scores * np.log2(scores) - (1 - scores) * np.log2(1 - scores))
    assert described.entropy_bits == pytest.approx(bits.mean())


def test_numbers_are_described() -> None:
    values = np.random.default_rng(1).normal(10, 2, 20_000)
    described = REGRESSION.analyze_prediction_distribution(np.append(values, np.nan))
    assert (described.rows, described.missing) == (20_001, 1)
    assert described.standard_deviation == pytest.approx(values.std(ddof=1))
    assert described.quantiles[0.5] == pytest.approx(np.quantile(values, 0.5), abs=0.02)
    assert described.class_shares == {}


def test_classes_are_the_same_in_any_type() -> None:
    for predictions in (
        [1, 0, 1],
        [1.0, 0.0, 1.0],
        ["1", "0", "1"],
        np.array([1, 0, 1]),
        pd.Series([1, 0, 1], dtype="Int64"),
    ):
        shares = CLASSIFIER.analyze_prediction_distribution(predictions).class_shares
        assert shares == pytest.approx({"1": 2 / 3, "0": 1 / 3})


def test_an_empty_batch_is_described_as_empty() -> None:
    described = CLASSIFIER.analyze_prediction_distribution([], [])
    assert (described.rows, described.class_shares, described.mean) == (0, {}, None)


def test_anomalies_are_found_between_two_batches() -> None:
    random = np.random.default_rng(2)
    scores = random.beta(0.6, 1.2, 5_000)
    collapsed = random.normal(0.5, 0.02, 1_000)
    findings = CLASSIFIER.detect_prediction_anomalies(
        (scores > 0.5).astype(int),
        (collapsed > 0.5).astype(int),
        reference_probabilities=scores,
        current_probabilities=collapsed,
    )
    status = {(finding.subject, finding.test): finding.status for finding in findings}
    assert status["score", "confidence_collapse"] is Status.DETECTED
    assert status["prediction", "class_balance"] is Status.DETECTED
    assert status["score", "score_out_of_range"] is Status.OK


def test_a_batch_of_its_own_kind_is_clean() -> None:
    random = np.random.default_rng(3)
    findings = REGRESSION.detect_prediction_anomalies(random.normal(0, 1, 5_000), random.normal(0, 1, 2_000))
    assert {finding.status for finding in findings} == {Status.OK}


def test_text_is_no_number() -> None:
    with pytest.raises(InputError, match="predictions holds 'many', which is text"):
        REGRESSION.analyze_prediction_distribution([1.0, "many"])


def test_predictions_and_probabilities_of_different_lengths_are_refused() -> None:
    with pytest.raises(InputError, match="predictions 2, probabilities 1"):
        CLASSIFIER.analyze_prediction_distribution([0, 1], [0.5])


def test_inputs_are_not_modified() -> None:
    predictions, scores = np.array([1, 0, 1]), np.array([0.9, np.nan, 0.4])
    before = predictions.copy(), scores.copy()
    CLASSIFIER.analyze_prediction_distribution(predictions, scores)
    np.testing.assert_array_equal(before[0], predictions)
    np.testing.assert_array_equal(before[1], scores)
