"""Every model of the serving registry with who serves it. Nothing here writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Connection, text

_SERVED = text(
    """
    SELECT known.model, coalesce(revisions.revision, 0) AS revision, changes.changed_at, changes.actor, changes.reason,
        (SELECT jsonb_object_agg(version, share::text) FROM driftline.routes WHERE model = known.model) AS shares,
        (SELECT count(*) FROM driftline.rollbacks
         WHERE model = known.model AND status = 'awaiting_approval') AS waiting,
        (SELECT experiment FROM driftline.experiments
         WHERE model = known.model AND status = 'running') AS experiment
    FROM (SELECT model FROM driftline.model_versions UNION SELECT model FROM driftline.route_revisions) known
    LEFT JOIN driftline.route_revisions revisions ON revisions.model = known.model
    LEFT JOIN driftline.route_history changes
        ON changes.model = known.model AND changes.revision = revisions.revision
    ORDER BY known.model
    """
)


@dataclass(frozen=True, kw_only=True)
class ServedModel:
    """One model of the registry.

    Attributes
    ----------
    shares:
        By version, the largest first; empty where its traffic was never routed.
    changed_at, changed_by, reason:
        Of the last change of its routes; None and empty where there was none.
    waiting:
        Rollbacks that wait for a person's word.
    experiment:
        The one that has its traffic.
    """

    model: str
    revision: int
    shares: Mapping[str, Decimal]
    changed_at: datetime | None
    changed_by: str
    reason: str
    waiting: int
    experiment: str | None


def served_models(connection: Connection) -> list[ServedModel]:
    """By name."""
    return [
        ServedModel(
            model=row.model,
            revision=row.revision,
            shares=largest_first({name: Decimal(share).normalize() for name, share in (row.shares or {}).items()}),
            changed_at=row.changed_at,
            changed_by=row.actor or "",
            reason=row.reason or "",
            waiting=row.waiting,
            experiment=row.experiment,
        )
        for row in connection.execute(_SERVED)
    ]


def largest_first(shares: Mapping[str, Decimal]) -> dict[str, Decimal]:
    return dict(sorted(shares.items(), key=lambda entry: (-entry[1], entry[0])))
