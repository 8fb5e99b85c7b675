"""A model of several classes, from its log to the decision."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from driftline.decisions import Verdict
from driftline.errors import SourceError
from driftline.findings import Check, Finding, Severity, Status
from driftline.monitoring.decision import Context
from driftline.monitoring.monitor import Monitor
from driftline.monitoring.run import WindowRun, run_window
from driftline.sources.catalog import misfits
from driftline.windows import Window
from tests.integration.shop_log import END, ROWS_PER_HOUR, ShopLog

Brief = Callable[..., Monitor]

HOUR = timedelta(hours=1)
WINDOW = Window(END - 6 * HOUR, END)
QUICK = {"drift": {"enabled": False}}
SCORES = {"bird": "bird_score", "cat": "cat_score", "dog": "dog_score"}


@pytest.fixture
def animals(shop: ShopLog) -> ShopLog:
    """Predictions of three classes with their scores; nine labels of ten agree."""
    shop.execute(
        "ALTER TABLE {schema}.predictions ADD animal text, ADD bird_score float8, ADD cat_score float8, "
        "ADD dog_score float8"
    )
    shop.execute(
        "UPDATE {schema}.predictions SET animal = (ARRAY['bird', 'cat', 'dog'])[1 + abs(hashint8(prediction_id)) % 3]"
    )
    shop.execute(
        "UPDATE {schema}.predictions SET bird_score = CASE animal WHEN 'bird' THEN 0.9 ELSE 0.05 END, "
        "cat_score = CASE animal WHEN 'cat' THEN 0.9 ELSE 0.05 END, "
        "dog_score = CASE animal WHEN 'dog' THEN 0.9 ELSE 0.05 END"
    )
    shop.execute("ALTER TABLE {schema}.labels ADD is_animal text")
    shop.execute(
        "UPDATE {schema}.labels l SET is_animal = CASE WHEN abs(hashint8(l.prediction_id + 7)) % 10 > 0 THEN animal "
        "WHEN animal = 'cat' THEN 'dog' ELSE 'cat' END FROM {schema}.predictions p "
        "WHERE l.prediction_id = p.prediction_id"
    )
    return shop


@pytest.fixture
def of_animals(brief: Brief, animals: ShopLog) -> Callable[..., Monitor]:
    def open_monitor(scores: dict[str, str] | None = SCORES, **changes: Any) -> Monitor:
        mapping = animals.mapping(prediction="animal", scores=scores)
        del mapping["score"]
        if scores is None:
            del mapping["scores"]
        labels = {**animals.description()["labels"], "label": "is_animal"}
        described = {
            "task": "multiclass_classification", "positive_label": None, "predictions": mapping, "labels": labels,
            "features": [{"name": "amount", "kind": "numeric"}], "checks": QUICK,
        }  # fmt: skip
        return brief(**{**described, **changes})

    return open_monitor


def run(monitor: Monitor) -> WindowRun:
    return run_window(monitor, WINDOW, Context(run_id="test", now=END + 7 * HOUR))


def of(found: WindowRun, check: Check, test: str) -> dict[str, Finding]:
    return {one.subject: one for one in found.findings if (one.check, one.test, one.segment) == (check, test, "")}


def test_a_model_as_good_as_ever_is_all_clear_with_every_usual_metric(of_animals: Callable[..., Monitor]) -> None:
    found = run(of_animals())
    assert found.failures == ()
    assert (found.decision.verdict, found.record.labeled_rows) == (Verdict.NOTHING, 6 * ROWS_PER_HOUR)
    judged = of(found, Check.PERFORMANCE, "degradation")
    assert set(judged) == {"accuracy", "precision_macro", "recall_macro", "f1_macro", "roc_auc_ovr", "log_loss"}
    assert {one.status for one in judged.values()} == {Status.OK}
    assert judged["accuracy"].statistic == pytest.approx(0.9, abs=0.05)
    assert of(found, Check.PREDICTIONS, "class_balance")["prediction"].status is Status.OK
    assert "positive_rate_spike" not in {one.test for one in found.findings}


def test_confused_classes_are_degradation(of_animals: Callable[..., Monitor], animals: ShopLog) -> None:
    monitor = of_animals()
    animals.execute(
        "UPDATE {schema}.labels l SET is_animal = 'dog' FROM {schema}.predictions p WHERE "
        "l.prediction_id = p.prediction_id AND animal = 'cat' AND predicted_at >= %s",
        WINDOW.start,
    )
    found = run(monitor)
    assert found.decision.verdict is Verdict.ALERT
    judged = of(found, Check.PERFORMANCE, "degradation")
    assert judged["accuracy"].status is Status.DETECTED
    assert judged["f1_macro"].status is Status.DETECTED


def test_one_class_only_is_an_anomaly_of_the_predictions(of_animals: Callable[..., Monitor], animals: ShopLog) -> None:
    monitor = of_animals()
    animals.execute("UPDATE {schema}.predictions SET animal = 'bird' WHERE predicted_at >= %s", WINDOW.start)
    found = run(monitor)
    assert of(found, Check.PREDICTIONS, "one_class_only")["prediction"].status is Status.DETECTED
    assert of(found, Check.PREDICTIONS, "class_balance")["prediction"].severity is Severity.CRITICAL


def test_without_scores_the_classes_come_from_the_log(of_animals: Callable[..., Monitor]) -> None:
    found = run(of_animals(scores=None, checks={**QUICK, "performance": {"metrics": ["accuracy", "roc_auc_ovr"]}}))
    judged = of(found, Check.PERFORMANCE, "degradation")
    assert judged["accuracy"].status is Status.OK
    assert judged["roc_auc_ovr"].status is Status.NOT_EVALUATED
    assert "valid scores" in judged["roc_auc_ovr"].reason


@pytest.mark.parametrize(
    ("spoilt", "name"), [("7.5", "above 1"), ("-0.1", "below 0"), ("NULL", "null"), ("'Infinity'", "infinite")]
)
def test_scores_that_are_no_probabilities_leave_the_other_metrics(
    of_animals: Callable[..., Monitor], animals: ShopLog, spoilt: str, name: str
) -> None:
    monitor = of_animals(checks={**QUICK, "performance": {"metrics": ["accuracy", "log_loss", "roc_auc_ovr"]}})
    animals.execute(f"UPDATE {{schema}}.predictions SET cat_score = {spoilt} WHERE predicted_at >= %s", WINDOW.start)
    found = run(monitor)
    assert found.failures == (), name
    judged = of(found, Check.PERFORMANCE, "degradation")
    assert judged["accuracy"].status is Status.OK
    for metric in ("log_loss", "roc_auc_ovr"):
        assert judged[metric].status is Status.NOT_EVALUATED
        assert judged[metric].reason == "none of the 360 labeled rows has valid scores"
    told = of(found, Check.QUALITY, "possible_values")["cat_score"]
    assert told.status is (Status.NOT_EVALUATED if spoilt == "NULL" else Status.DETECTED)
    assert told.reason == ("Every value of the column 'cat_score' is null." if spoilt == "NULL" else "")


def test_a_null_surge_in_one_classs_score_is_detected(of_animals: Callable[..., Monitor], animals: ShopLog) -> None:
    monitor = of_animals()
    animals.execute(
        "UPDATE {schema}.predictions SET cat_score = NULL WHERE predicted_at >= %s AND prediction_id %% 4 = 0",
        WINDOW.start,
    )
    found = run(monitor)
    nulls = of(found, Check.PREDICTIONS, "null_share")
    told = nulls["score of cat"]
    assert (told.status, told.severity) == (Status.DETECTED, Severity.HIGH)
    assert told.description.startswith("25.00% of the scores of cat are missing or invalid; 0.00% are expected")
    assert {nulls[f"score of {other}"].status for other in ("bird", "dog")} == {Status.OK}
    assert found.decision.verdict is Verdict.ALERT


def test_a_classs_score_that_cannot_be_is_an_anomaly(of_animals: Callable[..., Monitor], animals: ShopLog) -> None:
    monitor = of_animals()
    animals.execute("UPDATE {schema}.predictions SET dog_score = 1.5 WHERE prediction_id = 20000")
    told = of(run(monitor), Check.PREDICTIONS, "score_out_of_range")
    assert {name: one.status for name, one in told.items()} == {
        "score of bird": Status.OK, "score of cat": Status.OK, "score of dog": Status.DETECTED,
    }  # fmt: skip


def test_before_labels_the_estimate_stands_in_and_its_error_is_told_when_they_come(
    of_animals: Callable[..., Monitor], animals: ShopLog
) -> None:
    monitor = of_animals()
    animals.execute("CREATE TABLE {schema}.held AS SELECT * FROM {schema}.labels WHERE known_at >= %s", WINDOW.start)
    animals.execute("DELETE FROM {schema}.labels WHERE known_at >= %s", WINDOW.start)
    found = run_window(monitor, WINDOW, Context(run_id="test", now=END + HOUR))
    estimated = of(found, Check.PERFORMANCE, "estimate")
    assert set(estimated) == {"accuracy", "precision_macro", "recall_macro", "f1_macro", "log_loss"}
    accuracy = estimated["accuracy"]
    assert (accuracy.status, accuracy.current_size) == (Status.OK, 6 * ROWS_PER_HOUR)
    assert accuracy.statistic == pytest.approx(0.9, abs=0.03)
    assert of(found, Check.PERFORMANCE, "degradation")["accuracy"].details["estimate"]["value"] == accuracy.statistic
    animals.execute("INSERT INTO {schema}.labels SELECT * FROM {schema}.held")
    errors = of(run(monitor), Check.PERFORMANCE, "estimate_error")
    assert set(errors) == set(estimated)
    assert abs(errors["accuracy"].statistic or 1.0) < 0.05
    assert errors["accuracy"].details["is_inside"] is True


def test_inputs_that_are_hard_to_tell_alert_before_any_label(
    of_animals: Callable[..., Monitor], animals: ShopLog
) -> None:
    """The score says how often it is right: at 0.9 and at 0.4 alike."""
    animals.execute(
        "UPDATE {schema}.predictions SET bird_score = CASE animal WHEN 'bird' THEN 0.4 ELSE 0.3 END, "
        "cat_score = CASE animal WHEN 'cat' THEN 0.4 ELSE 0.3 END, dog_score = CASE animal WHEN 'dog' THEN 0.4 "
        "ELSE 0.3 END WHERE prediction_id %% 10 = 0 OR predicted_at >= %s",
        WINDOW.start,
    )
    animals.execute(
        "UPDATE {schema}.labels l SET is_animal = (ARRAY['bird', 'cat', 'dog'])[1 + abs(hashint8(l.prediction_id + 3)) "
        "% 3] FROM {schema}.predictions p WHERE l.prediction_id = p.prediction_id AND bird_score IN (0.4, 0.3)"
    )
    animals.execute("DELETE FROM {schema}.labels WHERE known_at >= %s", WINDOW.start)
    found = run_window(of_animals(), WINDOW, Context(run_id="test", now=END + HOUR))
    told = of(found, Check.PERFORMANCE, "estimate")["accuracy"]
    assert (told.status, told.severity) == (Status.DETECTED, Severity.MEDIUM)
    assert told.statistic == pytest.approx(1 / 3, abs=0.08)


def test_a_feature_cannot_be_called_as_a_classs_scores_are(of_animals: Callable[..., Monitor]) -> None:
    with pytest.raises(ValidationError, match="score of cat: so the scores of the classes are called"):
        of_animals(features=[{"name": "score of cat", "kind": "numeric", "column": "amount"}])


def test_a_label_class_that_was_never_seen_is_told(of_animals: Callable[..., Monitor], animals: ShopLog) -> None:
    monitor = of_animals()
    animals.execute(
        "UPDATE {schema}.labels l SET is_animal = 'fish' FROM {schema}.predictions p WHERE "
        "l.prediction_id = p.prediction_id AND predicted_at >= %s AND l.prediction_id %% 8 = 0",
        WINDOW.start,
    )
    unknown = of(run(monitor), Check.PERFORMANCE, "unknown_label_class")["labels"]
    assert (unknown.status, unknown.severity) == (Status.DETECTED, Severity.HIGH)
    assert unknown.statistic == pytest.approx(1 / 8, abs=0.01)


def test_labels_as_numbers_against_classes_as_text_are_told(
    of_animals: Callable[..., Monitor], animals: ShopLog
) -> None:
    monitor = of_animals()
    animals.execute("UPDATE {schema}.labels SET is_animal = (ARRAY['0', '1', '2'])[1 + prediction_id % 3]")
    unknown = of(run(monitor), Check.PERFORMANCE, "unknown_label_class")["labels"]
    assert unknown.status is Status.DETECTED
    assert "text against numbers" in unknown.recommendation


def test_a_missing_score_column_is_refused_by_name(of_animals: Callable[..., Monitor]) -> None:
    monitor = of_animals(scores={**SCORES, "dog": "wolf_score"})
    with pytest.raises(SourceError, match=r"predictions\.scores\.dog: found no column 'wolf_score'"):
        monitor.log.require_fit()


def test_labels_of_a_type_that_never_is_the_positive_label_are_refused(brief: Brief, shop: ShopLog) -> None:
    monitor = brief()
    assert misfits(monitor.config, monitor.log.catalog) == []
    shop.execute("ALTER TABLE {schema}.labels ALTER was_fraud TYPE int USING was_fraud::int")
    monitor = brief()
    with pytest.raises(SourceError, match=r"labels\.label: column 'was_fraud' is of type int4, which is never True"):
        monitor.log.require_fit()
