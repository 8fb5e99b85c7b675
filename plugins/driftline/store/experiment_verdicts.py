"""What was ruled on experiments: appended to, never changed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from driftline.experiments.verdict import Ruling, Verdict
from driftline.store.json_values import json_safe
from driftline.store.tables import experiment_verdicts, experiments

_COLUMNS = [column for column in experiment_verdicts.c if column.name != "analysis"]
"""An analysis is large, and read by people only."""


@dataclass(frozen=True, kw_only=True)
class VerdictRecord:
    """One ruling.

    Attributes
    ----------
    is_override:
        Whether a person ruled, and not the analysis.
    acted_revision:
        The revision of the routes that it led to; None where it has not led to a change of routes (yet).
    """

    experiment: str
    number: int
    phase: int
    stage: int
    ruling: Ruling
    actor: str
    is_override: bool
    decided_at: datetime
    acted_revision: int | None

    @property
    def verdict(self) -> Verdict:
        return self.ruling.verdict

    @property
    def cause_key(self) -> str:
        """Under which it changes routes: once."""
        return f"experiment/{self.experiment}/{self.phase}/verdict/{self.number}"


def record_verdict(
    connection: Connection,
    *,
    experiment: str,
    phase: int,
    stage: int,
    ruling: Ruling,
    actor: str,
    at: datetime,
    is_override: bool = False,
    analysis: dict[str, Any] | None = None,
) -> VerdictRecord:
    """Appends a ruling, with the analysis that it rests on; the caller holds the experiment's lock."""
    newest = select(func.coalesce(func.max(experiment_verdicts.c.number), 0))
    number = connection.execute(newest.where(experiment_verdicts.c.experiment == experiment)).scalar_one() + 1
    row = connection.execute(
        insert(experiment_verdicts)
        .values(
            experiment=experiment,
            number=number,
            phase=phase,
            stage=stage,
            verdict=ruling.verdict.value,
            winner=ruling.winner,
            reason=json_safe(ruling.reason),
            recommendation=json_safe(ruling.recommendation),
            actor=json_safe(actor),
            is_override=is_override,
            decided_at=at,
            analysis=json_safe(analysis),
        )
        .returning(*_COLUMNS)
    ).one()
    return _record(row)


def latest_verdict(connection: Connection, experiment: str, phase: int) -> VerdictRecord | None:
    """The last ruling of a phase."""
    query = (
        select(*_COLUMNS)
        .where(experiment_verdicts.c.experiment == experiment, experiment_verdicts.c.phase == phase)
        .order_by(experiment_verdicts.c.number.desc())
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else _record(row)


def latest_verdicts(connection: Connection, names: Iterable[str]) -> dict[str, VerdictRecord]:
    """By experiment the last ruling of its current phase; one without any is absent."""
    query = (
        select(*_COLUMNS)
        .join(experiments, experiments.c.experiment == experiment_verdicts.c.experiment)
        .where(experiments.c.experiment.in_(list(names)), experiment_verdicts.c.phase == experiments.c.phase)
        .distinct(experiment_verdicts.c.experiment)
        .order_by(experiment_verdicts.c.experiment, experiment_verdicts.c.number.desc())
    )
    return {row.experiment: _record(row) for row in connection.execute(query)}


def verdicts(connection: Connection, experiment: str) -> list[VerdictRecord]:
    """All rulings, the first one first."""
    query = select(*_COLUMNS).where(experiment_verdicts.c.experiment == experiment)
    return [_record(row) for row in connection.execute(query.order_by(experiment_verdicts.c.number))]


def mark_acted(connection: Connection, verdict: VerdictRecord, revision: int) -> None:
    """Notes which change of the routes a ruling led to."""
    connection.execute(
        update(experiment_verdicts)
        .where(experiment_verdicts.c.experiment == verdict.experiment, experiment_verdicts.c.number == verdict.number)
        .values(acted_revision=revision)
    )


def _record(row: Row[Any]) -> VerdictRecord:
    values = dict(row._mapping)
    ruling = Ruling(
        Verdict(values.pop("verdict")), values.pop("reason"), values.pop("winner"), values.pop("recommendation")
    )
    return VerdictRecord(**values, ruling=ruling)
