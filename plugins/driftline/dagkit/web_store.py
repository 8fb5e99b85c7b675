"""The store, as Airflow's API server reaches it."""

from __future__ import annotations

import time
from functools import lru_cache

from sqlalchemy import Engine

from driftline.dagkit.connections import connection_url
from driftline.store.engine import STORE_CONNECTION, create_store_engine

_RENEWED_SECONDS = 60
"""A connection that is changed in Airflow is noticed within so long; secrets backends can be slow to ask."""

_SCRAPE_CONNECT_SECONDS = 3


def open_store() -> Engine:
    """The engine of the connection ``driftline_store``: from a secrets backend, the environment or Airflow's metadata.

    Raises
    ------
    ConnectionNotConfigured, StoreError
        When there is no such connection, or it is not for a Postgres.
    """
    return _engine(_period())


def open_store_for_scrape() -> Engine:
    """The same, which gives a server that does not answer up in time for the scrape to say so."""
    return _scraped_engine(_period())


@lru_cache(maxsize=1)
def _engine(_period: int) -> Engine:
    return create_store_engine(connection_url(STORE_CONNECTION))


@lru_cache(maxsize=1)
def _scraped_engine(_period: int) -> Engine:
    return create_store_engine(connection_url(STORE_CONNECTION), _SCRAPE_CONNECT_SECONDS)


def _period() -> int:
    return int(time.monotonic() // _RENEWED_SECONDS)
