"""The Data Docs page of a validation, as one file that opens offline."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from driftline.findings import Status
from driftline.quality.expectations import ExpectationType
from driftline.quality.validation import ExpectationOutcome, QualityValidation

_PAGE = "data_docs.html"

_STAND_INS = {character: chr(0xE000 + place) for place, character in enumerate("&<>\"'$")}
"""Characters that mean something to HTML or to Great Expectations' templates, and private ones to carry them."""

_TO_STAND_INS = str.maketrans(_STAND_INS)
_TO_HTML = str.maketrans({stand_in: f"&#{ord(character)};" for character, stand_in in _STAND_INS.items()})

_LINK_INTO_SITE = re.compile(r'<a href="\.\./[^"]*"\s*>(.*?)</a>', re.DOTALL)
"""A link to another page of the site that Great Expectations would have built."""

_SHOWN_VALUES = 20


def data_docs(validation: QualityValidation) -> str:
    """The page that Great Expectations renders of the result: one HTML document that loads nothing from anywhere.

    Names and values from the log appear as text, whatever markup they hold.
    """
    from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer

    document = ValidationResultsPageRenderer(run_info_at_end=True).render(_carried_result(validation))
    unevaluated = [
        _carried({"subject": outcome.expectation.subject, "test": outcome.expectation.test, "reason": outcome.reason})
        for outcome in validation.outcomes
        if outcome.status is Status.NOT_EVALUATED
    ]
    page: str = _view().render(
        document,
        template=_PAGE,
        rows_checked=validation.rows_checked,
        rows_in_window=validation.rows_in_window,
        unevaluated=unevaluated,
    )
    return _LINK_INTO_SITE.sub(r"\1", page).translate(_TO_HTML)


def _view() -> Any:
    """Great Expectations' own view, which finds our page beside its templates: theirs loads scripts from afar."""
    from great_expectations.render.view import DefaultJinjaPageView
    from jinja2 import ChoiceLoader, FileSystemLoader

    view = DefaultJinjaPageView()
    view.env.loader = ChoiceLoader([FileSystemLoader(Path(__file__).parent), view.env.loader])
    return view


def _carried_result(validation: QualityValidation) -> Any:
    """The evaluated part of the result; its names and values hold stand-ins.

    Great Expectations escapes some of what it prints, but not all.
    """
    from great_expectations.core import ExpectationSuiteValidationResult

    results = [
        _carried_single(outcome, single)
        for outcome, single in zip(validation.outcomes, validation.results, strict=True)
        if single is not None and outcome.status is not Status.NOT_EVALUATED
    ]
    successes = sum(result.success for result in results)
    return ExpectationSuiteValidationResult(
        success=successes == len(results),
        suite_name=_carried(validation.result.suite_name),
        results=results,
        statistics={
            "evaluated_expectations": len(results),
            "successful_expectations": successes,
            "unsuccessful_expectations": len(results) - successes,
            "success_percent": 100 * successes / len(results) if results else None,
        },
        meta=_carried(_run_information(validation.result.meta)),
    )


def _carried_single(outcome: ExpectationOutcome, single: Any) -> Any:
    from great_expectations.core import ExpectationValidationResult
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    written = _carried(single.to_json_dict())
    arguments = {name: value for name, value in written["expectation_config"]["kwargs"].items() if name != "batch_id"}
    result = dict(written["result"])
    result["partial_unexpected_list"] = result.get("partial_unexpected_list", [])[:_SHOWN_VALUES]
    if outcome.expectation.type in (ExpectationType.NOT_NULL, ExpectationType.NULL_SHARE):
        result["partial_unexpected_list"] = []
    return ExpectationValidationResult(
        success=written["success"],
        expectation_config=ExpectationConfiguration(type=written["expectation_config"]["type"], kwargs=arguments),
        result=result,
    )


def _run_information(meta: dict[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = {
        key: meta[key] for key in ("great_expectations_version", "validation_time", "run_id") if key in meta
    }
    return {**shown, "batch_spec": {"data_asset_name": "prediction log"}}


def _carried(value: Any) -> Any:
    if isinstance(value, str):
        return value.translate(_TO_STAND_INS)
    if isinstance(value, dict):
        return {key: _carried(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_carried(inner) for inner in value]
    return value
