"""From the store to samples."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from driftline.errors import ConnectionNotConfigured, StoreError
from driftline.findings import Severity, Status
from driftline.live import PredictionCounts
from driftline.store.experiments import ExperimentStatus
from driftline.store.scraping import VERSIONS_PER_MODEL, Scrape
from driftline.store.scraping.windows import PerformanceFigure
from driftline.web.metrics import catalogue
from driftline.web.metrics.catalogue import CATALOGUE
from driftline.web.metrics.definition import Families

log = logging.getLogger(__name__)

_TOLD_SEVERITIES = tuple(severity for severity in Severity if severity is not Severity.NONE)


class StoreCollector(Collector):
    """One scrape of what ``read`` returns.

    A store that cannot be read is no failed scrape: `driftline_up` is 0 then, and nothing else is told. So it can be
    told from an API server that is down, and nothing old passes for new.
    """

    def __init__(self, read: Callable[[], Scrape]) -> None:
        self._read = read

    def describe(self) -> Iterable[Metric]:
        """Every metric without samples: so that to register costs no scrape."""
        return [definition.family() for definition in CATALOGUE]

    def collect(self) -> Iterable[Metric]:
        families = Families(CATALOGUE)
        began = time.monotonic()
        try:
            scrape = self._read()
        except (StoreError, ConnectionNotConfigured) as error:
            log.warning("The store cannot be scraped: %s", error)
            families.add(catalogue.UP, (), 0)
        else:
            families.add(catalogue.UP, (), 1)
            _fill(families, scrape)
        families.add(catalogue.SCRAPE_DURATION, (), time.monotonic() - began)
        return [family for family in families if family.samples]


def _fill(families: Families, scrape: Scrape) -> None:
    for fill in (_windows, _drift, _performance, _live, _feeds, _routes, _rollbacks, _experiments, _incidents, _alerts):
        fill(families, scrape)


def _windows(families: Families, scrape: Scrape) -> None:
    for newest in scrape.newest:
        families.add(catalogue.LAST_SUCCESS, (newest.model,), newest.decided_at)
        families.add(catalogue.WINDOW_END, (newest.model,), newest.window.end)
        families.add(catalogue.INTERVAL, (newest.model,), newest.interval_seconds)
        if newest.is_recent:
            families.add(catalogue.WINDOW_SEVERITY, (newest.model,), newest.severity.rank)
            families.add(catalogue.WINDOW_PREDICTIONS, (newest.model,), newest.rows)
            coverage = newest.labeled_rows / newest.rows if newest.rows else None
            families.add(catalogue.LABEL_COVERAGE, (newest.model,), coverage)
    counts = {(each.model, each.check, each.status): each.count for each in scrape.counts}
    for model, check in dict.fromkeys((each.model, each.check) for each in scrape.counts):
        for status in Status:
            families.add(catalogue.FINDINGS, (model, check, status), counts.get((model, check, status.value), 0))


def _drift(families: Families, scrape: Scrape) -> None:
    left_out = dict.fromkeys((newest.model for newest in scrape.newest if newest.is_recent), 0)
    for count in scrape.drift:
        left_out[count.model] += count.features
        families.add(catalogue.FEATURES, (count.model, count.version), count.features)
        families.add(catalogue.DRIFTED_FEATURES, (count.model, count.version), count.drifted)
    for drift in scrape.features:
        labels = (drift.model, drift.version, drift.feature)
        left_out[drift.model] -= 1
        families.add(catalogue.DRIFT_DETECTED, labels, drift.is_detected)
        families.add(catalogue.PSI, labels, drift.psi)
        families.add(catalogue.KOLMOGOROV_SMIRNOV, labels, drift.kolmogorov_smirnov)
    for model, number in left_out.items():
        families.add(catalogue.LEFT_OUT, (model, "feature"), number)


def _performance(families: Families, scrape: Scrape) -> None:
    ends = {}
    for figure in scrape.performance:
        labels = (figure.model, figure.version, figure.metric)
        if figure.is_estimate:
            families.add(catalogue.PERFORMANCE_ESTIMATE, labels, figure.value)
        else:
            ends[figure.model] = figure.window_end
            _realised(families, figure, labels)
    for model, end in ends.items():
        families.add(catalogue.PERFORMANCE_WINDOW_END, (model,), end)


def _realised(families: Families, figure: PerformanceFigure, labels: tuple[str, ...]) -> None:
    families.add(catalogue.PERFORMANCE, labels, figure.value)
    families.add(catalogue.PERFORMANCE_LOWER, labels, figure.low)
    families.add(catalogue.PERFORMANCE_UPPER, labels, figure.high)
    families.add(catalogue.PERFORMANCE_DEGRADED, labels, figure.is_degraded)
    families.add(catalogue.PERFORMANCE_PROVISIONAL, labels, figure.is_provisional)


def _live(families: Families, scrape: Scrape) -> None:
    routed: dict[str, list[str]] = {}
    for route in scrape.routes:
        routed.setdefault(route.model, []).append(route.version)
    for model, counted in sorted(scrape.live.items()):
        told = _told_versions(counted, routed.get(model, ()))
        for version, counts in told.items():
            families.add(catalogue.LIVE_PREDICTIONS, (model, version), counts.predictions)
            families.add(catalogue.LIVE_ERRORS, (model, version), counts.errors)
            for quantile in catalogue.QUANTILES:
                _latency(families, (model, version, quantile), counts.latency_ms(quantile))
        families.add(catalogue.LEFT_OUT, (model, "version"), len(counted.keys() - told.keys()))


def _told_versions(counted: Mapping[str, PredictionCounts], routed: Iterable[str]) -> dict[str, PredictionCounts]:
    """Those that get traffic, asked or not; then the most asked."""
    busiest = sorted(counted, key=lambda version: (-counted[version].predictions, version))
    told = list(dict.fromkeys([*routed, *busiest]))[:VERSIONS_PER_MODEL]
    return {version: counted.get(version, PredictionCounts()) for version in sorted(told)}


def _latency(families: Families, labels: tuple[str, str, float], milliseconds: float | None) -> None:
    families.add(catalogue.LIVE_LATENCY, labels, None if milliseconds is None else milliseconds / 1000)


def _feeds(families: Families, scrape: Scrape) -> None:
    for state in scrape.feeds:
        labels = (state.model, state.feed.value)
        families.add(catalogue.FEED_ATTEMPTED, labels, state.attempted_at)
        families.add(catalogue.FEED_COUNTED, labels, state.counted_at)
        families.add(catalogue.FEED_NEWEST_ROW, labels, state.newest_row)
        families.add(catalogue.FEED_FAILING, labels, state.failing_since is not None)


def _routes(families: Families, scrape: Scrape) -> None:
    for route in scrape.routes:
        families.add(catalogue.ROUTE_SHARE, (route.model, route.version), route.share)
    for changed in scrape.route_changes:
        families.add(catalogue.ROUTE_CHANGES, (changed.model,), changed.changes)


def _rollbacks(families: Families, scrape: Scrape) -> None:
    """From 0 on for every model, so that the first rollback is an increase."""
    known = {each.model: each for each in scrape.rollbacks}
    for model in sorted({*_models(scrape), *known}):
        count = known.get(model)
        families.add(catalogue.ROLLBACKS, (model,), count.made if count else 0)
        families.add(catalogue.ROLLBACKS_ESCALATED, (model,), count.escalated if count else 0)
        families.add(catalogue.ROLLBACKS_UNVERIFIED, (model,), count.unverified if count else 0)
        families.add(catalogue.ROLLBACKS_AWAITING, (model,), count.awaiting_approval if count else 0)


def _experiments(families: Families, scrape: Scrape) -> None:
    for figures in scrape.experiments:
        labels = (figures.experiment, figures.model)
        for state in ExperimentStatus:
            families.add(catalogue.EXPERIMENT_STATE, (*labels, state), state is figures.status)
        families.add(catalogue.EXPERIMENT_HELD, labels, figures.is_held)
        families.add(catalogue.EXPERIMENT_FAILING, labels, figures.is_failing)
        families.add(catalogue.EXPERIMENT_LOOKED, labels, figures.looked_at)
        for version, share in figures.asked.items():
            families.add(catalogue.EXPERIMENT_SHARE, (*labels, version), share)
        for version, units in figures.units.items():
            families.add(catalogue.EXPERIMENT_UNITS, (*labels, version), units)


def _incidents(families: Families, scrape: Scrape) -> None:
    counts = {(each.model, each.severity): each.count for each in scrape.incidents}
    for model in sorted({*_models(scrape), *(model for model, _ in counts)}):
        for severity in _TOLD_SEVERITIES:
            families.add(catalogue.INCIDENTS, (model, severity), counts.get((model, severity.value), 0))


def _alerts(families: Families, scrape: Scrape) -> None:
    for pending in scrape.pending:
        families.add(catalogue.ALERTS_PENDING, (pending.destination,), pending.count)
        families.add(catalogue.ALERTS_OLDEST, (pending.destination,), pending.oldest)


def _models(scrape: Scrape) -> set[str]:
    return {
        *(newest.model for newest in scrape.newest),
        *(state.model for state in scrape.feeds),
        *(changed.model for changed in scrape.route_changes),
    }
