"""Are the labels there, and are they all kinds of labels?"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from driftline.findings import Check, Comparison, Finding, Severity, Status
from driftline.performance.delay import HOUR, LabelOutlook
from driftline.performance.intervals import wilson_interval
from driftline.performance.measure import labeled_rows
from driftline.performance.metric import OutcomeProfile
from driftline.performance.thresholds import PerformanceThresholds
from driftline.profiles import BinaryOutcomeProfile, MulticlassOutcomeProfile

SELECTION_SIGNIFICANCE = 0.001
"""How unlikely labels of one class only must be before they count as selected."""

UNKNOWN_SHARE = 0.01
"""So many more labels of unknown classes than on the baseline are let pass."""


def label_findings(
    reference: OutcomeProfile | None,
    current: OutcomeProfile | None,
    *,
    predictions: int,
    thresholds: PerformanceThresholds,
    is_mature: bool,
    version: str,
    segment: str = "",
    outlook: LabelOutlook | None = None,
) -> list[Finding]:
    """Findings on the subject ``labels``; ``outlook`` says what coverage may still be expected.

    Tests
    -----
    label_coverage
        Statistic = share of the predictions that have a label; detected where, at the age when they should all have
        come, it is surely below ``minimum_coverage`` (its interval is): medium, high without any label.
    selective_labels
        Binary classification, as long as predictions lack labels. Statistic = share of positives among the labels;
        detected where they are of one class only though the baseline's mixture makes that unlikely: metrics of such
        labels mislead.
    unknown_label_class
        Several classes. Statistic = share of labels that are of no class that the baseline knows; detected where it is
        surely more than `UNKNOWN_SHARE` above the baseline's (or most of all): medium, high from ten times as much on.
    """
    labeled = labeled_rows(current)
    found = [
        _with_outlook(
            _coverage(labeled, predictions, thresholds, is_mature=is_mature, version=version, segment=segment), outlook
        ),
    ]
    if isinstance(current, MulticlassOutcomeProfile) and current.rows:
        found.append(_unknown_classes(reference, current, thresholds, version=version, segment=segment))
    if isinstance(reference, BinaryOutcomeProfile) and isinstance(current, BinaryOutcomeProfile):
        selected = _selection(reference, current, version=version, segment=segment)
        if labeled < predictions and selected is not None:
            found.append(selected)
    return found


def _unknown_classes(
    reference: OutcomeProfile | None,
    current: MulticlassOutcomeProfile,
    thresholds: PerformanceThresholds,
    *,
    version: str,
    segment: str,
) -> Finding:
    share, usual = _outside_share(current), 0.0
    if isinstance(reference, MulticlassOutcomeProfile) and reference.rows:
        usual = _outside_share(reference)
    low, high = wilson_interval(share, current.rows, thresholds.confidence)
    is_unknown = low > usual + UNKNOWN_SHARE or low > 0.5
    severity = Severity.HIGH if low > 0.5 or share > usual + 10 * UNKNOWN_SHARE else Severity.MEDIUM
    return Finding(
        check=Check.PERFORMANCE,
        version=version,
        segment=segment,
        subject="labels",
        test="unknown_label_class",
        comparison=Comparison.BASELINE,
        status=Status.DETECTED if is_unknown else Status.OK,
        severity=severity if is_unknown else Severity.NONE,
        statistic=share,
        threshold=usual + UNKNOWN_SHARE,
        effect=share - usual,
        interval_low=low,
        interval_high=high,
        current_size=current.rows,
        description=f"{share:.1%} of the labels are of classes that the baseline does not know ({usual:.1%} there).",
        recommendation=(
            "Check whether labels and predictions write the classes alike (text against numbers, another spelling); "
            "for a new class, build the baseline again."
            if is_unknown
            else ""
        ),
    )


def _outside_share(profile: MulticlassOutcomeProfile) -> float:
    return float(profile.confusion[-1].sum() / profile.rows)


def _coverage(
    labeled: int,
    predictions: int,
    thresholds: PerformanceThresholds,
    *,
    is_mature: bool,
    version: str,
    segment: str,
) -> Finding:
    minimum = thresholds.minimum_coverage
    coverage = min(labeled / predictions, 1.0) if predictions else None
    interval = wilson_interval(coverage, predictions, thresholds.confidence) if coverage is not None else (None, None)
    is_short = interval[1] is not None and interval[1] < minimum
    status, severity, reason = Status.OK, Severity.NONE, ""
    if coverage is None:
        status, reason = Status.NOT_EVALUATED, "there are no predictions to label"
    elif is_short and is_mature:
        status, severity = Status.DETECTED, Severity.MEDIUM if labeled else Severity.HIGH
    elif is_short:
        status, reason = Status.NOT_EVALUATED, f"labels are still expected; {labeled} of {predictions} have come"
    return Finding(
        check=Check.PERFORMANCE,
        version=version,
        segment=segment,
        subject="labels",
        test="label_coverage",
        comparison=Comparison.EXPECTATION,
        status=status,
        severity=severity,
        statistic=coverage,
        threshold=minimum,
        effect=None if coverage is None else max(minimum - coverage, 0.0),
        interval_low=interval[0],
        interval_high=interval[1],
        current_size=predictions,
        reason=reason,
        description=_coverage_description(labeled, predictions, minimum),
        recommendation=(
            "Check the job that writes labels, and whether its ids are those of the prediction log; if labels simply "
            "take longer, raise labels.expected_delay."
            if status is Status.DETECTED
            else ""
        ),
        details={"labels": labeled, "predictions": predictions, "is_provisional": not is_mature, "coverage": coverage},
    )


def _with_outlook(finding: Finding, outlook: LabelOutlook | None) -> Finding:
    """The coverage with what is still to come, and when the verdict is final."""
    if outlook is None:
        return finding
    usual, final = outlook.usual_coverage, outlook.final_share
    details = {
        **finding.details,
        "matures_at": outlook.matures_at.isoformat(),
        "usual_coverage": usual,
        "final_coverage": final,
    }
    said = finding.description
    if not outlook.is_mature:
        shares = "" if usual is None or final is None else f"; {usual:.1%} are usual by now, {final:.1%} in the end"
        said += f" The verdict is final at {outlook.matures_at:%Y-%m-%d %H:%M} UTC{shares}."
    return replace(finding, description=said, details=details)


def silence_finding(newest: datetime | None, now: datetime, limit: timedelta, *, is_learned: bool) -> Finding:
    """Whether labels have stopped coming, over all versions (test ``label_silence``; statistic, threshold in hours).

    Parameters
    ----------
    newest : datetime or None
        When the last label arrived; ``None`` if none ever did.
    limit : timedelta
        The longest silence that is nothing unusual; ``is_learned`` from the baseline.
    """
    silence = None if newest is None else max(now - newest, timedelta(0))
    is_silent = silence is None or silence > limit
    hours, allowed = None if silence is None else silence / HOUR, limit / HOUR
    source = "labels came at least every" if is_learned else "labels are expected within"
    since = "No label has ever arrived" if newest is None else f"The last label arrived {newest:%Y-%m-%d %H:%M} UTC"
    ago = "" if hours is None else f", {hours:.1f} hours ago"
    return Finding(
        check=Check.PERFORMANCE,
        version="",
        subject="labels",
        test="label_silence",
        comparison=Comparison.EXPECTATION,
        status=Status.DETECTED if is_silent else Status.OK,
        severity=Severity.HIGH if is_silent else Severity.NONE,
        statistic=hours,
        threshold=allowed,
        effect=None if hours is None else max(hours - allowed, 0.0),
        description=f"{since}{ago}; {source} {allowed:.0f} hours.",
        recommendation=(
            "Check the job that writes labels. Until they come, only the estimates say how good the model is."
            if is_silent
            else ""
        ),
        details={"since": None if newest is None else newest.isoformat(), "is_learned": is_learned},
    )


def _coverage_description(labeled: int, predictions: int, minimum: float) -> str:
    share = f" ({labeled / predictions:.1%})" if predictions else ""
    return f"{labeled} of {predictions} predictions{share} have a label; {minimum:.0%} are expected."


def _selection(
    reference: BinaryOutcomeProfile, current: BinaryOutcomeProfile, *, version: str, segment: str
) -> Finding | None:
    usual = (reference.true_positives + reference.false_negatives, reference.rows)
    seen = (current.true_positives + current.false_negatives, current.rows)
    if min(usual[1], seen[1]) == 0 or usual[0] in {0, usual[1]}:
        return None
    usual_share, share = usual[0] / usual[1], seen[0] / seen[1]
    only = "positive" if seen[0] == seen[1] else "negative"
    chance = usual_share ** seen[1] if only == "positive" else (1 - usual_share) ** seen[1]
    is_selected = seen[0] in {0, seen[1]} and chance < SELECTION_SIGNIFICANCE
    return Finding(
        check=Check.PERFORMANCE,
        version=version,
        segment=segment,
        subject="labels",
        test="selective_labels",
        comparison=Comparison.BASELINE,
        status=Status.DETECTED if is_selected else Status.OK,
        severity=Severity.MEDIUM if is_selected else Severity.NONE,
        statistic=share,
        p_value=chance if seen[0] in {0, seen[1]} else None,
        threshold=SELECTION_SIGNIFICANCE,
        effect=abs(share - usual_share),
        reference_size=usual[1],
        current_size=seen[1],
        description=(
            f"All {seen[1]} labels so far are {only}, where {usual_share:.1%} of the baseline's are positive."
            if is_selected
            else f"{share:.1%} of the {seen[1]} labels so far are positive ({usual_share:.1%} on the baseline)."
        ),
        recommendation=(
            "Find out which predictions get a label: metrics of labels of one kind say nothing about the others."
            if is_selected
            else ""
        ),
    )
