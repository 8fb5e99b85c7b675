"""Passwords and keys that are made once and kept in files that only their owner can read."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from driftline.local.errors import LocalSetupError


def write_private(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` in one step, readable by its owner only from the first byte on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # mkstemp makes files of mode 600.
    descriptor, draft = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(draft).replace(path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise


class SecretFile:
    """Named secrets in one JSON file of mode 600; a secret is made when it is first asked for.

    Threads and processes that ask at once get the same secret.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def get(self, name: str, make: Callable[[], str] = lambda: secrets.token_urlsafe(24)) -> str:
        """The secret called ``name``, the same each time.

        Raises
        ------
        LocalSetupError
            When the file is there but does not hold a JSON object of texts.
        """
        known = _read(self._path)
        if name in known:
            return known[name]
        with _one_at_a_time(self._path):
            known = _read(self._path)
            if name not in known:
                known[name] = make()
                write_private(self._path, json.dumps(known, indent=1))
            return known[name]


@contextmanager
def _one_at_a_time(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f".{path.name}.lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _read(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise LocalSetupError(
            f"{path}: cannot be read ({error}). `make clean` removes it, and all local state."
        ) from None
    if not isinstance(content, dict) or not all(isinstance(value, str) for value in content.values()):
        raise LocalSetupError(f"{path}: is not a JSON object of texts. `make clean` removes it, and all local state.")
    return content
