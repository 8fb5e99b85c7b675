"""Model files: what is accepted, and what every refusal says."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from driftline.config import FeatureKind, ModelConfig, Task, load_model, load_models
from driftline.config.loader import load_valid_models
from driftline.errors import ConfigError
from driftline.findings import Check

MINIMAL = """\
model: fraud
task: binary_classification
connection: prediction_log
predictions: {table: ml.predictions, id: id, time: at, version: version, prediction: label}
features: discover
baseline: {first: 28d}
"""

REPOSITORY = Path(__file__).parents[3]


def loaded(folder: Path, text: str, name: str = "model.yaml") -> ModelConfig:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return load_model(path)


def faults(folder: Path, text: str) -> list[str]:
    """The lines of the refusal, each without the file's path, which all must start with."""
    with pytest.raises(ConfigError) as refusal:
        loaded(folder, text)
    lines = str(refusal.value).splitlines()
    path = f"{folder / 'model.yaml'}: "
    assert all(line.startswith(path) for line in lines)
    return [line.removeprefix(path) for line in lines]


def not_yaml(folder: Path, text: str) -> str:
    with pytest.raises(ConfigError) as refusal:
        loaded(folder, text)
    assert str(refusal.value).startswith(f"{folder / 'model.yaml'}: is not valid YAML: ")
    return str(refusal.value)


class TestAccepted:
    def test_a_minimal_file_gets_the_documented_defaults(self, tmp_path: Path) -> None:
        config = loaded(tmp_path, MINIMAL)
        assert (config.model, config.task, config.features) == ("fraud", Task.BINARY_CLASSIFICATION, "discover")
        assert config.baseline.first == timedelta(days=28)
        assert config.checks.drift.false_alarm_rate == 0.01
        assert config.checks.performance.maximum_drop == 0.02
        assert config.schedule.cron == "0 */6 * * *"
        assert config.schedule.lookback == config.schedule.alert_horizon == timedelta(hours=24)
        assert not config.rollback.enabled
        assert (config.alerts.slack_connection, config.alerts.pagerduty_connection) == ("slack_alerts", None)
        assert config.alerts.renotify_after == timedelta(hours=24)

    def test_the_repositorys_own_files_are_valid(self) -> None:
        assert {"arrival_delay", "flight_delay"} <= set(load_models(REPOSITORY / "include" / "models"))

    def test_features_are_listed_with_kind_and_column(self, tmp_path: Path) -> None:
        text = MINIMAL.replace("discover", "[{name: amount, kind: numeric, column: amt, importance: 3}]")
        feature = loaded(tmp_path, text).features[0]
        assert not isinstance(feature, str)
        assert (feature.kind, feature.source_column, feature.importance) == (FeatureKind.NUMERIC, "amt", 3)

    def test_columns_with_quotes_and_sql_in_their_names_are_names_like_others(self, tmp_path: Path) -> None:
        name = "we\"ird'; DROP TABLE users; --"
        config = loaded(tmp_path, MINIMAL.replace("id: id", f"id: {json.dumps(name)}"))
        assert config.predictions.id == name

    def test_what_rolls_back_can_be_chosen_though_yaml_1_1_takes_on_for_true(self, tmp_path: Path) -> None:
        config = loaded(tmp_path, MINIMAL + "rollback: {enabled: true, on: [performance, drift]}\n")
        assert config.rollback.on == [Check.PERFORMANCE, Check.DRIFT]

    def test_norway_is_a_country(self, tmp_path: Path) -> None:
        config = loaded(tmp_path, MINIMAL + "segments: [{column: country, values: [NO, off, Yes]}]\n")
        assert config.segments[0].values == ["NO", "off", "Yes"]

    def test_keys_can_be_shared_by_an_anchor(self, tmp_path: Path) -> None:
        text = MINIMAL + "checks:\n  drift: &floors {minimum_rows: 500}\n  predictions:\n    <<: *floors\n"
        assert loaded(tmp_path, text).checks.predictions.minimum_rows == 500

    def test_moments_are_kept_in_utc(self, tmp_path: Path) -> None:
        text = MINIMAL.replace("{first: 28d}", "{start: 2026-03-29T01:00:00+01:00, end: '2026-03-30T00:00:00+02:00'}")
        period = loaded(tmp_path, text).baseline
        assert (period.start, period.end) == (datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 3, 29, 22, tzinfo=UTC))

    @pytest.mark.parametrize("label", ["fraud", "1", "true", "'1'", "0"])
    def test_a_positive_label_may_be_text_number_or_boolean(self, tmp_path: Path, label: str) -> None:
        assert loaded(tmp_path, MINIMAL + f"positive_label: {label}\n").positive_label is not None


