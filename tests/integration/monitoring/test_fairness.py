"""Groups are counted with the slices, and a version that treats one otherwise is found by the first check after it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select

from driftline.decisions import Verdict
from driftline.findings import Check, Comparison, Finding, Severity, Status
from driftline.monitoring.baseline import build_baseline, ensure_baseline
from driftline.monitoring.decision import Context
from driftline.monitoring.monitor import Monitor
from driftline.monitoring.run import WindowRun, run_window
from driftline.profiles.binning import CategoricalBinning
from driftline.profiles.roles import Role
from driftline.sources.catalog import misfits
from driftline.store.tables import profiles, samples
from driftline.windows import Window
from tests.integration.shop_log import DAYS, END, ROWS_PER_HOUR, START, ShopLog

Changed = Callable[..., Monitor]

HOUR = timedelta(hours=1)
WINDOW = Window(END - 24 * HOUR, END)
ROLLOUT = END - 6 * HOUR
"""v3.2 goes live; the first check after it ends six hours later."""
OFF = {check.value: {"enabled": False} for check in Check if check is not Check.FAIRNESS}
OF_LOG = {"attributes": [{"column": "sex"}, {"column": "age_band", "groups": ["young", "old"]}]}
RATES = {"selection_rate", "true_positive_rate", "false_positive_rate", "precision", "calibration"}


@pytest.fixture
def people(shop: ShopLog) -> ShopLog:
    """The shop's log with two protected attributes, of which the model knows nothing."""
    shop.execute("ALTER TABLE {schema}.predictions ADD sex text, ADD age_band text")
    shop.execute(
        "UPDATE {schema}.predictions SET sex = CASE WHEN hashint8(prediction_id * 7 + 1) % 5 IN (0, 1) THEN 'F' ELSE "
        "'M' END, age_band = (ARRAY['young', 'middle', 'old'])[1 + abs(hashint8(prediction_id * 11 + 3)) % 3]"
    )
    return shop


@pytest.fixture
def watch(people: ShopLog, changed: Changed) -> Changed:
    """A monitor that makes only the fairness check, with ``changes``."""

    def watching(**changes: Any) -> Monitor:
        usual = {"fairness": OF_LOG, "checks": OFF, "segments": [], "baseline": {"first": "2d"}}
        return changed(**{**usual, **changes})

    return watching


def roll_out_bias(log: ShopLog) -> None:
    """From the roll-out on v3.2 answers, and finds no fraud of women below a far higher score."""
    log.execute(
        "UPDATE {schema}.predictions SET model_version = 'v3.2', is_fraud = score > (CASE sex WHEN 'F' THEN 0.98 ELSE "
        "0.8 END) WHERE predicted_at >= %s",
        ROLLOUT,
    )


def run(monitor: Monitor, window: Window = WINDOW, hours_later: int = 1) -> WindowRun:
    return run_window(monitor, window, Context(run_id="test", now=window.end + hours_later * HOUR))


def detected(found: WindowRun) -> list[Finding]:
    return [finding for finding in found.findings if finding.status is Status.DETECTED]


def test_the_bad_rollout_is_found_by_the_first_check_which_names_version_and_group(
    people: ShopLog, watch: Changed
) -> None:
    monitor = watch(baseline={"first": "7d"})
    before = run(monitor, Window(WINDOW.start - 6 * HOUR, ROLLOUT))
    assert (before.decision.verdict, detected(before)) == (Verdict.NOTHING, [])
    roll_out_bias(people)
    found = run(monitor)
    assert found.failures == ()
    assert found.decision.verdict is Verdict.ALERT
    assert "Fairness: sex=F" in found.decision.reason
    assert {(finding.version, finding.subject) for finding in detected(found)} == {("v3.2", "sex=F")}
    by_test = {(finding.test, finding.comparison): finding for finding in detected(found)}
    for comparison in (Comparison.BASELINE, Comparison.VERSION):
        selection = by_test["selection_rate", comparison]
        assert selection.details["rate"] == pytest.approx(0.02, abs=0.03)
        assert selection.details["rate_of_others"] == pytest.approx(0.2, abs=0.07)
        assert selection.effect is not None
        assert selection.effect > 0.1
        assert selection.severity.rank >= Severity.HIGH.rank
        assert "Version v3.2" in selection.description
        assert "sex=F" in selection.description
    assert "version v1" in by_test["selection_rate", Comparison.VERSION].description


