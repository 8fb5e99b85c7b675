"""Looks at many experiments in one transaction.

Of a thousand experiments nearly all only go on. What their looks found is kept by one statement for all of them. Where
anything is to be done (a verdict that ends it, a stage that is due, a stop, news for people), and where anything is
amiss, the experiment is left to a look of its own, which reads all again under its own lock.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from driftline.experiments.result import Analysis
from driftline.experiments.verdict import Ruling, Verdict
from driftline.monitoring.experiment_fitness import unfit
from driftline.monitoring.experiment_rulings import MACHINE, Judgement, judgement_of, stage_is_due, stands
from driftline.store.experiment_course import is_kept, keep_course
from driftline.store.experiment_looks import FoundLook, keep_looks
from driftline.store.experiment_verdicts import VerdictRecord, latest_verdicts
from driftline.store.experiments import ExperimentRecord, Surroundings, take_experiments

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Step:
    """What one look at an experiment came to.

    Attributes
    ----------
    analysis:
        None where the look was not made, for ``note``.
    note:
        What was done, or why nothing was.
    error:
        Why it could not be looked at; empty where it could.
    """

    experiment: str
    analysis: Analysis | None = None
    ruling: Ruling | None = None
    note: str = ""
    error: str = ""


def look_at_those_that_go_on(connection: Connection, names: Sequence[str], at: datetime) -> list[Step]:
    """Looks at those of ``names`` that nothing is to be read for, and about which nothing is to be done.

    The others are not in what is returned, and have not changed.
    """
    taken = take_experiments(connection, names, source="application")
    before = latest_verdicts(connection, taken)
    steps, found, course = [], [], {}
    for name, (record, now) in taken.items():
        judgement = _judged(record, now, before.get(name), at)
        if judgement is None:
            continue
        steps.append(Step(name, judgement.analysis, judgement.ruling))
        found.append(_found(record, judgement, before.get(name)))
        if is_kept(record.counted_since or at, record.looked_at, at):
            course[record.experiment, record.counting] = judgement.analysis.results
    keep_looks(connection, found, MACHINE, at)
    keep_course(connection, at, course)
    return steps


def _judged(
    record: ExperimentRecord, now: Surroundings, before: VerdictRecord | None, at: datetime
) -> Judgement | None:
    """The judgement of an experiment that goes on; None where that is not so, or not known."""
    if record.looked_at is not None and at < record.looked_at:
        return None
    if now.routes_revision != record.routes_revision:
        return None
    if any(unfit(now.versions, record.model, name) for name in record.config.versions):
        return None
    try:
        judgement = judgement_of(record, now.arms, at)
        latest = judgement.ruling if before is None or not stands(record, before, judgement.ruling) else before
        return judgement if latest.verdict is Verdict.CONTINUE and not stage_is_due(record, at) else None
    except Exception:
        log.exception("The look at %s broke", record.experiment)
        return None


def _found(record: ExperimentRecord, judgement: Judgement, before: VerdictRecord | None) -> FoundLook:
    is_new = before is None or not stands(record, before, judgement.ruling)
    return FoundLook(
        experiment=record.experiment,
        analysis=judgement.document,
        look=judgement.analysis.look,
        ruling=judgement.ruling if is_new else None,
    )
