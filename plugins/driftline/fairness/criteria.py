"""The criteria of fairness: which rates each wants alike, and how far the groups are apart by it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from driftline.fairness.counts import GroupCounts
from driftline.fairness.rates import Rate, group_rate
from driftline.performance import Metric
from driftline.performance.intervals import Interval, difference_interval, ratio_interval


class Criterion(StrEnum):
    """What may be asked of a model. No model can meet all of them where the groups' base rates differ."""

    DEMOGRAPHIC_PARITY = "demographic_parity"
    EQUAL_OPPORTUNITY = "equal_opportunity"
    EQUALIZED_ODDS = "equalized_odds"
    PREDICTIVE_PARITY = "predictive_parity"
    CALIBRATION = "calibration"
    ACCURACY = "accuracy"
    MAE = "mae"
    BIAS = "bias"


CRITERION_RATES: Mapping[Criterion, tuple[Rate, ...]] = MappingProxyType(
    {
        Criterion.DEMOGRAPHIC_PARITY: (Rate.SELECTION_RATE,),
        Criterion.EQUAL_OPPORTUNITY: (Rate.TRUE_POSITIVE_RATE,),
        Criterion.EQUALIZED_ODDS: (Rate.TRUE_POSITIVE_RATE, Rate.FALSE_POSITIVE_RATE),
        Criterion.PREDICTIVE_PARITY: (Rate.PRECISION,),
        Criterion.CALIBRATION: (Rate.CALIBRATION,),
        Criterion.ACCURACY: (Rate.ACCURACY,),
        Criterion.MAE: (Rate.MAE,),
        Criterion.BIAS: (Rate.BIAS,),
    }
)
REGRESSION_CRITERIA = (Criterion.MAE, Criterion.BIAS)
MULTICLASS_CRITERIA = (Criterion.ACCURACY,)
BINARY_CRITERIA = tuple(one for one in Criterion if one not in (*REGRESSION_CRITERIA, *MULTICLASS_CRITERIA))
WITH_RATIO = frozenset({Criterion.DEMOGRAPHIC_PARITY, Criterion.EQUAL_OPPORTUNITY, Criterion.EQUALIZED_ODDS})


def rates_of(criteria: Iterable[Criterion]) -> tuple[Rate, ...]:
    """The rates that the criteria ask for, each once."""
    return tuple(dict.fromkeys(rate for criterion in criteria for rate in CRITERION_RATES[criterion]))


@dataclass(frozen=True)
class Disparity:
    """How far the groups are apart.

    Attributes
    ----------
    criterion, rate:
        What was asked, and the rate that is furthest apart (of the two of equalized odds, the worse).
    value:
        Largest minus smallest rate; or smallest divided by largest (``is_ratio``). ``None`` where `reason` says why.
    interval_low, interval_high:
        From the intervals of the two groups, at their level of confidence.
    lowest, highest:
        The groups with the smallest and the largest rate.
    size:
        Rows that the smaller of the two rests on.
    """

    criterion: Criterion
    is_ratio: bool
    rate: Rate
    value: float | None = None
    interval_low: float | None = None
    interval_high: float | None = None
    lowest: str = ""
    highest: str = ""
    size: int = 0
    reason: str = ""

    @property
    def name(self) -> str:
        """For example ``equalized_odds_difference``: fairlearn's name where it has one."""
        return f"{self.criterion}_{'ratio' if self.is_ratio else 'difference'}"


def disparities(
    groups: Mapping[str, GroupCounts],
    criteria: Sequence[Criterion] = BINARY_CRITERIA,
    *,
    confidence: float = 0.95,
    minimum_rows: int = 1,
) -> dict[str, Disparity]:
    """How far the groups are apart by each criterion, by name (`Disparity.name`).

    Parameters
    ----------
    groups : mapping of str to GroupCounts
        Every group's rows.
    criteria : sequence of Criterion
        What is asked.
    confidence : float
        Level of the intervals, 0 to 1: of one pair of groups that was chosen beforehand. The two furthest apart are
        chosen by their rates, so that with many groups of the same rate the interval is too hopeful.
    minimum_rows : int
        A group with fewer rows of those that a rate rests on is left out of that rate.

    Notes
    -----
    Without a minimum, differences and ratios equal fairlearn's ``demographic_parity_*``, ``equal_opportunity_*`` and
    ``equalized_odds_*`` (between groups, worst case), and the ``difference`` of its ``MetricFrame`` for the others.
    Intervals are Newcombe's for differences and Donner and Zou's for ratios, both from Wilson's intervals.
    """
    found: dict[str, Disparity] = {}
    for criterion in criteria:
        rates = {rate: measured(rate, groups, confidence, minimum_rows) for rate in CRITERION_RATES[criterion]}
        for is_ratio in (False, True) if criterion in WITH_RATIO else (False,):
            each = [_disparity(criterion, rate, metrics, is_ratio) for rate, metrics in rates.items()]
            worst = _worst(each)
            found[worst.name] = worst
    return found


def measured(
    rate: Rate, groups: Mapping[str, GroupCounts], confidence: float, minimum_rows: int = 1
) -> dict[str, Metric]:
    """The rate of each group that has rows enough for it."""
    metrics = {name: group_rate(rate, counts, confidence) for name, counts in groups.items()}
    return {
        name: metric for name, metric in metrics.items() if metric.size >= minimum_rows and metric.value is not None
    }


def bounds(metric: Metric) -> tuple[float, Interval] | None:
    """Value and interval of a metric that has both, finite."""
    value, low, high = metric.value, metric.interval_low, metric.interval_high
    if value is None or low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        return None
    return value, (low, high)


def _disparity(criterion: Criterion, rate: Rate, metrics: Mapping[str, Metric], is_ratio: bool) -> Disparity:
    if len(metrics) < 2:
        reason = f"{len(metrics)} of the groups have enough rows, at least 2 are needed to compare"
        return Disparity(criterion, is_ratio, rate, reason=reason)
    values = {name: metric.value for name, metric in metrics.items() if metric.value is not None}
    lowest, highest = min(values, key=lambda name: values[name]), max(values, key=lambda name: values[name])
    apart = _ratio if is_ratio else _difference
    value, interval = apart(metrics[lowest], metrics[highest])
    return Disparity(
        criterion,
        is_ratio,
        rate,
        value=value,
        interval_low=None if interval is None else interval[0],
        interval_high=None if interval is None else interval[1],
        lowest=lowest,
        highest=highest,
        size=min(metrics[lowest].size, metrics[highest].size),
        reason="" if value is not None else "no group has a rate above 0, so that there is no ratio",
    )


def _difference(lowest: Metric, highest: Metric) -> tuple[float | None, Interval | None]:
    assert lowest.value is not None
    assert highest.value is not None
    low, high = bounds(lowest), bounds(highest)
    interval = None if low is None or high is None else difference_interval(*high, *low)
    return highest.value - lowest.value, interval


def _ratio(lowest: Metric, highest: Metric) -> tuple[float | None, Interval | None]:
    assert lowest.value is not None
    if not highest.value:
        return None, None
    low, high = bounds(lowest), bounds(highest)
    interval = None if low is None or high is None else ratio_interval(*low, *high)
    return lowest.value / highest.value, interval


def _worst(each: Sequence[Disparity]) -> Disparity:
    """The rate that is furthest apart; one that cannot be told stands only where none can."""
    told = [one for one in each if one.value is not None]
    if not told:
        return each[0]
    return max(told, key=lambda one: -(one.value or 0.0) if one.is_ratio else (one.value or 0.0))