def test_a_rollback_on_fairness_takes_the_biased_version_off(people: ShopLog, watch: Changed) -> None:
    monitor = watch(
        rollback={"enabled": True, "on": ["fairness"]}, checks={**OFF, "fairness": {"maximum_increase": 0.03}}
    )
    ensure_baseline(monitor)
    roll_out_bias(people)
    found = run(monitor)
    assert found.decision.verdict is Verdict.ROLL_BACK
    assert found.decision.summary["bad_version"] == "v3.2"


def test_labels_that_are_still_to_come_leave_parity_final_and_the_rest_unjudged(
    people: ShopLog, watch: Changed
) -> None:
    monitor = watch()
    ensure_baseline(monitor)
    roll_out_bias(people)
    people.execute("DELETE FROM {schema}.labels WHERE known_at >= %s", WINDOW.start)
    found = run(monitor)
    assert {(finding.subject, finding.test) for finding in detected(found)} == {("sex=F", "selection_rate")}
    assert not any(finding.details.get("is_provisional", False) for finding in detected(found))
    [recall] = [
        finding
        for finding in found.findings
        if (finding.version, finding.subject, finding.test, finding.comparison)
        == ("v3.2", "sex=F", "true_positive_rate", Comparison.BASELINE)
    ]
    assert recall.status is Status.NOT_EVALUATED
    assert recall.reason == "the window has 0 positive labels, at least 50 are needed"


def test_late_labels_are_counted_for_the_groups_too(people: ShopLog, watch: Changed) -> None:
    monitor = watch()
    ensure_baseline(monitor)
    people.execute("CREATE TABLE {schema}.late AS SELECT * FROM {schema}.labels WHERE known_at >= %s", WINDOW.start)
    people.execute("DELETE FROM {schema}.labels WHERE known_at >= %s", WINDOW.start)
    early = run(monitor)
    people.execute("INSERT INTO {schema}.labels SELECT * FROM {schema}.late")
    late = run(monitor, hours_later=7)
    sizes = [
        {f.subject: f.current_size for f in each.findings if f.test == "calibration" and f.subject.startswith("sex=")}
        for each in (early, late)
    ]
    assert set(sizes[0].values()) <= {None}
    assert sum(size or 0 for size in sizes[1].values()) == 24 * ROWS_PER_HOUR


def test_groups_are_chosen_with_the_baseline_and_seen_by_no_other_check(people: ShopLog, watch: Changed) -> None:
    monitor = watch(fairness={**OF_LOG, "intersections": [["sex", "age_band"]]}, checks={"quality": {"enabled": False}})
    baseline = ensure_baseline(monitor)
    assert baseline.subjects(Role.GROUP) == ["fairness:age_band", "fairness:sex", "fairness:sex & age_band"]
    found = run(monitor)
    assert found.failures == ()
    of_fairness = {finding.subject for finding in found.findings if finding.check is Check.FAIRNESS}
    assert of_fairness == {
        "sex", "age_band", "sex & age_band", "sex=F", "sex=M", "age_band=young", "age_band=old",
        "sex=F & age_band=young", "sex=F & age_band=old", "sex=M & age_band=young", "sex=M & age_band=old",
    }  # fmt: skip
    others = [finding for finding in found.findings if finding.check is not Check.FAIRNESS]
    assert others
    assert all(finding.segment == "" and "sex" not in finding.subject for finding in others)


def test_every_row_of_a_group_is_counted_and_none_is_sampled(
    people: ShopLog, watch: Changed, store_engine: Engine
) -> None:
    monitor = watch()
    found = run(monitor)
    sizes = {
        finding.subject: finding.current_size
        for finding in found.findings
        if finding.test == "selection_rate" and finding.comparison is Comparison.BASELINE
    }
    counted = people.rows(
        "SELECT 'sex=' || sex, count(*) FROM {schema}.predictions WHERE predicted_at >= %s GROUP BY 1", WINDOW.start
    )
    assert {name: sizes[name] for name, _ in counted} == dict(counted)
    with store_engine.connect() as connection:
        subjects = set(
            connection.execute(select(profiles.c.subject).where(profiles.c.segment.startswith("fairness:"))).scalars()
        )
        assert subjects == {"prediction", "outcome"}
        assert not any(b"age_band" in payload for payload in connection.execute(select(samples.c.payload)).scalars())


