"""The fairness check of a window: each protected group against the others, as on the baseline and in other versions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from driftline.config import Task
from driftline.errors import InputError
from driftline.fairness import (
    BINARY_CRITERIA,
    MULTICLASS_CRITERIA,
    REGRESSION_CRITERIA,
    Criterion,
    FairnessThresholds,
    GroupCounts,
    Place,
    UsualGaps,
    gap_findings,
    group_gaps,
    level_findings,
    pooled,
    rates_of,
)
from driftline.findings import Check, Comparison, Finding, Status
from driftline.monitoring.checks import Evidence, Result, check_test, nothing_to_check
from driftline.monitoring.groups import (
    Attribute,
    baseline_groups,
    configured_attributes,
    protected_groups_by_version,
    readable_attributes,
)
from driftline.monitoring.monitor import Monitor, positive_levels
from driftline.performance import labeled_rows
from driftline.profiles.profile import Profile
from driftline.profiles.roles import Role
from driftline.sources.catalog import missing_attributes
from driftline.store.engine import store_transaction
from driftline.store.slices import window_profiles

_OF_TASK = {
    Task.BINARY_CLASSIFICATION: BINARY_CRITERIA,
    Task.MULTICLASS_CLASSIFICATION: MULTICLASS_CRITERIA,
    Task.REGRESSION: REGRESSION_CRITERIA,
}

Groups = Mapping[str, GroupCounts]
ByVersion = Mapping[tuple[str, str], Mapping[str, Profile]]
"""By version and group, the profile of each subject."""


def check_fairness(monitor: Monitor, evidence: Evidence) -> Result:
    if not evidence.current:
        return nothing_to_check(Check.FAIRNESS, "The window has no predictions.")
    if not _criteria(monitor):
        return nothing_to_check(Check.FAIRNESS, "What it asks rests on labels, and the model's file maps no `labels`.")
    try:
        return Result(_findings(monitor, evidence))
    except InputError as error:
        return nothing_to_check(Check.FAIRNESS, str(error))


def _findings(monitor: Monitor, evidence: Evidence) -> list[Finding]:
    attributes = [one for one in readable_attributes(monitor) if baseline_groups(one, evidence.baseline.binnings)]
    found = list(_unwatched(monitor, evidence, attributes))
    now = _Versions.of(monitor, evidence.current_groups, {version for version, _ in evidence.current})
    others = _other_versions(monitor, evidence, now)
    thresholds = _thresholds(monitor, calls=len(attributes) * (len(now.names) + sum(map(bool, others.values()))))
    for attribute in attributes:
        groups = baseline_groups(attribute, evidence.baseline.binnings)
        usual = _usual_gaps(evidence, attribute)
        reference = {group: group_counts(monitor, evidence.reference_groups.get(group, {})) for group in groups}
        for version in now.names:
            current = now.groups(version, groups)
            place = _place(monitor, evidence, attribute, version, current)
            found += level_findings(reference, current, thresholds=thresholds, place=place)
            found += gap_findings(reference, current, thresholds=thresholds, place=place, usual=usual)
            if other := others[version]:
                found += gap_findings(
                    other.groups_of_all(groups),
                    current,
                    thresholds=thresholds,
                    place=_against(place, other),
                    usual=usual,
                )
    return found


def _usual_gaps(evidence: Evidence, attribute: Attribute) -> UsualGaps:
    learned = evidence.baseline.calibration.get(Check.FAIRNESS.value, {}).get(attribute.name)
    return UsualGaps() if learned is None else UsualGaps.from_json(learned)


def group_counts(monitor: Monitor, subjects: Mapping[str, Profile]) -> GroupCounts:
    """What fairness needs of a group's profiles."""
    return GroupCounts.of(subjects.get(Role.PREDICTION), subjects.get(Role.OUTCOME), positive_levels(monitor))


def measured_gaps(monitor: Monitor, groups: Groups) -> dict[str, float]:
    """The gaps between the groups of a window: what the baseline's spread is learned from."""
    return group_gaps(groups, rates_of(_criteria(monitor)), monitor.config.checks.fairness.minimum_rows)


