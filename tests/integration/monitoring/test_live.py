"""Live figures on real tables: what is counted, when, and never twice."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, select, text, update

from driftline.config import ModelConfig
from driftline.errors import SourceError
from driftline.live import Feed, MinuteSpan, VersionFigures, Watermark
from driftline.live.latency import cell_of
from driftline.local.provisioning import Urls
from driftline.monitoring import live as live_pass
from driftline.monitoring.live import PassFailure, count_live, recent_figures, recent_states
from driftline.sources import PredictionLog
from driftline.sources.live_log import CountedSpan, LiveLog, open_live_log
from driftline.store.engine import store_transaction
from driftline.store.live import record_count, replace_minutes, take_turn
from driftline.store.tables import live_outcomes, live_predictions, live_watermarks
from tests.integration.shop_log import ShopLog

MINUTE = timedelta(minutes=1)
MODEL = "fraud"


@dataclass
class Live:
    """The shop's log and the guard on it."""

    shop: ShopLog
    store: Engine
    urls: Urls
    now: datetime

    def guard(self, *configs: ModelConfig) -> list[PassFailure]:
        return count_live(self.store, configs or [self.shop.config()], lambda _: self.urls.log_reader)

    def predict(self, ago: timedelta, **values: Any) -> int:
        self.shop.predict(self.now - ago, **values)
        return int(self.shop.rows("SELECT max(prediction_id) FROM {schema}.predictions")[0][0])

    def label(self, prediction_id: int, ago: timedelta, was_fraud: bool = False) -> None:
        self.shop.execute("INSERT INTO {schema}.labels VALUES (%s, %s, %s)", prediction_id, was_fraud, self.now - ago)

    def figures(self, minutes: int = 26 * 60) -> dict[str, VersionFigures]:
        ahead = self.now + timedelta(minutes=2)
        return {each.version: each for each in recent_figures(self.store, MODEL, minutes, ahead)}

    def seen(self, minutes: int = 26 * 60) -> tuple[int, int]:
        """Predictions and labels in the figures."""
        found = self.figures(minutes).values()
        return sum(each.predictions.predictions for each in found), sum(each.outcomes.labeled for each in found)

    def everything(self) -> list[Any]:
        with self.store.connect() as connection:
            return [
                connection.execute(select(table).order_by(*table.primary_key.columns)).all()
                for table in (live_predictions, live_outcomes)
            ]


@pytest.fixture
def live(shop: ShopLog, store_engine: Engine, urls: Urls) -> Live:
    return Live(shop, store_engine, urls, datetime.now(UTC))


def test_a_versions_figures(live: Live) -> None:
    for version, latency, failure, predicted, actual in [
        ("v1", 10.0, None, True, True),
        ("v1", 20.0, "boom", True, False),
        ("v1", 30.0, "", False, False),
        ("v2", 500.0, None, False, True),
    ]:
        found = live.predict(MINUTE, model_version=version, latency=latency, failure=failure, is_fraud=predicted)
        live.label(found, timedelta(seconds=20), actual)
    assert live.guard() == []
    figures = live.figures()
    first, second = figures["v1"], figures["v2"]
    assert (first.predictions.predictions, first.predictions.errors) == (3, 1)
    assert first.predictions.latency_ms(0.5) == pytest.approx(20, rel=0.02)
    assert second.predictions.latency_ms(0.95) == pytest.approx(500, rel=0.02)
    assert (first.outcomes.labeled, first.outcomes.accuracy, first.outcomes.precision) == (3, pytest.approx(2 / 3), 0.5)
    assert (second.outcomes.false_negatives, second.outcomes.recall) == (1, 0.0)


def test_the_server_and_python_agree_on_the_cells(live: Live) -> None:
    latencies = [0.0, -3.0, 0.001, 0.5, 1.0, 3.7, 99.99, 1e5, 1e9]
    for latency in latencies:
        live.predict(MINUTE, latency=latency)
    live.predict(MINUTE, latency=None)
    live.predict(MINUTE, latency=float("nan"))
    live.predict(MINUTE, latency=float("inf"))
    live.guard()
    counted = live.figures()["v1"].predictions
    assert counted.predictions == len(latencies) + 3
    assert sorted(counted.latencies) == sorted({cell_of(latency) for latency in latencies})
    assert sum(counted.latencies.values()) == len(latencies)


