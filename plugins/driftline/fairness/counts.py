"""What fairness is measured from: one group's predictions and, as far as there are labels, outcomes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce

from driftline.performance import OutcomeProfile
from driftline.profiles import (
    BinaryOutcomeProfile,
    CategoricalProfile,
    MulticlassOutcomeProfile,
    NumericProfile,
    Profile,
    RegressionOutcomeProfile,
)


@dataclass(frozen=True, eq=False)
class GroupCounts:
    """One group's rows, counted; counts add up over hours, versions and groups.

    Attributes
    ----------
    predictions:
        Predictions that were made; failed ones (null) are left out.
    predicted_positive:
        Those of the positive class (binary classification).
    outcome:
        The labeled ones; ``None`` without labels.
    """

    predictions: int = 0
    predicted_positive: int = 0
    outcome: OutcomeProfile | None = None

    @classmethod
    def of(
        cls, prediction: Profile | None, outcome: Profile | None = None, positive_levels: frozenset[str] = frozenset()
    ) -> GroupCounts:
        """The counts of a group's profiles.

        Parameters
        ----------
        prediction, outcome : Profile or None
            Of the predictions and of the labeled predictions; ``None`` where the group has none.
        positive_levels : frozenset of str
            How the positive class may be spelled.
        """
        kinds = BinaryOutcomeProfile | MulticlassOutcomeProfile | RegressionOutcomeProfile
        labeled = outcome if isinstance(outcome, kinds) else None
        if isinstance(prediction, CategoricalProfile):
            return cls(prediction.rows - prediction.nulls, _positives(prediction, positive_levels), labeled)
        rows = prediction.finite if isinstance(prediction, NumericProfile) else 0
        return cls(rows, 0, labeled)

    def merged(self, other: GroupCounts) -> GroupCounts:
        """Both together: every count is the sum. Raises `InputError` on different binnings."""
        if self.outcome is None or other.outcome is None:
            outcome = other.outcome if self.outcome is None else self.outcome
        else:
            outcome = self.outcome.merged(other.outcome)  # type: ignore[arg-type]
        return GroupCounts(
            self.predictions + other.predictions, self.predicted_positive + other.predicted_positive, outcome
        )


def pooled(groups: Iterable[GroupCounts]) -> GroupCounts:
    """All groups together."""
    return reduce(lambda left, right: left.merged(right), groups, GroupCounts())


def _positives(prediction: CategoricalProfile, positive_levels: frozenset[str]) -> int:
    cells = [cell for level, cell in prediction.binning.position.items() if level in positive_levels]
    unseen = sum(count for level, count in prediction.unseen_levels.items() if level in positive_levels)
    return int(prediction.counts[cells].sum()) + unseen