@dataclass(frozen=True)
class _Versions:
    """The groups of one or more versions in one window."""

    names: Sequence[str]
    counts: Mapping[tuple[str, str], GroupCounts]
    window: str = ""
    """Which window, where it is not the one that is checked."""

    @classmethod
    def of(cls, monitor: Monitor, stored: ByVersion, names: Iterable[str], window: str = "") -> _Versions:
        counts = {key: group_counts(monitor, subjects) for key, subjects in stored.items()}
        return cls(sorted(names), counts, window)

    def __bool__(self) -> bool:
        return bool(self.names)

    def without(self, version: str) -> _Versions:
        return _Versions([name for name in self.names if name != version], self.counts, self.window)

    def groups(self, version: str, groups: Sequence[str]) -> dict[str, GroupCounts]:
        """Every group, those without predictions too."""
        return {group: self.counts.get((version, group), GroupCounts()) for group in groups}

    def groups_of_all(self, groups: Sequence[str]) -> dict[str, GroupCounts]:
        return {group: pooled(self.groups(name, [group])[group] for name in self.names) for group in groups}


def _other_versions(monitor: Monitor, evidence: Evidence, now: _Versions) -> dict[str, _Versions]:
    """What each version is held against: the others of the window or, where it is alone, those of the window before."""
    if len(now.names) != 1:
        return {version: now.without(version) for version in now.names}
    [version] = now.names
    previous = evidence.record.window.previous
    with store_transaction(monitor.store) as connection:
        earlier = window_profiles(connection, evidence.baseline, previous)
    groups = protected_groups_by_version(earlier)
    names = {name for name, _ in groups}
    return {version: _Versions.of(monitor, groups, names - {version}, f" in the window before ({previous})")}


def _place(monitor: Monitor, evidence: Evidence, attribute: Attribute, version: str, groups: Groups) -> Place:
    return Place(attribute=attribute.name, version=version, labels=_maturity(monitor, evidence, groups))


def _against(place: Place, others: _Versions) -> Place:
    named = f"version {others.names[0]}" if len(others.names) == 1 else f"versions {', '.join(others.names)}"
    return Place(
        attribute=place.attribute,
        version=place.version,
        comparison=Comparison.VERSION,
        reference_name=f"{named}{others.window}",
        labels=place.labels,
    )


def _maturity(monitor: Monitor, evidence: Evidence, groups: Groups) -> dict[str, Any]:
    """Whether verdicts on labels may still change, as performance says it."""
    labels, counted = monitor.config.labels, pooled(groups.values())
    coverage = min(labeled_rows(counted.outcome) / counted.predictions, 1.0) if counted.predictions else None
    is_mature = labels is not None and evidence.now >= evidence.record.window.end + labels.expected_delay
    minimum = monitor.config.checks.performance.minimum_coverage
    return {"is_provisional": not is_mature or coverage is None or coverage < minimum, "coverage": coverage}


def _criteria(monitor: Monitor) -> tuple[Criterion, ...]:
    """What is asked; without labels, only what needs none."""
    of_task = _OF_TASK[monitor.config.task]
    configured = monitor.config.checks.fairness.criteria
    criteria = of_task if configured is None else tuple(Criterion(criterion) for criterion in configured)
    if monitor.config.labels is None:
        criteria = tuple(one for one in criteria if not any(rate.needs_labels for rate in rates_of([one])))
    if monitor.config.predictions.score is None:
        criteria = tuple(one for one in criteria if one is not Criterion.CALIBRATION)
    return criteria


def _thresholds(monitor: Monitor, calls: int) -> FairnessThresholds:
    configured = monitor.config.checks.fairness
    return FairnessThresholds(
        criteria=_criteria(monitor),
        false_alarm_rate=configured.false_alarm_rate,
        minimum_rows=configured.minimum_rows,
        maximum_increase=configured.maximum_increase,
        maximum_error_increase=configured.maximum_error_increase,
        maximum_difference=configured.maximum_difference,
        minimum_ratio=configured.minimum_ratio,
        calls=max(calls, 1),
    )


def _unwatched(monitor: Monitor, evidence: Evidence, watched: Sequence[Attribute]) -> Iterator[Finding]:
    """Attributes that the file names and that cannot be compared: said, not passed over."""
    faults = dict(missing_attributes(monitor.config, monitor.log.catalog))
    for attribute in configured_attributes(monitor.config.fairness):
        if attribute in watched:
            continue
        unreadable = next((faults[column] for column in attribute.columns if column in faults), "")
        known = attribute.subject in evidence.baseline.binnings
        why = "has no values of it" if known else "was built without it"
        again = f"The baseline {why}. Build it again: driftline baseline build {monitor.model}"
        yield Finding(
            check=Check.FAIRNESS,
            version="",
            subject=attribute.name,
            test=check_test(Check.FAIRNESS),
            comparison=Comparison.BASELINE,
            status=Status.NOT_EVALUATED,
            reason=unreadable or again,
            description=f"The groups of {attribute.name} were not compared.",
            recommendation="See the reason; correct `fairness` in the model's file or the log." if unreadable else "",
        )
