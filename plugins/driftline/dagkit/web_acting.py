"""What Airflow lends the pages on which people act: its users, its secret, its connections, the models' files."""

from __future__ import annotations

from airflow.api_fastapi.auth.tokens import get_signing_key
from airflow.configuration import conf

from driftline.dagkit.connections import connection_url
from driftline.dagkit.model_files import valid_models
from driftline.dagkit.web_access import require_actor
from driftline.web.acting import Acting


def acting() -> Acting:
    return Acting(
        require_actor=require_actor,
        signing_key=lambda: get_signing_key("api", "secret_key"),
        site=lambda: conf.get("api", "base_url", fallback=""),
        models=valid_models,
        resolve=connection_url,
    )
