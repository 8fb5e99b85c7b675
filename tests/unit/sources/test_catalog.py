"""Whether the configuration fits what the log has."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from driftline.config import FeatureKind, ModelConfig
from driftline.errors import SourceError
from driftline.sources.catalog import (
    LogCatalog,
    LogColumn,
    ValueFamily,
    misfits,
    missing_attributes,
    missing_features,
    require_fit,
    resolve_features,
)

COLUMNS = {
    "id": "int8", "at": "timestamptz", "v": "text", "p": "bool", "amount": "float8", "price": "numeric", "n": "int2",
    "country": "varchar", "member": "bool", "born": "date", "tags": "_text", "shape": "polygon",
}  # fmt: skip


def catalog(**changes: str | None) -> LogCatalog:
    """The log's columns by type, with changes (`None`: not there)."""
    columns = {name: kind for name, kind in {**COLUMNS, **changes}.items() if kind is not None}
    return LogCatalog(
        predictions={name: LogColumn(name, kind) for name, kind in columns.items()}, labels=None, ids_are_unique=True
    )


def config(**changes: Any) -> ModelConfig:
    described: dict[str, Any] = {
        "model": "fraud",
        "task": "binary_classification",
        "connection": "prediction_log",
        "predictions": {"table": "t", "id": "id", "time": "at", "version": "v", "prediction": "p"},
        "features": "discover",
        "baseline": {"first": "7d"},
    }
    return ModelConfig.model_validate({**described, **changes})


@pytest.mark.parametrize(
    ("type_name", "family"),
    [
        ("int4", ValueFamily.INTEGER), ("float4", ValueFamily.FLOAT), ("numeric", ValueFamily.DECIMAL),
        ("money", ValueFamily.DECIMAL), ("bool", ValueFamily.BOOLEAN), ("bpchar", ValueFamily.TEXT),
        ("timestamptz", ValueFamily.TIMESTAMP), ("timestamp", ValueFamily.NAIVE_TIMESTAMP),
        ("jsonb", ValueFamily.OTHER),
    ],
)  # fmt: skip
def test_types_are_told_apart_as_counting_needs(type_name: str, family: ValueFamily) -> None:
    assert LogColumn("x", type_name).family is family


def test_a_log_that_fits_has_no_misfits() -> None:
    assert misfits(config(), catalog()) == []
    require_fit(config(), catalog())


def test_discovered_are_the_countable_columns_without_a_role() -> None:
    found = resolve_features(config(excluded_columns=["n"]), catalog())
    assert {feature.name: feature.kind for feature in found} == {
        "amount": FeatureKind.NUMERIC, "price": FeatureKind.NUMERIC, "country": FeatureKind.CATEGORICAL,
        "member": FeatureKind.BOOLEAN,
    }  # fmt: skip
    assert missing_features(config(), catalog()) == []


def test_a_configured_feature_that_is_missing_is_told_and_not_refused() -> None:
    wanted = config(
        features=[
            {"name": "amount", "kind": "numeric"},
            {"name": "shown", "kind": "numeric", "column": "gone"},
        ]
    )
    assert [feature.name for feature in resolve_features(wanted, catalog())] == ["amount"]
    assert [feature.name for feature in missing_features(wanted, catalog())] == ["shown"]
    assert misfits(wanted, catalog())[0].startswith("features: shown: found no column 'gone'; the log has amount, at, ")
    require_fit(wanted, catalog())


@pytest.mark.parametrize("key", ["id", "at", "v", "p"])
def test_a_mapped_column_that_is_missing_is_refused(key: str) -> None:
    with pytest.raises(SourceError, match=f"does not fit its configuration:\npredictions.*found no column '{key}'"):
        require_fit(config(), catalog(**{key: None}))


def test_a_feature_may_not_hide_a_fault_of_a_mapped_column() -> None:
    """A feature named like the beginning of another fault does not excuse it."""
    wanted = config(features=[{"name": "predictions.id", "kind": "numeric", "column": "gone"}])
    with pytest.raises(SourceError, match=r"predictions.id: found no column 'id'"):
        require_fit(wanted, catalog(id=None))


@pytest.mark.parametrize("type_name", ["timestamp", "date", "int8", "text"])
def test_a_time_without_a_zone_is_refused(type_name: str) -> None:
    with pytest.raises(
        SourceError, match=f"predictions.time: column 'at' is of type {type_name}; timestamptz is expected"
    ):
        require_fit(config(), catalog(at=type_name))


def test_a_regression_predicts_numbers() -> None:
    with pytest.raises(SourceError, match=r"predictions.prediction: column 'p' is of type bool; a number is expected."):
        require_fit(config(task="regression"), catalog())


def test_a_missing_column_of_a_segment_is_a_fault_of_the_file() -> None:
    wanted = config(segments=[{"column": "country", "values": ["DE"]}, {"column": "region", "values": ["north"]}])
    assert [fault.split(";")[0] for fault in misfits(wanted, catalog())] == [
        "segments[1].column: found no column 'region'"
    ]
    require_fit(wanted, catalog())


JOINED = {
    "attributes": [{"column": "country"}, {"column": "race"}],
    "join": {"table": "people", "key": "id", "attributes": [{"column": "sex"}, {"column": "age"}]},
}


def test_a_missing_protected_attribute_is_a_fault_of_the_file_and_refuses_nothing() -> None:
    wanted, people = config(fairness=JOINED), {"id": LogColumn("id", "int8"), "sex": LogColumn("sex", "text")}
    there = replace(catalog(), attributes=people)
    assert [fault.split(";")[0] for fault in misfits(wanted, there)] == [
        "fairness.attributes[1].column: found no column 'race'",
        "fairness.join.attributes[1].column: found no column 'age'",
    ]
    require_fit(wanted, there)


def test_a_join_that_cannot_be_made_is_told_of_each_of_its_attributes() -> None:
    there = replace(catalog(race="text"), attribute_fault="the attributes cannot be joined: no such table.")
    found = missing_attributes(config(fairness=JOINED), there)
    assert found == [
        (name, "fairness.join: the attributes cannot be joined: no such table.") for name in ("sex", "age")
    ]
    require_fit(config(fairness=JOINED), there)


def test_a_protected_attribute_is_not_discovered_as_a_feature() -> None:
    found = resolve_features(config(fairness={"attributes": [{"column": "country"}]}), catalog())
    assert "country" not in {feature.name for feature in found}
