"""What moved, in words and numbers: quantiles of a numeric feature, levels of a categorical one."""

from __future__ import annotations

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np

from driftline.drift.pairs import CategoricalPair, NumericPair, Pair, cells_of
from driftline.findings import Severity

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
LARGEST_MOVES = 5


@dataclass(frozen=True)
class Move:
    """One quantile's value, or one level's share of the rows, on both sides."""

    name: str
    reference: float
    current: float

    @property
    def change(self) -> float:
        return self.current - self.reference


def missing_move(pair: Pair) -> Move:
    """The share of rows without a usable value."""
    return Move(
        "missing",
        pair.reference_missing / max(pair.reference_size, 1),
        pair.current_missing / max(pair.current_size, 1),
    )


def moves_of(pair: Pair) -> list[Move]:
    """Quantiles in order, or the levels whose share moved most, the largest first."""
    return _quantile_moves(pair) if isinstance(pair, NumericPair) else _level_moves(pair)


def movement_in_words(pair: Pair) -> str:
    """One sentence for a message; all tests on a pair say the same, so it is made once."""
    if pair not in _WORDS:
        _WORDS[pair] = _movement_in_words(pair)
    return _WORDS[pair]


_WORDS: WeakKeyDictionary[Pair, str] = WeakKeyDictionary()


def _movement_in_words(pair: Pair) -> str:
    parts = _numeric_words(pair) if isinstance(pair, NumericPair) else _level_words(pair)
    if abs(missing_move(pair).change) >= 0.005:
        parts.append(missing_in_words(pair))
    return "; ".join(parts) + "." if parts else "no single quantile or level stands out."


def missing_in_words(pair: Pair) -> str:
    """How the share of rows without a usable value has changed."""
    missing = missing_move(pair)
    return f"rows without a value went from {missing.reference:.1%} to {missing.current:.1%}"


def recommendation_for(test: str, severity: Severity, feature_name: str) -> str:
    """What to do about a detected drift."""
    if test == "null_share":
        return f"Check the job or join that fills {feature_name}: values are missing (or back) at its source."
    if test == "new_level_share":
        return f"Check the encoding of {feature_name} upstream; the model was never trained on these levels."
    if severity.rank >= Severity.HIGH.rank:
        return (
            f"Find out at its source why {feature_name} changed. If the change is real and stays, retrain the model on "
            "recent data; until then read its performance with care."
        )
    return f"Watch {feature_name} and the model's performance; retrain if both keep moving."


def _quantile_moves(pair: NumericPair) -> list[Move]:
    if not pair.reference.finite or not pair.current.finite:
        return []
    return [
        Move(f"{share:.0%} quantile", pair.reference.quantile(share), pair.current.quantile(share))
        for share in QUANTILES
    ]


def _level_moves(pair: CategoricalPair) -> list[Move]:
    names = [*pair.reference.binning.levels, "(rare levels)", "(never seen)", "(null)"]
    before = pair.expected / max(pair.expected.sum(), 1)
    after = cells_of(pair.current) / max(pair.current_size, 1)
    largest = np.argsort(-np.abs(after - before), kind="stable")[:LARGEST_MOVES]
    return [
        Move(names[cell], float(before[cell]), float(after[cell])) for cell in largest if after[cell] != before[cell]
    ]


def _numeric_words(pair: NumericPair) -> list[str]:
    moves = _quantile_moves(pair)
    if not moves:
        return []
    if pair.current.minimum == pair.current.maximum:
        return [f"every value is {pair.current.minimum:g} now (median before: {moves[2].reference:.4g})"]
    largest = max(moves, key=lambda move: abs(move.change))
    words = [f"the median went from {moves[2].reference:.4g} to {moves[2].current:.4g}"]
    if largest is not moves[2]:
        words.append(f"the {largest.name} from {largest.reference:.4g} to {largest.current:.4g}")
    return words


def _level_words(pair: CategoricalPair) -> list[str]:
    words = [f"{move.name} went from {move.reference:.1%} to {move.current:.1%}" for move in _level_moves(pair)[:2]]
    if pair.current.unseen:
        commonest = sorted(pair.current.unseen_levels.items(), key=lambda item: (-item[1], item[0]))[:3]
        words.append("never seen before: " + ", ".join(f"{level!r} ({count})" for level, count in commonest))
    return words
