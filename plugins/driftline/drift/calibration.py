"""What a baseline does by itself: the thresholds that its own windows set, per feature, test and number of rows."""

from __future__ import annotations

import json
import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

from driftline.drift.measurement import Evidence
from driftline.drift.pairs import Pair
from driftline.drift.season import Season
from driftline.errors import InputError

FORMAT = 1
"""Of the JSON; a calibration of another format has to be built again."""

TINY = 1e-12
TAIL_SHARE = 0.05
"""Where a statistic's tail begins."""

SQUARED_STATISTICS = frozenset({"population_stability_index", "jensen_shannon"})
"""Their tails fall as ``exp(-a x)``; the other statistics' as ``exp(-a x²)``."""


@dataclass(frozen=True)
class NullTable:
    """The distribution of one statistic on one feature without drift, at each of the calibration's sizes.

    Attributes
    ----------
    critical_values:
        Family-wise thresholds: the budget is spent over all features and tests together.
    medians:
        50 % quantiles of this statistic alone.
    tail_starts, tail_scales:
        95 % quantile, and the mean excess over it, of the statistic's *tail unit* (`tail_unit`), whose tail falls
        exponentially: what p-values are read from.
    """

    critical_values: tuple[float, ...]
    medians: tuple[float, ...]
    tail_starts: tuple[float, ...]
    tail_scales: tuple[float, ...]


@dataclass(frozen=True)
class FeatureCalibration:
    """What was learned of one feature.

    Attributes
    ----------
    tables:
        By test.
    season:
        How its distribution goes with the hours of the week.
    overdispersion:
        Variance between the baseline's windows over what chance gives at their size: 1 is pure chance.
    """

    tables: Mapping[str, NullTable]
    season: Season
    overdispersion: float = 1.0


@dataclass(frozen=True)
class Calibration:
    """The thresholds of one model for windows of one length.

    Attributes
    ----------
    window_hours:
        Length of the windows it was made for.
    false_alarm_rate:
        The budget per window.
    blocks:
        Windows of that length that the baseline was cut into.
    sizes:
        Rows per window at which the tables were made; between them they are interpolated.
    features:
        Empty where `reason` says why the baseline could not be calibrated.
    """

    window_hours: int
    false_alarm_rate: float
    blocks: int
    sizes: tuple[int, ...] = ()
    features: Mapping[str, FeatureCalibration] = field(default_factory=dict)
    reason: str = ""

    @property
    def is_calibrated(self) -> bool:
        return bool(self.features)

    @property
    def has_season(self) -> bool:
        """Whether any feature goes with the hour of the week."""
        return any(feature.season.harmonics for feature in self.features.values())

    def evidence(self, feature_name: str, test: str, statistic: float, size: int) -> Evidence | None:
        """What ``statistic`` of a window with ``size`` rows is worth; ``None`` where this was not calibrated."""
        feature = self.features.get(feature_name)
        table = feature.tables.get(test) if feature else None
        if table is None:
            return None
        between = _between(self.sizes, size)
        critical = between.of(table.critical_values)
        return Evidence(
            critical_value=critical,
            p_value=_upper_tail(statistic, tail_unit(test), table, between),
            is_evident=statistic >= critical and statistic > 0,
            source="calibrated",
        )

    def in_season(self, feature_name: str, pair: Pair, slices: Sequence[datetime]) -> Pair:
        """The pair with what the baseline leads to expect in the hours ``slices``."""
        feature = self.features.get(feature_name)
        if feature is None or not feature.season.harmonics or not slices:
            return pair
        if feature.season.group_starts[-1] >= pair.expected.size:
            return pair
        return pair.with_expected(feature.season.expected(pair.expected, slices))

    def explained(self, size: int) -> str:
        """What was learned, for people: per feature season, overdispersion, and the thresholds at ``size`` rows."""
        if not self.is_calibrated:
            return f"Not calibrated: {self.reason}. Thresholds are analytic, for independent rows."
        lines = [
            f"Learned from {self.blocks} windows of {self.window_hours} h; {self.false_alarm_rate:.1%} of clean "
            f"windows may alarm. Thresholds at {size:,} rows:"
        ]
        between = _between(self.sizes, size)
        for name, feature in self.features.items():
            season = "goes with the hour of the week" if feature.season.harmonics else "no season"
            limits = ", ".join(
                f"{test} {between.of(table.critical_values):.3g}" for test, table in feature.tables.items()
            )
            lines.append(f"  {name}: {season}, {feature.overdispersion:.1f} times the variance of chance; {limits}")
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """As JSON-serializable objects."""
        return {"format": FORMAT, **asdict(self)}

    @classmethod
    def from_json(cls, document: Mapping[str, Any] | str) -> Calibration:
        """Reads what `to_json` wrote (the object or its text).

        Raises
        ------
        InputError
            When the document is of another format.
        """
        content = json.loads(document) if isinstance(document, str) else dict(document)
        if content.pop("format", None) != FORMAT:
            raise InputError("The calibration was stored by another version of Driftline; build the baseline again.")
        features = {name: _feature_from_json(entry) for name, entry in content.pop("features").items()}
        return cls(**{**content, "sizes": tuple(content["sizes"])}, features=features)


@dataclass(frozen=True)
class _Between:
    """Where a number of rows lies among the calibration's sizes; constant beyond the ends."""

    left: int
    right: int
    weight: float

    def of(self, values: tuple[float, ...]) -> float:
        """The value there, interpolated on double logarithmic scales."""
        if self.left == self.right:
            return values[self.left]
        low, high = values[self.left], values[self.right]
        if low < TINY or high < TINY:
            low, high = max(low, TINY), max(high, TINY)
        return float(low * (high / low) ** self.weight)


@lru_cache(maxsize=256)
def _between(sizes: tuple[int, ...], size: int) -> _Between:
    right = bisect_left(sizes, size)
    if right in {0, len(sizes)}:
        nearest = min(right, len(sizes) - 1)
        return _Between(nearest, nearest, 0.0)
    low, high = sizes[right - 1], sizes[right]
    return _Between(right - 1, right, math.log(size / low) / math.log(high / low))


def tail_unit(test: str) -> int:
    """The power of the test's statistic whose tail falls exponentially: 1 for squared distances, 2 for plain ones."""
    return 1 if test in SQUARED_STATISTICS else 2


def _upper_tail(statistic: float, power: int, table: NullTable, between: _Between) -> float:
    """Tail probability: interpolated up to the tail's start, exponential beyond."""
    start, value = between.of(table.tail_starts), statistic**power
    if value >= start:
        scale = max(between.of(table.tail_scales), TINY)
        return max(TAIL_SHARE * math.exp(-min((value - start) / scale, 700.0)), 1e-300)
    middle = min(between.of(table.medians) ** power, start)
    if value < middle:
        return 1.0 - 0.5 * value / middle
    return 0.5 - (0.5 - TAIL_SHARE) * (value - middle) / (start - middle)


def _feature_from_json(entry: Mapping[str, Any]) -> FeatureCalibration:
    tables = {
        test: NullTable(**{name: tuple(values) for name, values in table.items()})
        for test, table in entry["tables"].items()
    }
    season = entry["season"]
    return FeatureCalibration(
        tables=tables,
        season=Season(
            group_starts=tuple(season["group_starts"]),
            harmonics=tuple(season["harmonics"]),
            centre=tuple(season["centre"]),
            coefficients=tuple(tuple(row) for row in season["coefficients"]),
        ),
        overdispersion=entry["overdispersion"],
    )
