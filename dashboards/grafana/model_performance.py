"""Model performance: is the model still as good as on its baseline, for whom, and how does it serve?"""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard, QueryVariable

from dashboards.grafana.choices import (
    MODEL,
    SEGMENT,
    VERSIONS,
    marks,
    model_choice,
    segment_choice,
    version_choice,
)
from dashboards.grafana.frame import PERFORMANCE, dashboard
from dashboards.grafana.panels import (
    FULL,
    ORANGE,
    RED,
    THIRD,
    band,
    bars,
    colored,
    correctness_of_labels,
    limit_line,
    number,
    rank,
    row,
    rows,
    severities,
    time_panel,
    with_overrides,
    words,
)
from dashboards.grafana.sources import prometheus, series, table, variable

METRIC = "subject = ${metric:sqlstring}"
NEWEST = f"(SELECT max(window_end) FROM driftline.windows WHERE {MODEL} AND $__timeFilter(window_end))"
LIVE_HOURS = 6
"""So far back the figures per minute are drawn: they are for what happens now."""
LIVE = f"{MODEL} AND {VERSIONS} AND minute >= now() - interval '{LIVE_HOURS} hours'"
LATENCY_GROWTH = "1.02 / 0.98"
"""The width of a latency's cell (`driftline.live.latency.GROWTH`)."""


def model_performance() -> Dashboard:
    board = dashboard(
        "Driftline: model performance",
        PERFORMANCE,
        "How good a model's predictions are against its baseline, with intervals, and how it serves.",
        [model_choice(), version_choice(), segment_choice(), _metric_choice()],
        marks(MODEL),
    )
    for panel in _now():
        board = board.with_panel(panel)
    board = board.with_row(row("$metric over time")).with_panel(_course()).with_panel(_by_segment())
    board = board.with_panel(_coverage()).with_panel(_estimates()).with_panel(_volume())
    board = board.with_row(row("Verdicts")).with_panel(_found()).with_panel(_metrics()).with_panel(_verdicts())
    board = board.with_row(row("Outputs and fairness")).with_panel(_positive_share()).with_panel(_fairness())
    board = board.with_panel(_latency()).with_panel(_errors())
    board = board.with_row(row(f"Serving now: the last {LIVE_HOURS} hours, by the minute"))
    return (
        board.with_panel(_live_volume())
        .with_panel(_live_errors())
        .with_panel(_live_latency())
        .with_panel(_live_accuracy())
        .with_panel(_quantiles())
        .with_panel(_shares())
        .with_panel(_feeds())
    )


def _metric_choice() -> QueryVariable:
    return variable(
        "metric",
        "Metric",
        "What the model is judged by.",
        f"""
        SELECT DISTINCT subject FROM driftline.findings
        WHERE {MODEL} AND test = 'degradation' AND segment = '' AND comparison = 'baseline'
          AND $__timeFilter(window_end)
        ORDER BY subject
        """,
    )


def _of_metric(test: str) -> str:
    return (
        f"{MODEL} AND test = '{test}' AND {SEGMENT} AND comparison = 'baseline' AND {VERSIONS} AND {METRIC}"
        " AND $__timeFilter(window_end)"
    )


def _now() -> list[object]:
    return [
        words(
            "Verdict",
            "What the newest window of the time range led to.",
            table(
                f"""
                SELECT verdict FROM driftline.decisions WHERE {MODEL} AND $__timeFilter(window_end)
                ORDER BY window_end DESC LIMIT 1
                """
            ),
        ),
        words(
            "Severity",
            "The worst that the newest window found.",
            table(
                f"""
                SELECT severity FROM driftline.decisions WHERE {MODEL} AND $__timeFilter(window_end)
                ORDER BY window_end DESC LIMIT 1
                """
            ),
        ),
        number(
            "$metric",
            "Of the newest window that has enough labels.",
            table(
                f"""
                SELECT statistic FROM driftline.findings WHERE {_of_metric("degradation")} AND statistic IS NOT NULL
                ORDER BY window_end DESC, version DESC LIMIT 1
                """
            ),
        ).decimals(3),
        number(
            "Label coverage now",
            "Share of the newest window's predictions that have a label. Until labels had their time, verdicts on "
            "performance are provisional.",
            table(
                f"""
                SELECT labeled_rows::float8 / nullif(rows, 0) FROM driftline.windows
                WHERE {MODEL} AND $__timeFilter(window_end) ORDER BY window_end DESC LIMIT 1
                """
            ),
            unit="percentunit",
        ),
        number(
            "Open incidents",
            "Of this model, whatever their cause.",
            table(f"SELECT count(*) FROM driftline.incidents WHERE {MODEL} AND status = 'open'"),
            steps={1: ORANGE, 3: RED},
        ),
        number(
            "Newest window",
            "When the newest window of the time range ended.",
            table(f"SELECT extract(epoch FROM {NEWEST}) * 1000 AS ended"),
            unit="dateTimeFromNow",
        ),
    ]


