"""One look at the live figures of a model's serving versions."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from driftline.config import ModelConfig
from driftline.live import Feed, OutcomeCounts
from driftline.live.spans import MINUTE
from driftline.rollback import Limits, Reading, Trigger
from driftline.rollback.live_performance import OUTCOME_SPANS, LabeledVersion, live_performance
from driftline.rollback.live_triggers import PREDICTION_SPANS, PredictingVersion, error_rate, latency
from driftline.serving import Routes
from driftline.store.live import minute_figures, outcomes_since
from driftline.store.routing import current_routes, last_stable_version, route_changes
from driftline.store.trigger_states import states_of

REFERENCE_SPAN = 10_080
"""Minutes (a week) of the stable version's labels that a version is compared with where the two serve no longer
together."""

OutcomesBySpan = Mapping[int, Mapping[str, tuple[OutcomeCounts, datetime]]]
"""By minutes and version: the labels, and when the newest of them came."""


@dataclass(frozen=True)
class Look:
    """What a look at a model saw.

    Attributes
    ----------
    revision:
        Of the routes at that moment.
    readings:
        Of every version that serves, or, where traffic is not routed by the registry, that predicted lately.
    """

    revision: int
    readings: tuple[Reading, ...]


def limits_of(config: ModelConfig) -> Limits:
    """The limits of the model's file."""
    configured = config.guard
    return Limits(
        error_rate=configured.maximum_error_rate,
        latency_p95_ms=configured.maximum_latency_p95_ms,
        performance_drop=configured.maximum_performance_drop,
        minimum_predictions=configured.minimum_predictions,
        minimum_labels=configured.minimum_labels,
        held=configured.held,
        of=configured.of,
        label_delay=timedelta(0) if config.labels is None else config.labels.expected_delay,
    )


def look_at(connection: Connection, model: str, limits: Limits, fresh: Collection[Feed], now: datetime) -> Look:
    """The readings of the model's versions; of feeds that are not ``fresh`` there are none."""
    routes = current_routes(connection, model)
    since = {key: state.reading.latest for key, state in states_of(connection, model).items() if state.reading}
    readings: list[Reading] = []
    if Feed.PREDICTIONS in fresh:
        figures = minute_figures(connection, model, floor_to_minute(now) - (max(PREDICTION_SPANS) - 1) * MINUTE)
        for version in _serving(routes, (each.version for each in figures)):
            judged = PredictingVersion(
                version=version,
                minutes=[each for each in figures if each.version == version],
                now=now,
                since={trigger: latest for (name, trigger), latest in since.items() if name == version},
            )
            readings += [each for each in (error_rate(judged, limits), latency(judged, limits)) if each is not None]
    if Feed.LABELS in fresh and routes.shares:
        readings += _outcome_readings(connection, routes, limits, now, since)
    return Look(routes.revision, tuple(readings))


def floor_to_minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)


def _outcome_readings(
    connection: Connection, routes: Routes, limits: Limits, now: datetime, seen: Mapping[tuple[str, Trigger], str]
) -> list[Reading]:
    by_span = {span: _outcomes(connection, routes.model, span, now) for span in OUTCOME_SPANS}
    readings = []
    for version in routes.shares:
        began = _serving_since(connection, routes.model, version)
        judged = replace(
            _labeled(by_span, version),
            since=seen.get((version, Trigger.LIVE_PERFORMANCE), ""),
            served_for=None if began is None else now - began,
        )
        stable = last_stable_version(connection, routes.model, version)
        reference = None if stable is None else _labeled(by_span, stable)
        if reference is not None and _most(reference) < limits.minimum_labels:
            longer = {REFERENCE_SPAN: _outcomes(connection, routes.model, REFERENCE_SPAN, now)}
            reference = _labeled(longer, reference.version)
        reading = live_performance(judged, reference, limits)
        if reading is not None:
            readings.append(reading)
    return readings


def _labeled(by_span: OutcomesBySpan, version: str) -> LabeledVersion:
    found = {span: outcomes[version] for span, outcomes in by_span.items() if version in outcomes}
    counts, newest = found[max(found)] if found else (OutcomeCounts(), None)
    return LabeledVersion(
        version=version,
        spans={span: each for span, (each, _) in found.items()},
        latest="" if newest is None else f"{newest.isoformat()}/{counts.labeled}",
    )


def _most(labeled: LabeledVersion) -> int:
    return max((counts.labeled for counts in labeled.spans.values()), default=0)


def _outcomes(
    connection: Connection, model: str, span: int, now: datetime
) -> Mapping[str, tuple[OutcomeCounts, datetime]]:
    return outcomes_since(connection, model, floor_to_minute(now) - (span - 1) * MINUTE)


def _serving(routes: Routes, logged: Iterable[str]) -> list[str]:
    return sorted(routes.shares) if routes.shares else sorted(set(logged))


def _serving_since(connection: Connection, model: str, version: str) -> datetime | None:
    """When the version got traffic that it has had ever since; None where the history does not reach back so far."""
    since = None
    for change in route_changes(connection, model):
        if version not in change.shares_after:
            break
        since = change.changed_at
    return since
