"""Experiments: what is compared, what was found, what is ruled, and ruling oneself."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import Connection
from starlette.exceptions import HTTPException

from driftline.errors import InputError
from driftline.experiments.verdict import Ruling, Verdict
from driftline.store.engine import store_transaction
from driftline.store.experiment_lists import listed_experiments
from driftline.store.experiment_verdicts import latest_verdict
from driftline.store.experiments import ExperimentStatus, experiment
from driftline.store.reading import store_reading
from driftline.store.routing import current_routes
from driftline.web.access import require_visible, visible_models
from driftline.web.acting import actor_of, lent, may_change, require_change
from driftline.web.addresses import experiment_path
from driftline.web.experiments_view import ExperimentView, standing_of, view_experiment
from driftline.web.forms import Form, Submitted, require_sealed, seal
from driftline.web.rendering import page, root_of

if TYPE_CHECKING:
    from driftline.monitoring.ab_tests import ABTestController

SHOWN_EXPERIMENTS = 500


class Act(StrEnum):
    """What a person can do with an experiment."""

    START = "start"
    STOP = "stop"
    DECIDE = "decide"


class StaleForm(InputError):
    """The experiment has changed since the form was shown."""


experiments_router = APIRouter(include_in_schema=False)


@experiments_router.get("/experiments")
def experiments(request: Request, status: str = "", model: str = "", q: str = "") -> Response:
    """Those of the models that the reader may see, the running first."""
    if status and status not in set(ExperimentStatus):
        raise InputError(f"status is {status!r}. Choose one of: {', '.join(ExperimentStatus)}.")
    with store_reading(request.app.state.open_store()) as connection:
        known = listed_experiments(connection)
    visible = visible_models(request, {each.model for each in known})
    seen = [each for each in known if each.model in visible and model in {"", each.model}]
    asked = q.strip().lower()
    found = [
        each for each in seen if status in {"", each.status} and asked in f"{each.experiment} {each.model}".lower()
    ]
    return page(
        request,
        "experiments",
        experiments=found[:SHOWN_EXPERIMENTS],
        total=len(found),
        counts={each.value: sum(one.status is each for one in seen) for each in ExperimentStatus},
        asked={"status": status, "model": model, "q": q.strip()},
        unseen=sum(each.model not in visible for each in known),
    )


@experiments_router.get("/experiments/{name}")
def one(request: Request, name: str) -> Response:
    """One experiment: arms, effect, guardrails, verdicts, what happens next."""
    return _shown(request, _view(request, name))


@experiments_router.get("/experiments/{name}/{action}")
def review(request: Request, name: str, action: str) -> Response:
    """What starting, stopping or ruling would do, tried out; the page's form does it."""
    act, view = _act(action), _view(request, name)
    actor = require_change(request, view.record.model)
    asked = Submitted(dict(request.query_params))
    if not asked.values:
        return RedirectResponse(root_of(request) + experiment_path(name), HTTPStatus.SEE_OTHER)
    try:
        with store_transaction(request.app.state.open_store()) as connection:
            before = current_routes(connection, view.record.model)
            told = _do(request, connection, view, act, asked)
            after, status = current_routes(connection, view.record.model), experiment(connection, name).status
            connection.rollback()
    except InputError as error:
        return _refused(request, name, error, asked)
    return page(
        request,
        "experiment_review",
        view=view,
        act=act.value,
        asked=asked,
        told=told,
        before=before,
        after=after,
        status_after=status,
        actor=actor.name,
        seal=seal(request, f"{act}/{name}"),
    )


@experiments_router.post("/experiments/{name}/{action}")
def change(request: Request, name: str, action: str, form: Form) -> Response:
    """Does what was reviewed, where the experiment still stands as it did."""
    act, view = _act(action), _view(request, name)
    require_change(request, view.record.model)
    try:
        require_sealed(request, form, f"{act}/{name}")
        with store_transaction(request.app.state.open_store()) as connection:
            _do(request, connection, view, act, form)
    except InputError as error:
        return _refused(request, name, error, form)
    address = f"{root_of(request)}{experiment_path(name)}"
    return RedirectResponse(address, HTTPStatus.SEE_OTHER, {"Cache-Control": "no-store"})


def controller_of(request: Request) -> ABTestController:
    """What moves experiments, with what the hosting application lends."""
    from driftline.monitoring.ab_tests import ABTestController

    acting = lent(request)
    return ABTestController(request.app.state.open_store(), acting.models(), acting.resolve)


def _do(request: Request, connection: Connection, view: ExperimentView, act: Act, asked: Submitted) -> str:
    """In the caller's transaction; says what was done."""
    name, actor = view.record.experiment, actor_of(request)
    record = experiment(connection, name, lock=True)
    if asked.values.get("standing") != standing_of(record, latest_verdict(connection, name, record.phase)):
        raise StaleForm(f"{name} has changed since the page was shown: nothing was done. Look again and decide anew.")
    controller, at = controller_of(request), datetime.now(UTC)
    if act is Act.START:
        started = controller.start_in(connection, name, actor=actor.name, at=at)
        return f"Phase {started.phase} begins, and counts from nothing."
    reason = asked.reason()
    if act is Act.STOP:
        return controller.stop_in(connection, name, actor=actor.name, reason=reason, at=at).end_reason
    verdict = asked.choice("verdict")
    if verdict not in set(Verdict):
        raise InputError(f"The verdict is {verdict!r}. Choose one of: {', '.join(Verdict)}.")
    winner = asked.values.get("winner") if verdict == Verdict.PROMOTE else None
    ruling = Ruling(Verdict(verdict), reason, winner or None)
    return controller.decide_in(connection, name, ruling, actor=actor.name, at=at)[1]


def _act(action: str) -> Act:
    try:
        return Act(action)
    except ValueError:
        raise HTTPException(HTTPStatus.NOT_FOUND) from None


def _view(request: Request, name: str) -> ExperimentView:
    acting = request.app.state.acting
    models = {} if acting is None else acting.models()
    with store_reading(request.app.state.open_store()) as connection:
        try:
            view = view_experiment(connection, name, models)
        except InputError:
            # The list of those that there are would tell of models that the reader may not see.
            told = f"There is no experiment {name!r}. The list shows those that there are."
            raise HTTPException(HTTPStatus.NOT_FOUND, told) from None
    require_visible(request, view.record.model)
    return view


def _refused(request: Request, name: str, error: InputError, asked: Submitted) -> Response:
    status = HTTPStatus.CONFLICT if isinstance(error, StaleForm) else HTTPStatus.BAD_REQUEST
    return _shown(request, _view(request, name), status=status, problem=str(error), asked=asked)


def _shown(request: Request, view: ExperimentView, status: HTTPStatus = HTTPStatus.OK, **told: Any) -> Response:
    values = {"problem": "", "asked": Submitted({}), **told}
    can_act = may_change(request, view.record.model)
    return page(
        request,
        "experiment",
        status=status,
        view=view,
        record=view.record,
        can_act=can_act,
        now=datetime.now(UTC),
        **values,
    )
