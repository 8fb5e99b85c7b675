"""One look at the labels of a version: is it worse than the stable one beyond doubt?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from driftline.findings import Status
from driftline.live import OutcomeCounts
from driftline.performance.drop import drop_between, why_incomparable
from driftline.performance.intervals import mean_interval, wilson_interval
from driftline.performance.metric import Metric
from driftline.performance.wording import title
from driftline.profiles import Moments
from driftline.rollback.bounds import CONFIDENCE
from driftline.rollback.limits import Limits
from driftline.rollback.trigger import Reading, Trigger, not_evaluated

OUTCOME_SPANS = (15, 60, 360, 1440)
"""In minutes, by the arrival of the labels."""

OutcomeSpans = Mapping[int, OutcomeCounts]
"""By length in minutes."""


@dataclass(frozen=True, kw_only=True)
class LabeledVersion:
    """A version and the labels that have come for it.

    Attributes
    ----------
    since, latest:
        Name the newest of the labels at the last look, and now.
    served_for:
        Since when it gets traffic; None where that is not known.
    """

    version: str
    spans: OutcomeSpans
    since: str = ""
    latest: str = ""
    served_for: timedelta | None = None


def live_performance(judged: LabeledVersion, stable: LabeledVersion | None, limits: Limits) -> Reading | None:
    """Whether a version is worse than the stable one by the labels that have arrived; None: not watched.

    Labels that come fast may be another sort (a confirmed fraud, say) than those that come late, so that a version is
    compared once it has served for as long as labels take.
    """
    allowed = limits.performance_drop
    if allowed is None or stable is None:
        return None
    version = judged.version
    if judged.served_for is None or judged.served_for < limits.label_delay:
        reason = f"{version} has not served for as long as labels take to come ({limits.label_delay})."
        return not_evaluated(Trigger.LIVE_PERFORMANCE, version, reason)

    def look(minutes: int, counts: OutcomeCounts) -> Reading:
        reference = stable.spans.get(minutes, OutcomeCounts())
        if reference.labeled < limits.minimum_labels:
            reference = stable.spans.get(max(stable.spans, default=0), OutcomeCounts())
        if reference.labeled < limits.minimum_labels:
            too_few = f"{stable.version} has {reference.labeled} labels, too few to compare with."
            return not_evaluated(Trigger.LIVE_PERFORMANCE, version, too_few)
        before, metric = _metric(reference), _metric(counts)
        if reason := why_incomparable(before, metric):
            return not_evaluated(Trigger.LIVE_PERFORMANCE, version, reason)
        drop = drop_between(before, metric, allowed)
        return Reading(
            trigger=Trigger.LIVE_PERFORMANCE,
            version=version,
            status=Status.DETECTED if drop.is_degradation else Status.OK,
            value=drop.size,
            bound=drop.low,
            limit=allowed,
            samples=counts.labeled,
            minutes=minutes,
            since=judged.since,
            latest=judged.latest,
            description=f"{title(metric.name)} of {version} is {metric.value:.4g} by {counts.labeled} labels, of "
            f"{stable.version} {before.value:.4g} by {reference.labeled}: worse by {drop.size:.3g}, surely by more "
            f"than {drop.low:.3g} (the limit is {allowed:g}).",
        )

    ready = {minutes: counts for minutes, counts in judged.spans.items() if counts.labeled >= limits.minimum_labels}
    if not ready:
        found = max((counts.labeled for counts in judged.spans.values()), default=0)
        too_few = f"{found} labels of {version}; {limits.minimum_labels} are needed."
        return not_evaluated(Trigger.LIVE_PERFORMANCE, version, too_few)
    readings = [look(minutes, counts) for minutes, counts in sorted(ready.items())]
    judged_ones = [reading for reading in readings if reading.status is not Status.NOT_EVALUATED] or readings
    return next((reading for reading in judged_ones if reading.is_exceeded), judged_ones[0])


def _metric(counts: OutcomeCounts) -> Metric:
    """Accuracy where there are right and wrong answers, else the mean absolute error, with a strict interval."""
    two_sided = 1 - 2 * (1 - CONFIDENCE)
    accuracy = counts.accuracy
    if accuracy is not None:
        low, high = wilson_interval(accuracy, counts.labeled, two_sided)
        return Metric("accuracy", accuracy, low, high, counts.labeled)
    mean = counts.absolute_error_sum / counts.labeled if counts.labeled else 0.0
    squares = max(counts.squared_error_sum - counts.labeled * mean * mean, 0.0)
    interval = mean_interval(Moments(n=counts.labeled, mean=mean, m2=squares), two_sided)
    if interval is None:
        return Metric("mae", counts.mae, size=counts.labeled)
    return Metric("mae", counts.mae, *interval, size=counts.labeled)
