"""Sets up the demo of `docker-compose.yaml`: `python -m include.demo.compose_set_up` runs before anything else starts.

Whatever is there already is left as it is, so that every start may run it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from driftline.config.loader import load_models
from driftline.local.provisioning import Urls
from driftline.local.secret_files import write_private
from include.demo.feed import open_feed
from include.demo.program_variables import LOG_URL_VARIABLE, MODELS_VARIABLE
from include.demo.registry import register_versions
from include.demo.summary import has_baseline

USER = "admin"
PASSWORD_VARIABLE = "AIRFLOW_ADMIN_PASSWORD"  # noqa: S105 - the name of a variable
PASSWORDS_VARIABLE = "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"
STORE_VARIABLE = "AIRFLOW_CONN_DRIFTLINE_STORE"
READER_VARIABLE = "AIRFLOW_CONN_PREDICTION_LOG"
ROOT = Path(__file__).resolve().parents[2]


def main() -> None:
    """Airflow's tables and login, Driftline's tables, the models with their log, their versions and baselines."""
    _run("airflow", "db", "migrate")
    write_private(Path(os.environ[PASSWORDS_VARIABLE]), json.dumps({USER: os.environ[PASSWORD_VARIABLE]}))
    _run("driftline", "migrate")
    _run("driftline", "grants", "driftline_dashboards", "--for", "dashboards")
    _run("driftline", "grants", "driftline_router", "--for", "routing")
    _fill_log()
    urls = Urls(
        airflow="",
        store=os.environ[STORE_VARIABLE],
        log_owner=os.environ[LOG_URL_VARIABLE],
        log_reader=os.environ[READER_VARIABLE],
        router="",
        dashboards="",
    )
    register_versions(urls, Path(os.environ[MODELS_VARIABLE]))
    for model in sorted(load_models(ROOT / "include" / "models")):
        if not has_baseline(urls.store, model):
            _run("driftline", "baseline", "build", model)


def _fill_log() -> None:
    now = datetime.now(UTC)
    feed = open_feed(os.environ[LOG_URL_VARIABLE], Path(os.environ[MODELS_VARIABLE]), now, _say)
    feed.catch_up(now, _say)


def _run(*command: str) -> None:
    _say(" ".join(command))
    subprocess.run(command, check=True)


def _say(text: str) -> None:
    print(text, file=sys.stdout, flush=True)


if __name__ == "__main__":
    main()
