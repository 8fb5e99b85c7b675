"""Who may change what, and what the hosting application lends the pages for it: viewing and acting are two rights."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fastapi import Request
from starlette.exceptions import HTTPException

from driftline.config import ModelConfig
from driftline.monitoring.telling import Audience
from driftline.web.addresses import monitor_dag_id


@dataclass(frozen=True)
class Actor:
    """Who acts.

    Attributes
    ----------
    user_id:
        What tells the user from all others; forms are sealed for it.
    name:
        What the histories keep.
    changeable:
        Of the models given, those that the user may change.
    """

    user_id: str
    name: str
    changeable: Callable[[Collection[str]], Collection[str]]


NOBODY = Actor("", "", lambda _: ())
"""Where the hosting application lends nothing to act with."""


@dataclass(frozen=True, kw_only=True)
class Acting:
    """What acting takes.

    Attributes
    ----------
    require_actor:
        A FastAPI dependency that returns the `Actor` of a request.
    signing_key:
        The secret that forms are sealed with, the same in every process that serves the pages.
    site:
        The origin that browsers see, such as ``https://airflow.example.com``; empty where it is the request's own.
    models:
        The models with a valid file: who hears of what is done, and by which policy it is done.
    resolve:
        Where connections lead (`driftline.monitoring.ab_tests.ConnectionResolver`).
    """

    require_actor: Callable[..., Any]
    signing_key: Callable[[], str]
    site: Callable[[], str]
    models: Callable[[], Mapping[str, ModelConfig]]
    resolve: Callable[[str], str]


def actor_of(request: Request) -> Actor:
    actor: Actor = getattr(request.state, "actor", NOBODY)
    return actor


def may_change(request: Request, model: str) -> bool:
    """Whether the request's user may change the model."""
    return model in changeable_models(request, [model])


def changeable_models(request: Request, models: Collection[str]) -> frozenset[str]:
    """Of ``models``, those that the request's user may change."""
    return frozenset(actor_of(request).changeable(models)) if models else frozenset()


def require_change(request: Request, model: str) -> Actor:
    """The actor; refuses (403) one who may see the model and not change it."""
    if not may_change(request, model):
        raise HTTPException(
            HTTPStatus.FORBIDDEN,
            f"You may see the model {model}, and not change it. Ask for the right to edit the DAG "
            f"{monitor_dag_id(model)}.",
        )
    return actor_of(request)


def lent(request: Request) -> Acting:
    """What the hosting application lends; whoever may change something has it."""
    acting: Acting | None = request.app.state.acting
    if acting is None:
        raise HTTPException(HTTPStatus.FORBIDDEN, "These pages only show.")
    return acting


def audience_of(request: Request, model: str) -> Audience:
    """Who hears of what is done to the model: by its file, else by the default connections."""
    config = lent(request).models().get(model)
    return Audience(model) if config is None else Audience.of(config)
