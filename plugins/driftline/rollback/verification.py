"""Did the rollback help? Looked at some minutes later, on what the target version has predicted since."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from driftline.findings import Status
from driftline.rollback.rollback import Rollback
from driftline.rollback.trigger import Reading

PATIENCE = timedelta(minutes=8)
"""Where too little has been predicted to tell, the look is repeated for so long."""
SWITCH_ALLOWANCE = timedelta(seconds=90)
"""Predictions of the bad version so soon after the change may have been on their way."""


class Recovery(StrEnum):
    """What the look came to."""

    YES = "yes"
    NO = "no"
    WAIT = "wait"
    """Too little has been predicted since; there is time to look again."""


@dataclass(frozen=True)
class Verification:
    """Whether a rollback helped, and why that is thought."""

    recovery: Recovery
    explanation: str


def verify(rollback: Rollback, target: Sequence[Reading], bad_predictions: int, now: datetime) -> Verification:
    """Judges a rollback that changed the routes.

    Parameters
    ----------
    target
        Readings of the target version's predictions since the change: its error rate and latency.
    bad_predictions
        What the bad version has still predicted since `SWITCH_ALLOWANCE` after the change.
    """
    bad, to = rollback.bad_version, rollback.target_version
    if bad_predictions:
        return Verification(
            Recovery.NO,
            f"{bad} still answers: {bad_predictions} predictions since the routes were changed. Some serving "
            "application does not follow the routes; look at its `router.status`.",
        )
    if exceeded := [reading for reading in target if reading.is_exceeded]:
        told = " ".join(reading.description for reading in exceeded)
        return Verification(Recovery.NO, f"It did not help: {told} The cause is not {bad} alone.")
    judged = [reading for reading in target if reading.status is Status.OK]
    if judged:
        told = " ".join(reading.description for reading in judged)
        return Verification(Recovery.YES, f"{bad} answers no more, and {to} is within its limits. {told}")
    return _without_figures(rollback, now)


def _without_figures(rollback: Rollback, now: datetime) -> Verification:
    due = rollback.verify_at or rollback.updated_at
    if now < due + PATIENCE:
        return Verification(Recovery.WAIT, f"{rollback.target_version} has predicted too little since.")
    return Verification(
        Recovery.NO,
        f"Whether it helped cannot be told: {rollback.target_version} has predicted too little since the routes were "
        "changed. Look whether anything is served at all.",
    )
