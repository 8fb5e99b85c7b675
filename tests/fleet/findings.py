"""The fleet's findings: recorded ones, with the figures of each model's course, as lines of COPY's text format."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
_OK, _DETECTED, _NOT_EVALUATED = Status.OK.value, Status.DETECTED.value, Status.NOT_EVALUATED.value
SEVERITIES = tuple(Severity)
_LIMITS = (1.0, 1.3, 2.0, 3.0)
"""In multiples of the limit, from where on it is low, medium, high, critical."""
_CHECKS = {check.value: check for check in Check}
_BESIDE = Comparison.VERSION.value
_WINDOWS_AT_ONCE = 60
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
    values:
        The statistic.
    evaluated:
        False where it is told why it was not.
    renamed:
        What the recorded texts call otherwise.
    scale:
        Of the threshold and the interval, beside those recorded.
    """

    version: str
    segment: str
    subject: str
    told: Mapping[str, dict[str, Any]]
    movement: Floats
    values: Floats
    sizes: Sequence[int]
    evaluated: NDArray[np.bool_]
    renamed: tuple[str, str] | None = None
    scale: float = 1.0

    @cached_property
    def example(self) -> dict[str, Any]:
        return self.told.get(_OK) or next(iter(self.told.values()))

    @cached_property
    def severities(self) -> NDArray[np.int64]:
        """By window, the place in `SEVERITIES`; 0 where nothing is detected."""
        places = np.digitize(self.movement, _LIMITS)
        return places * self.evaluated * (_DETECTED in self.told)

    @cached_property
    def detected_in(self) -> list[int]:
        """The windows that it is detected in."""
        return [int(place) for place in np.flatnonzero(self.severities)]

    def seen(self, window: int) -> Seen:
        """What is detected in a window of `detected_in`."""
        example = self.example
        severity = SEVERITIES[self.severities[window]]
        return Seen(
            _CHECKS[example["check"]], self.version, example["comparison"], self.subject, example["test"], severity
        )

    def texts(self, first: int, last: int) -> list[str]:
        """Its lines in the windows from ``first`` to before ``last``, from the comparison on."""
        texts = self._judged(first, last)
        if _NOT_EVALUATED in self.told:
            template, _ = self._template(_NOT_EVALUATED)
            nothing = template % ("none", _NULL, _NULL, _NULL, _NULL, _NULL, 0, "")
            for place in np.flatnonzero(~self.evaluated[first:last]).tolist():
                texts[place] = nothing
        return texts

    def _judged(self, first: int, last: int) -> list[str]:
        values, movement = self.values[first:last], self.movement[first:last]
        template, number = self._template(_OK)
        columns = [
            self._column(values),
            repeat(_NULL) if self.example["p_value"] is None else self._column(np.exp(-3 * movement**2)),
            self._column(values * self._effect),
            *(
                (self._column(values - self._half), self._column(values + self._half))
                if self._half
                else (repeat(_NULL),) * 2
            ),
            self.sizes[first:last],
        ]
        texts = list(map(template.__mod__, zip(repeat("none"), *columns, self._shown(values, number), strict=False)))
        found = [place for place in self.detected_in if first <= place < last]
        template, number = self._template(_DETECTED) if found else ("", "")
        for place in found:
            texts[place - first] = self._detected(place, template, number)
        return texts

    def _detected(self, place: int, template: str, number: str) -> str:
        value, half = float(self.values[place]), self._half
        return template % (
            SEVERITIES[self.severities[place]].value,
            f"{value:.6g}",
            _NULL if self.example["p_value"] is None else f"{math.exp(-3 * self.movement[place] ** 2):.6g}",
            f"{value * self._effect:.6g}",
            f"{value - half:.6g}" if half else _NULL,
            f"{value + half:.6g}" if half else _NULL,
            self.sizes[place],
            next(iter(self._shown(self.values[place : place + 1], number))),
        )

    def _column(self, values: Floats) -> Iterable[str]:
        return map("%.6g".__mod__, values.tolist())

    def _shown(self, values: Floats, number: str) -> Iterable[str]:
        """The statistic as its description writes it."""
        if not number:
            return repeat("")
        return map(number.__mod__, (100 * values if number.endswith("%%") else values).tolist())

    @cached_property
    def _half(self) -> float:
        """Half of the interval; 0 without one."""
        low, high = self.example["interval_low"], self.example["interval_high"]
        return 0.0 if low is None or high is None else float((high - low) / 2 * self.scale)

    @cached_property
    def _effect(self) -> float:
        statistic, effect = self.example["statistic"], self.example["effect"]
        return effect / statistic if statistic and effect is not None else 0.0

    def _template(self, status: str) -> tuple[str, str]:
        """The line with places for its figures, and how the figure in its description is written."""
        finding = self.told.get(status, self.example)
        description, number = _with_place(finding, self._renamed(finding["description"]))
        threshold, shift = finding["threshold"], finding["minimum_detectable_shift"]
        fixed = [
            finding["comparison"], self.segment, self.subject, finding["test"], finding["check"],
            finding["reference_size"], None if threshold is None else threshold * self.scale, shift, finding["status"],
        ]  # fmt: skip
        texts = [self._renamed(finding[name]) for name in ("reason", "recommendation")]
        details = self._renamed(_details(id(finding), finding), is_json=True)
        parts = [_written(value) for value in fixed] + ["%s"] * 7
        parts += [_written(texts[0]), description, _written(texts[1]), _written(details)]
        return "\t".join(parts), number

    def _renamed(self, text: str, *, is_json: bool = False) -> str:
        if self.renamed is None:
            return text
        old, new = self.renamed
        return text.replace(old, json.dumps(new, ensure_ascii=False)[1:-1] if is_json else new)


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
                lines += [
                    _line(course, kind, told, version=version, segment=segment, subject=named) for named in subjects
                ]
    return sorted(
        lines,
        key=lambda line: (line.version, line.example["comparison"], line.segment, line.subject, line.example["test"]),
    )