def _course() -> object:
    panel = time_panel(
        "$metric of $version",
        "As the labels say, with its 95 % interval, the limit that it is held against, and what is estimated without "
        "labels. Windows whose labels are still expected have an estimate only.",
        [
            series(
                f"""
                SELECT window_end AS time, max(statistic) FILTER (WHERE test = 'degradation') AS realised,
                       max(interval_low) FILTER (WHERE test = 'degradation') AS "lower bound",
                       max(interval_high) FILTER (WHERE test = 'degradation') AS "upper bound",
                       max(statistic) FILTER (WHERE test = 'estimate') AS estimated,
                       max(threshold) AS "limit"
                FROM driftline.findings
                WHERE {MODEL} AND test IN ('degradation', 'estimate') AND {SEGMENT} AND comparison = 'baseline'
                  AND {VERSIONS} AND {METRIC} AND $__timeFilter(window_end)
                GROUP BY window_end ORDER BY window_end
                """
            )
        ],
        span=FULL,
        decimals=3,
    )
    drawn = band(panel, "realised", "lower bound", "upper bound")
    estimated = ("estimated", {"custom.lineStyle": {"fill": "dash", "dash": [4, 6]}, "custom.lineWidth": 2})
    return with_overrides(drawn, limit_line("limit"), estimated).repeat("version").repeat_direction("h").max_per_row(2)


def _by_segment() -> object:
    return time_panel(
        "$metric by segment and version",
        "As the labels say. A segment that falls behind the others is hidden by the whole.",
        [
            series(
                f"""
                SELECT window_end AS time,
                       coalesce(nullif(segment, ''), '(all predictions)') || ' ' || version AS metric,
                       statistic AS value
                FROM driftline.findings
                WHERE {MODEL} AND test = 'degradation' AND comparison = 'baseline' AND {VERSIONS} AND {METRIC}
                  AND $__timeFilter(window_end) AND statistic IS NOT NULL
                ORDER BY 1, 2
                """
            )
        ],
        decimals=3,
    )


def _coverage() -> object:
    panel = time_panel(
        "Label coverage",
        "Share of each window's predictions that have a label by now, by version, and the share that is asked for.",
        [
            series(
                f"""
                SELECT window_end AS time, version AS metric, statistic AS value FROM driftline.findings
                WHERE {MODEL} AND test = 'label_coverage' AND {SEGMENT} AND {VERSIONS} AND $__timeFilter(window_end)
                ORDER BY 1, 2
                """
            ),
            series(
                f"""
                SELECT window_end AS time, max(threshold) AS "limit" FROM driftline.findings
                WHERE {MODEL} AND test = 'label_coverage' AND {SEGMENT} AND {VERSIONS} AND $__timeFilter(window_end)
                GROUP BY window_end ORDER BY window_end
                """,
                "B",
            ),
        ],
        unit="percentunit",
    )
    return with_overrides(panel.min(0).max(1), limit_line("limit"))


def _estimates() -> object:
    return time_panel(
        "How far the estimate of $metric was off",
        "What was estimated without labels against what the labels showed later: near 0 the estimate can be trusted.",
        [
            series(
                f"""
                SELECT window_end AS time, version AS metric, statistic AS value FROM driftline.findings
                WHERE {MODEL} AND test = 'estimate_error' AND {SEGMENT} AND {VERSIONS} AND {METRIC}
                  AND $__timeFilter(window_end) AND statistic IS NOT NULL
                ORDER BY 1, 2
                """
            )
        ],
        decimals=3,
    )


def _volume() -> object:
    return time_panel(
        "Predictions and labels per window",
        "Windows overlap where they are made more often than they are long.",
        [
            series(
                f"""
                SELECT window_end AS time, rows AS predictions, labeled_rows AS labels FROM driftline.windows
                WHERE {MODEL} AND $__timeFilter(window_end) ORDER BY window_end
                """
            )
        ],
    ).min(0)