def test_a_regressions_errors(live: Live) -> None:
    live.shop.execute("ALTER TABLE {schema}.labels ADD spent double precision")
    config = live.shop.config(
        task="regression",
        positive_label=None,
        predictions={**live.shop.mapping(prediction="amount"), "score": None},
        labels={**live.shop.description()["labels"], "label": "spent"},
    )
    for spent in (29.0, 32.0, 27.0, float("nan")):
        found = live.predict(MINUTE, amount=30.0)
        live.shop.execute(
            "INSERT INTO {schema}.labels (prediction_id, known_at, spent) VALUES (%s, %s, %s)", found, live.now, spent
        )
    live.guard(config)
    outcomes = live.figures()["v1"].outcomes
    assert (outcomes.labeled, outcomes.mae) == (3, 2.0)
    assert outcomes.bias == pytest.approx(2 / 3)
    assert outcomes.accuracy is None


def test_several_classes_are_right_or_wrong(live: Live) -> None:
    live.shop.execute("ALTER TABLE {schema}.labels ADD is_country text")
    config = live.shop.config(
        task="multiclass_classification",
        positive_label=None,
        predictions={**live.shop.mapping(prediction="country"), "score": None},
        labels={**live.shop.description()["labels"], "label": "is_country"},
    )
    for predicted, actual in (("DE", "DE"), ("FR", "FR"), ("DE", "NL"), ("US", "never seen"), ("1", "1")):
        found = live.predict(MINUTE, country=predicted)
        live.shop.execute(
            "INSERT INTO {schema}.labels (prediction_id, known_at, is_country) VALUES (%s, %s, %s)",
            found, live.now, actual,
        )  # fmt: skip
    live.guard(config)
    outcomes = live.figures()["v1"].outcomes
    assert (outcomes.labeled, outcomes.accuracy) == (5, 0.6)
    assert outcomes.precision == outcomes.recall == 0.6
    assert (outcomes.mae, outcomes.bias) == (None, None)


def test_rows_that_arrive_between_passes_are_added_and_nothing_twice(live: Live) -> None:
    for passes in range(1, 4):
        found = live.predict(timedelta(seconds=30))
        live.label(found, timedelta(seconds=10))
        for _ in range(2):
            live.guard()
            assert live.seen() == (passes, passes)


def test_a_row_that_commits_late_is_counted_by_the_next_pass(live: Live) -> None:
    live.predict(timedelta(0))
    live.guard()
    live.predict(timedelta(minutes=4))
    live.guard()
    assert live.seen()[0] == 2


def test_a_row_that_arrives_hours_late_is_found_by_the_rescan(live: Live) -> None:
    """The rescan takes ten minutes a pass; that it has come down to 19 hours ago is made so here."""
    live.predict(timedelta(0))
    live.guard()
    late = live.predict(timedelta(hours=20))
    live.label(late, timedelta(hours=19, minutes=30))
    with store_transaction(live.store) as connection:
        connection.execute(update(live_watermarks).values(rescanned_from=text("now() - interval '19 hours'")))
    passes = 0
    while live.seen() != (2, 1):
        live.guard()
        passes += 1
        assert passes <= 8
    assert passes > 1


def test_a_row_that_is_gone_leaves_the_figures(live: Live) -> None:
    live.predict(MINUTE)
    live.predict(timedelta(minutes=3), model_version="v2")
    live.guard()
    assert set(live.figures()) == {"v1", "v2"}
    live.shop.execute("DELETE FROM {schema}.predictions WHERE model_version = 'v2'")
    live.guard()
    assert set(live.figures()) == {"v1"}