class TestRefused:
    @pytest.mark.parametrize(
        ("added", "fault"),
        [
            ("ownr: me\n", "ownr: is not a known key. Check its spelling against docs/ML_MONITORING_GUIDE.md."),
            ("checks: {drift: {psy: 1}}\n", "checks.drift.psy: is not a known key."),
            ("checks: {drift: {minimum_rows: '200'}}\n", "checks.drift.minimum_rows: found '200'; Input should be a"),
            ("checks: {drift: {minimum_rows: 2.5}}\n", "checks.drift.minimum_rows: found 2.5;"),
            (
                "checks: {drift: {enabled: yes}}\n",
                "checks.drift.enabled: found 'yes'; Input should be a valid boolean.",
            ),
            (
                "checks: {drift: {multivariate: {maximum_features: 1}}}\n",
                "checks.drift.multivariate.maximum_features: found 1;",
            ),
            ("checks: {drift: {multivariate: {enable: true}}}\n", "checks.drift.multivariate.enable: is not a known"),
            ("checks: {drift: 5}\n", "checks.drift: found 5; keys and values are expected."),
            ("checks: {drift: {psi: .inf}}\n", "checks.drift.psi: found inf; Input should be a finite number."),
            ("checks: {drift: {false_alarm_rate: 0}}\n", "checks.drift.false_alarm_rate: found 0;"),
            ("checks: {performance: {maximum_drop: 2}}\n", "checks.performance.maximum_drop: found 2;"),
            ("checks: {predictions: {lowest: .nan}}\n", "checks.predictions.lowest: found nan;"),
            ("checks: {predictions: {lowest: 3, highest: 1}}\n", "checks.predictions: `lowest` (3) must be below"),
            ("owner: 5\n", "owner: found 5; Input should be a valid string."),
            ("positive_label: 1.5\n", "positive_label: found 1.5; must be a text, a whole number, true or false."),
            (
                "segments: [{column: c, values: [1]}]\n",
                "segments[0].values[0]: found 1; Input should be a valid string.",
            ),
            ("segments: [{column: c, values: []}]\n", "segments[0].values: found [];"),
            ("schedule: {cron: '*/5 * * * *'}\n", "schedule.cron: found '*/5 * * * *'; must tick on the hour"),
            ("schedule: {cron: hourly}\n", "schedule.cron: found 'hourly'; is not a cron expression of five fields"),
            ("schedule: {lookback: 90m}\n", "schedule.lookback: found '90m'; must be a whole number of hours"),
            ("schedule: {lookback: 24}\n", "schedule.lookback: found 24; is not a duration: write a whole number"),
            (
                "schedule: {alert_horizon: 99999999999999w}\n",
                "schedule.alert_horizon: found '99999999999999w'; is long",
            ),
            ("alerts: {slack: x}\n", "alerts.slack: is not a known key."),
            ("alerts: {slack_connection: https://hooks}\n", "alerts.slack_connection: found 'https://hooks'; String"),
            ("alerts: {renotify_after: 5m}\n", "alerts.renotify_after: found '5m'; must be at least 15m"),
            ("alerts: {renotify_after: daily}\n", "alerts.renotify_after: found 'daily'; is not a duration"),
            (
                "alerts: {pagerduty_connection: slack_alerts}\n",
                "alerts: `slack_connection`, `pagerduty_connection` and",
            ),
            ("alerts: {ticket_hook: jira}\n", "alerts: `ticket_hook` is given, but no `ticket_connection`"),
            ("rollback: {on: [quality]}\n", "rollback.on: found ['quality']; quality is a matter of the log"),
            ("rollback: {on: [weather]}\n", "rollback.on[0]: found 'weather'; Input should be 'quality', 'drift'"),
            ("labels: {table: t, id: id, label: l, time: t}\n", "labels.expected_delay: is missing."),
        ],
    )
    def test_a_fault_names_its_key_what_was_found_and_what_is_expected(
        self, tmp_path: Path, added: str, fault: str
    ) -> None:
        (found,) = faults(tmp_path, MINIMAL + added)
        assert found.startswith(fault)

    @pytest.mark.parametrize(
        ("written", "instead", "fault"),
        [
            ("model: fraud", 'model: "it\'s; DROP TABLE x"', 'model: found "it\'s; DROP TABLE x"; String should match'),
            ("model: fraud", "model: ''", "model: found '';"),
            ("model: fraud\n", "", "model: is missing."),
            ("binary_classification", "clustering", "task: found 'clustering'; Input should be 'binary_class"),
            ("table: ml.predictions", "table: ''", "predictions.table: found ''; a name cannot be empty"),
            ("table: ml.predictions", "table: ml.", "predictions.table: found 'ml.'; a name cannot be empty"),
            ("table: ml.predictions", "query: ' ; '", "predictions.query: found ' ; '; a query cannot be empty"),
            ("table: ml.predictions", "table: a, query: SELECT 1", "predictions: give exactly one of `table`"),
            ("table: ml.predictions, ", "", "predictions: give exactly one of `table`"),
            ("id: id", f"id: {'x' * 64}", f"predictions.id: found '{'x' * 64}'; Postgres cuts names at 63 bytes"),
            ("id: id", "id: ''", "predictions.id: found ''; a name cannot be empty"),
            ("discover", "[]", "features: found []; List should have at least 1 item"),
            (
                "discover",
                "[{name: a, kind: nummeric}]",
                "features[0].kind: found 'nummeric'; Input should be 'numeric'",
            ),
            (
                "discover",
                "[{name: score, kind: numeric}]",
                "features[0].name: found 'score'; 'score' is reserved (error",
            ),
            (
                "discover",
                "[{name: a, kind: numeric}, {name: a, kind: boolean}]",
                "(the whole file): `features` names more than once: a.",
            ),
            ("{first: 28d}", "{}", "baseline: give either `first` (for example 28d) or both `start` and `end`."),
            ("{first: 28d}", "{first: 0d}", "baseline: must be a whole number of hours, at least 1h."),
            (
                "{first: 28d}",
                "{start: 2026-01-01 00:00:00, end: 2026-02-01T00:00:00Z}",
                "baseline.start: found 2026-01-01T00:00:00; has no time zone; write 2026-01-01T00:00:00+00:00 if you "
                "mean UTC.",
            ),
            (
                "{first: 28d}",
                "{start: 2026-01-01, end: 2026-02-01T00:00:00Z}",
                "baseline.start: found 2026-01-01; is not a date and time",
            ),
            (
                "{first: 28d}",
                "{start: yesterday, end: 2026-02-01T00:00:00Z}",
                "baseline.start: found 'yesterday'; is not a date and time",
            ),
            (
                "{first: 28d}",
                "{start: '2026-01-01T00:30:00Z', end: 2026-02-01T00:00:00Z}",
                "baseline.start: found '2026-01-01T00:30:00Z'; must be on a whole hour of UTC",
            ),
            (
                "{first: 28d}",
                "{start: 2026-02-01T00:00:00Z, end: 2026-01-01T00:00:00Z}",
                "baseline: `start` must be before `end`.",
            ),
            ("{first: 28d}", "{start: 2026-02-01T00:00:00Z}", "baseline: `start` and `end` are given together."),
        ],
    )
    def test_a_wrong_value_is_named_with_its_place(
        self, tmp_path: Path, written: str, instead: str, fault: str
    ) -> None:
        (found,) = faults(tmp_path, MINIMAL.replace(written, instead))
        assert found.startswith(fault)

    def test_every_fault_of_a_file_is_listed_at_once(self, tmp_path: Path) -> None:
        text = MINIMAL.replace("fraud", "'?'").replace("28d", "soon") + "color: red\n"
        assert [fault.split(":")[0] for fault in faults(tmp_path, text)] == ["model", "baseline.first", "color"]

    @pytest.mark.parametrize(
        ("added", "fault"),
        [
            ("positive_label: 1\n", "(the whole file): `positive_label` is for binary classification"),
            ("", "(the whole file): `predictions.score` is for classification"),
        ],
    )
    def test_a_regression_has_neither_positive_label_nor_score(self, tmp_path: Path, added: str, fault: str) -> None:
        text = MINIMAL.replace("binary_classification", "regression")
        text = text if added else text.replace("version: version", "version: version, score: s")
        (found,) = faults(tmp_path, text + added)
        assert found.startswith(fault)

    @pytest.mark.parametrize(
        ("task", "mapped", "added", "fault"),
        [
            ("multiclass_classification", "score: s", "", "`predictions.score` is for binary classification; give"),
            ("multiclass_classification", "", "positive_label: 1\n", "`positive_label` is for binary classification"),
            ("binary_classification", "scores: {a: s, b: t}", "", "`predictions.scores` is for multiclass"),
            ("multiclass_classification", "", "checks: {performance: {metrics: [precision]}}\n", "checks.performance:"),
        ],
    )
    def test_what_does_not_fit_several_classes(
        self, tmp_path: Path, task: str, mapped: str, added: str, fault: str
    ) -> None:
        text = MINIMAL.replace("binary_classification", task)
        text = text.replace("version: version", f"version: version, {mapped}") if mapped else text
        (found,) = faults(tmp_path, text + added)
        assert found.startswith(f"(the whole file): {fault}")

    def test_one_class_alone_needs_no_scores(self, tmp_path: Path) -> None:
        text = MINIMAL.replace("binary_classification", "multiclass_classification")
        (found,) = faults(tmp_path, text.replace("version: version", "version: version, scores: {a: s}"))
        assert found.startswith("predictions.scores:")


