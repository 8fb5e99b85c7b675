"""The serving application of the demo: the flight models behind `Router`, their answers logged as they are given.

`python -m include.demo.serving` listens on 127.0.0.1. Its faults are real and kept in a file: an answer that is to be
slow is slow, and one that is to fail raises.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import joblib  # type: ignore[import-untyped]
import pandas as pd
import uvicorn
from fastapi import FastAPI, HTTPException
from pydantic import AwareDatetime, BaseModel

from driftline.serving.router import Router, RoutesUnknown
from include.demo.flights import FEATURES
from include.demo.log import PREDICTIONS
from include.demo.prediction_logger import PredictionLogger
from include.demo.program_variables import (
    FAULTS_VARIABLE,
    LOG_URL_VARIABLE,
    MODELS_VARIABLE,
    ROUTES_URL_VARIABLE,
    SERVING_HOST_VARIABLE,
    SERVING_PORT_VARIABLE,
)
from include.demo.training import LATE_FROM_SCORE, TrainedModel

SURELY_LATE = 0.9
KILOMETRES = 1.609344
"""A mile."""


class Question(BaseModel):
    """What the application is asked: a flight, with what is known of it.

    Attributes
    ----------
    id:
        Names the prediction.
    asked_at:
        When the question has waited in a queue: when it was asked, with its time zone.
    """

    id: str
    flight: str
    features: dict[str, Any]
    asked_at: AwareDatetime | None = None


class Answer(BaseModel):
    version: str
    prediction: float


class PredictionFailedError(Exception):
    """The model could not answer."""


@dataclass(frozen=True)
class Fault:
    """What is broken in a version.

    Attributes
    ----------
    slow_ms:
        Its feature service takes so long.
    unknown_carriers:
        Carriers for which it misses a feature, so that it raises.
    is_in_kilometres:
        The distance arrives in kilometres; it was trained on miles.
    always_late_carriers:
        Carriers whose every flight it calls late.
    """

    slow_ms: float = 0.0
    unknown_carriers: tuple[str, ...] = ()
    is_in_kilometres: bool = False
    always_late_carriers: tuple[str, ...] = ()

    def spoiled(self, features: dict[str, Any]) -> dict[str, Any]:
        """What the version gets to see."""
        return features | {"distance": features["distance"] * KILOMETRES} if self.is_in_kilometres else features


class Faults:
    """The faults by version, read anew when their file changes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_at = 0
        self._faults: dict[str, Fault] = {}

    def of(self, version: str) -> Fault:
        try:
            changed = self._path.stat().st_mtime_ns
        except FileNotFoundError:
            return Fault()
        if changed != self._read_at:
            written = json.loads(self._path.read_text(encoding="utf-8"))
            self._faults = {
                name: Fault(**{key: tuple(value) if isinstance(value, list) else value for key, value in fault.items()})
                for name, fault in written.items()
            }
            self._read_at = changed
        return self._faults.get(version, Fault())


@dataclass(frozen=True)
class Service:
    """Answers questions by the version that the routes name."""

    router: Router
    logger: PredictionLogger
    models: dict[str, dict[str, TrainedModel]]
    faults: Faults

    def answer(self, model: str, question: Question) -> Answer:
        """The answer of the version that is routed to; logged, whatever becomes of it.

        Raises
        ------
        PredictionFailedError
            When the version raises.
        """
        began, asked_at = time.perf_counter(), question.asked_at or datetime.now(UTC)
        version = self.router.route(model, question.flight)
        fault = self.faults.of(version)
        question = question.model_copy(update={"features": fault.spoiled(question.features)})
        try:
            value = self._predict(model, version, question, fault)
        except Exception as error:
            self._log(model, version, question, asked_at, None, began, f"{type(error).__name__}: {error}")
            raise PredictionFailedError(str(error)) from error
        self._log(model, version, question, asked_at, value, began, None)
        return Answer(version=version, prediction=value)

    def _predict(self, model: str, version: str, question: Question, fault: Fault) -> float:
        if fault.slow_ms:
            time.sleep(fault.slow_ms / 1000)
        if question.features.get("carrier") in fault.unknown_carriers:
            raise KeyError("gate")
        versions = self.models[model]
        # A version that the demo releases anew is made of the last one trained.
        trained = versions.get(version) or versions[max(versions)]
        row = pd.DataFrame([{name: question.features.get(name) for name in FEATURES}])
        value = float(trained.score(row)[0])
        return max(value, SURELY_LATE) if question.features.get("carrier") in fault.always_late_carriers else value

    def _log(  # noqa: PLR0917 - a row of the log
        self, model: str, version: str, question: Question, asked_at: datetime, value: float | None, began: float,
        error: str | None,
    ) -> None:  # fmt: skip
        row: dict[str, Any] = {
            "prediction_id": question.id,
            "predicted_at": asked_at,
            "flight": question.flight,
            "model_version": version,
            "latency_ms": round((time.perf_counter() - began) * 1000, 3),
            "error": error,
            **{name: question.features.get(name) for name in FEATURES},
        }
        if model == "flight_delay":
            row |= {"predicted_late": None if value is None else value > LATE_FROM_SCORE, "score": value}
        else:
            row["predicted_minutes"] = value
        self.logger.log(PREDICTIONS[model], row)


def serving_app(service: Service) -> FastAPI:
    """`POST /predict/{model}` and `GET /health`."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> Any:
        yield
        service.router.close()
        service.logger.close()

    app = FastAPI(title="Flight models", lifespan=lifespan)

    # Not a coroutine: a model that computes, or sleeps, must not hold up the others' answers.
    @app.post("/predict/{model}")
    def predict(model: str, question: Question) -> Answer:
        if model not in service.models:
            raise HTTPException(404, f"There is no model {model!r}; there are {', '.join(sorted(service.models))}.")
        try:
            return service.answer(model, question)
        except RoutesUnknown as error:
            raise HTTPException(503, str(error)) from None
        except PredictionFailedError as error:
            raise HTTPException(500, f"The prediction failed: {error}") from None

    @app.get("/health")
    def health() -> dict[str, Any]:
        status = service.router.status
        return {
            "routes": {"is_connected": status.is_connected, "since": status.since.isoformat(), "error": status.error},
            "log": {"written": service.logger.written, "dropped": service.logger.dropped},
        }

    return app


def load_versions(folder: Path) -> dict[str, dict[str, TrainedModel]]:
    """The trained versions in ``folder``, by model: our own files, made by `include.demo.training`."""
    found: dict[str, dict[str, TrainedModel]] = {}
    for path in sorted(folder.glob("*.joblib")):
        trained: TrainedModel = joblib.load(path)
        found.setdefault(trained.recipe.model, {})[trained.recipe.version] = trained
    return found


def main() -> None:
    """Serve until SIGTERM."""
    service = Service(
        Router(os.environ[ROUTES_URL_VARIABLE]),
        PredictionLogger(os.environ[LOG_URL_VARIABLE]),
        load_versions(Path(os.environ[MODELS_VARIABLE])),
        Faults(Path(os.environ[FAULTS_VARIABLE])),
    )
    host = os.environ.get(SERVING_HOST_VARIABLE, "127.0.0.1")
    uvicorn.run(serving_app(service), host=host, port=int(os.environ[SERVING_PORT_VARIABLE]), log_level="warning")


if __name__ == "__main__":
    main()
