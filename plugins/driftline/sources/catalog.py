"""What the prediction log's columns are, and whether the model's configuration fits them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from driftline.config import Feature, FeatureKind, Labels, ModelConfig, Task
from driftline.errors import SourceError


class ValueFamily(StrEnum):
    """Postgres types, as far as counting tells them apart."""

    INTEGER = "integer"
    FLOAT = "float"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    TEXT = "text"
    TIMESTAMP = "timestamp with time zone"
    NAIVE_TIMESTAMP = "timestamp without time zone"
    OTHER = "other"


_FAMILIES: Mapping[str, ValueFamily] = {
    **dict.fromkeys(("int2", "int4", "int8"), ValueFamily.INTEGER),
    **dict.fromkeys(("float4", "float8"), ValueFamily.FLOAT),
    **dict.fromkeys(("numeric", "money"), ValueFamily.DECIMAL),
    "bool": ValueFamily.BOOLEAN,
    **dict.fromkeys(("text", "varchar", "bpchar", "name", "uuid", "citext"), ValueFamily.TEXT),
    "timestamptz": ValueFamily.TIMESTAMP,
    **dict.fromkeys(("timestamp", "date"), ValueFamily.NAIVE_TIMESTAMP),
}
NUMBERS = frozenset({ValueFamily.INTEGER, ValueFamily.FLOAT, ValueFamily.DECIMAL})


@dataclass(frozen=True)
class LogColumn:
    name: str
    type_name: str
    """As Postgres calls it: ``int4``, ``timestamptz``."""

    @property
    def family(self) -> ValueFamily:
        return _FAMILIES.get(self.type_name, ValueFamily.OTHER)


@dataclass(frozen=True)
class LogCatalog:
    """The columns of the model's predictions and labels."""

    predictions: Mapping[str, LogColumn]
    labels: Mapping[str, LogColumn] | None
    ids_are_unique: bool
    """Whether the database itself keeps prediction ids unique."""
    attributes: Mapping[str, LogColumn] | None = None
    """The columns of the table that protected attributes are joined from."""
    attribute_keys_are_unique: bool = False
    attribute_fault: str = ""
    """Why protected attributes cannot be joined; empty where they can, or none are to be."""


def misfits(config: ModelConfig, catalog: LogCatalog) -> list[str]:
    """Where the log is not as the configuration says: one line each, naming the key, what was found and expected."""
    faults = [
        *_missing_columns(config, catalog),
        *_time_faults("predictions", config.predictions.time, catalog.predictions),
    ]
    if config.labels is not None and catalog.labels is not None:
        faults += _time_faults("labels", config.labels.time, catalog.labels)
    attributes = [fault for _, fault in missing_attributes(config, catalog)]
    return faults + _value_faults(config, catalog) + _positive_faults(config, catalog) + attributes


def require_fit(config: ModelConfig, catalog: LogCatalog) -> None:
    """Refuses (`SourceError`) to read a log whose mapped columns are missing or carry no usable time.

    A missing *feature* or protected attribute is not refused: it becomes a finding, and the others are checked.
    """
    features = {f"features: {feature.name}" for feature in _configured(config)}
    faults = [
        fault
        for fault in misfits(config, catalog)
        if not any(fault.startswith(f"{feature}:") for feature in features)
        and not fault.startswith(("segments", "fairness"))
    ]
    if faults:
        raise SourceError(f"The prediction log of {config.model} does not fit its configuration:\n" + "\n".join(faults))


def resolve_features(config: ModelConfig, catalog: LogCatalog) -> list[Feature]:
    """The features to count: the configured ones that exist, or those discovered in the table."""
    if config.features != "discover":
        return [feature for feature in config.features if feature.source_column in catalog.predictions]
    protected = set() if config.fairness is None else {one.column for one in config.fairness.attributes}
    passed_over = config.predictions.mapped_columns | set(config.excluded_columns) | protected
    return [
        Feature(name=column.name, kind=kind)
        for column in catalog.predictions.values()
        if column.name not in passed_over and (kind := _discovered_kind(column)) is not None
    ]


def missing_features(config: ModelConfig, catalog: LogCatalog) -> list[Feature]:
    """The configured features whose column the log does not have."""
    return [feature for feature in _configured(config) if feature.source_column not in catalog.predictions]


def missing_attributes(config: ModelConfig, catalog: LogCatalog) -> list[tuple[str, str]]:
    """The protected attributes that cannot be read, each with the fault: the key, what was found and expected."""
    fairness = config.fairness
    if fairness is None:
        return []
    found = [
        (attribute.column, _missing(f"fairness.attributes[{index}].column", attribute.column, catalog.predictions))
        for index, attribute in enumerate(fairness.attributes)
        if attribute.column not in catalog.predictions
    ]
    if fairness.join is None:
        return found
    joined = catalog.attributes
    for index, attribute in enumerate(fairness.join.attributes):
        key = f"fairness.join.attributes[{index}].column"
        if joined is None or catalog.attribute_fault:
            found.append((attribute.column, f"fairness.join: {catalog.attribute_fault or 'was not looked up.'}"))
        elif attribute.column not in joined:
            found.append((attribute.column, _missing(key, attribute.column, joined)))
    return found


