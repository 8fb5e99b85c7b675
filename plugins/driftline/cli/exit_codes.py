"""What the exit code of a command says."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """For every command."""

    CLEAR = 0
    """It was done, and nothing was found."""
    FOUND = 1
    """It was done, and something was found that calls for action."""
    REFUSED = 2
    """It was not done: the input, the configuration or a database does not allow it."""