def test_a_model_of_several_classes_is_read(tmp_path: Path) -> None:
    text = MINIMAL.replace("binary_classification", "multiclass_classification")
    text = text.replace("version: version", "version: version, scores: {cat: p_cat, dog: p_dog}")
    path = tmp_path / "model.yaml"
    path.write_text(text + "checks: {performance: {metrics: [f1_macro], objectives: {f1_macro: 0.8}}}\n")
    config = load_model(path)
    assert config.predictions.scores == {"cat": "p_cat", "dog": "p_dog"}
    assert {"p_cat", "p_dog"} <= config.predictions.mapped_columns


class TestFairness:
    """The protected attributes and what is asked of their groups."""

    def test_attributes_come_from_the_log_from_a_join_or_from_both(self, tmp_path: Path) -> None:
        text = MINIMAL.replace("prediction: label", "prediction: label, entity: customer") + (
            "fairness:\n"
            "  attributes: [{column: sex, groups: [F, M]}]\n"
            "  join: {table: crm.customers, key: id, on: entity, attributes: [{column: age_band}]}\n"
            "  intersections: [[sex, age_band]]\n"
            "rollback: {enabled: true, on: [fairness]}\n"
        )
        config = loaded(tmp_path, text)
        assert config.fairness is not None
        assert [one.column for one in config.fairness.all_attributes] == ["sex", "age_band"]
        assert (config.fairness.maximum_groups, config.checks.fairness.maximum_increase) == (10, 0.05)
        assert config.is_enabled(Check.FAIRNESS)
        assert not loaded(tmp_path, text.replace("rollback", "checks: {fairness: {enabled: false}} #")).is_enabled(
            Check.FAIRNESS
        )

    def test_without_attributes_the_check_is_not_made(self, tmp_path: Path) -> None:
        assert not loaded(tmp_path, MINIMAL).is_enabled(Check.FAIRNESS)
        assert not loaded(tmp_path, MINIMAL + "checks: {fairness: {enabled: false}}\n").is_enabled(Check.FAIRNESS)

    @pytest.mark.parametrize(
        ("added", "fault"),
        [
            ("fairness: {}\n", "fairness: name at least one protected attribute, in `attributes` or in"),
            ("fairness: {atributes: []}\n", "fairness.atributes: is not a known key."),
            (
                "fairness: {attributes: [{column: sex, groups: [F]}]}\n",
                "fairness.attributes[0].groups: found ['F']; List should have at least 2 items",
            ),
            (
                "fairness: {attributes: [{column: sex, groups: [F, F]}]}\n",
                "fairness.attributes[0]: `groups` names more than once: F.",
            ),
            (
                "fairness: {attributes: [{column: sex}, {column: sex}]}\n",
                "fairness: `attributes` names more than once: sex.",
            ),
            (
                "fairness: {attributes: [{column: sex}], intersections: [[sex, age]]}\n",
                "fairness: `intersections` names age; the attributes are sex.",
            ),
            (
                "fairness: {attributes: [{column: sex}, {column: age}], intersections: [[sex, age], [age, sex]]}\n",
                "fairness: `intersections` names the same attributes twice: age, sex.",
            ),
            ("fairness: {attributes: [{column: sex}], maximum_groups: 51}\n", "fairness.maximum_groups: found 51;"),
            (
                "fairness: {join: {key: id, attributes: [{column: sex}]}}\n",
                "fairness.join: give exactly one of `table` (schema.table) and `query` (a SELECT).",
            ),
            (
                "fairness: {join: {table: t, key: id, on: entity, attributes: [{column: sex}]}}\n",
                "(the whole file): fairness.join.on: is entity, but `predictions` maps no `entity`.",
            ),
            (
                "checks: {fairness: {maximum_increase: 0.1}}\n",
                "(the whole file): checks.fairness: `fairness` must name the protected attributes",
            ),
            ("checks: {fairness: {maximum_increase: 0}}\n", "checks.fairness.maximum_increase: found 0;"),
            (
                "fairness: {attributes: [{column: sex}]}\nchecks: {fairness: {criteria: [mae]}}\n",
                "(the whole file): checks.fairness: mae cannot be judged for binary_classification; choose",
            ),
            (
                "rollback: {enabled: true, on: [fairness]}\n",
                "(the whole file): rollback.on: fairness is not checked; name its attributes in `fairness`",
            ),
            (
                "segments: [{column: 'fairness:sex', values: [F]}]\n",
                "segments[0].column: found 'fairness:sex'; a name cannot begin with 'fairness:'",
            ),
        ],
    )
    def test_a_fault_is_named_with_its_place(self, tmp_path: Path, added: str, fault: str) -> None:
        (found,) = faults(tmp_path, MINIMAL + added)
        assert found.startswith(fault)


