"""What a drift may cost the model: the size of the move times how much the model leans on the feature."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from driftline.errors import InputError


@dataclass(frozen=True)
class Harm:
    """One drifted feature's place in the ranking.

    Attributes
    ----------
    effect:
        Total variation: share of the rows that would have to change their cell (0 to 1).
    importance:
        Share (0 to 1) of the importance that is known, over all features; ``None`` where the feature's is not.
    harm:
        The effect times the importance in units of the mean known one: 1 for a feature of mean or unknown importance.
    """

    feature: str
    effect: float
    importance: float | None
    harm: float

    @property
    def description(self) -> str:
        if self.importance is None:
            return "importance unknown: ranked by its effect alone"
        return f"holds {self.importance:.0%} of the known importance"


def rank_by_harm(effects: Mapping[str, float], importances: Mapping[str, float]) -> tuple[Harm, ...]:
    """The features of ``effects``, the most harmful first; ties by effect, then by name.

    Parameters
    ----------
    effects
        Per drifted feature its effect (0 to 1).
    importances
        Per feature whose importance is known (drifted or not) its importance, 0 or more on any one scale.

    Raises
    ------
    InputError
        When an importance is negative or not finite.
    """
    for feature, importance in importances.items():
        if not 0 <= importance < float("inf"):
            raise InputError(f"The importance of {feature} is {importance}; it must be a number, 0 or more.")
    total = sum(importances.values())
    shares = {feature: importance / total for feature, importance in importances.items()} if total > 0 else {}
    ranked = [
        Harm(
            feature,
            effect,
            shares.get(feature),
            effect * shares[feature] * len(shares) if feature in shares else effect,
        )
        for feature, effect in effects.items()
    ]
    return tuple(sorted(ranked, key=lambda harm: (-harm.harm, -harm.effect, harm.feature)))
