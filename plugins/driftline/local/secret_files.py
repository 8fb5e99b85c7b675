"""Passwords and keys that are made once and kept in files that only their owner can read."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from driftline.local.errors import LocalSetupError

OWNER_ONLY = 0o600


def write_private(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` in one step, readable by its owner only from the first byte on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


class SecretFile:
    """Named secrets in one JSON file of mode 600; a secret is made when it is first asked for.

    Raises
    ------
    LocalSetupError
        When the file is there but does not hold a JSON object of texts.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._secrets = _read(path)

    def get(self, name: str, make: Callable[[], str] = lambda: secrets.token_urlsafe(24)) -> str:
        """The secret called ``name``, the same each time."""
        if name not in self._secrets:
            self._secrets[name] = make()
            write_private(self._path, json.dumps(self._secrets, indent=1))
        return self._secrets[name]


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
