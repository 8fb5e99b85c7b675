"""The variables at the top of the dashboards and the marks on their time axes."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import QueryVariable
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as models

from dashboards.grafana.panels import BLUE, ORANGE, RED
from dashboards.grafana.sources import WHOLE, SqlAnnotation, several, variable

MODEL = "model = ${model:sqlstring}"
VERSIONS = "version IN (${version:sqlstring})"
SEGMENT = f"segment = coalesce(nullif(${{segment:sqlstring}}, '{WHOLE}'), '')"
"""Conditions on the columns of the same names."""


def model_choice() -> QueryVariable:
    return variable(
        "model",
        "Model",
        "A model that is monitored.",
        "SELECT DISTINCT model FROM driftline.baselines ORDER BY model",
    )


def tested_model_choice() -> QueryVariable:
    return variable(
        "model",
        "Model",
        "A model that has, or had, an experiment.",
        "SELECT DISTINCT model FROM driftline.experiments ORDER BY model",
    )


def models_choice() -> QueryVariable:
    return several(
        "model",
        "Models",
        "The models to show.",
        "SELECT DISTINCT model FROM driftline.baselines ORDER BY model",
    )


def version_choice() -> QueryVariable:
    return several(
        "version",
        "Versions",
        "Versions that predicted in the time range, or are registered.",
        f"""
        SELECT version FROM driftline.findings
        WHERE {MODEL} AND test IN ('label_coverage', 'population_stability_index') AND segment = ''
          AND $__timeFilter(window_end) AND version <> ''
        UNION SELECT version FROM driftline.model_versions WHERE {MODEL}
        ORDER BY version
        """,
    )


def segment_choice() -> QueryVariable:
    whole = models.VariableOption(selected=True, text=WHOLE, value=WHOLE)
    return variable(
        "segment",
        "Segment",
        "The whole, or one of the segments of the model's file.",
        f"""
        SELECT '{WHOLE}' AS segment
        UNION ALL
        (SELECT DISTINCT segment FROM driftline.baseline_profiles JOIN driftline.baselines USING (baseline_id)
         WHERE {MODEL} AND is_active AND segment <> '' AND segment NOT LIKE 'fairness:%' ORDER BY segment)
        """,
    ).current(whole)


def feature_choice() -> QueryVariable:
    return several(
        "feature",
        "Features",
        "What goes into the model.",
        f"""
        SELECT subject FROM driftline.baseline_binnings JOIN driftline.baselines USING (baseline_id)
        WHERE {MODEL} AND is_active AND role = 'feature' ORDER BY subject
        """,
    )


def marks(condition: str) -> list[Builder[models.AnnotationQuery]]:
    """Rollbacks and incidents; changes of routes and new baselines for whoever turns them on."""
    return [
        SqlAnnotation(
            "Rollbacks",
            RED,
            f"""
            SELECT created_at AS time, 'Rollback of ' || bad_version || coalesce(' to ' || target_version, '') || ' ('
                   || status || '): ' || reason AS text, 'rollback,' || model AS tags
            FROM driftline.rollbacks WHERE {condition} AND $__timeFilter(created_at) ORDER BY created_at
            """,
        ),
        SqlAnnotation(
            "Incidents",
            ORANGE,
            f"""
            SELECT opened_at AS time, coalesce(resolved_at, now()) AS timeend,
                   title || ' (' || severity || ', ' || status || ')' AS text, 'incident,' || model AS tags
            FROM driftline.incidents
            WHERE {condition} AND opened_at <= $__timeTo() AND coalesce(resolved_at, now()) >= $__timeFrom()
            ORDER BY opened_at
            """,
        ),
        SqlAnnotation(
            "Route changes",
            BLUE,
            f"""
            SELECT changed_at AS time, 'Routes: ' || shares_after::text || ' by ' || actor || ': ' || reason AS text,
                   'route,' || model AS tags
            FROM driftline.route_history WHERE {condition} AND $__timeFilter(changed_at) ORDER BY changed_at
            """,
        ).off(),
        SqlAnnotation(
            "Baselines",
            "purple",
            f"""
            SELECT built_at AS time, 'Baseline of ' || to_char(period_start, 'YYYY-MM-DD') || ' to '
                   || to_char(period_end, 'YYYY-MM-DD') AS text, 'baseline,' || model AS tags
            FROM driftline.baselines WHERE {condition} AND $__timeFilter(built_at) ORDER BY built_at
            """,
        ).off(),
    ]
