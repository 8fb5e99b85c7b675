"""What the guard holds a model's serving to, and what may put the stable version back."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from driftline.config.durations import Duration
from driftline.config.strict_model import Share, StrictModel
from driftline.decisions import DEFAULT_PERSISTENCE, Persistence
from driftline.findings import Check
from driftline.rollback import RollbackMode


class Guard(StrictModel):
    """The limits of serving, looked at by `guard_serving` every 20 seconds; null: not watched."""

    enabled: bool = True
    """Whether `guard_serving` looks at the model."""
    maximum_error_rate: Share | None = 0.01
    """Share of predictions that may fail."""
    maximum_latency_p95_ms: Annotated[float, Field(gt=0)] | None = 500.0
    """Milliseconds that 95 % of predictions may take at the most."""
    maximum_performance_drop: Annotated[float, Field(gt=0, le=1)] | None = 0.02
    """How much worse than the stable version, by the labels that arrive: points of accuracy, or a share of the mean
    absolute error."""
    minimum_predictions: Annotated[int, Field(ge=10)] = 100
    """Fewer in a span are not judged."""
    minimum_labels: Annotated[int, Field(ge=30)] = 200
    """Fewer of either version are not compared."""
    held: Annotated[int, Field(ge=1, le=100)] = 2
    """An excess counts once so many …"""
    of: Annotated[int, Field(ge=1, le=100)] = 3
    """… of the last so many looks saw it."""

    @model_validator(mode="after")
    def _held_fits(self) -> Self:
        _require_possible(self.held, self.of)
        return self


class WindowPersistence(StrictModel):
    """In how many windows a check must have found a version critical."""

    held: Annotated[int, Field(ge=1, le=20)] = 1
    """It rolls back once so many …"""
    of: Annotated[int, Field(ge=1, le=20)] = 1
    """… of the last so many windows that could tell found it."""

    @model_validator(mode="after")
    def _held_fits(self) -> Self:
        _require_possible(self.held, self.of)
        return self


class Rollback(StrictModel):
    """What may put the stable version back."""

    enabled: bool = False
    """Whether anything is rolled back without a person."""
    mode: Annotated[RollbackMode, Field(strict=False)] = RollbackMode.AUTOMATIC
    """`automatic`; `approval`: a person is asked first; `dry_run`: it is told what would be done, and nothing is."""
    on: list[Annotated[Check, Field(strict=False)]] = [Check.PERFORMANCE]
    """The checks whose critical finding rolls back, beside the guard's limits; empty: these limits alone."""
    persistence: dict[Annotated[Check, Field(strict=False)], WindowPersistence] = {}
    """By check, in how many of the last windows; by default in 2 of 3 for `drift` and `predictions`, and at once for
    `performance` and `fairness`, whose findings rest on an interval that excludes the limit."""
    cooldown: Duration = timedelta(hours=1)
    """After a rollback the next one waits so long."""
    most_a_day: Annotated[int, Field(ge=1, le=100)] = 2
    """After so many rollbacks within 24 hours only a person rolls back."""
    verify_after: Duration = timedelta(minutes=2)
    """So long after a rollback it is looked at whether it helped."""

    @field_validator("on")
    @classmethod
    def _names_a_version(cls, checks: list[Check]) -> list[Check]:
        if Check.QUALITY in checks:
            raise ValueError("quality is a matter of the log, not of one version: it cannot roll one back")
        return checks

    @property
    def window_persistence(self) -> dict[Check, Persistence]:
        """Of every check, the default where the file says nothing."""
        named = {check: Persistence(each.held, each.of) for check, each in self.persistence.items()}
        return {**DEFAULT_PERSISTENCE, **named}

    @field_validator("verify_after")
    @classmethod
    def _leaves_time(cls, span: timedelta) -> timedelta:
        if not timedelta(seconds=30) <= span <= timedelta(hours=1):
            raise ValueError("must be from 30s to 1h: the new version has to predict something first")
        return span


def _require_possible(held: int, of: int) -> None:
    if held > of:
        raise ValueError(f"`held` ({held}) cannot be more than `of` ({of})")
