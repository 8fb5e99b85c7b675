"""A/B comparison: what an experiment's arms have shown, and what was ruled."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard, QueryVariable

from dashboards.grafana.choices import MODEL, marks, tested_model_choice
from dashboards.grafana.frame import EXPERIMENTS, dashboard
from dashboards.grafana.panels import (
    FULL,
    HALF,
    colored,
    columns,
    correctness_of_labels,
    limit_line,
    number,
    row,
    rows,
    time_panel,
    with_overrides,
    words,
)
from dashboards.grafana.sources import prometheus, series, table, variable

EXPERIMENT = "experiment = ${experiment:sqlstring}"
ARMS = f"(SELECT jsonb_object_keys(config -> 'arms') FROM driftline.experiments WHERE {EXPERIMENT})"
"""The versions that are compared."""


def ab_comparison() -> Dashboard:
    board = dashboard(
        "Driftline: A/B comparison",
        EXPERIMENTS,
        "Two versions beside each other: how the traffic was split, which is better, what is ruled and why.",
        [tested_model_choice(), _experiment_choice()],
        marks(MODEL),
    ).time("now-7d", "now")
    for panel in _now():
        board = board.with_panel(panel)
    board = board.with_row(row("Arms")).with_panel(_arms()).with_panel(_results())
    board = board.with_row(row("Over time")).with_panel(_looks()).with_panel(_effects())
    board = board.with_panel(_windows()).with_panel(_shares()).with_panel(_live_errors()).with_panel(_live_quality())
    board = board.with_panel(_units()).with_panel(_split())
    return board.with_row(row("Rulings")).with_panel(_verdicts()).with_panel(_experiments())


def _experiment_choice() -> QueryVariable:
    return variable(
        "experiment",
        "Experiment",
        "The experiments of the model, the newest first.",
        f"SELECT experiment FROM driftline.experiments WHERE {MODEL} ORDER BY created_at DESC, experiment",
    )


def _now() -> list[object]:
    stored = f"FROM driftline.experiments WHERE {EXPERIMENT}"
    return [
        words("State", "Where the experiment is in its life.", table(f"SELECT status {stored}")),
        words(
            "Ruling",
            "What the last look came to.",
            table(f"SELECT analysis ->> 'verdict' {stored}"),
        ),
        number(
            "Samples",
            "Share of the planned samples of the primary metric that have come; empty without a horizon.",
            table(
                f"""
                SELECT (analysis ->> 'samples')::float8 / nullif((analysis ->> 'planned_samples')::float8, 0) {stored}
                """
            ),
            unit="percentunit",
        ),
        words(
            "Split of the traffic",
            "Whether the arms got what was planned; where they did not, nothing else can be believed.",
            table(
                f"""
                SELECT CASE WHEN analysis -> 'sample_ratio' ->> 'is_mismatch' = 'true' THEN 'not as planned'
                            WHEN analysis -> 'sample_ratio' ->> 'p_value' IS NULL THEN 'not checked yet'
                            ELSE 'as planned' END {stored}
                """
            ),
        ),
        number(
            "Running since",
            "When it started.",
            table(f"SELECT extract(epoch FROM started_at) * 1000 AS started {stored}"),
            unit="dateTimeFromNow",
        ),
        number(
            "Last look",
            "When the arms were compared last.",
            table(f"SELECT extract(epoch FROM looked_at) * 1000 AS looked {stored}"),
            unit="dateTimeFromNow",
        ),
    ]


def _arms() -> object:
    panel = rows(
        "Arms",
        "Entities assigned to each version that it served, and the share of them that was planned.",
        table(
            f"""
            SELECT arm.key AS version, arm.key = config ->> 'control' AS "control",
                   (analysis -> 'units' ->> arm.key)::bigint AS units,
                   (analysis -> 'predictions' ->> arm.key)::bigint AS predictions,
                   (analysis -> 'units' ->> arm.key)::float8 / nullif(sum((analysis -> 'units' ->> arm.key)::float8)
                       OVER (), 0) AS "share seen",
                   arm.value::float8 / sum(arm.value::float8) OVER () AS "share planned",
                   routes.share::float8 AS "share of traffic now"
            FROM driftline.experiments, jsonb_each_text(config -> 'arms') AS arm
            LEFT JOIN driftline.routes ON routes.version = arm.key AND routes.{MODEL}
            WHERE {EXPERIMENT} ORDER BY 2 DESC, 1
            """
        ),
        height=6,
    )
    return columns(
        panel, {"share seen": "percentunit", "share planned": "percentunit", "share of traffic now": "percentunit"}
    )


def _results() -> object:
    panel = rows(
        "What the arms have shown",
        "Treatment minus control, with an interval that stays valid however often it is looked at; of a latency as a "
        "share of the control's.",
        table(
            f"""
            SELECT result ->> 'metric' AS metric, result ->> 'role' AS role, result ->> 'treatment' AS treatment,
                   (result ->> 'control_value')::float8 AS control, (result ->> 'treatment_value')::float8 AS treated,
                   (result ->> 'effect')::float8 AS effect, (result -> 'interval' ->> 0)::float8 AS "lower bound",
                   (result -> 'interval' ->> 1)::float8 AS "upper bound", (result ->> 'p_value')::float8 AS p,
                   (result ->> 'threshold')::float8 AS "significant below",
                   CASE WHEN result ->> 'is_better' = 'true' THEN 'better' WHEN result ->> 'is_worse' = 'true'
                        THEN 'worse' WHEN result ->> 'reason' <> '' THEN result ->> 'reason' ELSE 'nothing proven' END
                       AS found
            FROM driftline.experiments, jsonb_array_elements(analysis -> 'results') WITH ORDINALITY
                 AS listed (result, place)
            WHERE {EXPERIMENT} ORDER BY place
            """
        ),
    )
    return panel.decimals(4)


# A macro's argument ends at the first closing parenthesis: so the time is a column before it is asked about.
_LOOKS = f"""(SELECT (look ->> 'at')::timestamptz AS time, look
                       FROM driftline.experiments, jsonb_array_elements(looks) AS look WHERE {EXPERIMENT})"""


def _looks() -> object:
    panel = time_panel(
        "Looks: standard errors from no difference",
        "Each planned look's statistic per treatment and metric, and the bound beyond which it is decided. Bounds "
        "begin high, so that looking often does not spoil the test.",
        [
            series(
                f"""
                SELECT time, z.key AS metric, z.value::float8 AS value
                FROM {_LOOKS} AS taken, jsonb_each_text(look -> 'z') AS z
                WHERE $__timeFilter(time) ORDER BY 1, 2
                """
            ),
            series(
                f"""
                SELECT time, (look ->> 'bound')::float8 AS "better", -(look ->> 'bound')::float8 AS "worse"
                FROM {_LOOKS} AS taken WHERE $__timeFilter(time) ORDER BY 1
                """,
                "B",
            ),
        ],
        decimals=2,
    )
    return with_overrides(panel, limit_line("better"), limit_line("worse"))


def _effects() -> object:
    return time_panel(
        "Effects at each ruling",
        "Treatment minus control of every metric whenever a ruling changed, and at the last look.",
        [
            series(
                f"""
                WITH told AS (
                    SELECT decided_at AS time, analysis FROM driftline.experiment_verdicts
                    WHERE {EXPERIMENT} AND analysis IS NOT NULL
                    UNION ALL SELECT looked_at, analysis FROM driftline.experiments
                    WHERE {EXPERIMENT} AND analysis IS NOT NULL
                )
                SELECT time, result ->> 'treatment' || ' ' || (result ->> 'metric') AS metric,
                       (result ->> 'effect')::float8 AS value
                FROM told, jsonb_array_elements(analysis -> 'results') AS result
                WHERE $__timeFilter(time) AND result ->> 'effect' IS NOT NULL ORDER BY 1, 2
                """
            )
        ],
        decimals=4,
    )


def _windows() -> object:
    return time_panel(
        "Both versions, window by window",
        "The first primary metric as the monitor measures it: whole windows, whoever was in the experiment.",
        [
            series(
                f"""
                SELECT window_end AS time, version || ' ' || subject AS metric, statistic AS value
                FROM driftline.findings
                WHERE {MODEL} AND test = 'degradation' AND segment = '' AND comparison = 'baseline'
                  AND version IN {ARMS} AND subject = (
                      SELECT metric ->> 'metric'
                      FROM driftline.experiments, jsonb_array_elements(config -> 'metrics') AS metric
                      WHERE {EXPERIMENT} AND metric ->> 'role' = 'primary' LIMIT 1)
                  AND $__timeFilter(window_end) AND statistic IS NOT NULL
                ORDER BY 1, 2
                """
            )
        ],
        decimals=3,
    )


def _shares() -> object:
    return (
        time_panel(
            "Share of the traffic",
            "What the routes gave to each version.",
            [
                series(
                    f"""
                WITH changed AS (
                    SELECT changed_at, shares_after FROM driftline.route_history
                    WHERE {MODEL} AND changed_at <= $__timeTo()
                    UNION ALL
                    (SELECT $__timeTo()::timestamptz, shares_after FROM driftline.route_history
                     WHERE {MODEL} AND changed_at <= $__timeTo() ORDER BY revision DESC LIMIT 1)
                ), known AS (
                    SELECT DISTINCT key AS version FROM changed, jsonb_object_keys(shares_after) AS key
                )
                SELECT greatest(changed_at, $__timeFrom()::timestamptz) AS time, version AS metric,
                       coalesce((shares_after ->> version)::float8, 0) AS value
                FROM changed CROSS JOIN known
                WHERE changed_at >= coalesce((SELECT max(changed_at) FROM driftline.route_history
                                              WHERE {MODEL} AND changed_at <= $__timeFrom()), '-infinity')
                ORDER BY 1, 2
                """
                )
            ],
            unit="percentunit",
        )
        .line_interpolation("stepAfter")
        .min(0)
        .max(1)
    )  # type: ignore[arg-type]


_LIVE = f"{MODEL} AND version IN {ARMS} AND $__timeFilter(minute)"


def _live_errors() -> object:
    return time_panel(
        "Failed predictions, by version",
        "Share per hour.",
        [
            series(
                f"""
                SELECT date_bin('1 hour', minute, '2000-01-01') AS time, version AS metric,
                       sum(errors)::float8 / nullif(sum(predictions), 0) AS value
                FROM driftline.live_predictions WHERE {_LIVE} GROUP BY 1, 2 ORDER BY 1, 2
                """
            )
        ],
        unit="percentunit",
    ).min(0)


def _live_quality() -> object:
    return time_panel(
        "By the labels that arrive, by version",
        "Accuracy (or mean absolute error) per hour in which labels arrived.",
        [series(correctness_of_labels("1 hour", _LIVE))],
        decimals=3,
    )


def _units() -> object:
    return time_panel(
        "Units of each arm",
        "Entities that were assigned and served, since counting began. From Prometheus.",
        [prometheus('driftline_experiment_arm_units{experiment="$experiment"}', "{{version}}")],
    ).min(0)


def _split() -> object:
    return (
        time_panel(
            "Split of the units, seen and planned",
            "Where they part, the arms are not what they seem. From Prometheus.",
            [
                prometheus(
                    """
                driftline_experiment_arm_units{experiment="$experiment"} / on (experiment) group_left ()
                  sum by (experiment) (driftline_experiment_arm_units{experiment="$experiment"})
                """,
                    "{{version}}",
                ),
                prometheus(
                    'driftline_experiment_arm_share_ratio{experiment="$experiment"}', "{{version}}, planned", "B"
                ),
            ],
            unit="percentunit",
        )
        .min(0)
        .max(1)
    )


def _verdicts() -> object:
    panel = rows(
        "Rulings",
        "Each change of the ruling, by the machine or by a person; the newest first.",
        table(
            f"""
            SELECT decided_at AS at, verdict, winner, reason, recommendation, actor, is_override AS "by a person",
                   acted_revision AS "routes' revision"
            FROM driftline.experiment_verdicts WHERE {EXPERIMENT} ORDER BY number DESC LIMIT 200
            """
        ),
        span=FULL,
    )
    return colored(panel, "verdict")


def _experiments() -> object:
    panel = rows(
        "All experiments of the model",
        "The newest first.",
        table(
            f"""
            SELECT experiment, status, analysis ->> 'verdict' AS ruling, started_at AS started, ended_at AS ended,
                   held_reason AS held, end_reason AS "ended because", error
            FROM driftline.experiments WHERE {MODEL} ORDER BY created_at DESC LIMIT 200
            """
        ),
        span=FULL,
        height=HALF // 2,
    )
    return colored(panel, "ruling")
