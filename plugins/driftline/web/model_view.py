"""What a model's page says: gathered from the store for the span, window and feature that its address asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial

from sqlalchemy import Connection

from driftline.config.fairness_config import PROTECTED
from driftline.errors import InputError
from driftline.findings import Check, Finding
from driftline.performance.metric import METRIC_KINDS
from driftline.profiles.roles import Role
from driftline.store.drift_history import (
    Place,
    drift_cells,
    drifted_features,
    gravest_window,
    subject_findings,
    watched_features,
)
from driftline.store.model_history import (
    BaselineStanding,
    Mark,
    baseline_standing,
    fairness_findings,
    measured_series,
    model_marks,
    model_span,
    whole_findings,
)
from driftline.store.overview import ModelFigures, ModelStanding, model_figures, model_standings
from driftline.store.reading import WindowSummary, windows_between
from driftline.store.subject_profiles import subject_profiles
from driftline.web.addresses import parse_moment
from driftline.web.charts import Chart, Subject, Unit, figure_chart, performance_chart, volume_chart
from driftline.web.fairness_view import NO_FAIRNESS, FairnessView, view_fairness
from driftline.web.feature_view import Distribution, FeatureView, view_distribution, view_feature
from driftline.web.heat_map import HeatMap, view_heat_map
from driftline.web.model_address import ModelAsked
from driftline.web.overview_view import leading_metric
from driftline.windows import Window

MOST_WINDOWS = 1_500
"""Windows of one page's span: a year of four a day. Of more, the newest."""
LISTED_WINDOWS = 60
"""Rows of the table of windows."""

_SERVICE = ("latency", "error")
_LATENCY = Subject("latency", "Latency, 95th percentile", Unit.MILLISECONDS, "latency_p95", Role.LATENCY)
_ERRORS = Subject("errors", "Failed predictions", Unit.SHARE, "error_rate", Role.ERROR)
_PREDICTION_TESTS = ("class_balance", "outliers", "null_share")
_PREDICTION_TITLES = {
    "class_balance": "Share of positive predictions",
    "outliers": "Share of predictions outside the usual range",
    "null_share": "Share of predictions without a value",
}


@dataclass(frozen=True)
class MetricChip:
    """One metric of the looked-at window, to choose from."""

    name: str
    finding: Finding


@dataclass(frozen=True)
class ModelView:
    """Everything that a model's page shows.

    Attributes
    ----------
    standing, figures:
        How the model stands now, as in the overview.
    place, windows:
        The span that is shown, and its windows in order of their ends.
    window:
        The one that is looked at; ``None`` without any in the span.
    segments, versions:
        What there is to choose from.
    """

    model: str
    asked: ModelAsked
    standing: ModelStanding
    figures: ModelFigures
    baseline: BaselineStanding | None
    segments: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    place: Place | None = None
    windows: tuple[WindowSummary, ...] = ()
    window: Window | None = None
    heat_map: HeatMap | None = None
    feature: FeatureView | None = None
    metrics: tuple[MetricChip, ...] = ()
    metric: str = ""
    charts: tuple[Chart, ...] = ()
    marks: tuple[Mark, ...] = ()
    outputs: tuple[tuple[str, Distribution], ...] = ()
    fairness: FairnessView = NO_FAIRNESS

    @property
    def leading(self) -> Finding | None:
        """The metric that stands for the newest window's performance."""
        return leading_metric(self.figures.measured)

    @property
    def newest_windows(self) -> tuple[WindowSummary, ...]:
        """Those that are listed, the newest first."""
        return self.windows[::-1][:LISTED_WINDOWS]

    @property
    def shown_charts(self) -> tuple[Chart, ...]:
        return tuple(chart for chart in self.charts if not chart.is_empty)


def view_model(connection: Connection, model: str, asked: ModelAsked) -> ModelView | None:
    """The view of a model; ``None`` where nothing at all is known of it."""
    standing = next(iter(model_standings(connection, model)), None)
    if standing is None:
        return None
    figures = model_figures(connection, [standing])[model]
    baseline = baseline_standing(connection, model)
    span = model_span(connection, model)
    if span is None:
        return ModelView(model, asked, standing, figures, baseline)
    return _with_history(connection, ModelView(model, asked, standing, figures, baseline), asked.place(model, span))


def _with_history(connection: Connection, bare: ModelView, place: Place) -> ModelView:
    asked, model = bare.asked, bare.model
    windows = windows_between(connection, model, place.since, place.until, MOST_WINDOWS)
    window = _window(connection, windows, place, asked)
    found = _whole(connection, model, window, asked)
    metrics = _metrics(found)
    leading = leading_metric(found)
    metric = asked.metric or (leading.subject if leading else "")
    marks = tuple(model_marks(connection, place))
    return ModelView(
        model,
        asked,
        bare.standing,
        bare.figures,
        bare.baseline,
        segments=_segments(bare.baseline),
        versions=tuple(sorted({one.version for one in found if one.version})),
        place=place,
        windows=tuple(windows),
        window=window,
        heat_map=_heat_map(connection, place, windows, asked),
        feature=_feature(connection, model, window, asked),
        metrics=metrics,
        metric=metric,
        charts=_charts(connection, place, metric, windows),
        marks=marks,
        outputs=_outputs(connection, model, window, asked),
        fairness=view_fairness([] if window is None else fairness_findings(connection, model, window)),
    )