def test_attributes_may_be_kept_elsewhere_by_the_prediction_or_by_whom_it_is_about(
    people: ShopLog, watch: Changed
) -> None:
    people.execute(
        "CREATE TABLE {schema}.customers AS SELECT 'c' || prediction_id AS customer, sex FROM {schema}.predictions"
    )
    people.execute("INSERT INTO {schema}.customers SELECT * FROM {schema}.customers")  # a key that stands twice
    people.execute("ALTER TABLE {schema}.predictions ADD customer text")
    people.execute("UPDATE {schema}.predictions SET customer = 'c' || prediction_id")
    people.execute("GRANT SELECT ON {schema}.customers TO PUBLIC")
    by_entity = {"table": f"{people.schema}.customers", "key": "customer", "on": "entity"}
    by_id = {"query": f"SELECT prediction_id, sex FROM {people.schema}.predictions", "key": "prediction_id"}
    joins = [{**join, "attributes": [{"column": "sex"}]} for join in (by_entity, by_id)]
    sizes = []
    for fairness in ({"attributes": [{"column": "sex"}]}, {"join": joins[0]}, {"join": joins[1]}):
        monitor = watch(fairness=fairness, predictions=people.mapping(entity="customer"))
        build_baseline(monitor)
        found = run(monitor)
        assert found.failures == ()
        sizes.append(
            sorted((f.subject, f.test, f.reference_size, f.current_size) for f in found.findings if "=" in f.subject)
        )
    assert sizes[0] == sizes[1] == sizes[2]
    assert {test for _, test, _, _ in sizes[0]} == RATES


def test_a_group_with_three_members_is_not_evaluated_and_stops_no_other(people: ShopLog, watch: Changed) -> None:
    people.execute(
        "UPDATE {schema}.predictions SET sex = 'X' WHERE predicted_at >= %s AND prediction_id %% 480 = 0", WINDOW.start
    )
    assert people.rows("SELECT count(*) FROM {schema}.predictions WHERE sex = 'X'") == [(3,)]
    monitor = watch(fairness={"attributes": [{"column": "sex", "groups": ["F", "M", "X"]}]})
    found = run(monitor)
    of_group = [finding for finding in found.findings if finding.subject == "sex=X"]
    assert {finding.status for finding in of_group} == {Status.NOT_EVALUATED}
    assert {finding.reason for finding in of_group if finding.test == "selection_rate"} == {
        "the window has 3 predictions, at least 50 are needed"
    }
    assert {finding.status for finding in found.findings if finding.subject == "sex=F"} == {Status.OK}


def test_of_many_values_the_commonest_of_the_baseline_are_watched_with_any_characters(
    people: ShopLog, watch: Changed
) -> None:
    strange = "o'Neill; DROP TABLE x -- %s =&\""
    people.execute("UPDATE {schema}.predictions SET country = %s WHERE country = 'DE'", strange)
    commonest = people.rows(
        "SELECT country FROM {schema}.predictions WHERE predicted_at < %s GROUP BY 1 ORDER BY count(*) DESC LIMIT 2",
        START + timedelta(days=2),
    )
    monitor = watch(fairness={"attributes": [{"column": "country"}], "maximum_groups": 2})
    binning = ensure_baseline(monitor).binnings["fairness:country"]
    assert isinstance(binning, CategoricalBinning)
    assert binning.levels == tuple(value for (value,) in commonest)
    assert strange in binning.levels
    # Nobody of the window has a value: that is said of each group, and is not silence.
    people.execute("UPDATE {schema}.predictions SET country = NULL WHERE predicted_at >= %s", WINDOW.start)
    of_group = [finding for finding in run(monitor).findings if finding.subject == f"country={strange}"]
    assert {finding.status for finding in of_group} == {Status.NOT_EVALUATED}
    assert "the window has 0 predictions, at least 50 are needed" in {finding.reason for finding in of_group}


def test_a_baseline_built_before_says_build_again(people: ShopLog, watch: Changed) -> None:
    ensure_baseline(watch(fairness=None))
    [said] = run(watch(fairness={"attributes": [{"column": "sex"}]})).findings
    assert (said.subject, said.test, said.status) == ("sex", "fairness_check", Status.NOT_EVALUATED)
    assert said.reason == "The baseline was built without it. Build it again: driftline baseline build fraud"