@pytest.mark.parametrize(
    "spoil",
    [
        delete(live_watermarks),
        update(live_watermarks).values(counted_until=text("now() + interval '3 days'")),
        update(live_watermarks).values(counted_until=text("now() - interval '7 hours'")),
        update(live_watermarks).values(rescanned_from=text("now() + interval '3 days'")),
        update(live_watermarks).values(counted_until=None),
    ],
    ids=["lost", "ahead", "behind", "rescan ahead", "emptied"],
)
def test_whatever_happens_to_the_watermarks_nothing_is_lost_nor_counted_twice(live: Live, spoil: Any) -> None:
    for minutes in (0, 2, 8, 40):
        live.label(live.predict(timedelta(minutes=minutes)), timedelta(minutes=minutes / 2))
    live.guard()
    before = live.everything()
    with store_transaction(live.store) as connection:
        connection.execute(spoil)
    late = live.predict(timedelta(seconds=5), model_version="v2")
    live.label(late, timedelta(seconds=1))
    live.guard()
    assert live.seen() == (5, 5)
    live.shop.execute("DELETE FROM {schema}.labels WHERE prediction_id = %s", late)
    live.shop.execute("DELETE FROM {schema}.predictions WHERE prediction_id = %s", late)
    live.guard()
    assert live.everything() == before


@pytest.mark.parametrize("table", [live_predictions, live_outcomes], ids=lambda table: table.name)
def test_figures_that_were_lost_are_counted_again(live: Live, table: Any) -> None:
    for minutes in (0, 2, 8, 40):
        live.label(live.predict(timedelta(minutes=minutes)), timedelta(minutes=minutes))
    live.guard()
    with store_transaction(live.store) as connection:
        connection.execute(delete(table))
    live.guard()
    assert live.seen() == (4, 4)


def test_a_prediction_in_the_future_waits_for_its_time_and_hides_nothing(live: Live) -> None:
    live.predict(-timedelta(days=900), model_version="from the future")
    live.predict(-timedelta(seconds=20), model_version="a little ahead")
    live.predict(MINUTE)
    live.guard()
    assert set(live.figures()) == {"v1", "a little ahead"}
    state = recent_states(live.store, MODEL)[1]
    assert (state.feed, state.rows_ahead) == (Feed.PREDICTIONS, 1)
    live.predict(timedelta(seconds=1))
    live.guard()
    assert live.figures()["v1"].predictions.predictions == 2


def test_a_label_before_its_prediction_counts(live: Live) -> None:
    live.label(live.predict(timedelta(minutes=1)), timedelta(minutes=3), was_fraud=False)
    live.guard()
    assert live.figures()["v1"].outcomes.true_negatives == 1


def test_labels_of_unknown_predictions_and_withdrawn_ones_do_not_count(live: Live) -> None:
    live.label(99_999_999, MINUTE)
    live.shop.execute("INSERT INTO {schema}.labels VALUES (%s, NULL, %s)", live.predict(MINUTE), live.now - MINUTE)
    live.guard()
    assert live.seen() == (1, 0)


def test_of_several_labels_the_one_that_arrived_last_counts_in_its_minute(live: Live) -> None:
    found = live.predict(timedelta(hours=3), is_fraud=True)
    live.label(found, timedelta(minutes=50), was_fraud=False)
    live.guard()
    assert live.figures()["v1"].outcomes.false_positives == 1
    live.label(found, timedelta(seconds=5), was_fraud=True)
    live.label(found, timedelta(minutes=2), was_fraud=False)
    live.guard()
    outcomes = live.figures()["v1"].outcomes
    assert (outcomes.labeled, outcomes.true_positives) == (1, 1)
    assert live.figures(minutes=5)["v1"].outcomes.labeled == 1


def test_the_first_of_the_rows_with_one_id_counts(live: Live) -> None:
    live.shop.execute("ALTER TABLE {schema}.predictions DROP CONSTRAINT predictions_pkey")
    at = timedelta(minutes=2)
    for _ in range(3):
        live.predict(at, prediction_id=77, latency=10.0)
    live.predict(at)
    live.label(77, MINUTE)
    live.guard()
    assert live.seen() == (2, 1)


