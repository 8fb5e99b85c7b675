"""The store, as Airflow's API server reaches it."""

from __future__ import annotations

import time
from functools import lru_cache

from sqlalchemy import Engine

from driftline.dagkit.connections import connection_url
from driftline.store.engine import STORE_CONNECTION, create_store_engine

_RENEWED_SECONDS = 60
"""A connection that is changed in Airflow is noticed within so long; secrets backends can be slow to ask."""


def open_store() -> Engine:
    """The engine of the connection ``driftline_store``: from a secrets backend, the environment or Airflow's metadata.

    Raises
    ------
    ConnectionNotConfigured, StoreError
        When there is no such connection, or it is not for a Postgres.
    """
    return _engine(int(time.monotonic() // _RENEWED_SECONDS))


@lru_cache(maxsize=1)
def _engine(_period: int) -> Engine:
    return create_store_engine(connection_url(STORE_CONNECTION))
