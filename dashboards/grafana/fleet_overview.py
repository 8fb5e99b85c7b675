"""Fleet overview: all models at a glance, the one in most trouble first."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards.grafana.choices import marks, models_choice
from dashboards.grafana.frame import DRIFT, FLEET, PERFORMANCE, dashboard
from dashboards.grafana.panels import (
    HALF,
    ORANGE,
    RED,
    SEVERITY_COLORS,
    YELLOW,
    Override,
    bars,
    colored,
    columns,
    linked,
    number,
    rank,
    row,
    rows,
    severities,
    time_panel,
    with_overrides,
)
from dashboards.grafana.sources import prometheus, series, table

MODELS = "model IN (${model:sqlstring})"
SHOWN_MODELS = 40
_KNOWN = f"SELECT DISTINCT model FROM driftline.baselines WHERE is_active AND {MODELS}"
_NEWEST = f"""
    known AS ({_KNOWN}), newest AS (
        SELECT decided.* FROM known CROSS JOIN LATERAL (
            SELECT model, window_start, window_end, verdict, severity, reason, is_suppressed FROM driftline.decisions
            WHERE decisions.model = known.model AND $__timeFilter(window_end)
            ORDER BY window_end DESC LIMIT 1) AS decided
    )
"""
"""Each model's newest decided window of the time range."""


def fleet_overview() -> Dashboard:
    board = dashboard(
        "Driftline: fleet",
        FLEET,
        "Every monitored model: what its newest window led to, how it serves, what is open.",
        [models_choice()],
        marks(MODELS),
    ).time("now-7d", "now")
    for panel in _now():
        board = board.with_panel(panel)
    board = board.with_row(row("Models")).with_panel(_table())
    board = board.with_row(row("Over time")).with_panel(_severity()).with_panel(_alarming()).with_panel(_volume())
    board = board.with_row(row("Serving now")).with_panel(_rate()).with_panel(_failing())
    board = board.with_panel(_slow()).with_panel(_open_incidents())
    board = board.with_row(row("What happened")).with_panel(_incidents()).with_panel(_rollbacks())
    board = board.with_row(row("Driftline itself")).with_panel(_late()).with_panel(_alerts()).with_panel(_running())
    return board.with_panel(_age()).with_panel(_waiting()).with_panel(_scrape())


def _now() -> list[object]:
    return [
        number("Models", "With a baseline in force.", table(f"SELECT count(*) FROM ({_KNOWN}) AS known")),
        number(
            "Models that alarm",
            "Whose newest window led to an alert or a rollback.",
            table(f"WITH {_NEWEST} SELECT count(*) FROM newest WHERE verdict <> 'nothing'"),
            steps={1: ORANGE},
        ),
        number(
            "Critical models",
            "Whose newest window found something critical.",
            table(f"WITH {_NEWEST} SELECT count(*) FROM newest WHERE severity = 'critical'"),
            steps={1: RED},
        ),
        number(
            "Open incidents",
            "Causes that are not over.",
            table(f"SELECT count(*) FROM driftline.incidents WHERE status = 'open' AND {MODELS}"),
            steps={1: ORANGE},
        ),
        number(
            "Rollbacks done",
            "That changed routes, in the time range.",
            table(
                f"SELECT count(*) FROM driftline.rollbacks WHERE done_at IS NOT NULL AND {MODELS} "
                "AND $__timeFilter(done_at)"
            ),
            steps={1: YELLOW},
        ),
        number(
            "Models without a window",
            "That have a baseline and no decided window in the time range.",
            table(
                f"WITH {_NEWEST} SELECT count(*) FROM known WHERE NOT EXISTS "
                "(SELECT FROM newest WHERE newest.model = known.model)"
            ),
            steps={1: RED},
        ),
    ]