def _found() -> object:
    return severities(
        "What was found, by check",
        "The worst finding of each check in each window, over all versions and segments.",
        series(
            f"""
            WITH looked AS (
                SELECT DISTINCT window_end FROM driftline.windows WHERE {MODEL} AND $__timeFilter(window_end)
            ), told AS (
                SELECT window_end, check_name, max({rank("severity")}) AS rank FROM driftline.findings
                WHERE {MODEL} AND status = 'detected' AND $__timeFilter(window_end)
                GROUP BY window_end, check_name
            )
            SELECT window_end AS time, check_name AS metric, coalesce(rank, 0) AS value
            FROM looked CROSS JOIN unnest(ARRAY['quality', 'drift', 'performance', 'predictions', 'fairness'])
                 AS check_name
            LEFT JOIN told USING (window_end, check_name)
            ORDER BY 1, 2
            """
        ),
    )


def _metrics() -> object:
    panel = rows(
        "All metrics of the newest judged window",
        "Of each version and segment. `drop` is against the baseline, or against the version before it.",
        table(
            f"""
            SELECT subject AS metric, version, coalesce(nullif(segment, ''), '(all predictions)') AS segment,
                   comparison AS "compared with", status, severity, statistic AS value, interval_low AS "lower bound",
                   interval_high AS "upper bound", (details ->> 'reference_value')::float8 AS reference,
                   effect AS drop, threshold AS "limit", current_size AS labels, description
            FROM driftline.findings
            WHERE {MODEL} AND test = 'degradation' AND {VERSIONS} AND window_end = (
                SELECT max(window_end) FROM driftline.findings
                WHERE {MODEL} AND test = 'degradation' AND segment = '' AND {VERSIONS} AND statistic IS NOT NULL
                  AND $__timeFilter(window_end))
            ORDER BY {rank("severity")} DESC, segment, subject, version LIMIT 500
            """
        ),
    )
    return colored(panel, "severity", "status")


def _verdicts() -> object:
    panel = rows(
        "Verdicts and what became of them",
        "Every version of every window's verdict: a provisional one is revised when labels arrive. The newest first.",
        table(
            f"""
            SELECT window_end AS "window's end", revision, verdict, severity, is_provisional AS provisional,
                   decided_at AS "decided at", reason
            FROM driftline.verdict_history WHERE {MODEL} AND $__timeFilter(window_end)
            ORDER BY window_end DESC, revision DESC LIMIT 200
            """
        ),
    )
    return colored(panel, "verdict", "severity")


def _of_test(test: str) -> list[object]:
    where = (
        f"{MODEL} AND test = '{test}' AND check_name = 'predictions' AND {SEGMENT} AND {VERSIONS}"
        " AND $__timeFilter(window_end)"
    )
    return [
        series(
            f"""
            SELECT window_end AS time, version AS metric, statistic AS value FROM driftline.findings
            WHERE {where} ORDER BY 1, 2
            """
        ),
        series(
            f"""
            SELECT window_end AS time, max(threshold) AS "limit" FROM driftline.findings
            WHERE {where} GROUP BY window_end ORDER BY window_end
            """,
            "B",
        ),
    ]


def _positive_share() -> object:
    return time_panel(
        "Predictions: share of the positive class, or beyond the usual range",
        "Of a classification the share of positive predictions; of a regression the share outside the range that the "
        "baseline has.",
        [
            series(
                f"""
                SELECT window_end AS time, version || ' ' || replace(test, '_', ' ') AS metric, statistic AS value
                FROM driftline.findings
                WHERE {MODEL} AND test IN ('class_balance', 'outliers') AND {SEGMENT} AND {VERSIONS}
                  AND $__timeFilter(window_end)
                ORDER BY 1, 2
                """
            )
        ],
        unit="percentunit",
    )


def _fairness() -> object:
    return time_panel(
        "Fairness: each group's distance from the others",
        "The group's rate minus that of the other groups: 0 is alike. Empty where the model's file names no protected "
        "attribute.",
        [
            series(
                f"""
                SELECT window_end AS time, subject || ': ' || replace(test, '_', ' ') || ' ' || version AS metric,
                       statistic AS value
                FROM driftline.findings
                WHERE {MODEL} AND check_name = 'fairness' AND comparison = 'baseline' AND segment = '' AND {VERSIONS}
                  AND test IN ('selection_rate', 'true_positive_rate', 'false_positive_rate', 'precision',
                               'calibration', 'accuracy', 'mae', 'bias')
                  AND $__timeFilter(window_end) AND statistic IS NOT NULL
                ORDER BY 1, 2
                """
            )
        ],
        unit="percentunit",
    )