def test_columns_with_strange_names_are_quoted(live: Live) -> None:
    live.shop.rename("latency", 'a "b" %s; --')
    live.shop.rename("predicted_at", "Wann?")
    live.shop.execute(
        'INSERT INTO {schema}.predictions (prediction_id, "Wann?", is_fraud) VALUES (1234567, now(), true)'
    )
    config = live.shop.config(predictions=live.shop.mapping(latency_ms='a "b" %s; --', time="Wann?"))
    assert live.guard(config) == []
    assert live.figures()[""].predictions.predictions == 1


def test_a_log_given_as_a_query_is_counted(live: Live) -> None:
    mapping = live.shop.mapping(query=f"SELECT * FROM {live.shop.schema}.predictions -- all of it")
    del mapping["table"]
    live.label(live.predict(MINUTE), MINUTE)
    assert live.guard(live.shop.config(predictions=mapping)) == []
    assert live.seen() == (1, 1)


def test_a_broken_model_is_reported_and_the_others_are_counted(live: Live) -> None:
    live.label(live.predict(MINUTE), MINUTE)
    gone = live.shop.config(model="gone", predictions=live.shop.mapping(table="shop.nothing"))
    wrong = live.shop.config(model="wrong", predictions=live.shop.mapping(time="no_such_column"))
    failures = live.guard(gone, wrong, live.shop.config())
    assert {(failure.model, failure.feed) for failure in failures} == {
        ("gone", Feed.PREDICTIONS), ("gone", Feed.LABELS), ("wrong", Feed.PREDICTIONS), ("wrong", Feed.LABELS),
    }  # fmt: skip
    assert live.seen() == (1, 1)
    states = recent_states(live.store, "gone")
    assert {state.failing_since is not None for state in states} == {True}
    assert "does not exist" in states[0].error
    live.guard(live.shop.config(model="gone"))
    assert {state.failing_since for state in recent_states(live.store, "gone")} == {None}


def test_a_connection_that_is_nowhere_is_reported(live: Live) -> None:
    failures = count_live(live.store, [live.shop.config()], lambda _: "postgresql://nobody@127.0.0.1:1/nothing")
    assert {failure.model for failure in failures} == {MODEL}
    assert "cannot be read" in failures[0].error


def test_a_table_that_does_not_answer_is_given_up_and_the_other_models_are_counted(live: Live, urls: Urls) -> None:
    live.predict(MINUTE)
    live.shop.execute("CREATE TABLE {schema}.locked AS SELECT * FROM {schema}.predictions")
    live.shop.execute("GRANT SELECT ON {schema}.locked TO driftline_reader")
    stuck = live.shop.config(model="stuck", labels=None, predictions=live.shop.mapping(table="shop.locked"))
    with psycopg.connect(urls.log_owner) as blocker:
        blocker.execute("LOCK TABLE shop.locked IN ACCESS EXCLUSIVE MODE")
        started = datetime.now(UTC)
        failures = live.guard(stuck, live.shop.config())
        assert datetime.now(UTC) - started < timedelta(seconds=12)
    assert [failure.model for failure in failures] == ["stuck"]
    assert "took too long" in failures[0].error
    assert live.seen()[0] == 1