def _table() -> object:
    panel = rows(
        "Models, the one in most trouble first",
        "Each model's newest window of the time range. The metric is the newest that has labels; volume, errors and "
        "open incidents are of now. A name leads to the model's dashboard.",
        table(
            f"""
            WITH {_NEWEST}
            SELECT newest.model, newest.severity, newest.verdict, newest.window_end AS "window's end", drifted.features
                   AS "drifted features", judged.subject AS metric, judged.statistic AS value,
                   judged.threshold AS "limit", windows.rows AS predictions,
                   windows.labeled_rows::float8 / nullif(windows.rows, 0) AS "label coverage",
                   served.errors AS "errors, last hour", opened.incidents AS "open incidents",
                   routed.versions AS "serving", newest.reason
            FROM newest
            LEFT JOIN driftline.windows USING (model, window_start, window_end)
            LEFT JOIN LATERAL (
                SELECT count(DISTINCT subject) AS features FROM driftline.findings
                WHERE findings.model = newest.model AND window_end = newest.window_end AND status = 'detected'
                  AND check_name = 'drift' AND segment = '' AND subject <> 'multivariate') AS drifted ON true
            LEFT JOIN LATERAL (
                SELECT subject, statistic, threshold FROM driftline.findings
                WHERE findings.model = newest.model AND test = 'degradation' AND segment = ''
                  AND comparison = 'baseline' AND statistic IS NOT NULL AND $__timeFilter(window_end)
                ORDER BY window_end DESC, {rank("severity")} DESC, subject LIMIT 1) AS judged ON true
            LEFT JOIN LATERAL (
                SELECT sum(errors)::float8 / nullif(sum(predictions), 0) AS errors FROM driftline.live_predictions
                WHERE live_predictions.model = newest.model AND minute >= now() - interval '1 hour') AS served ON true
            LEFT JOIN LATERAL (
                SELECT count(*) AS incidents FROM driftline.incidents
                WHERE incidents.model = newest.model AND status = 'open') AS opened ON true
            LEFT JOIN LATERAL (
                SELECT string_agg(version || ' ' || round(100 * share) || ' %', ', ' ORDER BY share DESC) AS versions
                FROM driftline.routes WHERE routes.model = newest.model AND share > 0) AS routed ON true
            ORDER BY {rank("newest.severity")} DESC, opened.incidents DESC, newest.model
            """
        ),
        height=14,
    )
    panel = colored(panel, "severity", "verdict")
    panel = columns(panel, {"label coverage": "percentunit", "errors, last hour": "percentunit"})
    where = "?var-model=${__value.raw:percentencode}&${__url_time_range}"
    panel = linked(panel, "model", "Performance of ${__value.text}", f"/d/{PERFORMANCE}{where}")
    drift = "?var-model=${__data.fields.model:percentencode}&${__url_time_range}"
    return linked(panel, "drifted features", "Data drift", f"/d/{DRIFT}{drift}")


def _severity() -> object:
    return severities(
        "Verdicts by model",
        f"One row per model, coloured by the worst finding of each window; the {SHOWN_MODELS} worst first.",
        series(
            f"""
            WITH decided AS (
                SELECT window_end, model, max({rank("severity")}) AS rank FROM driftline.decisions
                WHERE {MODELS} AND $__timeFilter(window_end) GROUP BY window_end, model
            ), shown AS (
                SELECT model FROM decided GROUP BY model ORDER BY sum(rank) DESC, model LIMIT {SHOWN_MODELS}
            )
            SELECT window_end AS time, model AS metric, rank AS value FROM decided JOIN shown USING (model)
            ORDER BY window_end, sum(rank) OVER (PARTITION BY model) DESC, model
            """
        ),
    )


def _alarming() -> object:
    panel = bars(
        "Models by the worst finding of their windows",
        "Each model counts once in each window.",
        [
            series(
                f"""
                SELECT window_end AS time, count(*) FILTER (WHERE severity = 'low') AS low,
                       count(*) FILTER (WHERE severity = 'medium') AS medium,
                       count(*) FILTER (WHERE severity = 'high') AS high,
                       count(*) FILTER (WHERE severity = 'critical') AS critical
                FROM driftline.decisions WHERE {MODELS} AND $__timeFilter(window_end)
                GROUP BY window_end ORDER BY window_end
                """
            )
        ],
    )
    return with_overrides(panel, *_severity_colors())


def _severity_colors() -> list[Override]:
    return [(name, {"color": {"mode": "fixed", "fixedColor": color}}) for name, color in SEVERITY_COLORS.items()]


def _volume() -> object:
    return time_panel(
        "Predictions per window",
        "Of the 20 models that predict most.",
        [
            series(
                f"""
                WITH counted AS (
                    SELECT window_end, model, max(rows) AS rows FROM driftline.windows
                    WHERE {MODELS} AND $__timeFilter(window_end) GROUP BY window_end, model
                ), shown AS (
                    SELECT model FROM counted GROUP BY model ORDER BY sum(rows) DESC, model LIMIT 20
                )
                SELECT window_end AS time, model AS metric, rows AS value FROM counted JOIN shown USING (model)
                ORDER BY 1, 2
                """
            )
        ],
    ).min(0)


DRAWN_MODELS = 20
OF_MODELS = '{model=~"$model"}'


def _rate() -> object:
    return time_panel(
        "Predictions per second",
        f"Over 5 minutes, of the {DRAWN_MODELS} models that predict most. From Prometheus.",
        [
            prometheus(
                f"topk({DRAWN_MODELS}, sum by (model) (driftline_live_predictions{OF_MODELS})) / 300", "{{model}}"
            )
        ],
        unit="reqps",
    ).min(0)


def _failing() -> object:
    return time_panel(
        "Failed predictions",
        f"Share over 5 minutes, of the {DRAWN_MODELS} models that fail most. From Prometheus.",
        [
            prometheus(
                f"""
                topk({DRAWN_MODELS}, sum by (model) (driftline_live_errors{OF_MODELS})
                  / (sum by (model) (driftline_live_predictions{OF_MODELS}) > 0))
                """,
                "{{model}}",
            )
        ],
        unit="percentunit",
    ).min(0)


