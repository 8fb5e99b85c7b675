"""The page of a model."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException

from driftline.store.reading import store_reading
from driftline.web.access import require_visible
from driftline.web.addresses import monitor_dag_id
from driftline.web.charts import marks_json
from driftline.web.model_address import DAYS, USUAL_DAYS, ModelAsked
from driftline.web.model_view import view_model
from driftline.web.rendering import page

router = APIRouter(include_in_schema=False)


@router.get("/models/{model}")
def model(request: Request, model: str) -> Response:
    """How the model stands and has fared: drift, performance, outputs, service, fairness."""
    require_visible(request, model)
    asked = ModelAsked.of(request.query_params)
    with store_reading(request.app.state.open_store()) as connection:
        view = view_model(connection, model, asked)
    if view is None:
        raise HTTPException(
            HTTPStatus.NOT_FOUND,
            f"Nothing is known of a model {model}. It appears once it has a baseline: driftline baseline build MODEL. "
            f"If it was removed, its DAG {monitor_dag_id(model)} is gone too.",
        )
    drawn = {"charts": [chart.to_json() for chart in view.shown_charts], "marks": marks_json(view.marks)}
    return page(request, "model", view=view, asked=asked, drawn=drawn, presets=DAYS, usual_days=USUAL_DAYS)