def _latency() -> object:
    panel = time_panel(
        "Latency: 95th percentile per window",
        "What 95 % of the predictions were answered within, by version.",
        _of_test("latency_p95"),
        unit="ms",
    )
    return with_overrides(panel, limit_line("limit"))


def _errors() -> object:
    return time_panel(
        "Failed predictions per window",
        "Share of the predictions that failed, by version.",
        _of_test("error_rate")[:1],
        unit="percentunit",
    ).min(0)


def _live_volume() -> object:
    return bars(
        "Predictions per minute",
        "By version, as logged.",
        [
            series(
                f"""
                SELECT minute AS time, version AS metric, predictions AS value FROM driftline.live_predictions
                WHERE {LIVE} ORDER BY 1, 2
                """
            )
        ],
    ).time_from(f"{LIVE_HOURS}h")


def _live_errors() -> object:
    return (
        time_panel(
            "Failed predictions, over 5 minutes",
            "Share of the predictions that failed, by version.",
            [
                series(
                    f"""
                    SELECT date_bin('5 minutes', minute, '2000-01-01') AS time, version AS metric,
                           sum(errors)::float8 / nullif(sum(predictions), 0) AS value
                    FROM driftline.live_predictions WHERE {LIVE} GROUP BY 1, 2 ORDER BY 1, 2
                    """
                )
            ],
            unit="percentunit",
        )
        .min(0)
        .time_from(f"{LIVE_HOURS}h")
    )


def _live_latency() -> object:
    return time_panel(
        "Latency: 95th percentile, over 5 minutes",
        "From counts in cells that are 4 % wide: off by 2 % at most.",
        [
            series(
                f"""
                WITH counted AS (
                    SELECT date_bin('5 minutes', minute, '2000-01-01') AS time, version, cell.key::int AS cell,
                           sum(cell.value::bigint) AS answered
                    FROM driftline.live_predictions, jsonb_each_text(latencies) AS cell WHERE {LIVE}
                    GROUP BY 1, 2, 3
                ), cumulated AS (
                    SELECT time, version, cell, sum(answered) OVER upwards AS reached,
                           sum(answered) OVER (PARTITION BY time, version) AS total
                    FROM counted WINDOW upwards AS (PARTITION BY time, version ORDER BY cell)
                )
                SELECT time, version AS metric,
                       2 * power({LATENCY_GROWTH}, min(cell)) / (({LATENCY_GROWTH}) + 1) AS value
                FROM cumulated WHERE reached >= 0.95 * total GROUP BY time, version ORDER BY 1, 2
                """
            )
        ],
        unit="ms",
    ).time_from(f"{LIVE_HOURS}h")


def _live_accuracy() -> object:
    return time_panel(
        "By the labels that arrive, over 15 minutes",
        "Accuracy of a classification, mean absolute error of a regression; by the time that labels arrive.",
        [series(correctness_of_labels("15 minutes", LIVE))],
        decimals=3,
    ).time_from(f"{LIVE_HOURS}h")


def _quantiles() -> object:
    return time_panel(
        "Latency: quantiles over time",
        "Over 5 minutes each, by version and quantile, for as long as Prometheus keeps them.",
        [prometheus('driftline_live_latency_seconds{model="$model"}', "{{version}} {{quantile}}")],
        unit="s",
        span=THIRD,
    ).min(0)


def _shares() -> object:
    return (
        time_panel(
            "Share of the traffic",
            "What the routes gave to each version. From Prometheus.",
            [prometheus('driftline_route_share_ratio{model="$model"}', "{{version}}")],
            unit="percentunit",
            span=THIRD,
        )
        .min(0)
        .max(1)
    )


def _feeds() -> object:
    return time_panel(
        "Age of the newest row that was seen",
        "Of the predictions and of the labels in the model's log. A feed that stands still grows old. From Prometheus.",
        [
            prometheus(
                'time() - driftline_feed_newest_row_timestamp_seconds{model="$model"}',
                "{{feed}}",
            )
        ],
        unit="s",
        span=THIRD,
    ).min(0)
