"""What the overview says: which models are in trouble, the most harmed first, and the figures of those on the page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import ceil

from driftline.findings import Finding, Severity, Status
from driftline.performance.metric import METRIC_KINDS
from driftline.store.overview import ModelFigures, ModelStanding

PAGE_LENGTH = 50
"""Models of one page of the overview."""

_FIRST_METRICS = ("roc_auc", "accuracy", "f1", "rmse", "mae")
"""Of equally harmed metrics, the one that stands for the model's performance."""


class State(StrEnum):
    """What the overview sorts and filters by, the most harmed first."""

    TROUBLE = "trouble"
    """An incident is open, or the newest window asked for an alert or a rollback."""
    UNCHECKED = "unchecked"
    """No window has been judged, or nothing of the newest could be: nobody knows how it is."""
    NOTED = "noted"
    """Something was found, too small to alert."""
    CALM = "calm"


STATE_WORDS: Mapping[State, str] = {
    State.TROUBLE: "In trouble",
    State.UNCHECKED: "Not checked",
    State.NOTED: "Noted",
    State.CALM: "All right",
}


@dataclass(frozen=True)
class Asked:
    """What the address asks to see: a part of the models' names, one state, and which page (from 1)."""

    search: str = ""
    state: State | None = None
    page: int = 1


@dataclass(frozen=True)
class OverviewRow:
    """One model.

    Attributes
    ----------
    severity:
        Of the worst open incident or of the newest window, whichever is higher.
    performance:
        The metric (or estimate) that says most; ``None`` where nothing is known.
    latency, errors:
        The slowest version's 95th percentile in ms; the share of failed predictions over all versions (0 to 1).
    coverage:
        Share of the newest window's predictions that have a label (0 to 1); ``None`` without labels at all.
    """

    standing: ModelStanding
    state: State
    severity: Severity
    figures: ModelFigures
    performance: Finding | None
    latency: Finding | None
    errors: float | None
    errors_severity: Severity
    coverage: float | None
    is_provisional: bool


@dataclass(frozen=True)
class Overview:
    """One page of models; ``counts`` are of all that were found by name, by state."""

    rows: tuple[OverviewRow, ...]
    asked: Asked
    counts: Mapping[State, int]
    found: int
    total: int
    pages: int


Figures = Callable[[Sequence[ModelStanding]], Mapping[str, ModelFigures]]


def view_overview(standings: Sequence[ModelStanding], asked: Asked, figures: Figures) -> Overview:
    """The page that is asked for; ``figures`` is called once, with the models that are on it."""
    named = [each for each in standings if asked.search.casefold() in each.model.casefold()]
    counts = Counter(state_of(each) for each in named)
    found = sorted((each for each in named if asked.state in {None, state_of(each)}), key=_by_harm)
    pages = max(ceil(len(found) / PAGE_LENGTH), 1)
    page = min(asked.page, pages)
    shown = found[(page - 1) * PAGE_LENGTH : page * PAGE_LENGTH]
    of_shown = figures(shown) if shown else {}
    rows = tuple(_row(each, of_shown[each.model]) for each in shown)
    return Overview(rows, Asked(asked.search, asked.state, page), counts, len(found), len(standings), pages)


def state_of(standing: ModelStanding) -> State:
    if standing.is_alarming:
        return State.TROUBLE
    if standing.window is None or standing.is_unevaluated:
        return State.UNCHECKED
    return State.NOTED if standing.severity is not Severity.NONE else State.CALM


def severity_of(standing: ModelStanding) -> Severity:
    return max(standing.severity, standing.incident_severity, key=lambda severity: severity.rank)


def _by_harm(standing: ModelStanding) -> tuple[int, int, int, str]:
    state = list(State).index(state_of(standing))
    return (state, -severity_of(standing).rank, -standing.incidents, standing.model)


def _row(standing: ModelStanding, figures: ModelFigures) -> OverviewRow:
    errors = _of_test(figures.measured, "error_rate")
    rows = sum(finding.current_size or 0 for finding in errors)
    failed = sum((finding.statistic or 0.0) * (finding.current_size or 0) for finding in errors)
    return OverviewRow(
        standing=standing,
        state=state_of(standing),
        severity=severity_of(standing),
        figures=figures,
        performance=leading_metric(figures.measured),
        latency=max(_of_test(figures.measured, "latency_p95"), key=lambda one: one.statistic or 0.0, default=None),
        errors=failed / rows if rows else None,
        errors_severity=max((one.severity for one in errors), key=lambda one: one.rank, default=Severity.NONE),
        coverage=standing.labeled_rows / standing.rows if standing.rows and _has_labels(standing, figures) else None,
        is_provisional=any(one.details.get("is_provisional") for one in _of_test(figures.measured, "label_coverage")),
    )


def leading_metric(measured: Iterable[Finding]) -> Finding | None:
    """The metric that says most: the gravest, realised before estimated, the usual before others, of most rows."""
    candidates = [
        one for one in measured if one.test in {"degradation", "estimate"} and one.statistic is not None
        and one.subject in METRIC_KINDS
    ]  # fmt: skip
    return min(candidates, key=_by_say, default=None)


def _by_say(finding: Finding) -> tuple[int, bool, int, int]:
    is_unjudged = finding.test == "estimate" or finding.status is Status.NOT_EVALUATED
    place = _FIRST_METRICS.index(finding.subject) if finding.subject in _FIRST_METRICS else len(_FIRST_METRICS)
    return (-finding.severity.rank, is_unjudged, place, -(finding.current_size or 0))


def _has_labels(standing: ModelStanding, figures: ModelFigures) -> bool:
    return standing.labeled_rows > 0 or bool(_of_test(figures.measured, "label_coverage"))


def _of_test(findings: Iterable[Finding], test: str) -> list[Finding]:
    return [finding for finding in findings if finding.test == test and finding.statistic is not None]
