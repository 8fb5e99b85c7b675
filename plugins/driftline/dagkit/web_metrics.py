"""The token of the Prometheus endpoint, as Airflow's API server knows it."""

from __future__ import annotations

import os
import time
from functools import lru_cache

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException, AirflowRuntimeError
from pydantic import SecretStr

from driftline.web.metrics.endpoint import METRICS_CONNECTION, TOKEN_VARIABLE

_RENEWED_SECONDS = 60
"""A token that is changed in Airflow is noticed within so long; secrets backends can be slow to ask."""


def metrics_token() -> SecretStr | None:
    """The variable's, else the password of the connection; None where neither is there."""
    given = os.environ.get(TOKEN_VARIABLE)
    return SecretStr(given) if given else _of_connection(int(time.monotonic() // _RENEWED_SECONDS))


@lru_cache(maxsize=1)
def _of_connection(_period: int) -> SecretStr | None:
    try:
        password = BaseHook.get_connection(METRICS_CONNECTION).password
    except (AirflowNotFoundException, AirflowRuntimeError):
        return None
    return SecretStr(password) if password else None
