"""What the overview shows of every model, in a few questions however many models there are. Nothing here writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, text

from driftline.decisions import Verdict
from driftline.findings import Check, Comparison, Finding, Severity, Status
from driftline.windows import Window


@dataclass(frozen=True)
class ModelStanding:
    """How a model stands, as far as the order of the overview needs it.

    Attributes
    ----------
    window, verdict, severity, reason, decided_at:
        Of its newest decided window; ``None`` and empty before there is one.
    is_unevaluated:
        No check could judge anything of that window: there is a decision, and no ground for it.
    rows, labeled_rows:
        That window's predictions, and how many of them have a label.
    incidents:
        Open incidents; ``incident_severity`` is the highest among them, ``incident_title`` what that one is about.
    incidents_since:
        When the oldest open incident was opened.
    has_baseline:
        Whether there is one in force to compare with.
    """

    model: str
    has_baseline: bool
    window: Window | None = None
    verdict: Verdict | None = None
    severity: Severity = Severity.NONE
    reason: str = ""
    is_suppressed: bool = False
    decided_at: datetime | None = None
    is_unevaluated: bool = False
    rows: int = 0
    labeled_rows: int = 0
    incidents: int = 0
    incident_severity: Severity = Severity.NONE
    incident_title: str = ""
    incidents_since: datetime | None = None

    @property
    def is_alarming(self) -> bool:
        """Whether an incident is open, or the newest window asked for an alert or a rollback."""
        return self.incidents > 0 or self.verdict in {Verdict.ALERT, Verdict.ROLL_BACK}


@dataclass(frozen=True)
class ModelFigures:
    """What the newest window of a model found, and what serves it now.

    Attributes
    ----------
    worst:
        The gravest finding of the window that was detected.
    drifted, compared:
        Features that drifted on the whole, and features that could be compared.
    measured:
        Findings on the whole that carry a figure: metrics, estimates, latency, errors, labels.
    since:
        End of the first window of the unbroken row of windows that were judged as the newest one was (calm or not).
    shares:
        Share of the traffic by version.
    experiment:
        Name of the running experiment; empty without one.
    """

    worst: Finding | None = None
    drifted: int = 0
    compared: int = 0
    drift_severity: Severity = Severity.NONE
    measured: tuple[Finding, ...] = ()
    since: datetime | None = None
    shares: Mapping[str, float] = field(default_factory=dict)
    experiment: str = ""


_STANDINGS = text(
    """
    WITH known AS (
        SELECT model FROM driftline.baselines
        UNION SELECT model FROM driftline.route_revisions
        UNION SELECT model FROM driftline.live_watermarks
        UNION SELECT model FROM driftline.incidents WHERE status <> 'resolved'
    ), chosen AS (
        SELECT model FROM known WHERE CAST(:model AS text) IS NULL OR model = :model
    ), troubled AS (
        SELECT model, count(*) AS incidents, min(opened_at) AS since,
               (array_agg(severity ORDER BY array_position(:ladder, severity) DESC, opened_at))[1] AS severity,
               (array_agg(title ORDER BY array_position(:ladder, severity) DESC, opened_at))[1] AS title
        FROM driftline.incidents WHERE status <> 'resolved' GROUP BY model
    )
    SELECT known.model, newest.window_start, newest.window_end, newest.verdict, newest.severity, newest.reason,
           newest.is_suppressed, newest.decided_at, windows.rows, windows.labeled_rows,
           troubled.incidents, troubled.since AS incidents_since, troubled.severity AS incident_severity,
           troubled.title AS incident_title,
           newest.summary ? 'checks' AND NOT EXISTS (
               SELECT FROM jsonb_each(newest.summary -> 'checks') AS of_check(name, counts)
               WHERE (counts ->> 'ok')::int + (counts ->> 'detected')::int > 0
           ) AS is_unevaluated,
           EXISTS (SELECT FROM driftline.baselines b WHERE b.model = known.model AND b.is_active) AS has_baseline
    FROM chosen AS known
    LEFT JOIN LATERAL (
        SELECT window_start, window_end, verdict, severity, reason, is_suppressed, decided_at, summary
        FROM driftline.decisions WHERE model = known.model
        ORDER BY window_end DESC, decided_at DESC LIMIT 1
    ) AS newest ON true
    LEFT JOIN driftline.windows ON (windows.model, windows.window_start, windows.window_end) =
        (known.model, newest.window_start, newest.window_end)
    LEFT JOIN troubled ON troubled.model = known.model
    ORDER BY known.model
    """
)

_WINDOWS = "unnest(CAST(:models AS text[]), CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[]))"
_OF_WINDOW = "f.model = w.model AND f.window_start = w.window_start AND f.window_end = w.window_end"

_WORST = text(
    f"""
    SELECT w.model, worst.* FROM {_WINDOWS} AS w(model, window_start, window_end)
    JOIN LATERAL (
        SELECT f.check_name, f.version, f.comparison, f.segment, f.subject, f.test, f.status, f.severity, f.description,
               f.recommendation
        FROM driftline.findings f
        WHERE {_OF_WINDOW} AND f.status = 'detected' AND NOT coalesce((f.details ->> 'is_information')::boolean, false)
        ORDER BY array_position(:ladder, f.severity) DESC, coalesce((f.details ->> 'harm')::float, 0) DESC, f.segment,
                 f.subject, f.test LIMIT 1
    ) AS worst ON true
    """  # noqa: S608 - made of constants
)

_DRIFT = text(
    f"""
    SELECT w.model, count(DISTINCT f.subject) FILTER (WHERE f.status = 'detected') AS drifted,
           count(DISTINCT f.subject) FILTER (WHERE f.status <> 'not_evaluated') AS compared,
           max(array_position(:ladder, f.severity)) FILTER (WHERE f.status = 'detected') AS rank
    FROM {_WINDOWS} AS w(model, window_start, window_end)
    JOIN driftline.findings f ON {_OF_WINDOW}
    WHERE f.check_name = 'drift' AND f.segment = '' AND f.comparison = 'baseline'
        AND f.subject NOT IN ('multivariate', 'rows')
    GROUP BY w.model
    """  # noqa: S608 - made of constants
)

_MEASURED = text(
    f"""
    SELECT w.model, f.check_name, f.version, f.comparison, f.segment, f.subject, f.test, f.status, f.severity,
           f.statistic, f.threshold, f.effect, f.interval_low, f.interval_high, f.reference_size, f.current_size,
           f.reason, f.description, f.recommendation,
           jsonb_build_object('is_provisional', f.details -> 'is_provisional', 'reference_value',
                              f.details -> 'reference_value') AS details
    FROM {_WINDOWS} AS w(model, window_start, window_end)
    JOIN driftline.findings f ON {_OF_WINDOW}
    WHERE f.segment = '' AND f.comparison IN ('baseline', 'expectation')
        AND f.test IN ('degradation', 'estimate', 'latency_p95', 'error_rate', 'label_coverage')
    ORDER BY w.model, f.version, f.subject, f.test
    """  # noqa: S608 - made of constants
)

_SINCE = text(
    """
    SELECT w.model, (
        SELECT min(d.window_end) FROM driftline.decisions d
        WHERE d.model = w.model AND d.window_end > coalesce((
            SELECT o.window_end FROM driftline.decisions o
            WHERE o.model = w.model AND (o.verdict = 'nothing') <> w.is_calm ORDER BY o.window_end DESC LIMIT 1
        ), '-infinity')
    ) AS since
    FROM unnest(CAST(:models AS text[]), CAST(:calm AS boolean[])) AS w(model, is_calm)
    """
)

_SHARES = text(
    "SELECT model, version, share FROM driftline.routes WHERE model = ANY(:models) ORDER BY share DESC, version"
)
_EXPERIMENTS = text(
    "SELECT model, experiment FROM driftline.experiments WHERE status = 'running' AND model = ANY(:models)"
)

_LADDER = [severity.value for severity in Severity]


def model_standings(connection: Connection, model: str | None = None) -> list[ModelStanding]:
    """Every model (or the one that is named) that anything is known of, in the order of their names."""
    return [_standing(row) for row in connection.execute(_STANDINGS, {"ladder": _LADDER, "model": model})]


def model_figures(connection: Connection, standings: Sequence[ModelStanding]) -> dict[str, ModelFigures]:
    """The figures of the models' newest windows, by model."""
    decided = [(each.model, each.window) for each in standings if each.window is not None]
    asked: dict[str, Any] = {
        "models": [model for model, _ in decided],
        "starts": [window.start for _, window in decided],
        "ends": [window.end for _, window in decided],
        "ladder": _LADDER,
    }
    known = {"models": [each.model for each in standings]}
    calm = {
        "models": asked["models"],
        "calm": [each.verdict is Verdict.NOTHING for each in standings if each.window is not None],
    }
    worst = {row.model: finding_of(row) for row in connection.execute(_WORST, asked)}
    drift = {row.model: row for row in connection.execute(_DRIFT, asked)}
    measured = _by_model((row.model, finding_of(row)) for row in connection.execute(_MEASURED, asked))
    since = {row.model: row.since for row in connection.execute(_SINCE, calm)}
    shares = _by_model((row.model, (row.version, float(row.share))) for row in connection.execute(_SHARES, known))
    experiments = {row.model: row.experiment for row in connection.execute(_EXPERIMENTS, known)}
    return {
        each.model: ModelFigures(
            worst=worst.get(each.model),
            **_drift_figures(drift.get(each.model)),
            measured=tuple(measured.get(each.model, ())),
            since=since.get(each.model),
            shares=dict(shares.get(each.model, ())),
            experiment=experiments.get(each.model, ""),
        )
        for each in standings
    }


