"""What findings about groups say to people."""

from __future__ import annotations

from typing import Protocol

from driftline.fairness.criteria import Disparity
from driftline.fairness.judgement import GroupVerdict
from driftline.fairness.rates import Rate
from driftline.findings import Severity


class _Place(Protocol):
    @property
    def attribute(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def reference_name(self) -> str: ...


NAMES = {
    Rate.SELECTION_RATE: "share of positive predictions",
    Rate.TRUE_POSITIVE_RATE: "true positive rate",
    Rate.FALSE_POSITIVE_RATE: "false positive rate",
    Rate.PRECISION: "precision",
    Rate.CALIBRATION: "mean score minus share of positives",
    Rate.ACCURACY: "accuracy",
    Rate.MAE: "mean absolute error",
    Rate.BIAS: "mean error",
}


def gap_description(verdict: GroupVerdict, version: str, reference_name: str) -> str:
    change = verdict.change
    assert change is not None
    rate, without = verdict.rate, verdict.follows
    others = f"the other groups without {' and '.join(without)}" if without else "the other groups"
    if change.scale == 1.0 and rate.is_share:
        growth, allowed = f"{change.increase * 100:+.1f} points", f"{change.allowed * 100:g}"
    else:
        growth, allowed = f"{change.increase:+.1%} of the mean absolute error", f"{change.allowed:.0%}"
    base = ""
    if rate.is_share and abs(change.expected) >= 0.0005:
        base = f" ({change.expected * 100:+.1f} points of the difference follow from the base rates)"
    return (
        f"Version {version}: the {NAMES[rate]} of {verdict.group} is {_shown(rate, change.now.own.value)}, that of "
        f"{others} {_shown(rate, change.now.others.value)}; {reference_name} has "
        f"{_shown(rate, change.before.own.value)} and {_shown(rate, change.before.others.value)}. "
        f"Further apart by {growth}{base} "
        f"({allowed} allowed, {'beyond' if change.is_beyond_chance else 'within'} what chance does)."
    )


def gap_advice(verdict: GroupVerdict, is_provisional: bool) -> str:
    if not verdict.is_unfair:
        return ""
    wait = " More labels are expected: the verdict may still change." if is_provisional else ""
    wait = wait if verdict.rate.needs_labels else ""
    return (
        f"Look at what this version does with {verdict.group}; serve the version before until that is understood.{wait}"
    )


def level_description(level: Disparity, before: Disparity, limit: float | None, place: _Place) -> str:
    assert level.value is not None
    told = f"{level.value:.3f}" if level.is_ratio else _amount(level.rate, level.value)
    earlier = ""
    if before.value is not None:
        shown = f"{before.value:.3f}" if level.is_ratio else _amount(level.rate, before.value)
        earlier = f"; {place.reference_name} has {shown}"
    limits = "" if limit is None else f"; the limit is {f'{limit:g}' if level.is_ratio else _amount(level.rate, limit)}"
    kind = "ratio" if level.is_ratio else "difference"
    return (
        f"Version {place.version}: the {kind} of the {NAMES[level.rate]} between {level.lowest} (lowest) and "
        f"{level.highest} (highest) is {told}{earlier}{limits}."
    )


def level_advice(severity: Severity) -> str:
    if severity is Severity.NONE:
        return ""
    return "Decide whether so large a difference between groups can be justified; if not, mend the model or its data."


def _shown(rate: Rate, value: float | None) -> str:
    number = value if value is not None else float("nan")
    return f"{number:.1%}" if rate.is_share else f"{number:.4g}"


def _amount(rate: Rate, value: float) -> str:
    return f"{value * 100:.1f} points" if rate.is_share else f"{value:.4g}"
