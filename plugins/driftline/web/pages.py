"""The pages: overview, a model's windows, a window, its stored reports."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.exceptions import HTTPException

from driftline.errors import InputError
from driftline.store.overview import model_figures, model_standings
from driftline.store.reading import (
    WindowSummary,
    report_kinds,
    store_reading,
    window_of_run,
    windows_ending,
)
from driftline.store.verdicts import verdict_versions
from driftline.store.windows import window_findings, window_report
from driftline.web.access import require_visible, visible_models
from driftline.web.addresses import (
    model_path,
    monitor_dag_id,
    monitored_model,
    parse_moment,
    report_path,
    stamp,
    whole_number,
    window_path,
)
from driftline.web.headers import STORED_PAGE_HEADERS
from driftline.web.overview_view import STATE_WORDS, Asked, State, view_overview
from driftline.web.rendering import page as rendered
from driftline.web.rendering import root_of
from driftline.web.window_view import view_window
from driftline.windows import Window

router = APIRouter(include_in_schema=False)


@router.get("/")
def overview(request: Request, q: str = "", state: str = "", page: str = "1") -> Response:
    """One row a model: how it stands, the most harmed first."""
    asked = Asked(q.strip(), _state(state), max(whole_number(page, "page"), 1))
    with store_reading(request.app.state.open_store()) as connection:
        known = model_standings(connection)
        visible = visible_models(request, {standing.model for standing in known})
        shown = [standing for standing in known if standing.model in visible]
        view = view_overview(shown, asked, partial(model_figures, connection))
    return rendered(request, "overview", view=view, hidden=len(known) - len(shown), state_words=STATE_WORDS)


@router.get("/windows/{model}/{window_end}")
def window(request: Request, model: str, window_end: str, window_start: str | None = None) -> Response:
    """All that is known of a window. Where several end then, ``window_start`` chooses; else the newest is shown."""
    require_visible(request, model)
    end, start = _moments(window_end, window_start)
    with store_reading(request.app.state.open_store()) as connection:
        chosen, others = _chosen(windows_ending(connection, model, end), model, start)
        findings = window_findings(connection, model, chosen.window)
        versions = verdict_versions(connection, model, chosen.window)
        kinds = report_kinds(connection, model, chosen.window)
    view = view_window(chosen, findings, versions)
    return rendered(request, "window", view=view, summary=chosen, others=others, reports=kinds)


@router.get("/windows/{model}/{window_end}/reports/{kind}")
def report(request: Request, model: str, window_end: str, kind: str, window_start: str | None = None) -> Response:
    """A stored page of the window (``drift``, ``quality``), shut into a sandbox."""
    require_visible(request, model)
    end, start = _moments(window_end, window_start)
    with store_reading(request.app.state.open_store()) as connection:
        chosen, _ = _chosen(windows_ending(connection, model, end), model, start)
        body = window_report(connection, model, chosen.window, kind)
    if body is None:
        raise HTTPException(
            HTTPStatus.NOT_FOUND,
            f"The window {chosen.window} of {model} has no {kind} report. Its page lists the reports that it has.",
        )
    return HTMLResponse(body, headers=dict(STORED_PAGE_HEADERS))


@router.get("/dags/{dag_id}")
def dag(request: Request, dag_id: str) -> Response:
    """From a monitor's DAG to its model."""
    return _redirect(request, model_path(_model_of(dag_id)))


@router.get("/dags/{dag_id}/runs/{run_id}")
def run(request: Request, dag_id: str, run_id: str) -> Response:
    """From a monitor's run to its window."""
    model, found = _window_of(request, dag_id, run_id)
    return _redirect(request, f"{window_path(model, found.end)}?window_start={stamp(found.start)}")


@router.get("/dags/{dag_id}/runs/{run_id}/reports/{kind}")
def report_of_run(request: Request, dag_id: str, run_id: str, kind: str) -> Response:
    """From a monitor's task to the report that it left."""
    model, found = _window_of(request, dag_id, run_id)
    return _redirect(request, report_path(model, found, kind))


def _window_of(request: Request, dag_id: str, run_id: str) -> tuple[str, Window]:
    model = _model_of(dag_id)
    require_visible(request, model)
    with store_reading(request.app.state.open_store()) as connection:
        found = window_of_run(connection, model, run_id)
    if found is None:
        raise HTTPException(
            HTTPStatus.NOT_FOUND,
            f"The run {run_id} has no window: its task extract_slices has not ended yet, or another run has checked "
            "the same window since.",
        )
    return model, found


def _redirect(request: Request, path: str) -> Response:
    return RedirectResponse(root_of(request) + path, HTTPStatus.SEE_OTHER, {"Cache-Control": "no-store"})


def _model_of(dag_id: str) -> str:
    model = monitored_model(dag_id)
    if model is None:
        raise HTTPException(
            HTTPStatus.NOT_FOUND, f"The DAG {dag_id} watches no model: Driftline's monitors are called monitor__MODEL."
        )
    return model


def _moments(window_end: str, window_start: str | None) -> tuple[datetime, datetime | None]:
    start = None if window_start is None else parse_moment(window_start, "window's start")
    return parse_moment(window_end, "window's end"), start


def _chosen(
    ending: list[WindowSummary], model: str, start: datetime | None
) -> tuple[WindowSummary, list[WindowSummary]]:
    fitting = [summary for summary in ending if start is None or summary.window.start == start]
    if not fitting:
        raise _no_window(model)
    return fitting[0], [summary for summary in ending if summary is not fitting[0]]


def _no_window(model: str) -> HTTPException:
    return HTTPException(
        HTTPStatus.NOT_FOUND,
        f"No such window of a model {model} is stored. It appears once the DAG {monitor_dag_id(model)} has checked it, "
        "or by: driftline check MODEL --window-end TIME. Windows older than the store keeps are gone.",
    )


def _state(written: str) -> State | None:
    try:
        return State(written) if written else None
    except ValueError:
        allowed = ", ".join(State)
        raise InputError(f"{written!r} is no state of a model. Choose one of: {allowed}.") from None
