"""The verdict as a report: plain text, Markdown, or one self-contained HTML page."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from driftline.drift.drawing import drawn
from driftline.drift.localization import DriftLocalization, FeatureLocalization
from driftline.drift.movement import Move, missing_move, moves_of
from driftline.drift.multivariate_judgement import SUBJECT
from driftline.drift.result import DriftResult, DriftSeverity
from driftline.drift.verdict import DriftVerdict


class ReportFormat(StrEnum):
    TEXT = "text"
    MARKDOWN = "markdown"
    HTML = "html"


MAXIMUM_DRAWN_FEATURES = 50
"""The page shows the distributions of so many features, the biggest movers first."""

_ACTIONS = {
    DriftSeverity.NONE: "Nothing to do.",
    DriftSeverity.LOW: "Watch: look again at the next window.",
    DriftSeverity.MEDIUM: "Look into the features below this week, and at the model's performance.",
    DriftSeverity.HIGH: "Look into the features below today; be ready to retrain.",
    DriftSeverity.CRITICAL: "Act now: find the cause at the source, and consider rolling back or retraining.",
}


@dataclass(frozen=True)
class FeatureReport:
    """What the report says about one feature."""

    name: str
    leading: DriftResult
    results: tuple[DriftResult, ...]
    moves: tuple[Move, ...]
    picture: Markup
    location: FeatureLocalization | None = None


def render_drift_report(
    verdict: DriftVerdict,
    title: str,
    report_format: ReportFormat,
    localization: DriftLocalization | None = None,
    joint: DriftVerdict | None = None,
) -> str:
    """Renders the verdict; every name and value that came from data is escaped for the format.

    With a localization the drifted features come by harm, and each says where its drift is. What is known of all
    features together (in ``joint``, or about the subject `SUBJECT` in ``verdict``) has a section of its own.
    """
    alone, together = _parted(verdict, joint)
    template = _templates(report_format).get_template(f"drift_report.{report_format.value}.jinja")
    return template.render(
        **_content(alone, title, localization or DriftLocalization(), with_pictures=report_format is ReportFormat.HTML),
        **_overall(alone, together),
    )


def _parted(verdict: DriftVerdict, joint: DriftVerdict | None) -> tuple[DriftVerdict, DriftVerdict]:
    """The features one by one, and together."""
    results = (*verdict.results, *(joint.results if joint else ()))
    alone = tuple(result for result in results if result.feature_name != SUBJECT)
    together = tuple(result for result in results if result.feature_name == SUBJECT)
    return replace(verdict, results=alone), DriftVerdict(together, joint.notes if joint else ())


def _overall(alone: DriftVerdict, together: DriftVerdict) -> dict[str, Any]:
    verdict = DriftVerdict((*alone.results, *together.results))
    return {
        "joint": together,
        "severity": verdict.severity,
        "status": _status(verdict),
        "action": _ACTIONS[verdict.severity] if verdict.is_evaluated else "Mend the input: the reasons are below.",
    }


def _content(
    verdict: DriftVerdict, title: str, localization: DriftLocalization, *, with_pictures: bool
) -> dict[str, Any]:
    leading = verdict.leading_results
    located = localization.by_feature
    drifted = dict.fromkeys([*located, *verdict.drifted_features])
    others = [name for name in leading if name not in drifted]
    ranked = [*drifted, *sorted(others, key=lambda name: _distance_left(leading[name]))]
    return {
        "title": title,
        "verdict": verdict,
        "features": [
            replace(
                _feature(verdict, name, leading[name], with_pictures and rank < MAXIMUM_DRAWN_FEATURES),
                location=located.get(name),
            )
            for rank, name in enumerate(ranked)
        ],
        "causes": localization.sentences,
        "evaluated": len({result.feature_name for result in verdict.results if not result.reason}),
    }


def _status(verdict: DriftVerdict) -> str:
    if not verdict.is_evaluated:
        return "Nothing could be evaluated"
    return f"Drift detected ({verdict.severity})" if verdict.detected else "No drift detected"


def _feature(verdict: DriftVerdict, name: str, leading: DriftResult, with_picture: bool) -> FeatureReport:
    pair = verdict.pairs.get(name)
    return FeatureReport(
        name=name,
        leading=leading,
        results=tuple(result for result in verdict.results if result.feature_name == name),
        moves=(*moves_of(pair), missing_move(pair)) if pair is not None else (),
        picture=Markup(drawn(pair)) if pair is not None and with_picture else Markup(""),  # noqa: S704 - escaped there
    )


def _distance_left(result: DriftResult) -> float:
    return -(result.statistic or 0.0) / result.threshold if result.threshold else 0.0


@cache
def _templates(report_format: ReportFormat) -> Environment:
    environment = Environment(
        loader=PackageLoader("driftline.drift", "templates"),
        autoescape=report_format is ReportFormat.HTML,  # noqa: S701 - the others are no HTML; Markdown has `cell`
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["number"] = _number
    environment.filters["percent"] = _percent
    environment.filters["cell"] = _markdown_cell
    return environment


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"


def _percent(share: float, digits: int = 0) -> str:
    """A share as a percentage; what rounds to nothing has no sign."""
    written = f"{share * 100:.{digits}f}"
    return f"{written.removeprefix('-') if float(written) == 0 else written} %"


def _markdown_cell(text: object) -> str:
    """Text that cannot break out of a Markdown table's cell, nor become markup."""
    kept = " ".join(str(text).split())
    for sign in "\\`*_{}[]<>|#":
        kept = kept.replace(sign, "\\" + sign)
    return kept
