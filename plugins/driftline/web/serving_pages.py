"""Serving: who gets which model's traffic, how that came about, and changing it."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException

from driftline.errors import InputError
from driftline.monitoring.approval import answer
from driftline.monitoring.rollback_engine import rollback_policy
from driftline.rollback import Rollback, RollbackStatus
from driftline.serving import RoutesChanged
from driftline.store.reading import store_reading
from driftline.store.rollback_log import rollback_by_id
from driftline.store.serving_overview import served_models
from driftline.web.access import require_visible, visible_models
from driftline.web.acting import actor_of, changeable_models, lent, may_change, require_change
from driftline.web.addresses import query, serving_path, whole_number
from driftline.web.forms import Form, Submitted, require_sealed, seal
from driftline.web.rendering import page, root_of
from driftline.web.serving_changes import Kind, Wish, do, share_of, try_out
from driftline.web.serving_view import ServingView, view_serving

SHOWN_MODELS = 200

serving_router = APIRouter(include_in_schema=False)


@serving_router.get("/serving")
def serving(request: Request, q: str = "") -> Response:
    """One row a model: who serves it, and what waits for a person's word."""
    with store_reading(request.app.state.open_store()) as connection:
        known = served_models(connection)
    visible = visible_models(request, {each.model for each in known})
    asked = q.strip()
    found = [each for each in known if each.model in visible and asked.lower() in each.model.lower()]
    ranked = sorted(found, key=lambda each: (not each.waiting, each.model))
    return page(
        request,
        "serving",
        models=ranked[:SHOWN_MODELS],
        total=len(found),
        asked=asked,
        visible=len(visible),
        hidden=len(known) - len(visible),
        changeable=changeable_models(request, {each.model for each in ranked[:SHOWN_MODELS]}),
    )


@serving_router.get("/serving/{model}")
def serving_of(request: Request, model: str, revision: str = "", rollback: str = "") -> Response:
    """A model's routes, versions and history; ``revision`` or ``rollback`` names what was just done."""
    require_visible(request, model)
    return _shown(request, model, done_revision=revision, done_rollback=rollback)


@serving_router.get("/serving/{model}/{action}")
def review(request: Request, model: str, action: str) -> Response:
    """What a promotion or a rollback would do, tried out; the page's form does it."""
    kind = _kind(action)
    require_visible(request, model)
    actor = require_change(request, model)
    asked = Submitted(dict(request.query_params))
    if not asked.values:
        return RedirectResponse(root_of(request) + serving_path(model), HTTPStatus.SEE_OTHER)
    try:
        wish = _wish(kind, model, asked)
        outcome = try_out(request.app.state.open_store(), wish, actor.name)
    except RoutesChanged as changed:
        return _shown(request, model, status=HTTPStatus.CONFLICT, problem=str(changed))
    except InputError as error:
        return _shown(request, model, status=HTTPStatus.BAD_REQUEST, problem=str(error), asked=asked, asked_for=kind)
    return page(
        request, "serving_review", wish=wish, outcome=outcome, actor=actor.name, seal=seal(request, f"{kind}/{model}")
    )


@serving_router.post("/serving/{model}/{action}")
def change(request: Request, model: str, action: str, form: Form) -> Response:
    """Does what was reviewed, where the routes are still those that it was decided on."""
    kind = _kind(action)
    require_visible(request, model)
    actor = require_change(request, model)
    try:
        number = require_sealed(request, form, f"{kind}/{model}")
        wish = _wish(kind, model, form)
        outcome = do(request.app.state.open_store(), wish, actor.name, cause_key=f"{kind}/{model}/form/{number}")
    except RoutesChanged as changed:
        return _shown(request, model, status=HTTPStatus.CONFLICT, problem=f"Nothing was changed. {changed}")
    except InputError as error:
        told = f"Nothing was changed. {error}"
        return _shown(request, model, status=HTTPStatus.BAD_REQUEST, problem=told, asked=form, asked_for=kind)
    return _to(request, model, {"revision": outcome.change.revision})


@serving_router.get("/rollbacks/{rollback_id}")
def rollback(request: Request, rollback_id: str) -> Response:
    """One rollback: what asked for it, what was seen, and the two answers where it waits for one."""
    found = _found(request, rollback_id)
    return _of_rollback(request, found)