def _slow() -> object:
    return time_panel(
        "Latency: 95th percentile",
        f"Over 5 minutes, of each model's slowest version; the {DRAWN_MODELS} slowest models. From Prometheus.",
        [
            prometheus(
                f"""
                topk({DRAWN_MODELS},
                  max by (model) (driftline_live_latency_seconds{{model=~"$model", quantile="0.95"}}))
                """,
                "{{model}}",
            )
        ],
        unit="s",
    ).min(0)


def _open_incidents() -> object:
    panel = bars(
        "Open incidents by severity",
        "How many were open at a time. From Prometheus.",
        [prometheus(f"sum by (severity) (driftline_incidents_open{OF_MODELS})", "{{severity}}")],
    )
    return with_overrides(panel, *_severity_colors())


def _age() -> object:
    return time_panel(
        "Age of the newest window",
        "Since the newest window of a model ended: it grows until the next is checked, and for ever where a monitor "
        f"stands still. The {DRAWN_MODELS} oldest. From Prometheus.",
        [
            prometheus(
                f"""
                topk({DRAWN_MODELS},
                  time() - max by (model) (driftline_monitor_window_end_timestamp_seconds{OF_MODELS}))
                """,
                "{{model}}",
            )
        ],
        unit="s",
        span=8,
    ).min(0)


def _waiting() -> object:
    return time_panel(
        "Alerts that wait",
        "In the outbox, by destination: near 0 unless a receiver is down. From Prometheus.",
        [prometheus("sum by (destination) (driftline_alerts_pending)", "{{destination}}")],
        span=8,
    ).min(0)


def _scrape() -> object:
    return time_panel(
        "Reading the store for Prometheus",
        "How long each scrape took, and whether the store could be read (1). From Prometheus.",
        [
            prometheus("max(driftline_scrape_duration_seconds)", "seconds"),
            prometheus("min(driftline_up)", "readable", "B"),
        ],
        span=8,
    ).min(0)


def _incidents() -> object:
    panel = rows(
        "Incidents",
        "That were open in the time range: those that still are first, the most severe of them first.",
        table(
            f"""
            SELECT model, severity, status, title, cause, opened_at AS opened, resolved_at AS resolved,
                   acknowledged_by AS "acknowledged by"
            FROM driftline.incidents
            WHERE {MODELS} AND opened_at <= $__timeTo() AND coalesce(resolved_at, now()) >= $__timeFrom()
            ORDER BY status, {rank("severity")} DESC, opened_at DESC LIMIT 200
            """
        ),
        span=HALF,
    )
    return colored(panel, "severity", "status")


def _rollbacks() -> object:
    panel = rows(
        "Rollbacks",
        "That were asked for in the time range, done or not, the newest first.",
        table(
            f"""
            SELECT created_at AS at, model, status, bad_version AS "from", target_version AS "to", trigger, reason,
                   explanation, actor
            FROM driftline.rollbacks WHERE {MODELS} AND $__timeFilter(created_at)
            ORDER BY created_at DESC LIMIT 200
            """
        ),
        span=HALF,
    )
    return colored(panel, "status")


def _late() -> object:
    return rows(
        "Monitors by the age of their newest window",
        "When each model was last decided on, whatever the time range; the longest ago first.",
        table(
            f"""
            SELECT known.model, newest.window_end AS "window's end", newest.decided_at AS "decided at"
            FROM ({_KNOWN}) AS known LEFT JOIN LATERAL (
                SELECT window_end, decided_at FROM driftline.decisions WHERE decisions.model = known.model
                ORDER BY window_end DESC LIMIT 1) AS newest ON true
            ORDER BY newest.decided_at NULLS FIRST, known.model LIMIT 50
            """
        ),
        span=8,
    )


def _alerts() -> object:
    return rows(
        "Alerts by destination",
        "What was written in the time range and what became of it. Alerts that stay pending are retried.",
        table(
            f"""
            SELECT destination, kind, status, count(*) AS alerts, max(created_at) AS newest, max(attempts) AS attempts
            FROM driftline.alert_outbox WHERE {MODELS} AND $__timeFilter(created_at)
            GROUP BY destination, kind, status ORDER BY destination, kind, status
            """
        ),
        span=8,
    )


def _running() -> object:
    return rows(
        "Running experiments",
        "With the ruling of their last look.",
        table(
            f"""
            SELECT experiment, model, analysis ->> 'verdict' AS ruling, started_at AS started, looked_at AS "last look",
                   error
            FROM driftline.experiments WHERE status = 'running' AND {MODELS} ORDER BY started_at, experiment
            """
        ),
        span=8,
    )
