"""A model's monitor: its configuration with the two databases it stands between."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from sqlalchemy import Engine

from driftline.config import Feature, FeatureKind, ModelConfig, Task
from driftline.config.model_config import segment_name
from driftline.findings import class_score, own_score
from driftline.profiles.roles import Role
from driftline.profiles.slices import SegmentColumn
from driftline.sources import PredictionLog
from driftline.sources.catalog import resolve_features
from driftline.sources.queries import Conversion, Selected
from driftline.store.engine import STORE_CONNECTION, create_store_engine

ConnectionResolver = Callable[[str], str]
"""From a connection's id to its URL; raises `ConnectionNotConfigured`."""


@dataclass(frozen=True, eq=False)
class Monitor:
    """Everything that the steps of a window need."""

    config: ModelConfig
    store: Engine
    log: PredictionLog

    @property
    def model(self) -> str:
        return self.config.model


@dataclass(frozen=True)
class CountedColumn:
    """A column of the log as it is counted."""

    role: Role
    selected: Selected

    kind: FeatureKind

    @property
    def is_numeric(self) -> bool:
        return self.kind is FeatureKind.NUMERIC


def open_monitor(config: ModelConfig, resolve: ConnectionResolver) -> Monitor:
    """The monitor of ``config``; databases are reached when first used.

    Raises
    ------
    ConnectionNotConfigured
        When nothing says where the store or the prediction log is.
    """
    return Monitor(
        config=config,
        store=create_store_engine(resolve(STORE_CONNECTION)),
        log=PredictionLog(config, resolve(config.connection)),
    )


def counted_columns(monitor: Monitor) -> dict[str, CountedColumn]:
    """The log's columns that are counted, by subject: the features, then the model's outputs."""
    log, mapping = monitor.log, monitor.config.predictions
    features: list[Feature] = resolve_features(monitor.config, log.catalog)
    counted = {
        feature.name: CountedColumn(Role.FEATURE, log.selected_feature(feature), feature.kind) for feature in features
    }
    is_regression = monitor.config.task is Task.REGRESSION
    prediction_kind = FeatureKind.NUMERIC if is_regression else FeatureKind.CATEGORICAL
    prediction = log.selected(mapping.prediction, Conversion.NUMBER if is_regression else Conversion.TEXT)
    counted[Role.PREDICTION] = CountedColumn(Role.PREDICTION, prediction, prediction_kind)
    outputs = (
        (Role.SCORE, mapping.score, Conversion.NUMBER, FeatureKind.NUMERIC),
        (Role.LATENCY, mapping.latency_ms, Conversion.NUMBER, FeatureKind.NUMERIC),
        (Role.ERROR, mapping.error, Conversion.TRUTH, FeatureKind.BOOLEAN),
    )
    for role, column, conversion, kind in outputs:
        if column is not None:
            counted[role] = CountedColumn(role, log.selected(column, conversion), kind)
    return {**counted, **_class_scores(monitor, prediction)}


def _class_scores(monitor: Monitor, prediction: Selected) -> dict[str, CountedColumn]:
    """Of each class the score, and the score where it is the class that was predicted."""
    counted = {}
    for name, column in (monitor.config.predictions.scores or {}).items():
        score = monitor.log.selected(column, Conversion.NUMBER)
        own = replace(score, only_where=(prediction.column, name))
        counted[class_score(name)] = CountedColumn(Role.CLASS_SCORE, score, FeatureKind.NUMERIC)
        counted[own_score(name)] = CountedColumn(Role.CLASS_SCORE, own, FeatureKind.NUMERIC)
    return counted


def segment_columns(monitor: Monitor) -> list[SegmentColumn]:
    """The segments to cut, in the order in which the log's batches carry their columns."""
    present = set(monitor.log.present_segment_columns())
    return [
        SegmentColumn({value: segment_name(segment.column, value) for value in segment.values})
        for segment in monitor.config.segments
        if segment.column in present
    ]


def segment_names(monitor: Monitor) -> list[str]:
    """The names of the segments that are cut, in the file's order."""
    return [name for column in segment_columns(monitor) for name in column.names.values()]


def positive_levels(monitor: Monitor) -> frozenset[str]:
    """How a positive prediction or label may be spelled in the log."""
    return monitor.config.positive_spellings