def _configured(config: ModelConfig) -> list[Feature]:
    return [] if config.features == "discover" else list(config.features)


def _discovered_kind(column: LogColumn) -> FeatureKind | None:
    if column.family in NUMBERS:
        return FeatureKind.NUMERIC
    if column.family is ValueFamily.BOOLEAN:
        return FeatureKind.BOOLEAN
    return FeatureKind.CATEGORICAL if column.family is ValueFamily.TEXT else None


def _missing_columns(config: ModelConfig, catalog: LogCatalog) -> list[str]:
    wanted: list[tuple[str, str]] = []
    mapping = config.predictions
    for key in ("id", "time", "version", "prediction", "score", "latency_ms", "error", "entity"):
        column = getattr(mapping, key)
        if column is not None:
            wanted.append((f"predictions.{key}", column))
    wanted += [(f"predictions.scores.{name}", column) for name, column in (mapping.scores or {}).items()]
    wanted += [(f"features: {feature.name}", feature.source_column) for feature in _configured(config)]
    wanted += [(f"segments[{index}].column", segment.column) for index, segment in enumerate(config.segments)]
    faults = [_missing(key, column, catalog.predictions) for key, column in wanted if column not in catalog.predictions]
    if config.labels is not None and catalog.labels is not None:
        faults += _missing_label_columns(config.labels, catalog.labels)
    return faults


def _missing_label_columns(mapping: Labels, columns: Mapping[str, LogColumn]) -> list[str]:
    return [
        _missing(f"labels.{key}", getattr(mapping, key), columns)
        for key in ("id", "label", "time")
        if getattr(mapping, key) not in columns
    ]


def _missing(key: str, column: str, columns: Mapping[str, LogColumn]) -> str:
    there = ", ".join(sorted(columns)) or "no columns"
    return f"{key}: found no column {column!r}; the log has {there}."


def _time_faults(part: str, column: str, columns: Mapping[str, LogColumn]) -> list[str]:
    found = columns.get(column)
    if found is None or found.family is ValueFamily.TIMESTAMP:
        return []
    mend = (
        "Say in which zone it is: use `query` with (column AT TIME ZONE 'UTC') AS column."
        if found.family is ValueFamily.NAIVE_TIMESTAMP
        else "Map a column with the time."
    )
    return [f"{part}.time: column {column!r} is of type {found.type_name}; timestamptz is expected. {mend}"]


def _positive_faults(config: ModelConfig, catalog: LogCatalog) -> list[str]:
    """Predictions or labels of a type that never spells the positive label: all of them would count as negative."""
    if config.task is not Task.BINARY_CLASSIFICATION:
        return []
    label = None if config.labels is None else (catalog.labels or {}).get(config.labels.label)
    columns = {"predictions.prediction": catalog.predictions.get(config.predictions.prediction), "labels.label": label}
    spellings = config.positive_spellings
    return [
        f"{key}: column {column.name!r} is of type {column.type_name}, which is never {config.positive_label!r} "
        f"(`positive_label`). Give the value that it has, or cast it in a `query`; 1 and true go together where "
        "`positive_label` is left out."
        for key, column in columns.items()
        if column is not None and not any(_may_spell(column.family, spelling) for spelling in spellings)
    ]


def _may_spell(family: ValueFamily, spelling: str) -> bool:
    """Whether a value of the family may read ``spelling`` as text."""
    if family is ValueFamily.BOOLEAN:
        return spelling in {"true", "false"}
    if family in NUMBERS:
        return spelling.lstrip("-").replace(".", "", 1).isdigit()
    return True


def _value_faults(config: ModelConfig, catalog: LogCatalog) -> list[str]:
    numbers: list[tuple[str, str | None]] = [
        ("predictions.score", config.predictions.score),
        ("predictions.latency_ms", config.predictions.latency_ms),
        *((f"predictions.scores.{name}", column) for name, column in (config.predictions.scores or {}).items()),
    ]
    if config.task is Task.REGRESSION:
        numbers.append(("predictions.prediction", config.predictions.prediction))
    faults = [
        f"{key}: column {column!r} is of type {catalog.predictions[column].type_name}; a number is expected."
        for key, column in numbers
        if column is not None and column in catalog.predictions and catalog.predictions[column].family not in NUMBERS
    ]
    for feature in _configured(config):
        column = catalog.predictions.get(feature.source_column)
        if column is not None and feature.kind is FeatureKind.NUMERIC and column.family not in NUMBERS:
            faults.append(
                f"features: {feature.name}: column {column.name!r} is of type {column.type_name}; "
                "its kind says numeric. Change the kind, or have the log write numbers."
            )
    return faults
