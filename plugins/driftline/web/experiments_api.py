"""Experiments for programs: the same as the pages and the command line, as JSON.

Reading takes what the pages take. Changing takes a bearer token in the header: a browser sends its cookie with whatever
a page of another site makes it send, and no header.
"""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from json import JSONDecodeError
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from sqlalchemy import Connection
from starlette.exceptions import HTTPException

from driftline.config.experiment_files import described_experiment
from driftline.errors import InputError
from driftline.experiments.verdict import Ruling, Verdict
from driftline.monitoring.experiment_report import record_json, verdict_json
from driftline.store.engine import store_transaction
from driftline.store.experiment_verdicts import latest_verdict, verdicts
from driftline.store.experiments import ExperimentRecord, all_experiments, experiment
from driftline.store.reading import store_reading
from driftline.web.access import require_visible, visible_models
from driftline.web.acting import Actor, require_change
from driftline.web.experiments_pages import StaleForm, controller_of
from driftline.web.experiments_view import standing_of
from driftline.web.headers import API_HEADERS

LARGEST_BODY = 256 * 1024
"""Bytes."""

experiments_api = APIRouter(prefix="/api/experiments", include_in_schema=False)


async def _document(request: Request) -> dict[str, Any]:
    """The JSON object that was sent; nothing sent is an empty one."""
    length = request.headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > LARGEST_BODY:
        raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"A body has at most {LARGEST_BODY:,} bytes.")
    try:
        document = await request.json() if int(length) else {}
    except (JSONDecodeError, UnicodeDecodeError, RecursionError):
        raise HTTPException(HTTPStatus.BAD_REQUEST, "The body is no JSON.") from None
    if not isinstance(document, dict):
        raise HTTPException(HTTPStatus.BAD_REQUEST, "The body is no JSON object.")
    return document


Document = Annotated[dict[str, Any], Depends(_document)]


@experiments_api.get("")
def list_experiments(request: Request, model: str = "") -> JSONResponse:
    """Those of the models that the reader may see, the newest first."""
    with store_reading(request.app.state.open_store()) as connection:
        known = all_experiments(connection, model=model or None)
    visible = visible_models(request, {record.model for record in known})
    return _answer([record_json(record) for record in known if record.model in visible])


@experiments_api.get("/{name}")
def show_experiment(request: Request, name: str) -> JSONResponse:
    """One, with all its verdicts; ``standing`` can be sent back with what is decided on it."""
    record = _record(request, name)
    with store_reading(request.app.state.open_store()) as connection:
        history = verdicts(connection, name)
    shown = [verdict_json(verdict) for verdict in history]
    latest = next((each for each in reversed(history) if each.phase == record.phase), None)
    return _answer({**record_json(record), "verdicts": shown, "standing": standing_of(record, latest)})


@experiments_api.post("")
def create(request: Request, document: Document, start: bool = False) -> JSONResponse:
    """Keeps the experiment that the body describes as a YAML file would; the same one again changes nothing."""
    config = described_experiment(document, "the body")
    actor = _require_actor(request, config.model)
    controller, name = controller_of(request), config.experiment
    record = controller.create_ab_test(config, actor=actor.name)
    if start:
        record = controller.start_ab_test(name, actor=actor.name)
    return _answer(record_json(record), HTTPStatus.CREATED)


@experiments_api.post("/{name}/start")
def start(request: Request, name: str, document: Document) -> JSONResponse:
    """Begins a phase."""
    actor = _require_actor(request, _record(request, name).model)
    with store_transaction(request.app.state.open_store()) as connection:
        _require_standing(connection, name, document)
        return _answer(
            record_json(controller_of(request).start_in(connection, name, actor=actor.name, at=datetime.now(UTC)))
        )


@experiments_api.post("/{name}/stop")
def stop(request: Request, name: str, document: Document) -> JSONResponse:
    """Ends it without a verdict; the body has the ``reason``."""
    actor = _require_actor(request, _record(request, name).model)
    reason, at = _text(document, "reason"), datetime.now(UTC)
    with store_transaction(request.app.state.open_store()) as connection:
        _require_standing(connection, name, document)
        return _answer(
            record_json(controller_of(request).stop_in(connection, name, actor=actor.name, reason=reason, at=at))
        )


@experiments_api.post("/{name}/verdict")
def decide(request: Request, name: str, document: Document) -> JSONResponse:
    """Rules, whatever the analysis says; the body has ``verdict``, ``reason`` and, to promote, ``winner``."""
    actor = _require_actor(request, _record(request, name).model)
    verdict = _text(document, "verdict")
    if verdict not in set(Verdict):
        raise InputError(f"`verdict` is {verdict!r}. Choose one of: {', '.join(Verdict)}.")
    winner = _text(document, "winner") if document.get("winner") is not None else None
    ruling = Ruling(Verdict(verdict), _text(document, "reason"), winner)
    controller, at = controller_of(request), datetime.now(UTC)
    with store_transaction(request.app.state.open_store()) as connection:
        _require_standing(connection, name, document)
        ruled, done = controller.decide_in(connection, name, ruling, actor=actor.name, at=at)
    return _answer({**verdict_json(ruled), "done": done}, HTTPStatus.CREATED)


def _require_actor(request: Request, model: str) -> Actor:
    require_visible(request, model)
    if not request.headers.get("authorization", "").lower().startswith("bearer "):
        raise HTTPException(
            HTTPStatus.UNAUTHORIZED,
            "To change something, send Airflow's token: Authorization: Bearer TOKEN. A cookie opens the pages only.",
            {"WWW-Authenticate": "Bearer"},
        )
    return require_change(request, model)


def _record(request: Request, name: str) -> ExperimentRecord:
    try:
        with store_reading(request.app.state.open_store()) as connection:
            record = experiment(connection, name)
    except InputError:
        raise HTTPException(HTTPStatus.NOT_FOUND, f"There is no experiment {name!r}.") from None
    require_visible(request, record.model)
    return record


def _require_standing(connection: Connection, name: str, document: dict[str, Any]) -> None:
    """Where the body says how the experiment stood, it stands so still."""
    record = experiment(connection, name, lock=True)
    now = standing_of(record, latest_verdict(connection, name, record.phase))
    if document.get("standing", now) != now:
        raise StaleForm(f"{name} stands otherwise by now ({now}): nothing was done. Read it again and decide anew.")


def _text(document: dict[str, Any], key: str) -> str:
    value = document.get(key)
    if not isinstance(value, str) or not value.strip():
        raise InputError(f"`{key}` is {value!r}; a text is expected.")
    return value


def _answer(content: Any, status: HTTPStatus = HTTPStatus.OK) -> JSONResponse:
    return JSONResponse(content, status, dict(API_HEADERS))
