"""From values to HTML. Whatever comes from data is escaped."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from http import HTTPStatus
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from driftline.decisions import Verdict
from driftline.findings import Finding
from driftline.web import figures
from driftline.web.acting_words import ACTING_FILTERS
from driftline.web.addresses import (
    experiment_path,
    finding_anchor,
    incident_path,
    model_path,
    query,
    run_path,
    serving_path,
    stamp,
    window_path,
)
from driftline.web.charts import Chart, Unit
from driftline.web.headers import page_headers
from driftline.web.static_files import static_path

_VERDICTS = {
    None: "Not decided yet",
    Verdict.NOTHING: "Nothing to do",
    Verdict.ALERT: "Alert",
    Verdict.ROLL_BACK: "Roll back",
}


def page(
    request: Request,
    template: str,
    *,
    status: HTTPStatus = HTTPStatus.OK,
    headers: Mapping[str, str] | None = None,
    **values: Any,
) -> HTMLResponse:
    """The page that a template makes of ``values``."""
    environment = _environment()
    body = environment.get_template(f"{template}.html.jinja").render(root=root_of(request), **values)
    return HTMLResponse(body, status, {**_page_headers(), **(headers or {})})


def root_of(request: Request) -> str:
    """The way from this page up to the pages' root, such as ``../../``."""
    path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
    return "../" * (path.count("/") - 1) or "./"


@cache
def _environment() -> Environment:
    loader = PackageLoader("driftline.web", "templates")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"number": _number, "moment": _moment, "verdict": _VERDICTS.__getitem__, "where": _where}
    environment.filters |= {
        "anchor": finding_anchor,
        "brief": _brief,
        "count": figures.count,
        "metric": lambda value, name: figures.metric(name, value),
        "metric_title": figures.metric_title,
        "milliseconds": figures.milliseconds,
        "plain_time": lambda moment: f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC",
        "query": query,
        "share": figures.share,
        "stamp": stamp,
        "unit": _in_unit,
    }
    environment.globals |= {"model_path": model_path, "run_path": run_path, "window_path": window_path}
    environment.filters |= ACTING_FILTERS
    environment.globals |= {
        "experiment_path": experiment_path,
        "incident_path": incident_path,
        "serving_path": serving_path,
    }
    environment.globals["static_path"] = static_path
    # Ours, not from data: marked, so that the hashes in the policy are those of what is sent.
    environment.globals |= {
        name: Markup(loader.get_source(environment, f"{name}.jinja")[0])  # noqa: S704
        for name in ("page_style", "acting_style", "page_script", "theme_script")
    }
    environment.globals["page_style"] = Markup("{page_style}{acting_style}").format(**environment.globals)
    return environment


@cache
def _page_headers() -> Mapping[str, str]:
    known = _environment().globals
    return page_headers(*(str(known[name]) for name in ("page_style", "page_script", "theme_script")))


def _where(finding: Finding) -> str:
    version = f"version {finding.version}" if finding.version else ""
    return ", ".join(part for part in (version, finding.segment) if part) or "all predictions"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"


def _moment(moment: datetime) -> Markup:
    """A time in UTC; the page's script adds the viewer's own."""
    in_utc = moment.astimezone(UTC)
    return Markup('<time datetime="{}">{}</time>').format(
        f"{in_utc:%Y-%m-%dT%H:%M:%SZ}", f"{in_utc:%Y-%m-%d %H:%M} UTC"
    )


def _in_unit(value: float | None, chart: Chart) -> str:
    match chart.unit:
        case Unit.SHARE:
            return figures.share(value)
        case Unit.MILLISECONDS:
            return figures.milliseconds(value)
        case Unit.COUNT:
            return figures.count(None if value is None else round(value))
        case Unit.NUMBER:
            return _number(value)


def _brief(moment: datetime) -> Markup:
    """A time in a narrow column: the page's script puts the viewer's own in its place, and UTC behind it."""
    in_utc = moment.astimezone(UTC)
    return Markup('<time class="brief" datetime="{}" title="{}">{}</time>').format(
        f"{in_utc:%Y-%m-%dT%H:%M:%SZ}", f"{in_utc:%Y-%m-%d %H:%M} UTC", f"{in_utc:%-d %b %H:%M} UTC"
    )
