"""Records what the real monitor writes: one finding of each kind, for the fleet to repeat with other figures.

Run it again when a check says something new: ``python -m tests.fleet.record``.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from driftline.config import ModelConfig
from driftline.findings import Status
from driftline.local.postgres import SCRATCH, EmbeddedPostgres
from driftline.local.provisioning import LOG_READER, Urls, provision
from driftline.monitoring.decision import Context
from driftline.monitoring.monitor import Monitor
from driftline.monitoring.run import run_window
from driftline.sources import PredictionLog
from driftline.store.engine import create_store_engine
from driftline.store.migrate import migrate
from driftline.windows import Window
from tests.fleet.recorded import RECORDED, as_json
from tests.integration.shop_log import DAYS, END, ShopLog, shop_log

HOUR = timedelta(hours=1)
BASELINE = {"baseline": {"first": "12d"}}
"""Long enough to learn how windows differ."""
DRIFTED = Window(END - 24 * HOUR, END)
CALM = Window(DRIFTED.start - 24 * HOUR, DRIFTED.start)
NEWEST = Window(END - 6 * HOUR, END)

_PEOPLE = (
    "ALTER TABLE {schema}.predictions ADD sex text, ADD quoted double precision",
    "UPDATE {schema}.predictions SET quoted = amount * (0.95 + (hashint8(prediction_id) & 1023) / 10000.0), "
    "sex = CASE WHEN hashint8(prediction_id * 7 + 1) % 5 IN (0, 1) THEN 'F' ELSE 'M' END",
    "CREATE TABLE {schema}.prices AS SELECT prediction_id, amount AS price, known_at FROM {schema}.predictions "
    "JOIN {schema}.labels USING (prediction_id)",
)
_SPOIL = (
    "UPDATE {schema}.predictions SET model_version = 'v2', amount = amount * 1.8, quoted = quoted * 2.5, country = "
    "'BR', latency = latency * 3, failure = CASE WHEN prediction_id % 9 = 0 THEN 'timeout' END, "
    "is_fraud = score > (CASE sex WHEN 'F' THEN 0.98 ELSE 0.6 END) WHERE predicted_at >= '{start}'",
    "UPDATE {schema}.predictions SET basket = NULL WHERE predicted_at >= '{start}' AND prediction_id % 4 = 0",
)
_FORGET = "DELETE FROM {schema}.{table} WHERE known_at >= '{since}'"


def main() -> None:
    with _databases() as urls, shop_log(urls.log_owner, LOG_READER, days=DAYS) as log:
        for statement in _PEOPLE:
            log.execute(statement)
        log.execute("GRANT SELECT ON {schema}.prices TO " + LOG_READER)
        monitors = {name: _monitor(config, urls) for name, config in _configs(log).items()}
        calm = {name: _found(monitor, CALM, 7) for name, monitor in monitors.items()}
        for statement in _SPOIL:
            log.execute(statement.replace("{start}", DRIFTED.start.isoformat()))
        drifted = {name: _found(monitor, DRIFTED, 7) for name, monitor in monitors.items()}
        for table in ("labels", "prices"):
            log.execute(_FORGET.replace("{table}", table).replace("{since}", NEWEST.start.isoformat()))
        newest = {name: _found(monitor, NEWEST, 1) for name, monitor in monitors.items()}
    recorded = {name: _one_of_each([*calm[name], *drifted[name], *newest[name]]) for name in monitors}
    RECORDED.write_text(_written(recorded))
    sys.stdout.write(f"{RECORDED}: {', '.join(f'{len(found)} of {name}' for name, found in recorded.items())}\n")


@contextmanager
def _databases() -> Iterator[Urls]:
    with tempfile.TemporaryDirectory(prefix="driftline-record-") as folder:
        server = EmbeddedPostgres(Path(folder) / "postgres", SCRATCH)
        server.start()
        try:
            yield provision(server.admin_url, Path(folder) / "secrets.json")
        finally:
            server.stop()


def _configs(log: ShopLog) -> dict[str, ModelConfig]:
    binary = log.config(fairness={"attributes": [{"column": "sex"}]}, excluded_columns=["quoted", "sex"], **BASELINE)
    regression = log.config(
        model="price",
        task="regression",
        positive_label=None,
        predictions={**log.mapping(prediction="quoted"), "score": None},
        labels={
            "table": f"{log.schema}.prices",
            "id": "prediction_id",
            "label": "price",
            "time": "known_at",
            "expected_delay": "6h",
        },
        excluded_columns=["is_fraud", "score", "sex"],
        **BASELINE,
    )
    return {"binary_classification": binary, "regression": regression}


def _monitor(config: ModelConfig, urls: Urls) -> Monitor:
    store = create_store_engine(urls.store)
    migrate(store)
    return Monitor(config=config, store=store, log=PredictionLog(config, urls.log_reader))


def _found(monitor: Monitor, window: Window, hours_later: int) -> list[dict[str, Any]]:
    run = run_window(monitor, window, Context(run_id="recorded", now=window.end + hours_later * HOUR))
    # Of a segment only what the whole has not: that a feature could not be compared.
    kept = [each for each in run.findings if not each.segment or each.status is Status.NOT_EVALUATED]
    return [as_json(replace(finding, segment="")) for finding in kept]


def _one_of_each(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    kinds = ("check", "subject", "test", "comparison", "status")
    return list({tuple(finding[kind] for kind in kinds): finding for finding in reversed(found)}.values())


def _written(recorded: dict[str, list[dict[str, Any]]]) -> str:
    """JSON with a line for each finding."""
    tasks = [
        f"{json.dumps(task)}: [\n" + ",\n".join(json.dumps(each, ensure_ascii=False) for each in found) + "\n]"
        for task, found in recorded.items()
    ]
    return "{\n" + ",\n".join(tasks) + "\n}\n"


if __name__ == "__main__":
    main()
