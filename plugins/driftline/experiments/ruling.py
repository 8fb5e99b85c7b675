"""From an analysis to a verdict: pure, and in one order of precedence.

1. A guardrail's harm is proven: roll back. Even where the split is wrong, for it costs an experiment at most, and the
   other way round it costs the users (a version that dies loses its rows, and so breaks the split itself).
2. The logged split is not the planned one: hold, whatever the metrics say.
3. A guardrail or primary metric has no data: hold.
4. A signal's harm is proven: hold.
5. A treatment is proven worse: roll back. Proven better, with every guardrail evaluated: promote.
6. The horizon is reached: inconclusive. Otherwise: continue.
"""

from __future__ import annotations

from collections.abc import Sequence

from driftline.experiments.design import ExperimentDesign
from driftline.experiments.metric import MetricRole
from driftline.experiments.result import Analysis, MetricResult
from driftline.experiments.verdict import Ruling, Verdict


def rule(design: ExperimentDesign, analysis: Analysis, *, ramp_is_complete: bool = True) -> Ruling:
    """The verdict on an experiment.

    Parameters
    ----------
    ramp_is_complete
        While it is not, nothing is promoted.
    """
    return (
        _by_guardrails(design, analysis)
        or _by_sample_ratio(analysis)
        or _by_absence(analysis)
        or _by_signals(analysis)
        or _by_primary(design, analysis, ramp_is_complete=ramp_is_complete)
        or _by_end(design, analysis)
    )


def guards_hold(analysis: Analysis) -> str:
    """Why a stage may not go on: what of the guardrails and the split is not known to be well; empty where all is."""
    if analysis.sample_ratio.p_value is None:
        return f"the split of traffic is not checked yet: {analysis.sample_ratio.reason}"
    if analysis.sample_ratio.is_mismatch:
        return "the logged split is not the planned one"
    watched = [result for result in analysis.results if result.role is not MetricRole.PRIMARY]
    unknown = [result.reason for result in watched if not result.is_evaluated]
    if unknown:
        return "; ".join(unknown)
    return "; ".join(f"{result.key} is worse than it may be" for result in watched if result.is_worse)


def _by_guardrails(design: ExperimentDesign, analysis: Analysis) -> Ruling | None:
    harmful = [result for result in analysis.having(MetricRole.GUARDRAIL) if result.is_worse]
    if not harmful:
        return None
    return Ruling(
        Verdict.ROLL_BACK,
        f"Harm is proven: {_told(harmful)}.",
        winner=design.control,
        recommendation=f"All traffic goes to {design.control}. Find out what is wrong with {_treatments(harmful)}.",
        is_urgent=True,
    )


def _by_sample_ratio(analysis: Analysis) -> Ruling | None:
    ratio = analysis.sample_ratio
    if not ratio.is_mismatch:
        return None
    seen = ", ".join(f"{arm} {count}" for arm, count in ratio.observed.items())
    planned = ", ".join(f"{arm} {share:.4g}" for arm, share in ratio.planned.items())
    return Ruling(
        Verdict.HOLD,
        f"The logged split ({seen}) is not the planned one ({planned}): p = {ratio.p_value:.2g}.",
        recommendation="Units are missing from one arm, so that no comparison can be trusted. Look for predictions "
        "that are not logged, for retries, for a fall-back from one version to another, and for caches.",
    )


def _by_absence(analysis: Analysis) -> Ruling | None:
    absent = [result for result in analysis.results if result.has_no_data and result.role is not MetricRole.SIGNAL]
    if not absent:
        return None
    if analysis.is_over and any(result.role is MetricRole.PRIMARY for result in absent):
        return Ruling(Verdict.INCONCLUSIVE, f"The time is over without data: {_reasons(absent)}.")
    return Ruling(
        Verdict.HOLD,
        f"No data: {_reasons(absent)}.",
        recommendation="Nothing is decided without data. See that predictions and labels of both arms are logged.",
    )