def _killed(*_: Any, **__: Any) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("step", ["replace_minutes", "record_count"])
def test_a_pass_that_is_cut_off_is_made_good_by_the_next(
    live: Live, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    live.label(live.predict(MINUTE), MINUTE)
    live.guard()
    before, states = live.everything(), recent_states(live.store, MODEL)
    live.label(live.predict(MINUTE), MINUTE)
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(f"driftline.monitoring.live.{step}", _killed)
        live.guard()
    if step == "replace_minutes":
        assert live.everything() == before
    else:
        assert live.seen() == (2, 1), "the newest predictions are there, labels were not reached"
    assert recent_states(live.store, MODEL) == states, "the watermarks have not moved"
    live.guard()
    assert live.seen() == (2, 2)


def test_a_correction_is_not_lost_to_a_pass_that_is_cut_off_behind_the_newest_minutes(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guard was away for 40 minutes; the correction came in the middle of them, beyond the overlap of passes."""
    found = live.predict(timedelta(hours=3), is_fraud=True)
    live.label(found, timedelta(minutes=55), was_fraud=False)
    live.label(live.predict(MINUTE), MINUTE)
    live.guard()
    with store_transaction(live.store) as connection:
        connection.execute(update(live_watermarks).values(counted_until=text("now() - interval '40 minutes'")))
    live.label(found, timedelta(minutes=20), was_fraud=True)
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(LiveLog, "corrected_minutes", _killed)
        live.guard()
    assert live.figures()["v1"].outcomes.labeled == 3, "the old label is still counted beside the new one"
    live.guard()
    outcomes = live.figures()["v1"].outcomes
    assert (outcomes.labeled, outcomes.true_positives) == (2, 1)


def test_a_rescan_that_fails_leaves_the_newest_minutes_counted_and_is_told(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    live.label(live.predict(MINUTE), MINUTE)
    original = LiveLog.count

    def slow(log: LiveLog, feed: Feed, span: MinuteSpan) -> CountedSpan:
        if span.end <= live.now - timedelta(minutes=30):
            raise SourceError("It took too long.")
        return original(log, feed, span)

    with monkeypatch.context() as patched:
        patched.setattr(LiveLog, "count", slow)
        failures = live.guard()
    assert {(failure.feed, failure.error) for failure in failures} == {(feed, "It took too long.") for feed in Feed}
    assert live.seen() == (1, 1)
    assert all(state.error for state in recent_states(live.store, MODEL))
    assert live.guard() == []


def test_a_pass_that_was_overtaken_leaves_the_watermark_to_the_other(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    live.predict(MINUTE)
    original, passes = live_pass.replace_minutes, []

    def overtaken(*args: Any, **options: Any) -> None:
        original(*args, **options)
        if options.get("is_newest") and not passes:
            passes.append(args)
            other = datetime.now(UTC).replace(microsecond=0)
            record_count(args[0], MODEL, args[2], watermark=Watermark(other, other), newest_row=None, rows_ahead=0)

    config = live.shop.config(labels=None)
    with monkeypatch.context() as patched:
        patched.setattr(live_pass, "replace_minutes", overtaken)
        assert live.guard(config) == []
    [state] = recent_states(live.store, MODEL)
    assert state.watermark is not None
    assert state.watermark.counted_until == state.watermark.rescanned_from, "as the other has left it"
    assert live.seen()[0] == 1


def test_two_passes_at_once_do_not_count_the_same_feed(live: Live) -> None:
    live.predict(MINUTE)
    with store_transaction(live.store) as other:
        assert take_turn(other, MODEL, Feed.PREDICTIONS)
        assert live.guard() == []
        assert live.seen()[0] == 0
    live.guard()
    assert live.seen()[0] == 1


@pytest.fixture
def busy(live: Live) -> Live:
    chance = random.Random(7)
    for _ in range(150):
        found = live.predict(
            timedelta(seconds=chance.uniform(0, 1500)),
            model_version=chance.choice(["v1", "v2"]),
            is_fraud=chance.random() < 0.5,
        )
        for _ in range(chance.choice([0, 1, 1, 2])):
            live.label(found, timedelta(seconds=chance.uniform(0, 1500)), chance.random() < 0.5)
    live.guard()
    return live


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(spans=st.lists(st.tuples(st.integers(0, 25), st.integers(1, 25), st.sampled_from(Feed)), min_size=1, max_size=6))
def test_counting_any_minutes_again_in_any_order_changes_nothing(
    busy: Live, spans: list[tuple[int, int, Feed]]
) -> None:
    """On the real tables, beside what one pass counted at once."""
    before = busy.everything()
    assert sum(map(len, before)) > 50
    config = busy.shop.config()
    with open_live_log(PredictionLog(config, busy.urls.log_reader)) as log:
        for ago, length, feed in spans:
            start = (busy.now - ago * MINUTE).replace(second=0, microsecond=0)
            span = MinuteSpan(start, start + length * MINUTE)
            with store_transaction(busy.store) as connection:
                replace_minutes(connection, MODEL, feed, span, log.count(feed, span).counts)
    assert busy.everything() == before
