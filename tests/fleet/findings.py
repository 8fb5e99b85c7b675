"""The fleet's findings: recorded ones, with the figures of each model's course, as lines of COPY's text format."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any

import numpy as np

from driftline.findings import Check, Comparison, Severity, Status
from tests.fleet.copying import escaped
from tests.fleet.course import Course, Floats
from tests.fleet.plan import TICK, FleetModel, Story, Task
from tests.fleet.recorded import CATEGORICAL, NUMERIC, recorded

COLUMNS = (
    "model", "window_start", "window_end", "version", "comparison", "segment", "subject", "test", "check_name",
    "reference_size", "threshold", "minimum_detectable_shift", "status", "severity", "statistic", "p_value", "effect",
    "interval_low", "interval_high", "current_size", "reason", "description", "recommendation", "details", "found_at",
)  # fmt: skip
FOUND_AFTER = timedelta(minutes=9)

_NULL = "\\N"
_LIMITS = ((3.0, Severity.CRITICAL), (2.0, Severity.HIGH), (1.3, Severity.MEDIUM), (1.0, Severity.LOW))
_OF_WHOLE_ONLY = (Check.QUALITY, Check.FAIRNESS)
_COMPARED_FOR = 20
"""Windows in which a new version is held against the one before it."""

Kind = tuple[str, str, str, str]
"""Check, subject, test and comparison."""


@dataclass(frozen=True)
class Seen:
    """A detected finding of a whole, as decisions and incidents need it."""

    check: Check
    version: str
    comparison: str
    subject: str
    test: str
    severity: Severity


@dataclass(frozen=True, eq=False)
class Line:
    """One statistic on one subject over all windows of a model.

    Attributes
    ----------
    told:
        The recorded findings that it repeats, by status.
    movement:
        In multiples of the limit; above 1 it is detected.
    values, halves:
        The statistic, and half of its interval where it has one.
    evaluated:
        False where it is told why it was not.
    """

    version: str
    segment: str
    subject: str
    told: Mapping[str, dict[str, Any]]
    movement: Floats
    values: Floats
    sizes: Sequence[int]
    evaluated: Sequence[bool]
    renamed: tuple[tuple[str, str], ...] = ()
    scale: float = 1.0

    @cached_property
    def example(self) -> dict[str, Any]:
        return self.told.get(Status.OK.value) or next(iter(self.told.values()))

    @cached_property
    def severities(self) -> list[Severity]:
        """By window; NONE where nothing is detected."""
        can_be = Status.DETECTED.value in self.told
        return [
            _severity(movement) if can_be and is_evaluated else Severity.NONE
            for movement, is_evaluated in zip(self.movement.tolist(), self.evaluated, strict=True)
        ]

    def seen(self, window: int) -> Seen | None:
        """What is detected in the window, of the whole."""
        severity = self.severities[window]
        if severity is Severity.NONE or self.segment:
            return None
        example = self.example
        return Seen(
            Check(example["check"]), self.version, example["comparison"], self.subject, example["test"], severity
        )

    def at(self, window: int) -> str:
        """Its line in the window, from the comparison on."""
        severity = self.severities[window]
        if not self.evaluated[window] and Status.NOT_EVALUATED.value in self.told:
            template, _ = self._templates[Status.NOT_EVALUATED.value]
            return template % (severity.value, _NULL, _NULL, _NULL, _NULL, _NULL, "0", "")
        status = Status.OK.value if severity is Severity.NONE else Status.DETECTED.value
        template, number = self._templates.get(status) or self._templates[self.example["status"]]
        value, movement = self._values[window], self._movement[window]
        half = self._half
        return template % (
            severity.value,
            f"{value:.6g}",
            _NULL if self.example["p_value"] is None else f"{2.718281828 ** (-3 * movement * movement):.4g}",
            f"{value * self._effect:.6g}",
            _NULL if half is None else f"{value - half:.6g}",
            _NULL if half is None else f"{value + half:.6g}",
            self.sizes[window],
            number % (100 * value) if number.endswith("%%") else number % value if number else "",
        )

    @cached_property
    def _values(self) -> list[float]:
        return list(self.values.tolist())

    @cached_property
    def _movement(self) -> list[float]:
        return list(self.movement.tolist())

    @cached_property
    def _half(self) -> float | None:
        low, high = self.example["interval_low"], self.example["interval_high"]
        return None if low is None or high is None else (high - low) / 2 * self.scale

    @cached_property
    def _effect(self) -> float:
        statistic, effect = self.example["statistic"], self.example["effect"]
        return effect / statistic if statistic and effect is not None else 0.0

    @cached_property
    def _templates(self) -> dict[str, tuple[str, str]]:
        return {status: self._template(finding) for status, finding in self.told.items()}

    def _template(self, finding: dict[str, Any]) -> tuple[str, str]:
        """The line with places for its figures, and how the figure in its description is written."""
        description, number = _with_place(finding, self._renamed(finding["description"]))
        threshold, shift = finding["threshold"], finding["minimum_detectable_shift"]
        fixed = [
            finding["comparison"], self.segment, self.subject, finding["test"], finding["check"],
            finding["reference_size"], None if threshold is None else threshold * self.scale, shift, finding["status"],
        ]  # fmt: skip
        texts = [self._renamed(finding[name]) for name in ("reason", "recommendation")]
        details = self._renamed(json.dumps(finding["details"], ensure_ascii=False), is_json=True)
        parts = [_written(value) for value in fixed] + ["%s"] * 7
        parts += [_written(texts[0]), description, _written(texts[1]), _written(details)]
        return "\t".join(parts), number

    def _renamed(self, text: str, *, is_json: bool = False) -> str:
        for old, new in self.renamed:
            text = text.replace(old, json.dumps(new, ensure_ascii=False)[1:-1] if is_json else new)
        return text


def model_lines(course: Course) -> list[Line]:
    """All that is looked at of a model."""
    model = course.model
    kinds = _kinds(model.task)
    lines: list[Line] = []
    for kind, told in kinds.items():
        check, subject, _, comparison = kind
        if subject in {"basket", "is_member"} or (check == Check.FAIRNESS and model.index % 2):
            continue
        subjects = _subjects(model, subject)
        for version in _versions(model, told, comparison):
            for segment in ("", *_segments(model, check, comparison)):
                lines += [_line(course, kind, told, version, segment, named) for named in subjects]
    return sorted(
        lines,
        key=lambda line: (line.version, line.example["comparison"], line.segment, line.subject, line.example["test"]),
    )


def written_lines(course: Course, lines: Sequence[Line]) -> Iterator[str]:
    """The findings of all windows as COPY takes them, the windows in order."""
    model = course.model
    by_version: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        by_version[line.version].append(line)
    for number, window in enumerate(model.windows):
        start, end = window.start.isoformat(), window.end.isoformat()
        found = f"\t{(window.end + FOUND_AFTER).isoformat()}\n"
        for version in ("", *model.versions_in(window)):
            head = f"{model.name}\t{start}\t{end}\t{escaped(version)}\t"
            for line in by_version[version]:
                if _is_compared(model, line, number):
                    yield head + line.at(number) + found


def detected(course: Course, lines: Sequence[Line], number: int) -> list[Seen]:
    """What is detected in a window, of the whole."""
    versions = {"", *course.model.versions_in(course.model.windows[number])}
    return [
        seen
        for line in lines
        if line.version in versions and _is_compared(course.model, line, number) and (seen := line.seen(number))
    ]


def _kinds(task: Task) -> dict[Kind, dict[str, dict[str, Any]]]:
    kinds: dict[Kind, dict[str, dict[str, Any]]] = defaultdict(dict)
    for finding in recorded(task.value):
        kind = (finding["check"], finding["subject"], finding["test"], finding["comparison"])
        kinds[kind][finding["status"]] = finding
    for (check, subject, test, comparison), told in kinds.items():
        surge = kinds.get((check, "basket", test, comparison), {}).get(Status.DETECTED.value)
        if test == "null_share" and subject in {NUMERIC, CATEGORICAL} and surge:
            told.setdefault(Status.DETECTED.value, _of_subject(surge, subject))
    return kinds


def _of_subject(finding: dict[str, Any], subject: str) -> dict[str, Any]:
    return json.loads(json.dumps(finding).replace("basket", subject))  # type: ignore[no-any-return]


def _subjects(model: FleetModel, subject: str) -> Sequence[str]:
    if subject not in {NUMERIC, CATEGORICAL}:
        return [subject]
    return [feature for feature in model.features if model.is_numeric(feature) is (subject == NUMERIC)]


def _versions(model: FleetModel, told: Mapping[str, dict[str, Any]], comparison: str) -> Sequence[str]:
    if not any(finding["version"] for finding in told.values()):
        return [""]
    return model.versions[1:] if comparison == Comparison.VERSION else model.versions


def _segments(model: FleetModel, check: str, comparison: str) -> Sequence[str]:
    of_whole = check in _OF_WHOLE_ONLY or comparison != Comparison.BASELINE
    return () if of_whole else model.segments


def _is_compared(model: FleetModel, line: Line, number: int) -> bool:
    if line.example["comparison"] != Comparison.VERSION:
        return True
    begin = model.bad_from if line.version == model.versions[-1] and model.bad_from else model.rolled_out
    return model.windows[number].start - begin < _COMPARED_FOR * TICK


def _line(
    course: Course, kind: Kind, told: Mapping[str, dict[str, Any]], version: str, segment: str, subject: str
) -> Line:
    check, recorded_subject, test, _ = kind
    example = told.get(Status.OK.value) or next(iter(told.values()))
    is_bad = len(course.model.versions) > 2 and version == course.model.versions[2]
    movement = _movement(course, kind, subject, is_bad=is_bad)
    scale = 1.0 + course.model.index % 5 if test == "latency_p95" else 1.0
    share = 0.4 if segment else 1.0
    return Line(
        version=version,
        segment=segment,
        subject=subject,
        told=told,
        movement=movement,
        values=_values(course, example, movement, scale),
        sizes=(course.rows * share).astype(np.int64).tolist(),
        evaluated=_evaluated(course, kind, movement.size),
        renamed=((recorded_subject, subject),) if subject != recorded_subject else (),
        scale=scale,
    )


def _movement(course: Course, kind: Kind, subject: str, *, is_bad: bool) -> Floats:
    check, _, test, _ = kind
    if check == Check.DRIFT and subject in course.drift:
        beside = 0.85 + 0.3 * (sum(map(ord, test)) % 10) / 10
        return course.nulls[subject] if test in {"null_share", "new_level_share"} else course.drift[subject] * beside
    if check == Check.QUALITY and subject in course.nulls and test == "null_share":
        return course.nulls[subject]
    if check == Check.PERFORMANCE and test in {"degradation", "estimate"}:
        return course.worsening + course.noise(0.05) + (3.0 if is_bad else 0.0)
    if test == "latency_p95":
        return course.slowness * (0.8 + (0.6 if is_bad else 0.0))
    if test in {"selection_rate", "true_positive_rate", "class_balance", "error_rate"}:
        return course.noise(0.2) + (3.5 if is_bad else 0.0)
    if test == "label_silence" and course.model.story is Story.BROKEN_FEED:
        return np.where(course.share_of_time > 0.99, 2.5, 0.1)
    return np.minimum(course.noise(0.2), 0.9)


def _values(course: Course, example: dict[str, Any], movement: Floats, scale: float) -> Floats:
    statistic, threshold = example["statistic"] or 0.0, example["threshold"]
    reference = example["details"].get("reference_value")
    if threshold is not None and reference is not None and example["test"] in {"degradation", "estimate"}:
        return np.asarray(reference - (reference - threshold) * movement)
    if example["test"] == "label_coverage":
        return np.where(course.is_mature, 0.97, 0.3) - course.noise(0.01)
    if example["subject"] == "multivariate":
        return np.asarray(statistic * (1 + 0.05 * movement))
    if example["test"] == "volume":
        return course.rows.astype(np.float64)
    if threshold:
        return np.asarray(threshold * movement * scale)
    return np.asarray(statistic * (1 + 0.1 * movement))


def _evaluated(course: Course, kind: Kind, count: int) -> list[bool]:
    check, subject, test, _ = kind
    if check == Check.PERFORMANCE and test in {"degradation", "estimate_error", "label_coverage"}:
        return list(course.is_mature.tolist())
    if subject == "multivariate" and test == "multivariate_check":
        return [False] * count
    if check == Check.DRIFT and subject == CATEGORICAL and course.model.story is Story.BROKEN_FEED:
        return list((course.share_of_time < 0.98).tolist())
    return [True] * count


def _severity(movement: float) -> Severity:
    return next((severity for limit, severity in _LIMITS if movement > limit), Severity.NONE)


def _written(value: Any) -> str:
    """A value that never changes, ready for a template."""
    return _NULL if value is None else escaped(str(value)).replace("%", "%%")


def _with_place(finding: dict[str, Any], description: str) -> tuple[str, str]:
    """The description with a place for its first mention of the statistic, and how the statistic is written there."""
    statistic = finding["statistic"]
    if statistic is not None:
        for how in ("%.3g", "%.1f%%", "%.2f%%", "%.2f", "%.3f"):
            shown = how % (100 * statistic if how.endswith("%%") else statistic)
            before, found, after = description.partition(f" {shown}")
            if found and not after[:1].isdigit():
                return f"{_written(before)} %s{_written(after)}", how
    return _written(description) + "%s", ""