def finding_of(row: Row[Any]) -> Finding:
    """A finding from as many of its columns as were asked for."""
    values = dict(row._mapping)
    kept = {name: values[name] for name in Finding.__dataclass_fields__ if name in values}
    kept |= {
        "check": Check(values["check_name"]),
        "comparison": Comparison(values["comparison"]),
        "status": Status(values["status"]),
        "severity": Severity(values["severity"]),
    }
    return Finding(**kept)


def _standing(row: Row[Any]) -> ModelStanding:
    decided: dict[str, Any] = {}
    if row.window_end is not None:
        decided = {
            "window": Window(row.window_start, row.window_end),
            "verdict": Verdict(row.verdict),
            "severity": Severity(row.severity),
            "reason": row.reason,
            "is_suppressed": row.is_suppressed,
            "decided_at": row.decided_at,
            "is_unevaluated": bool(row.is_unevaluated),
            "rows": row.rows or 0,
            "labeled_rows": row.labeled_rows or 0,
        }
    return ModelStanding(
        model=row.model,
        has_baseline=row.has_baseline,
        incidents=row.incidents or 0,
        incident_severity=Severity(row.incident_severity or Severity.NONE),
        incident_title=row.incident_title or "",
        incidents_since=row.incidents_since,
        **decided,
    )


def _drift_figures(row: Row[Any] | None) -> dict[str, Any]:
    if row is None:
        return {}
    severity = Severity.NONE if row.rank is None else list(Severity)[row.rank - 1]
    return {"drifted": row.drifted, "compared": row.compared, "drift_severity": severity}


def _by_model(pairs: Any) -> dict[str, list[Any]]:
    gathered: dict[str, list[Any]] = {}
    for model, value in pairs:
        gathered.setdefault(model, []).append(value)
    return gathered
