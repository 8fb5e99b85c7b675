"""Panels in the one style that all dashboards have: titles, units, colours, legends, descriptions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from grafana_foundation_sdk.builders import stat, statetimeline, text, timeseries
from grafana_foundation_sdk.builders import table as tables
from grafana_foundation_sdk.builders.common import (
    ReduceDataOptions,
    StackingConfig,
    VizLegendOptions,
    VizTooltipOptions,
)
from grafana_foundation_sdk.builders.dashboard import DashboardLink, FieldColor, Row, ThresholdsConfig
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models import dashboard as models

GREEN, BLUE, YELLOW, ORANGE, RED, GREY = "green", "blue", "yellow", "orange", "red", "#808080"
SEVERITY_COLORS = {"none": GREEN, "low": BLUE, "medium": YELLOW, "high": ORANGE, "critical": RED}
SEVERITY_RANK = (
    "CASE {column} WHEN 'critical' THEN 4 WHEN 'high' THEN 3 WHEN 'medium' THEN 2 WHEN 'low' THEN 1 ELSE 0 END"
)
"""A severity as a number, for panels that colour by it."""
NOT_EVALUATED = -1
"""Stands for a severity where nothing could be said."""

HEIGHT, FULL, HALF, THIRD = 9, 24, 12, 8

Queries = Sequence[Builder[Dataquery]]
Override = tuple[str, Mapping[str, object]]
"""A field's name and what is set for it."""


def rank(column: str) -> str:
    """SQL for the rank of a severity: 0 (none) to 4 (critical)."""
    return SEVERITY_RANK.format(column=column)


def time_panel(
    title: str,
    description: str,
    queries: Queries,
    *,
    unit: str = "short",
    span: int = HALF,
    decimals: int | None = None,
) -> timeseries.Panel:
    """Lines over time; windows are points, joined over gaps of up to a day."""
    panel = (
        timeseries.Panel()
        .title(title)
        .description(description)
        .targets(list(queries))
        .unit(unit)
        .span(span)
        .height(HEIGHT)
        .line_width(2)
        .point_size(4)
        .show_points(common.VisibilityMode.AUTO)
        .span_nulls(24 * 3600 * 1000)
        .fill_opacity(5)
        .tooltip(VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI).sort(common.SortOrder.DESCENDING))
        .legend(
            VizLegendOptions()
            .display_mode(common.LegendDisplayMode.TABLE)
            .placement(common.LegendPlacement.BOTTOM)
            .show_legend(True)
            .calcs(["lastNotNull", "min", "max"])
        )
    )
    return panel if decimals is None else panel.decimals(decimals)


def bars(title: str, description: str, queries: Queries, *, unit: str = "short", span: int = HALF) -> timeseries.Panel:
    """Stacked bars over time."""
    return (
        time_panel(title, description, queries, unit=unit, span=span)
        .draw_style(common.GraphDrawStyle.BARS)
        .fill_opacity(70)
        .line_width(0)
        .stacking(StackingConfig().mode(common.StackingMode.NORMAL))
    )


def band(panel: timeseries.Panel, name: str, low: str, high: str) -> timeseries.Panel:
    """Fills between two series and hides them from the legend; ``name`` is drawn over them."""
    hidden = {"custom.hideFrom": {"legend": True, "tooltip": False, "viz": False}, "custom.lineWidth": 0}
    return with_overrides(
        panel,
        (high, {**hidden, "custom.fillBelowTo": low, "custom.fillOpacity": 20}),
        (low, {**hidden, "custom.fillOpacity": 0}),
        (name, {"custom.lineWidth": 3}),
    )


def limit_line(name: str) -> Override:
    """How a series that is a limit is drawn."""
    return (name, {"color": {"mode": "fixed", "fixedColor": RED}, "custom.lineStyle": {"fill": "dash", "dash": [8, 8]},
                   "custom.lineWidth": 1, "custom.fillOpacity": 0, "custom.showPoints": "never"})  # fmt: skip


def with_overrides(panel: timeseries.Panel, *overrides: Override) -> timeseries.Panel:
    """Sets properties of the fields whose names match a regular expression (``/…/``) or are just that."""
    for name, properties in overrides:
        values = [models.DynamicConfigValue(id_val=key, value=value) for key, value in properties.items()]
        matched = panel.override_by_regexp if name.startswith("/") else panel.override_by_name
        panel = matched(name, values)
    return panel


def number(
    title: str,
    description: str,
    query: Builder[Dataquery],
    *,
    unit: str = "short",
    steps: Mapping[float, str] | None = None,
    span: int = 4,
) -> stat.Panel:
    """One large number, coloured from each step of ``steps`` on."""
    return (
        stat.Panel()
        .title(title)
        .description(description)
        .with_target(query)
        .unit(unit)
        .span(span)
        .height(4)
        .graph_mode(common.BigValueGraphMode.NONE)
        .color_mode(common.BigValueColorMode.BACKGROUND if steps else common.BigValueColorMode.NONE)
        .reduce_options(ReduceDataOptions().calcs(["lastNotNull"]).fields("/.*/"))
        .thresholds(limits(steps or {}))
        .color_scheme(FieldColor().mode(models.FieldColorModeId.THRESHOLDS))
        .no_value("no data")
    )


def words(title: str, description: str, query: Builder[Dataquery], *, span: int = 4) -> stat.Panel:
    """A word or a sentence, coloured where it is a severity or a verdict."""
    return number(title, description, query, span=span).mappings([severity_words()]).color_mode(
        common.BigValueColorMode.VALUE
    )  # fmt: skip


