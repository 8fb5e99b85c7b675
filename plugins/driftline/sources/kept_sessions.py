"""Sessions on the databases of prediction logs, each kept open for the next log behind the same address."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import psycopg

CONNECT_TIMEOUT_SECONDS = 10


def open_session(url: str, options: str) -> psycopg.Connection[Any]:
    """A session that commits every statement by itself."""
    return psycopg.connect(url, connect_timeout=CONNECT_TIMEOUT_SECONDS, options=options, autocommit=True)


class KeptSessions:
    """What one pass over many models keeps open; of one thread. Close it when the pass is over.

    A session in which anything failed is not kept, so that one log's trouble never becomes another's.
    """

    def __init__(self) -> None:
        self._idle: dict[tuple[str, str], psycopg.Connection[Any]] = {}

    @contextmanager
    def session(self, url: str, options: str) -> Iterator[psycopg.Connection[Any]]:
        """One that is idle, or a new one."""
        connection = self._idle.pop((url, options), None) or open_session(url, options)
        is_well = False
        try:
            yield connection
            is_well = not connection.closed
        finally:
            if is_well:
                self._idle[url, options] = connection
            else:
                connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        while self._idle:
            self._idle.popitem()[1].close()