def written_lines(course: Course, lines: Sequence[Line]) -> Iterator[str]:
    """The findings of all windows as COPY takes them, the windows in order."""
    model = course.model
    for first in range(0, len(model.windows), _WINDOWS_AT_ONCE):
        last = min(first + _WINDOWS_AT_ONCE, len(model.windows))
        texts = [(line, line.texts(first, last)) for line in lines]
        for number in range(first, last):
            window = model.windows[number]
            times = f"{window.start.isoformat()}\t{window.end.isoformat()}"
            found = f"\t{(window.end + FOUND_AFTER).isoformat()}\n"
            versions = {"", *model.versions_in(window)}
            heads = {version: f"{model.name}\t{times}\t{escaped(version)}\t" for version in versions}
            for line, written in texts:
                if line.version in heads and _is_compared(model, line, number):
                    yield heads[line.version] + written[number - first] + found


def detected(course: Course, lines: Sequence[Line]) -> list[list[Seen]]:
    """By window, what is detected of the whole."""
    model = course.model
    by_window: list[list[Seen]] = [[] for _ in model.windows]
    for line in lines:
        for number in () if line.segment else line.detected_in:
            versions = {"", *model.versions_in(model.windows[number])}
            if line.version in versions and _is_compared(model, line, number):
                by_window[number].append(line.seen(number))
    return by_window


def _kinds(task: Task) -> dict[Kind, dict[str, dict[str, Any]]]:
    kinds: dict[Kind, dict[str, dict[str, Any]]] = defaultdict(dict)
    for finding in recorded(task.value):
        kind = (finding["check"], finding["subject"], finding["test"], finding["comparison"])
        kinds[kind][finding["status"]] = finding
    for (check, subject, test, comparison), told in kinds.items():
        surge = kinds.get((check, "basket", test, comparison), {}).get(_DETECTED)
        if test == "null_share" and subject in {NUMERIC, CATEGORICAL} and surge:
            told.setdefault(_DETECTED, _of_subject(surge, subject))
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
    if line.example["comparison"] != _BESIDE:
        return True
    begin = model.bad_from if line.version == model.versions[-1] and model.bad_from else model.rolled_out
    return model.windows[number].start - begin < _COMPARED_FOR * TICK


def _line(
    course: Course, kind: Kind, told: Mapping[str, dict[str, Any]], *, version: str, segment: str, subject: str
) -> Line:
    _, recorded_subject, test, _ = kind
    example = told.get(_OK) or next(iter(told.values()))
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
        renamed=(recorded_subject, subject) if subject != recorded_subject else None,
        scale=scale,
    )


def _movement(course: Course, kind: Kind, subject: str, *, is_bad: bool) -> Floats:
    check, _, test, _ = kind
    if subject in course.drift:
        return _feature_movement(course, check, test, subject)
    if check == Check.PERFORMANCE and test in {"degradation", "estimate"}:
        return course.worsening + course.noise(0.05) + (3.0 if is_bad else 0.0)
    if test == "latency_p95":
        return course.slowness * (0.8 + (0.6 if is_bad else 0.0))
    if test in {"selection_rate", "true_positive_rate", "class_balance", "error_rate"}:
        return course.noise(0.2) + (3.5 if is_bad else 0.0)
    if test == "label_silence" and course.model.story is Story.BROKEN_FEED:
        return np.where(course.share_of_time > 0.99, 2.5, 0.1)
    return np.minimum(course.noise(0.2), 0.9)


def _feature_movement(course: Course, check: str, test: str, subject: str) -> Floats:
    if test in {"null_share", "new_level_share"}:
        return course.nulls[subject]
    # Each test sees the same movement a little otherwise.
    own = 0.85 + 0.3 * (sum(map(ord, test)) % 10) / 10
    return course.drift[subject] * own if check == Check.DRIFT else np.minimum(course.noise(0.2), 0.9)


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


def _evaluated(course: Course, kind: Kind, count: int) -> NDArray[np.bool_]:
    check, subject, test, _ = kind
    if check == Check.PERFORMANCE and test in {"degradation", "estimate_error", "label_coverage"}:
        return course.is_mature
    if subject == "multivariate" and test == "multivariate_check":
        return np.zeros(count, dtype=np.bool_)
    if check == Check.DRIFT and subject == CATEGORICAL and course.model.story is Story.BROKEN_FEED:
        return np.asarray(course.share_of_time < 0.98)
    return np.ones(count, dtype=np.bool_)


_DETAILS: dict[int, str] = {}


def _details(key: int, finding: dict[str, Any]) -> str:
    """The recorded details as JSON, made once."""
    if key not in _DETAILS:
        _DETAILS[key] = json.dumps(finding["details"], ensure_ascii=False)
    return _DETAILS[key]


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
