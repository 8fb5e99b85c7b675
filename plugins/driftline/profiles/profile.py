"""Any profile, and the sum of many."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from typing import TypeVar

from driftline.errors import InputError
from driftline.profiles.categorical import CategoricalProfile
from driftline.profiles.multiclass import MulticlassOutcomeProfile
from driftline.profiles.numeric import NumericProfile
from driftline.profiles.outcomes import BinaryOutcomeProfile, RegressionOutcomeProfile

Profile = (
    NumericProfile | CategoricalProfile | BinaryOutcomeProfile | MulticlassOutcomeProfile | RegressionOutcomeProfile
)

P = TypeVar(
    "P",
    NumericProfile,
    CategoricalProfile,
    BinaryOutcomeProfile,
    MulticlassOutcomeProfile,
    RegressionOutcomeProfile,
)


def merge(profiles: Iterable[P]) -> P:
    """The profile of all together; the order does not matter.

    Raises
    ------
    InputError
        When there are none, or they were counted in different binnings.
    """
    gathered = list(profiles)
    if not gathered:
        raise InputError("There is no profile to merge.")
    return reduce(lambda left, right: left.merged(right), gathered)