class TestNotYaml:
    @pytest.mark.parametrize("text", [MINIMAL + "model: other\n", MINIMAL + "checks: {drift: {psi: 1, psi: 2}}\n"])
    def test_a_key_that_stands_twice(self, tmp_path: Path, text: str) -> None:
        assert "stands twice" in not_yaml(tmp_path, text)

    @pytest.mark.parametrize("key", ["? [a, b]\n: 1\n", "1: 2\n", "true: 2\n"])
    def test_a_key_that_is_no_text(self, tmp_path: Path, key: str) -> None:
        assert "is not a text" in not_yaml(tmp_path, MINIMAL + key)

    def test_an_unfinished_file(self, tmp_path: Path) -> None:
        assert "line 2" in not_yaml(tmp_path, "model: [\n")

    def test_bytes_that_are_no_text(self, tmp_path: Path) -> None:
        (tmp_path / "model.yaml").write_bytes(b"model: \xff\xfe")
        with pytest.raises(ConfigError, match="is not valid YAML"):
            load_model(tmp_path / "model.yaml")

    def test_a_tag_that_would_run_code_runs_nothing(self, tmp_path: Path) -> None:
        trace = tmp_path / "ran"
        text = f"model: !!python/object/apply:os.system ['touch {trace}']\n"
        assert "python/object/apply" in not_yaml(tmp_path, text)
        assert not trace.exists()

    @pytest.mark.parametrize(("text", "found"), [("", "None"), ("- a\n", "['a']"), ("fraud\n", "'fraud'")])
    def test_a_file_that_is_no_mapping(self, tmp_path: Path, text: str, found: str) -> None:
        assert faults(tmp_path, text) == [f"found {found} where a mapping with the key `model` is expected."]

    def test_a_file_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r"none\.yaml: cannot be read \(No such file or directory\)"):
            load_model(tmp_path / "none.yaml")