def _segments(baseline: BaselineStanding | None) -> tuple[str, ...]:
    known = () if baseline is None else baseline.segments
    return tuple(segment for segment in known if segment and not segment.startswith(PROTECTED))


def _window(connection: Connection, windows: Sequence[WindowSummary], place: Place, asked: ModelAsked) -> Window | None:
    """The window that the address names; of a day, the gravest of the feature's; else the newest decided one."""
    if asked.window:
        named = _named_window(connection, windows, place, asked)
        if named is not None:
            return named
    decided = [each.window for each in windows if each.verdict is not None]
    return decided[-1] if decided else None


def _named_window(
    connection: Connection, windows: Sequence[WindowSummary], place: Place, asked: ModelAsked
) -> Window | None:
    if len(asked.window) != len("2026-03-02"):
        end = parse_moment(asked.window, "window's end")
        return next((each.window for each in reversed(windows) if each.window.end == end), None)
    try:
        day = datetime.combine(date.fromisoformat(asked.window), datetime.min.time(), UTC)
    except ValueError:
        raise InputError(f"{asked.window!r} is not a day. Write it like 2026-03-02.") from None
    of_day = Place(place.model, day, day + timedelta(days=1), place.segment, place.version)
    gravest = gravest_window(connection, of_day, asked.feature)
    return gravest or next((each.window for each in reversed(windows) if day < each.window.end <= of_day.until), None)


def _whole(connection: Connection, model: str, window: Window | None, asked: ModelAsked) -> list[Finding]:
    if window is None:
        return []
    checks = [Check.PERFORMANCE.value, Check.PREDICTIONS.value]
    return whole_findings(connection, model, window, asked.segment, checks)


def _metrics(found: Sequence[Finding]) -> tuple[MetricChip, ...]:
    """Each metric once: as it was judged of the version that fares worst."""
    best: dict[str, Finding] = {}
    for name in dict.fromkeys(one.subject for one in found if one.subject in METRIC_KINDS):
        leading = leading_metric(one for one in found if one.subject == name)
        if leading is not None:
            best[name] = leading
    return tuple(MetricChip(name, finding) for name, finding in best.items())


def _heat_map(connection: Connection, place: Place, windows: Sequence[WindowSummary], asked: ModelAsked) -> HeatMap:
    return view_heat_map(
        [each.window for each in windows],
        watched_features(connection, place.model),
        drifted_features(connection, place),
        partial(drift_cells, connection, place),
        search=asked.q,
        page=asked.page,
    )


def _feature(connection: Connection, model: str, window: Window | None, asked: ModelAsked) -> FeatureView | None:
    if not asked.feature or window is None:
        return None
    findings = subject_findings(connection, model, window, asked.feature)
    profiles = subject_profiles(connection, model, window, asked.feature, segment=asked.segment, version=asked.version)
    if not findings and profiles is None:
        return None
    return view_feature(asked.feature, window, asked.segment, findings, profiles)


def _charts(connection: Connection, place: Place, metric: str, windows: Sequence[WindowSummary]) -> tuple[Chart, ...]:
    subjects = [*([metric] if metric else []), *_SERVICE, Role.PREDICTION.value]
    tests = ["degradation", "estimate", "latency_p95", "error_rate", *_PREDICTION_TESTS]
    series = measured_series(connection, place, subjects, tests)
    shown = next((test for test in _PREDICTION_TESTS if any(each.test == test for each in series)), "")
    return (
        performance_chart(metric, series),
        figure_chart(
            Subject("predictions", _PREDICTION_TITLES.get(shown, ""), Unit.SHARE, shown, Role.PREDICTION), series
        ),
        figure_chart(_LATENCY, series),
        figure_chart(_ERRORS, series),
        volume_chart(windows),
    )


def _outputs(
    connection: Connection, model: str, window: Window | None, asked: ModelAsked
) -> tuple[tuple[str, Distribution], ...]:
    """Score and prediction of the looked-at window against the baseline, as far as they are kept."""
    if window is None:
        return ()
    shown = []
    for subject in (Role.SCORE.value, Role.PREDICTION.value):
        profiles = subject_profiles(connection, model, window, subject, segment=asked.segment, version=asked.version)
        distribution, _ = view_distribution(profiles)
        if distribution is not None:
            shown.append((subject, distribution))
    return tuple(shown)