def _by_signals(analysis: Analysis) -> Ruling | None:
    worse = [result for result in analysis.having(MetricRole.SIGNAL) if result.is_worse]
    if not worse:
        return None
    return Ruling(
        Verdict.HOLD,
        f"A signal is worse than it may be: {_told(worse)}.",
        recommendation="Look at it, and decide: driftline experiments decide.",
    )


def _by_primary(design: ExperimentDesign, analysis: Analysis, *, ramp_is_complete: bool) -> Ruling | None:
    primary = analysis.having(MetricRole.PRIMARY)
    losers = {result.treatment for result in primary if result.is_worse}
    winners = [result for result in primary if result.is_better and result.treatment not in losers]
    if winners:
        return _promotion(design, analysis, winners, ramp_is_complete=ramp_is_complete)
    if losers and losers >= set(design.treatments):
        worse = [result for result in primary if result.is_worse]
        return Ruling(
            Verdict.ROLL_BACK,
            f"The control is better: {_told(worse)}.",
            winner=design.control,
            recommendation=f"All traffic goes to {design.control}.",
        )
    return None


def _promotion(
    design: ExperimentDesign, analysis: Analysis, winners: Sequence[MetricResult], *, ramp_is_complete: bool
) -> Ruling:
    best = max(winners, key=lambda result: (abs(result.effect or 0.0), result.treatment))
    told = f"{best.treatment} is better: {_told([best])}"
    unknown = [result for result in analysis.having(MetricRole.GUARDRAIL) if not result.is_evaluated]
    if unknown:
        return Ruling(Verdict.HOLD, f"{told}, but a guardrail is not evaluated: {_reasons(unknown)}.")
    if not ramp_is_complete:
        return Ruling(Verdict.CONTINUE, f"{told}; it is promoted when its ramp is complete.")
    if analysis.elapsed < design.minimum_duration:
        return Ruling(Verdict.CONTINUE, f"{told}; it is not promoted before {design.minimum_duration} have passed.")
    return Ruling(
        Verdict.PROMOTE, f"{told}.", winner=best.treatment, recommendation=f"Give {best.treatment} all the traffic."
    )


def _by_end(design: ExperimentDesign, analysis: Analysis) -> Ruling:
    if analysis.is_over and design.primary:
        unknown = [result for result in analysis.having(MetricRole.PRIMARY) if not result.is_evaluated]
        why = f" {_reasons(unknown)}." if unknown else " The difference, if there is one, is smaller than planned for."
        return Ruling(
            Verdict.INCONCLUSIVE,
            f"The horizon is reached ({analysis.samples} samples) without a winner.{why}",
            recommendation=f"Keep {design.control}, or decide yourself: driftline experiments decide.",
        )
    waiting = [result.reason for result in analysis.results if not result.is_evaluated]
    planned = "" if analysis.planned_samples is None else f" of {analysis.planned_samples}"
    progress = f"{analysis.samples}{planned} samples"
    return Ruling(
        Verdict.CONTINUE,
        f"Nothing is proven yet: {progress}{'; ' if waiting else ''}{'; '.join(waiting)}.",
        recommendation="Wait: nothing needs to be done.",
    )


def _told(results: Sequence[MetricResult]) -> str:
    return "; ".join(_one(result) for result in results)


def _one(result: MetricResult) -> str:
    low, high = result.interval or (float("nan"), float("nan"))
    what = f"{result.metric} of {result.treatment}" + (f" for {result.group}" if result.group else "")
    return (
        f"{what} {result.treatment_value:.5g} against {result.control_value:.5g}, difference {result.effect:+.4g} "
        f"({low:+.4g} to {high:+.4g})"
    )


def _reasons(results: Sequence[MetricResult]) -> str:
    return "; ".join(result.reason for result in results)


def _treatments(results: Sequence[MetricResult]) -> str:
    return ", ".join(sorted({result.treatment for result in results}))