class TestFolders:
    def test_models_are_found_in_yaml_and_yml_files_by_name(self, tmp_path: Path) -> None:
        (tmp_path / "b.yaml").write_text(MINIMAL)
        (tmp_path / "a.yml").write_text(MINIMAL.replace("fraud", "churn"))
        (tmp_path / "notes.txt").write_text("not a model")
        assert list(load_models(tmp_path)) == ["churn", "fraud"]

    def test_a_model_described_twice_names_both_files(self, tmp_path: Path) -> None:
        (tmp_path / "one.yaml").write_text(MINIMAL)
        (tmp_path / "two.yaml").write_text(MINIMAL)
        with pytest.raises(ConfigError) as refusal:
            load_models(tmp_path)
        assert str(refusal.value) == (
            f"{tmp_path / 'two.yaml'}: model: found 'fraud', which {tmp_path / 'one.yaml'} describes already. "
            "A model has one file: rename it or delete one of the two."
        )

    def test_the_faults_of_all_files_are_gathered(self, tmp_path: Path) -> None:
        (tmp_path / "one.yaml").write_text(MINIMAL + "color: red\n")
        (tmp_path / "two.yaml").write_text("[")
        with pytest.raises(ConfigError) as refusal:
            load_models(tmp_path)
        assert "one.yaml: color: is not a known key" in str(refusal.value)
        assert "two.yaml: is not valid YAML" in str(refusal.value)

    def test_one_bad_file_never_stops_the_others(self, tmp_path: Path) -> None:
        (tmp_path / "bad.yaml").write_text("- nothing\n")
        (tmp_path / "good.yaml").write_text(MINIMAL)
        models, found = load_valid_models(tmp_path)
        assert list(models) == ["fraud"]
        assert len(found) == 1

    def test_a_folder_named_like_a_file_is_a_fault_of_its_own(self, tmp_path: Path) -> None:
        (tmp_path / "folder.yaml").mkdir()
        with pytest.raises(ConfigError, match=r"folder\.yaml: cannot be read"):
            load_models(tmp_path)

    def test_a_folder_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="no such folder"):
            load_models(tmp_path / "nowhere")

    def test_an_empty_folder_holds_no_model(self, tmp_path: Path) -> None:
        assert load_models(tmp_path) == {}


