"""Data drift: which features moved, how far, since when, in which segments."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard, QueryVariable
from grafana_foundation_sdk.models import dashboard as models

from dashboards.grafana.choices import (
    MODEL,
    SEGMENT,
    VERSIONS,
    feature_choice,
    marks,
    model_choice,
    segment_choice,
    version_choice,
)
from dashboards.grafana.frame import DRIFT, dashboard
from dashboards.grafana.panels import (
    HALF,
    ORANGE,
    RED,
    SEVERITY_COLORS,
    YELLOW,
    bars,
    colored,
    columns,
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

NEWEST = f"(SELECT max(window_end) FROM driftline.windows WHERE {MODEL} AND $__timeFilter(window_end))"
OF_DRIFT = f"{MODEL} AND check_name = 'drift' AND comparison = 'baseline' AND {VERSIONS}"
SHOWN_FEATURES = 40
DRAWN_FEATURES = 20
"""Lines in one graph: more cannot be told apart."""


def data_drift() -> Dashboard:
    board = dashboard(
        "Driftline: data drift",
        DRIFT,
        "Which features of a model moved against its baseline, beyond chance and by enough to matter.",
        [model_choice(), version_choice(), segment_choice(), feature_choice(), _test_choice()],
        marks(MODEL),
    )
    for panel in _now():
        board = board.with_panel(panel)
    board = board.with_row(row("Over time")).with_panel(_heat()).with_panel(_statistic()).with_panel(_counts())
    board = board.with_row(row("The newest window")).with_panel(_drifted_table())
    board = board.with_row(row("In more detail")).with_panel(_missing()).with_panel(_previous())
    board = board.with_panel(_together()).with_panel(_share())
    board = board.with_panel(_segments())
    return board.with_row(row("Not evaluated")).with_panel(_unevaluated())


def _test_choice() -> QueryVariable:
    first = models.VariableOption(selected=True, text="population_stability_index", value="population_stability_index")
    return variable(
        "test",
        "Statistic",
        "By which statistic the features are drawn; the verdict is that of all of them.",
        """
        SELECT unnest(ARRAY['population_stability_index', 'jensen_shannon', 'kolmogorov_smirnov', 'wasserstein',
                            'hellinger', 'total_variation', 'chi_square', 'cramer_von_mises', 'spread', 'null_share',
                            'new_level_share']) AS test
        """,
    ).current(first)


def _now() -> list[object]:
    worst = f"""
        SELECT coalesce((ARRAY['none', 'low', 'medium', 'high', 'critical'])[1 + max({rank("severity")})], 'none')
        FROM driftline.findings
        WHERE {OF_DRIFT} AND status = 'detected' AND {SEGMENT} AND window_end = {NEWEST}
    """
    return [
        words("Worst drift now", "The most severe drift of the newest window.", table(worst)),
        number(
            "Drifted features now",
            "Features with drift of any severity in the newest window.",
            table(
                f"""
                SELECT count(DISTINCT subject) FROM driftline.findings
                WHERE {OF_DRIFT} AND status = 'detected' AND {SEGMENT} AND subject <> 'multivariate'
                  AND window_end = {NEWEST}
                """
            ),
            steps={1: YELLOW, 5: ORANGE, 10: RED},
        ),
        number(
            "Not evaluated now",
            "Features about which nothing could be said in the newest window; the reasons stand below.",
            table(
                f"""
                SELECT count(DISTINCT subject) FROM driftline.findings
                WHERE {OF_DRIFT} AND status = 'not_evaluated' AND {SEGMENT} AND window_end = {NEWEST}
                """
            ),
            steps={1: YELLOW},
        ),
        number(
            "Open drift incidents",
            "Causes that people have been told of and that are not over.",
            table(
                f"""
                SELECT count(*) FROM driftline.incidents
                WHERE {MODEL} AND status = 'open' AND (cause = 'drift' OR cause LIKE 'drift/%')
                """
            ),
            steps={1: ORANGE},
        ),
        number(
            "Newest window",
            "When the newest window of the time range ended.",
            table(f"SELECT extract(epoch FROM {NEWEST}) * 1000 AS ended"),
            unit="dateTimeFromNow",
        ),
        number(
            "Baseline",
            "When the baseline that the windows are compared with was built.",
            table(
                f"""
                SELECT extract(epoch FROM built_at) * 1000 AS built FROM driftline.baselines
                WHERE {MODEL} AND is_active
                """
            ),
            unit="dateTimeFromNow",
        ),
    ]


def _heat() -> object:
    return severities(
        "Drift by feature",
        f"One row per feature, coloured by its worst drift in each window; the {SHOWN_FEATURES} worst first.",
        series(
            f"""
            WITH looked AS (
                SELECT DISTINCT window_end FROM driftline.windows WHERE {MODEL} AND $__timeFilter(window_end)
            ), told AS (
                SELECT window_end, subject,
                       max(CASE status WHEN 'detected' THEN {rank("severity")} ELSE -1 END) AS rank
                FROM driftline.findings
                WHERE {OF_DRIFT} AND status <> 'ok' AND {SEGMENT} AND subject IN (${{feature:sqlstring}})
                  AND $__timeFilter(window_end)
                GROUP BY window_end, subject
            ), shown AS (
                SELECT subject FROM driftline.baseline_binnings JOIN driftline.baselines USING (baseline_id)
                LEFT JOIN (SELECT subject, sum(rank) AS harm FROM told GROUP BY subject) AS ranked USING (subject)
                WHERE {MODEL} AND is_active AND role = 'feature' AND subject IN (${{feature:sqlstring}})
                ORDER BY harm DESC NULLS LAST, subject LIMIT {SHOWN_FEATURES}
            )
            SELECT window_end AS time, subject AS metric, coalesce(rank, 0) AS value
            FROM looked CROSS JOIN shown LEFT JOIN told USING (window_end, subject)
            ORDER BY window_end, subject
            """
        ),
    )


def _top(test: str, comparison: str, *, beyond: str = "") -> str:
    """The features that moved most by a test, and their course."""
    return f"""
        WITH chosen AS (
            SELECT window_end, subject, max(statistic) AS value FROM driftline.findings
            WHERE {MODEL} AND test = {test} AND {SEGMENT} AND comparison = '{comparison}' AND {VERSIONS}
              AND subject IN (${{feature:sqlstring}}) AND check_name = 'drift' AND $__timeFilter(window_end)
            GROUP BY window_end, subject
        ), shown AS (
            SELECT subject FROM chosen GROUP BY subject
            ORDER BY max(value) DESC NULLS LAST, subject LIMIT {DRAWN_FEATURES}
        )
        SELECT window_end AS time, subject AS metric, value FROM chosen JOIN shown USING (subject) {beyond}
        ORDER BY 1, 2
    """


def _limit(test: str) -> str:
    return f"""
        SELECT window_end AS time, max(threshold) AS "limit" FROM driftline.findings
        WHERE {MODEL} AND test = {test} AND {SEGMENT} AND comparison = 'baseline' AND {VERSIONS}
          AND check_name = 'drift' AND $__timeFilter(window_end)
        GROUP BY window_end ORDER BY window_end
    """


def _statistic() -> object:
    test = "${test:sqlstring}"
    panel = time_panel(
        "$test by feature",
        f"The statistic of each window against the baseline, of the {DRAWN_FEATURES} features that moved most of those "
        "chosen. The dashed line is the largest limit: evidence and effect together.",
        [series(_top(test, "baseline")), series(_limit(test), "B")],
        decimals=3,
    )
    return with_overrides(panel, limit_line("limit"))


def _counts() -> object:
    panel = bars(
        "Drifted features by severity",
        "Each feature counts once, at its worst.",
        [
            series(
                f"""
                WITH looked AS (
                    SELECT DISTINCT window_end FROM driftline.windows WHERE {MODEL} AND $__timeFilter(window_end)
                ), worst AS (
                    SELECT window_end, subject, max({rank("severity")}) AS rank FROM driftline.findings
                    WHERE {OF_DRIFT} AND status = 'detected' AND {SEGMENT} AND subject IN (${{feature:sqlstring}})
                      AND $__timeFilter(window_end)
                    GROUP BY window_end, subject
                )
                SELECT window_end AS time, count(*) FILTER (WHERE rank = 1) AS low,
                       count(*) FILTER (WHERE rank = 2) AS medium, count(*) FILTER (WHERE rank = 3) AS high,
                       count(*) FILTER (WHERE rank = 4) AS critical
                FROM looked LEFT JOIN worst USING (window_end) GROUP BY window_end ORDER BY window_end
                """
            )
        ],
    )
    colors = [(name, {"color": {"mode": "fixed", "fixedColor": color}}) for name, color in SEVERITY_COLORS.items()]
    return with_overrides(panel, *colors)


def _drifted_table() -> object:
    panel = rows(
        "Drifted features",
        "What the newest window of the time range found, the worst first. `localized` says since when.",
        table(
            f"""
            SELECT subject AS feature, version, (array_agg(severity ORDER BY {rank("severity")} DESC))[1] AS severity,
                   string_agg(DISTINCT test, ', ') AS tests, max(effect) AS effect,
                   max(coalesce(details -> 'localization' ->> 'since', details -> 'localization' ->> 'onset'))
                       AS localized,
                   (array_agg(description ORDER BY {rank("severity")} DESC, test))[1] AS description,
                   (array_agg(recommendation ORDER BY {rank("severity")} DESC, test))[1] AS recommendation
            FROM driftline.findings
            WHERE {OF_DRIFT} AND status = 'detected' AND {SEGMENT} AND window_end = {NEWEST}
            GROUP BY subject, version ORDER BY max({rank("severity")}) DESC, max(effect) DESC, subject LIMIT 200
            """
        ),
    )
    return columns(colored(panel, "severity"), {"effect": "short"})


def _missing() -> object:
    return time_panel(
        "Missing values: change of the share",
        "Share of rows without a value in the window against that of the baseline (a share of 0.02 is two points).",
        [series(_top("'null_share'", "baseline"))],
        unit="percentunit",
        span=HALF,
    )


def _previous() -> object:
    return time_panel(
        "Against the window before: rows that changed their cell",
        "Total variation between neighbouring windows: never judged, since the hour and the weekday are in it.",
        [series(_top("'total_variation'", "previous_window"))],
        unit="percentunit",
        span=HALF,
    )


def _together() -> object:
    return with_overrides(
        time_panel(
            "All features together",
            "The tests that look at the features as a whole, as multiples of their limits: from 1 on there is drift.",
            [
                series(
                    f"""
                    SELECT window_end AS time, test AS metric, max(statistic / nullif(threshold, 0)) AS value
                    FROM driftline.findings
                    WHERE {MODEL} AND test IN ('correlation_change', 'domain_classifier', 'pca_reconstruction',
                                               'score_drift')
                      AND segment = '' AND {VERSIONS} AND $__timeFilter(window_end)
                    GROUP BY window_end, test ORDER BY window_end, test
                    """
                ),
                series(
                    """
                    SELECT time, 1.0 AS "limit"
                    FROM (VALUES ($__timeFrom()::timestamptz), ($__timeTo()::timestamptz)) AS ends (time)
                    """,
                    "B",
                ),
            ],
            decimals=2,
        ),
        limit_line("limit"),
    )


def _share() -> object:
    return time_panel(
        "Share of the features that drift",
        "In the newest window at each moment, by version, over the whole. From Prometheus.",
        [
            prometheus(
                """
                sum by (version) (driftline_drifted_features{model="$model"})
                  / (sum by (version) (driftline_compared_features{model="$model"}) > 0)
                """,
                "{{version}}",
            )
        ],
        unit="percentunit",
    ).min(0)


def _segments() -> object:
    return severities(
        "Drift by segment",
        "The worst drift of any feature within each segment.",
        series(
            f"""
            WITH looked AS (
                SELECT DISTINCT window_end FROM driftline.windows WHERE {MODEL} AND $__timeFilter(window_end)
            ), cut AS (
                SELECT DISTINCT segment FROM driftline.baseline_profiles JOIN driftline.baselines USING (baseline_id)
                WHERE {MODEL} AND is_active AND segment NOT LIKE 'fairness:%'
            ), told AS (
                SELECT window_end, segment, max({rank("severity")}) AS rank FROM driftline.findings
                WHERE {OF_DRIFT} AND status = 'detected' AND $__timeFilter(window_end)
                GROUP BY window_end, segment
            )
            SELECT window_end AS time, coalesce(nullif(segment, ''), '(all predictions)') AS metric,
                   coalesce(rank, 0) AS value
            FROM looked CROSS JOIN cut LEFT JOIN told USING (window_end, segment) ORDER BY 1, 2
            """
        ),
        span=HALF,
    )


def _unevaluated() -> object:
    return rows(
        "What could not be compared",
        "Of the newest window: never silence, always a reason.",
        table(
            f"""
            SELECT subject AS feature, version, segment, count(*) AS tests, reason FROM driftline.findings
            WHERE {MODEL} AND check_name = 'drift' AND status = 'not_evaluated' AND window_end = {NEWEST}
            GROUP BY subject, version, segment, reason ORDER BY subject, version, segment LIMIT 200
            """
        ),
    )
