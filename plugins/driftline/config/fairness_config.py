"""Which groups of people (or of whatever is predicted about) are to be treated alike, and how much is tolerated."""

from __future__ import annotations

from enum import StrEnum
from itertools import combinations
from typing import Annotated, Self

from pydantic import Field, model_validator

from driftline.config.strict_model import (
    Column,
    Probability,
    Query,
    StrictModel,
    Table,
    exactly_one_source,
    refuse_repeats,
)

MOST_GROUPS = 50
PROTECTED = "fairness:"
"""Begins the stored names of groups and attributes: only the fairness check looks at them."""


class JoinKey(StrEnum):
    """What of a prediction names the row that tells its attributes."""

    ID = "id"
    ENTITY = "entity"


class FairnessCriterion(StrEnum):
    """What may be asked of the groups."""

    DEMOGRAPHIC_PARITY = "demographic_parity"
    EQUAL_OPPORTUNITY = "equal_opportunity"
    EQUALIZED_ODDS = "equalized_odds"
    PREDICTIVE_PARITY = "predictive_parity"
    CALIBRATION = "calibration"
    ACCURACY = "accuracy"
    """Of several classes."""
    MAE = "mae"
    BIAS = "bias"


REGRESSION_CRITERIA = frozenset({FairnessCriterion.MAE, FairnessCriterion.BIAS})
MULTICLASS_CRITERIA = frozenset({FairnessCriterion.ACCURACY})
BINARY_CRITERIA = frozenset(FairnessCriterion) - REGRESSION_CRITERIA - MULTICLASS_CRITERIA


class ProtectedAttribute(StrictModel):
    """One attribute by whose values the predictions are grouped."""

    column: Column
    """The column that holds it."""
    groups: Annotated[list[str], Field(min_length=2, max_length=MOST_GROUPS)] | None = None
    """The values to watch, as text; by default the commonest of the baseline."""

    @model_validator(mode="after")
    def _groups_are_unique(self) -> Self:
        refuse_repeats("groups", self.groups or [])
        return self


class AttributeJoin(StrictModel):
    """Where attributes are kept that the prediction log does not have."""

    table: Table | None = None
    """`schema.table` that has the attributes …"""
    query: Query | None = None
    """… or a SELECT."""
    key: Column
    """Its column that names the prediction or the entity."""
    on: Annotated[JoinKey, Field(strict=False)] = JoinKey.ID
    """What of the prediction `key` holds: its `id`, or its `entity`."""
    attributes: Annotated[list[ProtectedAttribute], Field(min_length=1)]
    """The attributes that it has."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        exactly_one_source(self.table, self.query)
        return self


class Fairness(StrictModel):
    """The protected attributes: columns of the prediction log, columns of another table, or both."""

    attributes: list[ProtectedAttribute] = []
    """Protected attributes that the prediction log has."""
    join: AttributeJoin | None = None
    intersections: list[Annotated[list[Column], Field(min_length=2, max_length=3)]] = []
    """Attributes whose groups are looked at together: [[sex, age_band]]."""
    maximum_groups: Annotated[int, Field(ge=2, le=MOST_GROUPS)] = 10
    """Of each attribute and intersection, the commonest so many groups of the baseline are watched."""

    @model_validator(mode="after")
    def _attributes_are_known(self) -> Self:
        names = [attribute.column for attribute in self.all_attributes]
        if not names:
            raise ValueError("name at least one protected attribute, in `attributes` or in `join.attributes`")
        refuse_repeats("attributes", names)
        for together in self.intersections:
            refuse_repeats("intersections", together)
            if unknown := sorted(set(together) - set(names)):
                raise ValueError(f"`intersections` names {', '.join(unknown)}; the attributes are {', '.join(names)}")
        for one, other in combinations(self.intersections, 2):
            if set(one) == set(other):
                raise ValueError(f"`intersections` names the same attributes twice: {', '.join(other)}")
        return self

    @property
    def all_attributes(self) -> tuple[ProtectedAttribute, ...]:
        """Those of the log, then those of the join."""
        return (*self.attributes, *(self.join.attributes if self.join is not None else ()))


class FairnessCheck(StrictModel):
    """Do the groups still fare alike, as far as they did? Made where the model's file has `fairness`."""

    enabled: bool = True
    """Whether groups are compared, where `fairness` names some."""
    criteria: Annotated[list[Annotated[FairnessCriterion, Field(strict=False)]], Field(min_length=1)] | None = None
    """What is asked; by default all of the task."""
    false_alarm_rate: Probability = 0.01
    """Share of windows that may alarm though no group fares otherwise, over all groups and criteria together."""
    minimum_rows: Annotated[int, Field(ge=2)] = 50
    """Below so many rows of those that a rate rests on, a group is `not_evaluated`."""
    maximum_increase: Annotated[float, Field(gt=0, le=1)] = 0.05
    """How far a group may move away from the others: points of a share."""
    maximum_error_increase: Annotated[float, Field(gt=0)] = 0.1
    """The same for the errors of a regression: shares of the mean absolute error."""
    maximum_difference: Annotated[float, Field(gt=0, le=1)] | None = None
    """Absolute limit of the largest difference between two groups (points of a share), whatever it was before."""
    minimum_ratio: Annotated[float, Field(gt=0, le=1)] | None = None
    """Absolute limit of the smallest ratio between two groups, for example 0.8."""
