"""An experiment on the shop's fraud model: customers routed as the registry says, and what they get is logged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import Engine

from driftline.config import ModelConfig
from driftline.config.experiment_config import ABTestConfig
from driftline.monitoring.ab_tests import ABTestController
from driftline.serving.strategy import Placement
from driftline.store import registry
from driftline.store.engine import store_transaction
from driftline.store.experiments import experiment
from driftline.store.routing import current_routes
from tests.integration.shop_log import ShopLog

MODEL = "fraud"
NAME = "fraud-v2"
BEGAN = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=3)
"""Everything happens in the last hours: the log is read as far as its own clock."""

_INSERT = """
INSERT INTO {schema}.predictions
    (prediction_id, predicted_at, model_version, is_fraud, score, latency, failure, country, customer)
SELECT * FROM unnest(%s::bigint[], %s::timestamptz[], %s::text[], %s::boolean[], %s::float8[], %s::float8[],
    %s::text[], %s::text[], %s::text[])
"""
_LABEL = "INSERT INTO {schema}.labels SELECT * FROM unnest(%s::bigint[], %s::boolean[], %s::timestamptz[])"


def described(**changes: Any) -> dict[str, Any]:
    """What the experiment's YAML file holds, with ``changes``."""
    return {
        "experiment": NAME,
        "model": MODEL,
        "control": "v1",
        "arms": {"v1": 50, "v2": 50},
        "metrics": [
            {"metric": "accuracy", "role": "primary", "minimum_effect": 0.05},
            {"metric": "error_rate", "role": "guardrail", "maximum_loss": 0.01},
        ],
        "samples": 4000,
        "looks": 4,
        "minimum_duration": "0s",
        "promote_automatically": True,
        **changes,
    }


def config_of(**changes: Any) -> ABTestConfig:
    return ABTestConfig.model_validate(described(**changes))


@dataclass
class ShopExperiment:
    """The shop under experiment: a controller, and customers who come."""

    store: Engine
    shop: ShopLog
    controller: ABTestController
    model: ModelConfig
    next_id: int = 50_000_000

    def created(self, **changes: Any) -> str:
        return self.controller.create_ab_test(config_of(**changes), actor="ann", at=BEGAN).experiment

    def started(self, *, at: datetime = BEGAN, **changes: Any) -> str:
        name = self.created(**changes)
        self.controller.start_ab_test(name, actor="ann", at=at)
        return name

    def shares(self) -> dict[str, float]:
        with store_transaction(self.store) as connection:
            return {name: float(share) for name, share in current_routes(connection, MODEL).shares.items()}

    def record(self, name: str = NAME) -> Any:
        with store_transaction(self.store) as connection:
            return experiment(connection, name)

    def route(self) -> Callable[[str], str]:
        """Customer to version by the routes as they are."""
        with store_transaction(self.store) as connection:
            routes = current_routes(connection, MODEL)
        placement, ranges = Placement(routes.salt), routes.allocation.ranges
        return lambda customer: next(name for name, _, end in ranges if placement.position_of(customer) < end)

    def come(
        self,
        count: int,
        *,
        at: datetime,
        accuracy: dict[str, float] | None = None,
        errors: dict[str, float] | None = None,
        latency: dict[str, float] | None = None,
        labels: tuple[str, ...] = ("v1", "v2", "v3"),
        first: int = 0,
        visits: int = 1,
        route: Callable[[str], str] | None = None,
        seed: int = 7,
    ) -> list[str]:
        """``count`` customers are predicted about ``visits`` times each in a minute; the versions that answered."""
        rng = np.random.default_rng([seed, self.next_id])
        customers = [f"customer-{first + each}" for each in range(count) for _ in range(visits)]
        chosen = route or self.route()
        answered = [chosen(customer) for customer in customers]
        size = len(customers)
        ids = list(range(self.next_id, self.next_id + size))
        self.next_id += size
        truth, draws, failures = rng.random(size) < 0.5, rng.random(size), rng.random(size)
        right = [draw < (accuracy or {}).get(name, 0.8) for draw, name in zip(draws, answered, strict=True)]
        predicted = [bool(actual) == is_right for actual, is_right in zip(truth, right, strict=True)]
        failed = [
            "boom" if draw < (errors or {}).get(name, 0.0) else None
            for draw, name in zip(failures, answered, strict=True)
        ]
        scores = [0.7 + 0.3 * draw if positive else 0.3 * draw for draw, positive in zip(draws, predicted, strict=True)]
        latencies = [(latency or {}).get(name, 20.0) * (0.5 + draw) for draw, name in zip(draws, answered, strict=True)]
        times = [at + timedelta(milliseconds=each % 60_000) for each in range(size)]
        countries = ["DE" if each % 2 else "FR" for each in range(size)]
        self.shop.execute(
            _INSERT, ids, times, answered, predicted, [float(score) for score in scores], latencies, failed, countries,
            customers,
        )  # fmt: skip
        labeled = [each for each, name in enumerate(answered) if name in labels]
        self.shop.execute(
            _LABEL,
            [ids[each] for each in labeled],
            [bool(truth[each]) for each in labeled],
            [times[each] + timedelta(seconds=1) for each in labeled],
        )
        return answered


def shop_experiment(store: Engine, shop: ShopLog, reader_url: str) -> ShopExperiment:
    """The shop with customers in its log, and v1 serving."""
    shop.execute("ALTER TABLE {schema}.predictions ADD COLUMN customer text")
    model = shop.config(predictions=shop.mapping(entity="customer"))
    with store_transaction(store) as connection:
        for version in ("v1", "v2", "v3"):
            registry.register_version(
                connection, model=MODEL, version=version, artifact_uri=f"s3://{version}", at=BEGAN - timedelta(days=9)
            )
        registry.change_routes(
            connection,
            model=MODEL,
            shares={"v1": 1.0},
            expected_revision=None,
            actor="test",
            reason="first release",
            cause_key="first",
            at=BEGAN - timedelta(days=9),
        )
    controller = ABTestController(store, {MODEL: model}, lambda _: reader_url)
    return ShopExperiment(store, shop, controller, model)