def severities(title: str, description: str, query: Builder[Dataquery], *, span: int = FULL) -> statetimeline.Panel:
    """One row per series, coloured by rank of severity over time."""
    return (
        statetimeline.Panel()
        .title(title)
        .description(description)
        .with_target(query)
        .span(span)
        .height(HEIGHT + 3)
        .show_value(common.VisibilityMode.NEVER)
        .merge_values(True)
        .row_height(0.9)
        .line_width(0)
        .fill_opacity(85)
        .per_page(40)
        .mappings([severity_ranks()])
        .color_scheme(FieldColor().mode(models.FieldColorModeId.THRESHOLDS))
        .thresholds(limits({0: GREEN, 1: BLUE, 2: YELLOW, 3: ORANGE, 4: RED}))
        .legend(
            VizLegendOptions()
            .display_mode(common.LegendDisplayMode.LIST)
            .placement(common.LegendPlacement.BOTTOM)
            .show_legend(True)
        )
        .tooltip(VizTooltipOptions().mode(common.TooltipDisplayMode.SINGLE))
    )


def rows(
    title: str, description: str, query: Builder[Dataquery], *, span: int = FULL, height: int = HEIGHT
) -> tables.Panel:
    """A table that can be filtered; a column ``severity`` or ``status`` is coloured by its word."""
    return (
        tables.Panel()
        .title(title)
        .description(description)
        .with_target(query)
        .span(span)
        .height(height)
        .filterable(True)
        .cell_height(common.TableCellHeight.SM)
        .show_header(True)
        .no_value("–")
    )


def colored(panel: tables.Panel, *names: str) -> tables.Panel:
    """Colours the cells of columns that hold severities, verdicts or states."""
    for name in names:
        panel = panel.override_by_name(
            name,
            [
                models.DynamicConfigValue(id_val="custom.cellOptions", value={"type": "color-text"}),
                models.DynamicConfigValue(id_val="mappings", value=[severity_words().to_json()]),
            ],
        )
    return panel


def columns(panel: tables.Panel, units: Mapping[str, str]) -> tables.Panel:
    """Gives columns their units."""
    for name, unit in units.items():
        panel = panel.override_by_name(name, [models.DynamicConfigValue(id_val="unit", value=unit)])
    return panel


def linked(panel: tables.Panel, column: str, title: str, url: str) -> tables.Panel:
    """Makes a column's values lead to another dashboard."""
    link = {"title": title, "url": url, "targetBlank": False}
    return panel.override_by_name(column, [models.DynamicConfigValue(id_val="links", value=[link])])


def note(title: str, markdown: str, *, span: int = FULL, height: int = 3) -> text.Panel:
    """Words for whoever reads the dashboard."""
    return text.Panel().title(title).content(markdown).span(span).height(height)


def limits(steps: Mapping[float, str]) -> ThresholdsConfig:
    """Colours from each value on; below all of them green."""
    base = [models.Threshold(value=None, color=GREEN)]
    above = [models.Threshold(value=value, color=color) for value, color in sorted(steps.items())]
    return ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(base + above)


def severity_ranks() -> models.ValueMap:
    """Ranks shown as the words they stand for."""
    named = {str(place): name for place, name in enumerate(SEVERITY_COLORS)}
    results = {key: models.ValueMappingResult(text=name, color=SEVERITY_COLORS[name]) for key, name in named.items()}
    results[str(NOT_EVALUATED)] = models.ValueMappingResult(text="not evaluated", color=GREY)
    return models.ValueMap(options=results)


def severity_words() -> models.ValueMap:
    """Words with their colours."""
    colors = {
        **SEVERITY_COLORS, "ok": GREEN, "detected": RED, "not_evaluated": GREY, "nothing": GREEN, "alert": ORANGE,
        "roll_back": RED, "healthy": GREEN, "unhealthy": RED, "unknown": GREY, "open": ORANGE, "resolved": GREEN,
        "verified": GREEN, "escalated": RED, "promote": GREEN, "continue": BLUE, "hold": YELLOW,
        "inconclusive": GREY,
    }  # fmt: skip
    return models.ValueMap(options={word: models.ValueMappingResult(color=color) for word, color in colors.items()})


def row(title: str) -> Row:
    return Row(title)


def to_dashboard(title: str, uid: str) -> DashboardLink:
    """A link at the top that takes the choices and the time range along."""
    return (
        DashboardLink(title)
        .type(models.DashboardLinkType.LINK)
        .icon("dashboard")
        .url(f"/d/{uid}")
        .include_vars(True)
        .keep_time(True)
    )


def correctness_of_labels(step: str, where: str) -> str:
    """Per version and ``step``: accuracy of a classification, mean absolute error of a regression, as labels arrive."""
    return f"""
                SELECT date_bin('{step}', minute, '2000-01-01') AS time, version AS metric,
                       CASE WHEN sum(true_positives + false_positives + false_negatives + true_negatives) > 0
                            THEN sum(true_positives + true_negatives)::float8 / nullif(sum(labeled), 0)
                            ELSE sum(absolute_error_sum) / nullif(sum(labeled), 0) END AS value
                FROM driftline.live_outcomes WHERE {where} AND labeled > 0 GROUP BY 1, 2 ORDER BY 1, 2
                """