@serving_router.post("/rollbacks/{rollback_id}/{answered}")
def answer_rollback(request: Request, rollback_id: str, answered: str, form: Form) -> Response:
    """A person's word on a rollback that waits for it."""
    if answered not in {"approve", "decline"}:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    found = _found(request, rollback_id)
    actor = require_change(request, found.model)
    try:
        require_sealed(request, form, f"rollback/{found.rollback_id}")
        revision = form.number("revision")
    except InputError as error:
        return _of_rollback(request, found, status=HTTPStatus.BAD_REQUEST, problem=str(error))
    stale = _why_stale(request, found, revision)
    if stale:
        return _of_rollback(request, found, status=HTTPStatus.CONFLICT, problem=f"Nothing was changed. {stale}")
    config = lent(request).models().get(found.model)
    answer(
        request.app.state.open_store(),
        found.rollback_id,
        approved=answered == "approve",
        person=actor.name,
        policy=None if config is None else rollback_policy(config),
    )
    return _to(request, found.model, {"rollback": found.rollback_id})


def _kind(action: str) -> Kind:
    try:
        return Kind(action)
    except ValueError:
        raise HTTPException(HTTPStatus.NOT_FOUND) from None


def _wish(kind: Kind, model: str, asked: Submitted) -> Wish:
    return Wish(
        kind=kind,
        model=model,
        version=asked.choice("version"),
        reason=asked.reason(),
        revision=asked.number("revision"),
        share=share_of(asked.text("percent")) if kind is Kind.PROMOTE else Wish.share,
        target=asked.choice("target") if asked.text("target") else None,
    )


def _shown(request: Request, model: str, status: HTTPStatus = HTTPStatus.OK, **told: Any) -> Response:
    """The model's page as things are now."""
    with store_reading(request.app.state.open_store()) as connection:
        view = view_serving(connection, model)
        done = _done_rollback(connection, view, told.pop("done_rollback", ""))
    if not view.is_known:
        raise HTTPException(
            HTTPStatus.NOT_FOUND,
            f"The serving registry knows no version of a model {model}. Register one: driftline register {model} "
            "VERSION --artifact-uri URI",
        )
    values = {"problem": "", "asked": Submitted({}), "asked_for": None, **told}
    change = view.change(values.pop("done_revision", ""))
    can_act = may_change(request, model)
    return page(request, "serving_model", status=status, view=view, can_act=can_act, done=done, change=change, **values)


def _done_rollback(connection: Any, view: ServingView, written: str) -> Rollback | None:
    found = rollback_by_id(connection, whole_number(written, "rollback")) if written else None
    return found if found is not None and found.model == view.model else None


def _found(request: Request, rollback_id: str) -> Rollback:
    number = whole_number(rollback_id, "rollback")
    with store_reading(request.app.state.open_store()) as connection:
        found = rollback_by_id(connection, number)
    if found is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, f"There is no rollback {number}.")
    require_visible(request, found.model)
    return found


def _why_stale(request: Request, found: Rollback, revision: int) -> str:
    with store_reading(request.app.state.open_store()) as connection:
        now = view_serving(connection, found.model).routes.revision
    if found.status is not RollbackStatus.AWAITING_APPROVAL:
        return f"Rollback {found.rollback_id} does not wait for a person's word any more."
    if now != revision:
        return f"The routes of {found.model} are at revision {now}, and the page was shown with revision {revision}."
    return ""


def _of_rollback(request: Request, found: Rollback, status: HTTPStatus = HTTPStatus.OK, problem: str = "") -> Response:
    with store_reading(request.app.state.open_store()) as connection:
        view = view_serving(connection, found.model)
    can_act = may_change(request, found.model) and found.status is RollbackStatus.AWAITING_APPROVAL
    sealed = seal(request, f"rollback/{found.rollback_id}") if can_act else ""
    return page(
        request,
        "rollback",
        status=status,
        rollback=found,
        view=view,
        can_act=can_act,
        seal=sealed,
        problem=problem,
        actor=actor_of(request).name,
    )


def _to(request: Request, model: str, asked: dict[str, object]) -> Response:
    address = root_of(request) + serving_path(model) + query(asked)
    return RedirectResponse(address, HTTPStatus.SEE_OTHER, {"Cache-Control": "no-store"})