@pytest.mark.parametrize(
    ("fairness", "fault"),
    [
        (
            {"attributes": [{"column": "gender"}]},
            "fairness.attributes[0].column: found no column 'gender'; the log has age_band, amount,",
        ),
        (
            {"join": {"table": "shop.nowhere", "key": "id", "attributes": [{"column": "sex"}]}},
            'fairness.join: the attributes cannot be joined: relation "shop.nowhere" does not exist.',
        ),
        (
            {"join": {"table": "shop.labels", "key": "prediction_id", "attributes": [{"column": "sex"}]}},
            "fairness.join.attributes[0].column: found no column 'sex'; the log has known_at, prediction_id,",
        ),
        (
            {"join": {"table": "shop.labels", "key": "was_fraud", "attributes": [{"column": "known_at"}]}},
            "fairness.join: the attributes cannot be joined: operator does not exist: boolean = bigint.",
        ),
    ],
)
def test_an_attribute_that_is_not_there_is_told_and_stops_nothing_else(
    people: ShopLog, watch: Changed, fairness: dict[str, Any], fault: str
) -> None:
    monitor = watch(fairness=fairness, checks={"quality": {"enabled": False}})
    [told] = [one for one in misfits(monitor.config, monitor.log.catalog) if one.startswith("fairness")]
    assert told.startswith(fault)
    found = run(monitor)
    assert found.failures == ()
    [said] = [finding for finding in found.findings if finding.check is Check.FAIRNESS]
    assert (said.status, said.reason) == (Status.NOT_EVALUATED, told)
    assert any(finding.status is Status.OK for finding in found.findings if finding.check is Check.DRIFT)


def test_days_on_which_nothing_changes_do_not_alarm(people: ShopLog, watch: Changed) -> None:
    monitor = watch(fairness={**OF_LOG, "intersections": [["sex", "age_band"]]}, baseline={"first": "7d"})
    baseline = ensure_baseline(monitor)
    assert baseline.period.end < END - 6 * 24 * HOUR
    for hours in range(24, (DAYS - 7) * 24 + 1, 12):
        end = START + timedelta(days=7) + hours * HOUR
        found = run(monitor, Window(end - 24 * HOUR, end), hours_later=7)
        assert detected(found) == []
        assert sum(finding.status is Status.OK for finding in found.findings) > 20


def test_a_regressions_errors_are_compared_between_groups(people: ShopLog, watch: Changed) -> None:
    people.execute("ALTER TABLE {schema}.labels ADD paid double precision")
    people.execute(
        "UPDATE {schema}.labels l SET paid = p.amount * (1 + (hashint8(p.prediction_id) & 1023) / 5000.0 - 0.1) "
        "FROM {schema}.predictions p WHERE p.prediction_id = l.prediction_id"
    )
    mapping = people.mapping(prediction="amount")
    del mapping["score"]
    monitor = watch(
        task="regression",
        positive_label=None,
        predictions=mapping,
        features=[{"name": "basket", "kind": "numeric"}],
        labels={**people.description()["labels"], "label": "paid"},
        fairness={"attributes": [{"column": "sex"}]},
    )
    ensure_baseline(monitor)
    assert detected(run(monitor, Window(WINDOW.start - 24 * HOUR, WINDOW.start), hours_later=7)) == []
    people.execute(
        "UPDATE {schema}.predictions SET amount = amount * 1.2 WHERE sex = 'F' AND predicted_at >= %s", WINDOW.start
    )
    found = run(monitor, hours_later=7)
    assert {(finding.subject, finding.test) for finding in detected(found)} == {("sex=F", "mae"), ("sex=F", "bias")}
    assert all(finding.effect is not None and finding.effect > 0.1 for finding in detected(found))


def test_the_accuracy_of_several_classes_is_compared_between_groups(people: ShopLog, watch: Changed) -> None:
    people.execute("ALTER TABLE {schema}.labels ADD is_country text")
    people.execute(
        "UPDATE {schema}.labels l SET is_country = CASE WHEN abs(hashint8(p.prediction_id)) % 10 > 0 THEN p.country "
        "ELSE 'DE' END FROM {schema}.predictions p WHERE p.prediction_id = l.prediction_id"
    )
    mapping = people.mapping(prediction="country")
    del mapping["score"]
    monitor = watch(
        task="multiclass_classification",
        positive_label=None,
        predictions=mapping,
        features=[{"name": "basket", "kind": "numeric"}],
        labels={**people.description()["labels"], "label": "is_country"},
        fairness={"attributes": [{"column": "sex"}]},
    )
    ensure_baseline(monitor)
    assert detected(run(monitor, Window(WINDOW.start - 24 * HOUR, WINDOW.start), hours_later=7)) == []
    people.execute(
        "UPDATE {schema}.predictions SET country = 'NL' WHERE sex = 'F' AND prediction_id %% 3 = 0 "
        "AND predicted_at >= %s",
        WINDOW.start,
    )
    [found] = detected(run(monitor, hours_later=7))
    assert (found.subject, found.test) == ("sex=F", "accuracy")
    assert found.effect is not None
    assert found.effect > 0.1
