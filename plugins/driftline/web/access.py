"""Who may see what: the hosting application decides, the pages ask."""

from __future__ import annotations

from collections.abc import Callable, Collection
from http import HTTPStatus

from fastapi import Request
from starlette.exceptions import HTTPException

from driftline.web.addresses import monitor_dag_id

VisibleModels = Callable[[Collection[str]], Collection[str]]
"""Of the models given, those that the reader may see. What `require_reader` returns."""


class LoginRequired(Exception):
    """Nobody is logged in, or no longer: `login_address` leads to the login, and from there back."""

    def __init__(self, login_address: str) -> None:
        super().__init__("Not logged in")
        self.login_address = login_address


def visible_models(request: Request, models: Collection[str]) -> frozenset[str]:
    """Of ``models``, those that the request's reader may see."""
    visible: VisibleModels = request.state.visible_models
    return frozenset(visible(models)) if models else frozenset()


def require_visible(request: Request, model: str) -> None:
    """Refuses (403) a reader who may not see the model."""
    if model not in visible_models(request, [model]):
        raise HTTPException(
            HTTPStatus.FORBIDDEN,
            f"You may not see the model {model}. Ask for the right to read the DAG {monitor_dag_id(model)}.",
        )