def test_a_configuration_cannot_be_changed_afterwards(tmp_path: Path) -> None:
    config = loaded(tmp_path, MINIMAL)
    with pytest.raises(ValueError, match="frozen"):
        config.model = "other"  # type: ignore[misc]


@pytest.mark.parametrize("importance", ["-0.1", ".inf", ".nan", "high"])
def test_an_importance_is_a_number_of_zero_or_more(tmp_path: Path, importance: str) -> None:
    text = MINIMAL.replace("discover", f"[{{name: amount, kind: numeric, importance: {importance}}}]")
    [fault] = faults(tmp_path, text)
    assert "importance: found" in fault


def test_a_feature_names_the_pipeline_that_fills_it(tmp_path: Path) -> None:
    text = MINIMAL.replace("discover", "[{name: amount, kind: numeric, pipeline: dbt.orders-2}]")
    features = loaded(tmp_path, text).features
    assert features != "discover"
    assert features[0].pipeline == "dbt.orders-2"


@pytest.mark.parametrize("pipeline", ["''", "7", "[a, b]", "'two words'", f"'{'x' * 101}'", '"a\\0b"'])
def test_a_pipelines_name_is_a_name(tmp_path: Path, pipeline: str) -> None:
    text = MINIMAL.replace("discover", f"[{{name: amount, kind: numeric, pipeline: {pipeline}}}]")
    [fault] = faults(tmp_path, text)
    assert "pipeline: found" in fault
