"""The application that shows Driftline's pages, for another application to mount."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse
from sqlalchemy import Engine
from starlette.exceptions import HTTPException

from driftline.errors import ConfigError, ConnectionNotConfigured, InputError, StoreError
from driftline.serving import RoutesChanged
from driftline.web import model_page, static_files
from driftline.web.access import LoginRequired, VisibleModels
from driftline.web.acting import Acting, Actor
from driftline.web.experiments_api import experiments_api
from driftline.web.experiments_pages import StaleForm, experiments_router
from driftline.web.headers import API_HEADERS
from driftline.web.incidents_pages import incidents_router
from driftline.web.pages import router
from driftline.web.rendering import page
from driftline.web.serving_pages import serving_router

_TITLES = {
    HTTPStatus.BAD_REQUEST: "This address is not right",
    HTTPStatus.UNAUTHORIZED: "Nobody is logged in",
    HTTPStatus.FORBIDDEN: "Not allowed",
    HTTPStatus.NOT_FOUND: "Not found",
    HTTPStatus.CONFLICT: "This has changed since",
    HTTPStatus.SERVICE_UNAVAILABLE: "Driftline cannot reach its database",
}


def create_app(
    open_store: Callable[[], Engine], require_reader: Callable[..., Any], acting: Acting | None = None
) -> FastAPI:
    """The pages, over the store that ``open_store`` opens.

    Parameters
    ----------
    open_store:
        Called for every page. May raise `ConnectionNotConfigured` or `StoreError`, which the page then tells.
    require_reader:
        A FastAPI dependency that stands before every page: it returns `VisibleModels`, or raises `LoginRequired` or an
        `HTTPException`.
    acting:
        What people need to act from the pages; without it the pages only show.
    """

    def admit(request: Request, visible: VisibleModels = Depends(require_reader)) -> None:  # noqa: B008
        request.state.visible_models = visible
        if any("\x00" in str(value) for value in request.path_params.values()):
            raise HTTPException(HTTPStatus.NOT_FOUND, "No name has a NUL character.")

    # Its own documentation pages would stand outside the dependency.
    before_all = [Depends(admit)] if acting is None else [Depends(admit), Depends(_recognise(acting))]
    app = FastAPI(title="Driftline", dependencies=before_all, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.open_store, app.state.acting = open_store, acting
    for pages in (router, model_page.router, static_files.router):
        app.include_router(pages)
    for pages in (incidents_router, experiments_router, serving_router, experiments_api):
        app.include_router(pages)
    app.add_exception_handler(LoginRequired, _to_login)
    app.add_exception_handler(HTTPException, _refusal)
    app.add_exception_handler(InputError, _bad_request)
    app.add_exception_handler(ConfigError, _bad_request)
    app.add_exception_handler(RoutesChanged, _conflict)
    app.add_exception_handler(StaleForm, _conflict)
    app.add_exception_handler(StoreError, _store_is_down)
    app.add_exception_handler(ConnectionNotConfigured, _store_is_down)
    return app


def _recognise(acting: Acting) -> Callable[..., None]:
    def recognise(request: Request, actor: Actor = Depends(acting.require_actor)) -> None:  # noqa: B008
        request.state.actor = actor

    return recognise


def _to_login(request: Request, error: Exception) -> Response:
    """A browser is led to the login and back; a program is told."""
    assert isinstance(error, LoginRequired)
    if "text/html" in request.headers.get("accept", "") and "authorization" not in request.headers:
        return RedirectResponse(error.login_address, HTTPStatus.SEE_OTHER, {"Cache-Control": "no-store"})
    return _problem(request, HTTPStatus.UNAUTHORIZED, "Log in, or send a valid token.", {"WWW-Authenticate": "Bearer"})


def _refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    told = "" if error.detail == status.phrase else str(error.detail)
    return _problem(request, status, told, dict(error.headers or {}))


def _bad_request(request: Request, error: Exception) -> Response:
    return _problem(request, HTTPStatus.BAD_REQUEST, str(error))


def _conflict(request: Request, error: Exception) -> Response:
    return _problem(request, HTTPStatus.CONFLICT, str(error))


def _store_is_down(request: Request, error: Exception) -> Response:
    return _problem(request, HTTPStatus.SERVICE_UNAVAILABLE, str(error), {"Retry-After": "30"})


def _problem(request: Request, status: HTTPStatus, told: str, headers: dict[str, str] | None = None) -> Response:
    title = _TITLES.get(status, status.phrase)
    if request.scope["path"].removeprefix(request.scope.get("root_path", "")).startswith("/api/"):
        return JSONResponse({"detail": told or title}, status, {**API_HEADERS, **(headers or {})})
    return page(request, "problem", status=status, headers=headers, title=title, told=told)
