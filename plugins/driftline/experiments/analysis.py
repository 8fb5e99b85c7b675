"""One look at an experiment: every metric compared, judged so that looking often does not spoil it.

- Primary metrics with a planned horizon: group sequential. Decided at the planned points of the horizon only, whenever
  data come; between them the interval shown is that of a confidence sequence.
- Primary metrics without one, guardrails and signals: confidence sequences, at every look.
- Several comparisons of one role share alpha by Holm's step-down; their intervals by Bonferroni.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from driftline.experiments.arm import ArmStatistics
from driftline.experiments.comparison import Difference, Missing, differences
from driftline.experiments.confidence_sequence import DEFAULT_TUNING, always_valid_p, critical_multiple
from driftline.experiments.correction import holm
from driftline.experiments.design import ExperimentDesign, Method
from driftline.experiments.group_sequential import boundaries
from driftline.experiments.metric import MetricRole
from driftline.experiments.result import Analysis, Look, MetricResult
from driftline.experiments.sample_ratio import sample_ratio


def analyse(
    design: ExperimentDesign,
    arms: Mapping[str, ArmStatistics],
    looks: Sequence[Look],
    *,
    at: datetime,
    elapsed: timedelta,
) -> Analysis:
    """What the arms have shown.

    Parameters
    ----------
    arms
        By version; one that is absent has shown nothing.
    looks
        The looks at which the group sequential test has been made before.
    elapsed
        Since the counting began.
    """
    compared = {role: _compared(design, arms, role) for role in MetricRole}
    is_over = design.maximum_duration is not None and elapsed >= design.maximum_duration
    primary, look = _judge_primary(design, compared[MetricRole.PRIMARY], looks, at, is_over=is_over)
    samples = _samples(compared[MetricRole.PRIMARY], design)
    return Analysis(
        at=at,
        method=design.method,
        method_reason=_method_reason(design),
        results=(
            *primary,
            *_judge_harm(design, compared[MetricRole.GUARDRAIL]),
            *_judge_harm(design, compared[MetricRole.SIGNAL]),
        ),
        sample_ratio=sample_ratio({version: _arm(arms, version).units for version in design.percents}, design.percents),
        units={version: _arm(arms, version).units for version in design.percents},
        predictions={version: _arm(arms, version).predictions for version in design.percents},
        samples=samples,
        planned_samples=design.samples,
        look=look,
        is_over=is_over or (design.samples is not None and samples >= design.samples),
        elapsed=elapsed,
    )


def _arm(arms: Mapping[str, ArmStatistics], version: str) -> ArmStatistics:
    return arms.get(version, ArmStatistics())


def _compared(design: ExperimentDesign, arms: Mapping[str, ArmStatistics], role: MetricRole) -> list[Difference]:
    control = _arm(arms, design.control)
    return [
        difference
        for metric in design.having(role)
        for version in design.treatments
        for difference in differences(metric, version, control, _arm(arms, version), design.minimum_samples)
    ]


def _samples(compared: Sequence[Difference], design: ExperimentDesign) -> int:
    """Units of the first primary metric over all arms."""
    if not compared:
        return 0
    first = [difference for difference in compared if difference.metric.name == design.primary[0].name]
    return first[0].control_size + sum(difference.treatment_size for difference in first)


def _judge_primary(
    design: ExperimentDesign, compared: list[Difference], looks: Sequence[Look], at: datetime, *, is_over: bool
) -> tuple[list[MetricResult], Look | None]:
    evaluated = [difference for difference in compared if not difference.missing]
    if design.method is Method.CONFIDENCE_SEQUENCE:
        return _by_sequences(design, compared, evaluated), None
    look = None
    if len(evaluated) == len(compared) and compared:
        look = _next_look(design, compared, looks, at, is_over=is_over)
    if look is None:
        shown = _by_sequences(design, compared, evaluated, tuned_for=design.samples or DEFAULT_TUNING)
        return [_between_looks(result, design, looks) for result in shown], None
    return [_at_look(difference, look) for difference in compared], look


def _next_look(
    design: ExperimentDesign, compared: Sequence[Difference], looks: Sequence[Look], at: datetime, *, is_over: bool
) -> Look | None:
    """The look that is due now, decided; None where none is."""
    assert design.samples is not None
    samples = _samples(compared, design)
    fraction = samples / design.samples
    before = looks[-1] if looks else None
    if before is not None and (before.is_last or fraction <= before.fraction):
        return None
    is_last = fraction >= 1 or is_over
    passed = math.floor(before.fraction * design.looks + 1e-9) if before else 0
    if not is_last and math.floor(fraction * design.looks + 1e-9) <= passed:
        return None
    level = design.alpha / len(compared)
    look = Look(
        fraction=fraction,
        samples=samples,
        at=at,
        is_last=is_last,
        z={difference.key: difference.z for difference in compared},
        rejected={},
        level=level,
        bound=_bound(design, level, looks, fraction, is_last=is_last),
    )
    return replace(look, rejected=_rejected(design, compared, looks, look))


def _bound(design: ExperimentDesign, level: float, looks: Sequence[Look], fraction: float, *, is_last: bool) -> float:
    """The bound of a look after ``looks``, of a comparison that has ``level`` of alpha."""
    known = [look.bound for look in looks] if all(look.level == level for look in looks) else ()
    fractions = [*(look.fraction for look in looks), fraction]
    return boundaries(level, fractions, design.spending, is_last=is_last, known=known)[-1]


def _rejected(
    design: ExperimentDesign, compared: Sequence[Difference], looks: Sequence[Look], look: Look
) -> dict[str, int]:
    """By comparison that is decided by now, 1 where the treatment is better and -1 where it is worse.

    Holm's step-down with a group sequential test each (Maurer and Bretz 2013): what is rejected leaves its level to
    the others.
    """
    rejected = dict(looks[-1].rejected) if looks else {}
    while open_ones := [difference for difference in compared if difference.key not in rejected]:
        level = design.alpha / len(open_ones)
        bound = look.bound if level == look.level else _bound(design, level, looks, look.fraction, is_last=look.is_last)
        beyond = [difference for difference in open_ones if abs(difference.z) >= bound]
        if not beyond:
            break
        rejected |= {each.key: each.metric.sign * (1 if each.value > 0 else -1) for each in beyond}
    return rejected


def _at_look(difference: Difference, look: Look) -> MetricResult:
    from scipy.special import ndtr

    side = look.rejected.get(difference.key, 0)
    return _result(
        difference,
        reach=look.bound * difference.error,
        p_value=float(2 * ndtr(-abs(difference.z))),
        threshold=float(2 * ndtr(-look.bound)),
        method=f"group sequential test, look {look.fraction:.0%} of the horizon, repeated confidence interval at "
        f"{1 - look.level:.4g}",
        is_better=side > 0,
        is_worse=side < 0,
    )


def _between_looks(result: MetricResult, design: ExperimentDesign, looks: Sequence[Look]) -> MetricResult:
    """What was decided at the last look stands; nothing is decided now."""
    assert design.samples is not None
    done = math.floor(looks[-1].fraction * design.looks + 1e-9) if looks else 0
    side = looks[-1].rejected.get(result.key, 0) if looks else 0
    following = math.ceil(min(done + 1, design.looks) * design.samples / design.looks)
    return replace(
        result,
        is_better=side > 0,
        is_worse=side < 0,
        method=f"{result.method}, between looks of a group sequential test: nothing is decided on it before "
        f"{following} samples",
    )


def _by_sequences(
    design: ExperimentDesign,
    compared: Sequence[Difference],
    evaluated: Sequence[Difference],
    tuned_for: float = DEFAULT_TUNING,
) -> list[MetricResult]:
    """Any difference, to either side."""
    level = design.alpha / max(len(compared), 1)
    raw = {each.key: always_valid_p(each.z, each.size, level, tuned_for) for each in evaluated}
    corrected = holm(raw)
    results = []
    for difference in compared:
        if difference.missing:
            results.append(_not_evaluated(difference))
            continue
        is_significant = corrected[difference.key] <= design.alpha
        is_good = difference.metric.sign * difference.value > 0
        results.append(
            _by_sequence(
                difference,
                corrected[difference.key],
                design.alpha,
                level,
                tuned_for,
                is_better=is_significant and is_good,
                is_worse=is_significant and not is_good,
            )
        )
    return results


def _judge_harm(design: ExperimentDesign, compared: Sequence[Difference]) -> list[MetricResult]:
    """Whether a treatment is worse by more than its metric may lose."""
    evaluated = [difference for difference in compared if not difference.missing]
    level = design.alpha / max(len(compared), 1)
    corrected = holm({each.key: _harm_p(each, level) for each in evaluated})
    return [
        _not_evaluated(difference)
        if difference.missing
        else _by_sequence(
            difference,
            corrected[difference.key],
            design.alpha,
            level,
            DEFAULT_TUNING,
            is_worse=corrected[difference.key] <= design.alpha,
        )
        for difference in compared
    ]


def _harm_p(difference: Difference, level: float) -> float:
    z = difference.harm_z
    return always_valid_p(z, difference.size, level) if z > 0 else 1.0


def _by_sequence(
    difference: Difference,
    p_value: float,
    alpha: float,
    level: float,
    tuned_for: float,
    *,
    is_worse: bool,
    is_better: bool = False,
) -> MetricResult:
    return _result(
        difference,
        reach=critical_multiple(difference.size, level, tuned_for) * difference.error,
        p_value=p_value,
        threshold=alpha,
        method=f"confidence sequence at {1 - level:.4g}, valid at every look",
        is_better=is_better,
        is_worse=is_worse,
    )


def _result(
    difference: Difference,
    *,
    reach: float,
    p_value: float,
    threshold: float,
    method: str,
    is_better: bool,
    is_worse: bool,
) -> MetricResult:
    return MetricResult(
        metric=difference.metric.name,
        role=difference.metric.role,
        treatment=difference.treatment,
        group=difference.group,
        control_value=difference.control_value,
        treatment_value=difference.treatment_value,
        effect=difference.shown(difference.value),
        interval=(difference.shown(difference.value - reach), difference.shown(difference.value + reach)),
        p_value=p_value,
        threshold=threshold,
        control_size=difference.control_size,
        treatment_size=difference.treatment_size,
        method=method + _clustering(difference),
        is_better=is_better,
        is_worse=is_worse,
    )


def _clustering(difference: Difference) -> str:
    if difference.is_clustered:
        return ", errors by entity (delta method)"
    if difference.design_effect > 1:
        return f", variance times {difference.design_effect:.3g} for entities that return (measured by entity)"
    return ""


def _not_evaluated(difference: Difference) -> MetricResult:
    return MetricResult(
        metric=difference.metric.name,
        role=difference.metric.role,
        treatment=difference.treatment,
        group=difference.group,
        control_size=difference.control_size,
        treatment_size=difference.treatment_size,
        has_no_data=difference.missing is Missing.NO_DATA,
        reason=difference.reason,
    )


def _method_reason(design: ExperimentDesign) -> str:
    if design.method is Method.GROUP_SEQUENTIAL:
        return (
            f"a horizon of {design.samples} samples is planned, so the primary metric is decided at up to "
            f"{design.looks} points of it, with {design.spending.value} spending of alpha {design.alpha:g}"
        )
    return "no horizon is planned, so every look must be valid for however long it goes on"
