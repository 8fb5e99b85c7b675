"""What was learned of a baseline's own windows for the multivariate tests, kept as JSON with the baseline."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from driftline.drift.multivariate_null import TWO_SIDED, MultivariateTest, WindowNull, from_normal_unit
from driftline.errors import InputError

FORMAT = 3
"""Of the JSON; a calibration of another format has to be learned again."""

OTHER_UNITS = {2: frozenset({MultivariateTest.PCA_RECONSTRUCTION.value})}
"""By earlier format the tests whose nulls were learned in another unit: these alone have to be learned again."""

REFERENCE_ROWS = 2_000
EXPLAINED_VARIANCE = 0.65
"""NannyML's default share of the variance for the components."""


@dataclass(frozen=True)
class MultivariateCalibration:
    """The nulls of one model's multivariate tests, for windows of the length of its blocks.

    Attributes
    ----------
    features, score:
        What was learned on.
    blocks:
        Windows of the baseline that were learned on.
    rows:
        Sampled rows that these had in the median.
    nulls:
        By rows per window, then by test; empty where `reason` says why nothing could be learned.
    """

    features: tuple[str, ...]
    score: str | None
    blocks: int
    rows: int = 0
    explained_variance: float = EXPLAINED_VARIANCE
    nulls: Mapping[int, Mapping[str, WindowNull]] = field(default_factory=dict)
    reason: str = ""

    def size_for(self, rows: int) -> int | None:
        """The largest learned size that a window of ``rows`` rows reaches."""
        return max((size for size in self.nulls if size <= rows), default=None)

    def null_of(self, test: str, rows: int) -> WindowNull | None:
        """The null of ``test`` for windows thinned to `size_for` their ``rows``; ``None`` where there is none."""
        size = self.size_for(rows)
        return None if size is None else self.nulls[size].get(test)

    def explained(self, rows: int, false_alarm_rate: float) -> str:
        """What was learned, for people, with the thresholds that windows of ``rows`` rows are held against."""
        if not self.nulls:
            return f"Not calibrated: {self.reason}. Windows are not evaluated."
        columns = f"{len(self.features)} features{f' and the score {self.score!r}' if self.score else ''}"
        lines = [
            f"Learned from {self.blocks} windows of the baseline ({self.rows:,} sampled rows in the median), "
            f"{columns}; {false_alarm_rate:.2%} of clean windows may alarm."
        ]
        size = self.size_for(rows)
        if size is None:
            return "\n".join(
                [
                    *lines,
                    f"  Windows of {rows:,} rows are not evaluated: the smallest learned size is {min(self.nulls)}.",
                ]
            )
        lines.append(f"Thresholds at {rows:,} rows (thinned to {size:,} against {reference_rows(size):,}):")
        share = false_alarm_rate / len(self.nulls[size])
        lines += [f"  {test}: {_in_words(test, null, share)}" for test, null in self.nulls[size].items()]
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """As JSON-serializable objects."""
        return {"format": FORMAT, **asdict(self), "nulls": {str(k): _plain(v) for k, v in self.nulls.items()}}

    @classmethod
    def from_json(cls, document: Mapping[str, Any] | str) -> MultivariateCalibration:
        """Reads what `to_json` wrote (the object or its text).

        Raises
        ------
        InputError
            When the document is of another format.
        """
        content = json.loads(document) if isinstance(document, str) else dict(document)
        stored = content.pop("format", None)
        if stored != FORMAT and stored not in OTHER_UNITS:
            raise InputError("The calibration was stored by another version of Driftline; build the baseline again.")
        unknown = OTHER_UNITS.get(stored, frozenset())
        nulls = {
            int(size): {test: WindowNull(**null) for test, null in tests.items() if test not in unknown}
            for size, tests in content.pop("nulls").items()
        }
        return cls(**{**content, "features": tuple(content["features"])}, nulls=nulls)


def reference_rows(size: int) -> int:
    """Rows of the reference that a window thinned to ``size`` is held against: more would hardly lower its noise."""
    return min(5 * size, REFERENCE_ROWS)


def _in_words(test: str, null: WindowNull, share: float) -> str:
    """The usual value of a statistic and its limits."""
    tail = share / 2 if test in TWO_SIDED else share
    if test == MultivariateTest.CORRELATION_CHANGE:
        return f"usually {null.mean:+.1f} normal deviates of chance, evidence from {null.quantile(tail):+.1f}"
    usual, highest = from_normal_unit(test, null.mean), from_normal_unit(test, null.quantile(tail))
    if test in TWO_SIDED:
        lowest = from_normal_unit(test, null.quantile(1 - tail))
        return f"usually {usual:+.3f}, evidence from {lowest:+.3f} down and {highest:+.3f} up"
    return f"usually {usual:.3f}, evidence from {highest:.3f}"


def _plain(nulls: Mapping[str, WindowNull]) -> dict[str, dict[str, float]]:
    return {test: asdict(null) for test, null in nulls.items()}
