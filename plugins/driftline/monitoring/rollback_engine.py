"""Rolling back without asking: one cause, one rollback, all or nothing, and a look at whether it helped.

Everything that a rollback does (routes, statuses, history, incident, alert) is written in the caller's one transaction,
so that a task that is killed leaves either all of it or nothing, and the next one goes on from there.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from driftline.config import ModelConfig
from driftline.errors import InputError
from driftline.rollback import Rollback, RollbackMode, RollbackPolicy, RollbackRequest, RollbackStatus, why_not_now
from driftline.serving import RollbackOutcome, RollbackRefusal
from driftline.store.model_versions import lock_model
from driftline.store.rollback_log import (
    end_rollback,
    recently_done,
    rollback_by_id,
    rollback_of_cause,
    write_rollback,
)
from driftline.store.rollbacks import roll_back

_MODE_STATUS = {
    RollbackMode.AUTOMATIC: RollbackStatus.DONE,
    RollbackMode.APPROVAL: RollbackStatus.AWAITING_APPROVAL,
    RollbackMode.DRY_RUN: RollbackStatus.WOULD_DO,
}


@dataclass(frozen=True)
class RollbackStep:
    """What a request came to.

    Attributes
    ----------
    rollback:
        As it is written down; None where there was nothing to roll back, because the version serves nothing any more.
    is_news:
        Whether people have not been told this yet.
    """

    rollback: Rollback | None
    is_news: bool


def rollback_policy(config: ModelConfig) -> RollbackPolicy:
    """The policy of the model's file."""
    configured = config.rollback
    return RollbackPolicy(
        mode=configured.mode,
        cooldown=configured.cooldown,
        most_a_day=configured.most_a_day,
        verify_after=configured.verify_after,
    )


class AutoRollbackEngine:
    """Rolls versions of one model back, as its policy allows."""

    def __init__(self, model: str, policy: RollbackPolicy) -> None:
        self.model = model
        self.policy = policy

    def execute_rollback(
        self,
        connection: Connection,
        request: RollbackRequest,
        *,
        at: datetime,
        upstream: str = "",
        incident_id: int | None = None,
    ) -> RollbackStep:
        """Takes all traffic off the bad version, or writes down why not; the same cause again changes nothing.

        Locks the model's routes until the transaction ends, so that of several that ask at once one acts.

        Parameters
        ----------
        upstream:
            Why another version would not help (`driftline.rollback.why_upstream`); empty where it may.
        incident_id:
            The incident that the rollback belongs to.
        """
        lock_model(connection, self.model)
        earlier = rollback_of_cause(connection, request.cause_key)
        if earlier is not None and not earlier.status.may_still_be_done:
            return RollbackStep(earlier, is_news=False)
        status, outcome, explanation = self._attempt(connection, request, at, upstream)
        if outcome is not None and outcome.refusal is RollbackRefusal.NOT_SERVING:
            return RollbackStep(None, is_news=False)
        if earlier is not None and earlier.status is status:
            return RollbackStep(earlier, is_news=False)
        written = write_rollback(
            connection,
            request,
            status=status,
            target_version=None if outcome is None else outcome.target_version,
            explanation=explanation,
            at=at,
            verify_at=at + self.policy.verify_after,
            incident_id=incident_id,
        )
        return RollbackStep(written, is_news=True)

    def approve(self, connection: Connection, rollback_id: int, person: str, at: datetime) -> Rollback:
        """Does the rollback that waits for a person's word, if it still makes sense.

        Raises
        ------
        InputError
            When no rollback of the model with that number waits.
        """
        waiting = self._waiting(connection, rollback_id)
        outcome = self._roll_back(connection, _request(waiting, f"{waiting.actor}, approved by {person}"), at)
        return write_rollback(
            connection,
            _request(waiting, waiting.actor),
            status=RollbackStatus.DONE if outcome.is_done else RollbackStatus.REFUSED,
            target_version=outcome.target_version,
            explanation=f"{outcome.explanation} Approved by {person}.",
            at=at,
            verify_at=at + self.policy.verify_after,
            incident_id=waiting.incident_id,
        )

    def decline(self, connection: Connection, rollback_id: int, person: str, at: datetime) -> Rollback:
        """Ends the rollback that waits for a person's word: nothing is changed, and the same cause asks no more.

        Raises
        ------
        InputError
            When no rollback of the model with that number waits.
        """
        waiting = self._waiting(connection, rollback_id)
        explanation = f"Not rolled back: {person} decided to hold. {waiting.bad_version} serves on."
        return end_rollback(connection, waiting, status=RollbackStatus.DECLINED, explanation=explanation, at=at)

    def _attempt(
        self, connection: Connection, request: RollbackRequest, at: datetime, upstream: str
    ) -> tuple[RollbackStatus, RollbackOutcome | None, str]:
        bad, mode = request.bad_version, self.policy.mode
        if upstream:
            return RollbackStatus.REFUSED, None, f"Not rolled back: {upstream}."
        if wait := why_not_now(self.policy, recently_done(connection, self.model, at), at):
            return RollbackStatus.HELD, None, f"{bad} of {self.model} is not rolled back yet: {wait}."
        # What is only told is tried all the same, and taken back: so that it is told what really would be done.
        with connection.begin_nested() as trial:
            outcome = self._roll_back(connection, request, at)
            if mode is not RollbackMode.AUTOMATIC:
                trial.rollback()
        if not outcome.is_done:
            return RollbackStatus.REFUSED, outcome, outcome.explanation
        return _MODE_STATUS[mode], outcome, _told(mode, outcome)

    def _roll_back(self, connection: Connection, request: RollbackRequest, at: datetime) -> RollbackOutcome:
        return roll_back(
            connection,
            model=self.model,
            bad_version=request.bad_version,
            reason=request.reason,
            actor=request.actor,
            cause_key=request.cause_key,
            at=at,
        )

    def _waiting(self, connection: Connection, rollback_id: int) -> Rollback:
        lock_model(connection, self.model)
        found = rollback_by_id(connection, rollback_id)
        if found is None or found.model != self.model or found.status is not RollbackStatus.AWAITING_APPROVAL:
            state = "is not known" if found is None else f"of {found.model} is {found.status}"
            raise InputError(
                f"Rollback {rollback_id} {state}: it does not wait for approval. `driftline rollbacks` lists."
            )
        return found


def _told(mode: RollbackMode, outcome: RollbackOutcome) -> str:
    move = f"{outcome.model} from {outcome.bad_version} to {outcome.target_version}"
    if mode is RollbackMode.DRY_RUN:
        return f"Dry run: would have rolled back {move}, all traffic. Nothing was changed (`rollback.mode`)."
    if mode is RollbackMode.APPROVAL:
        return f"Waiting for approval: roll back {move}, all traffic? Nothing is changed until a person says so."
    return outcome.explanation


def _request(rollback: Rollback, actor: str) -> RollbackRequest:
    return RollbackRequest(
        model=rollback.model,
        bad_version=rollback.bad_version,
        trigger=rollback.trigger,
        reason=rollback.reason,
        cause_key=rollback.cause_key,
        actor=actor,
        first_seen_at=rollback.first_seen_at,
        evidence=rollback.evidence,
    )
