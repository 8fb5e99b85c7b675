"""Who is off: each group against the others, the worst first."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from driftline.fairness.counts import GroupCounts, pooled
from driftline.fairness.gap import Gap, GapChange, gap, gap_change, why_too_few
from driftline.fairness.rates import ERRORS, Rate, group_rate
from driftline.fairness.thresholds import FairnessThresholds
from driftline.fairness.usual import UsualGaps

Groups = Mapping[str, GroupCounts]

NO_COUNTS = GroupCounts()


@dataclass(frozen=True)
class GroupVerdict:
    """What became of one group's rate.

    Attributes
    ----------
    change:
        The group's gap beside the earlier one; ``None`` where `reason` says why not.
    is_unfair:
        Whether the group has moved away from the others, further than is allowed and beyond chance.
    follows:
        Groups that have moved more, and away from which this one is seen.
    """

    group: str
    rate: Rate
    change: GapChange | None = None
    is_unfair: bool = False
    follows: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True)
class Judge:
    """Judges the groups of one attribute of one version.

    Attributes
    ----------
    reference, current:
        Every group's rows, before and now.
    confidence:
        Of each test: the window's false-alarm budget, shared by all of its tests.
    usual:
        How much the gaps of the reference's own windows differ (`group_gaps`).
    before_is:
        What the reference is, for messages: ``the baseline has``.
    """

    reference: Groups
    current: Groups
    thresholds: FairnessThresholds
    confidence: float
    usual: UsualGaps
    before_is: str
    _pools: dict[tuple[int, str, tuple[str, ...]], GroupCounts] = field(default_factory=dict, repr=False)

    def verdicts(self, rate: Rate) -> list[GroupVerdict]:
        """One verdict per group.

        The group that has moved most is taken out of the others before these are judged: one group that fares worse
        makes every other one look better off, and of two groups one mirrors the other.
        """
        reasons = {group: self.why_not(rate, group) for group in self.current}
        changes = {group: self._change(rate, group, ()) for group, reason in reasons.items() if not reason}
        unfair: dict[str, GapChange] = {}
        remaining = changes
        while worst := _worst(remaining):
            unfair[worst.group] = worst
            remaining = {
                group: change
                for group in remaining
                if group != worst.group and (change := self._change(rate, group, unfair))
            }
        return [
            _verdict(rate, group, reasons[group], unfair, remaining.get(group) or changes.get(group))
            for group in self.current
        ]

    def why_not(self, rate: Rate, group: str) -> str:
        """Why the group's rate is not judged; empty where it is."""
        minimum = self.thresholds.minimum_rows
        own, before = self.current[group], self.reference.get(group, NO_COUNTS)
        reason = (
            why_too_few(rate, own, minimum, "the window has")
            or why_too_few(rate, self._others(self.current, group), minimum, "the other groups together have")
            or why_too_few(rate, before, minimum, self.before_is)
            or why_too_few(rate, self._others(self.reference, group), minimum, f"of the other groups {self.before_is}")
        )
        if reason or self._change(rate, group, ()) is not None:
            return reason
        return "the spread of the values cannot be told, or the reference's error is 0"

    def _change(self, rate: Rate, group: str, without: Collection[str]) -> GapChange | None:
        before, now = self._gap(rate, self.reference, group, without), self._gap(rate, self.current, group, without)
        scale = self._scale(rate)
        if before is None or now is None or not scale > 0:
            return None
        thresholds = self.thresholds
        return gap_change(
            group,
            rate,
            before,
            now,
            allowed=thresholds.maximum_increase if rate.is_share else thresholds.maximum_error_increase,
            scale=scale,
            usual=self.usual.expectation(rate, group, (before.base, now.base), self.confidence),
        )

    def _gap(self, rate: Rate, groups: Groups, group: str, without: Collection[str]) -> Gap | None:
        others = self._others(groups, group, without)
        if why_too_few(rate, others, self.thresholds.minimum_rows, ""):
            return None
        return gap(rate, groups.get(group, NO_COUNTS), others, self.confidence)

    def _others(self, groups: Groups, group: str, without: Collection[str] = ()) -> GroupCounts:
        key = (id(groups), group, tuple(without))
        if key not in self._pools:
            self._pools[key] = pooled(
                counts for name, counts in groups.items() if name != group and name not in without
            )
        return self._pools[key]

    def _scale(self, rate: Rate) -> float:
        if rate not in ERRORS:
            return 1.0
        return group_rate(Rate.MAE, pooled(self.reference.values()), self.confidence).value or 0.0


def count_tests(reference: Groups, current: Groups, rates: Sequence[Rate], thresholds: FairnessThresholds) -> int:
    """How many tests `Judge` makes of these groups: two groups of a rate are one, they mirror each other."""
    judge = Judge(reference, current, thresholds, 0.95, UsualGaps(), "")
    judged = [sum(not judge.why_not(rate, group) for group in current) for rate in rates]
    return sum(1 if groups == 2 and len(current) == 2 else groups for groups in judged)


def _worst(changes: Mapping[str, GapChange | None]) -> GapChange | None:
    unfair: Iterator[GapChange] = (change for change in changes.values() if change is not None and change.is_unfair)
    return max(unfair, key=lambda change: change.precedence, default=None)


def _verdict(
    rate: Rate, group: str, reason: str, unfair: Mapping[str, GapChange], otherwise: GapChange | None
) -> GroupVerdict:
    if reason:
        return GroupVerdict(group, rate, reason=reason)
    if group in unfair:
        earlier = tuple(list(unfair)[: list(unfair).index(group)])
        return GroupVerdict(group, rate, unfair[group], is_unfair=True, follows=earlier)
    return GroupVerdict(group, rate, otherwise, follows=tuple(unfair))
