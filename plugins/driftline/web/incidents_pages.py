"""Incidents: what is open and what was, and what people do about them."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from http import HTTPStatus
from typing import Any, TypeVar

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException

from driftline.alerts.incidents import Incident
from driftline.config.durations import parse_duration
from driftline.errors import InputError
from driftline.findings import Severity
from driftline.monitoring.telling import tell_acknowledged, tell_resolved
from driftline.store.engine import store_transaction
from driftline.store.incident_lists import IncidentSearch, find_incidents, models_with_incidents
from driftline.store.incidents import acknowledge_incident, known_incidents, resolve_incident
from driftline.store.reading import store_reading
from driftline.store.silences import add_silence, end_silence, known_silence, silences_in_force
from driftline.web.access import require_visible, visible_models
from driftline.web.acting import Actor, audience_of, changeable_models, may_change, require_change
from driftline.web.acting_words import standing
from driftline.web.addresses import incident_path, query, whole_number
from driftline.web.forms import Form, Submitted, require_sealed, seal
from driftline.web.incidents_view import IncidentView, cause_in_silences, quieting, view_incident
from driftline.web.rendering import page as rendered
from driftline.web.rendering import root_of

PAGE_LENGTH = 100
SPANS = {
    "1h": "an hour",
    "4h": "4 hours",
    "8h": "8 hours",
    "1d": "a day",
    "3d": "3 days",
    "7d": "a week",
    "30d": "30 days",
}
"""How long silences last, as durations and as words."""


class Show(StrEnum):
    """Which incidents are listed."""

    OPEN = "open"
    PAST = "past"
    ALL = "all"


class StaleForm(InputError):
    """What the form is about has changed since it was shown."""


Choice = TypeVar("Choice", bound=StrEnum)

incidents_router = APIRouter(include_in_schema=False)


@incidents_router.get("/incidents")
def incidents(
    request: Request, *, show: str = "open", model: str = "", severity: str = "", q: str = "", page: str = "1"
) -> Response:
    """The incidents of the models that the reader may see, and the silences in force."""
    chosen, number = _one_of(Show, show, "show"), max(whole_number(page, "page"), 1)
    level = _one_of(Severity, severity, "severity") if severity else None
    now = datetime.now(UTC)
    with store_reading(request.app.state.open_store()) as connection:
        known = models_with_incidents(connection)
        silences = silences_in_force(connection, now)
        visible = visible_models(request, {*known, *(silence.model for silence in silences)})
        models = [each for each in known if each in visible and model in {"", each}]
        is_open = {Show.OPEN: True, Show.PAST: False, Show.ALL: None}[chosen]
        search = IncidentSearch(models=models, is_open=is_open, severity=level, text=q.strip())
        found = find_incidents(connection, search, limit=PAGE_LENGTH, offset=PAGE_LENGTH * (number - 1))
    shown = [silence for silence in silences if silence.model in visible and model in {"", silence.model}]
    changeable = changeable_models(request, {silence.model for silence in shown})
    return rendered(
        request,
        "incidents",
        found=found,
        asked={"show": chosen.value, "model": model, "severity": severity, "q": q.strip(), "page": number},
        pages=max(-(-found.found // PAGE_LENGTH), 1),
        severities=[each.value for each in reversed(Severity) if each is not Severity.NONE],
        silences=shown,
        seals={each.silence_id: seal(request, _end_of(each.silence_id)) for each in shown if each.model in changeable},
        quieted={each.incident_id for each in found.incidents if quieting(silences, each)},
        are_any=any(each in visible for each in known),
        unseen=sum(each not in visible for each in known),
    )


@incidents_router.get("/incidents/{incident_id}")
def incident(request: Request, incident_id: str) -> Response:
    """One incident: its findings grouped, what was told, and what can be done."""
    view = _view(request, incident_id)
    return _shown(request, view)


@incidents_router.post("/incidents/{incident_id}/{action}")
def act(request: Request, incident_id: str, action: str, form: Form) -> Response:
    """Acknowledges, resolves or silences, where the incident still stands as it was shown."""
    if action not in {"acknowledge", "resolve", "silence"}:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    view = _view(request, incident_id)
    actor = require_change(request, view.incident.model)
    try:
        require_sealed(request, form, f"incident/{view.incident.incident_id}")
        {"acknowledge": _acknowledge, "resolve": _resolve, "silence": _silence}[action](request, view, actor, form)
    except StaleForm as stale:
        anew = _view(request, incident_id)
        return _shown(request, anew, status=HTTPStatus.CONFLICT, problem=f"Nothing was changed. {stale}")
    except InputError as error:
        return _shown(request, view, status=HTTPStatus.BAD_REQUEST, problem=str(error), asked=form)
    return _to(request, incident_path(view.incident.incident_id))


@incidents_router.post("/silences/{silence_id}/end")
def end(request: Request, silence_id: str, form: Form) -> Response:
    """Ends a silence before its time."""
    number = whole_number(silence_id, "silence")
    with store_reading(request.app.state.open_store()) as connection:
        found = known_silence(connection, number)
    if found is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, f"There is no silence {number}.")
    require_visible(request, found.model)
    actor = require_change(request, found.model)
    require_sealed(request, form, _end_of(number))
    try:
        with store_transaction(request.app.state.open_store()) as connection:
            end_silence(connection, number, ended_by=actor.name, at=datetime.now(UTC))
    except InputError as error:
        raise HTTPException(HTTPStatus.CONFLICT, f"Nothing was changed. {error}") from None
    return _to(request, "incidents")


def _acknowledge(request: Request, view: IncidentView, actor: Actor, form: Submitted) -> None:
    at, incident_id = datetime.now(UTC), view.incident.incident_id
    with store_transaction(request.app.state.open_store()) as connection:
        _require_same(known_incidents(connection, [incident_id])[0], form)
        changed = acknowledge_incident(connection, incident_id, by=actor.name, at=at)
        tell_acknowledged(connection, audience_of(request, changed.model), changed, at=at)


def _resolve(request: Request, view: IncidentView, actor: Actor, form: Submitted) -> None:
    at, incident_id, reason = datetime.now(UTC), view.incident.incident_id, form.reason()
    with store_transaction(request.app.state.open_store()) as connection:
        _require_same(known_incidents(connection, [incident_id])[0], form)
        changed = resolve_incident(connection, incident_id, by=actor.name, at=at)
        why = f"Resolved by {changed.resolved_by}: {reason}"
        tell_resolved(connection, audience_of(request, changed.model), [incident_id], why=why, at=at)


def _silence(request: Request, view: IncidentView, actor: Actor, form: Submitted) -> None:
    scope, _, subject = form.values.get("scope", "").partition(":")
    if scope not in {"cause", "model", "subject"} or (scope == "subject" and subject not in view.subjects):
        raise InputError("Choose what to silence: the model, the cause, or one of its subjects.")
    try:
        span = parse_duration(form.text("span"))
    except ValueError as error:
        raise InputError(f"How long to be silent {error}.") from None
    reason = form.reason()
    with store_transaction(request.app.state.open_store()) as connection:
        _require_same(known_incidents(connection, [view.incident.incident_id])[0], form)
        add_silence(
            connection,
            model=view.incident.model,
            cause="" if scope == "model" else cause_in_silences(view.incident),
            subject=subject if scope == "subject" else "",
            reason=reason,
            created_by=actor.name,
            at=datetime.now(UTC),
            span=span,
        )


def _require_same(incident: Incident, form: Submitted) -> None:
    if form.values.get("standing") != standing(incident):
        raise StaleForm(f"Incident {incident.incident_id} has changed since the page was shown. Look again.")


def _view(request: Request, incident_id: str) -> IncidentView:
    number = whole_number(incident_id, "incident")
    with store_reading(request.app.state.open_store()) as connection:
        view = view_incident(connection, number, datetime.now(UTC))
    if view is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, f"There is no incident {number}. The list shows those that are kept.")
    require_visible(request, view.incident.model)
    return view


def _shown(request: Request, view: IncidentView, status: HTTPStatus = HTTPStatus.OK, **told: Any) -> Response:
    can_act = may_change(request, view.incident.model)
    values = {"problem": "", "asked": Submitted({}), **told}
    return rendered(
        request,
        "incident",
        status=status,
        view=view,
        incident=view.incident,
        can_act=can_act,
        seal=seal(request, f"incident/{view.incident.incident_id}") if can_act else "",
        end_seals={each.silence_id: seal(request, _end_of(each.silence_id)) for each in view.silences if can_act},
        spans=SPANS,
        **values,
    )


def _end_of(silence_id: int) -> str:
    return f"end/{silence_id}"


def _one_of(kind: type[Choice], written: str, name: str) -> Choice:
    try:
        return kind(written)
    except ValueError:
        raise InputError(f"{name} is {written!r}. Choose one of: {', '.join(kind)}.") from None


def _to(request: Request, path: str, asked: dict[str, object] | None = None) -> Response:
    address = root_of(request) + path + query(asked or {})
    return RedirectResponse(address, HTTPStatus.SEE_OTHER, {"Cache-Control": "no-store"})
