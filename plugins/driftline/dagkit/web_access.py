"""Airflow's own authentication and permissions before every page: plugins' applications are mounted without any."""

from __future__ import annotations

from collections.abc import Collection
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlencode

from airflow.api_fastapi.app import get_auth_manager, get_cookie_path
from airflow.api_fastapi.auth.managers.models.resource_details import AccessView
from airflow.api_fastapi.core_api.security import bearer_scheme, get_user
from airflow.configuration import conf
from airflow.models.dag import DagModel
from fastapi import Depends, HTTPException, Request

from driftline.web.access import LoginRequired, VisibleModels
from driftline.web.acting import Actor
from driftline.web.addresses import monitor_dag_id

if TYPE_CHECKING:
    from airflow.api_fastapi.auth.managers.base_auth_manager import ResourceMethod


async def _user(request: Request) -> Any:
    """The user of the request's bearer token, else of Airflow's cookie."""
    try:
        return await get_user(request, None, await bearer_scheme(request))
    except HTTPException as refused:
        raise LoginRequired(_login_address(request)) from refused


def require_reader(user: Annotated[Any, Depends(_user)]) -> VisibleModels:
    """Who may see Airflow's site may see the models whose DAGs they may read."""
    if not get_auth_manager().is_authorized_view(access_view=AccessView.WEBSITE, user=user):
        raise HTTPException(HTTPStatus.FORBIDDEN, "You may not see Airflow's site. Ask its administrator.")
    return lambda models: _allowed(user, models, "GET")


def require_actor(user: Annotated[Any, Depends(_user)]) -> Actor:
    """Who may edit a monitor's DAG may change its model: viewing and acting are two rights."""
    return Actor(str(user.get_id()), str(user.get_name()), lambda models: _allowed(user, models, "PUT"))


def _allowed(user: Any, models: Collection[str], method: ResourceMethod) -> Collection[str]:
    """Asks for the DAGs by name: results outlive their DAG, and may be older than it."""
    model_of = {monitor_dag_id(model): model for model in models}
    by_team: dict[str | None, set[str]] = {}
    teams = _teams(list(model_of))
    for dag_id in model_of:
        by_team.setdefault(teams.get(dag_id), set()).add(dag_id)
    manager = get_auth_manager()
    return {
        model_of[dag_id]
        for team, dag_ids in by_team.items()
        for dag_id in manager.filter_authorized_dag_ids(dag_ids=dag_ids, user=user, method=method, team_name=team)
    }


def _teams(dag_ids: list[str]) -> dict[str, str | None]:
    if not conf.getboolean("core", "multi_team"):
        return {}
    teams: dict[str, str | None] = DagModel.get_dag_id_to_team_name_mapping(dag_ids)
    return teams


def _login_address(request: Request) -> str:
    """Where every auth manager's login begins; it leads back to the page that was asked for.

    What a form was sent to is no page: from there it leads back to the first one.
    """
    asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    if request.method not in {"GET", "HEAD"}:
        asked = f"{request.scope.get('root_path', '')}/"
    return f"{get_cookie_path()}api/v2/auth/login?{urlencode({'next': asked})}"
