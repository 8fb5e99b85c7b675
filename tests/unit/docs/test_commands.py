"""What the documents tell a person to type is taken by the command line."""

from __future__ import annotations

from typing import Any

import pytest
import typer

from driftline.cli.app import app
from tests.documented_commands import documented_commands, words_of


def test_the_commands_of_the_guides_are_found() -> None:
    guides = {"README.md", "ML_MONITORING_GUIDE.md", "DRIFT_DETECTION.md", "AB_TESTING.md", "ROLLBACK_PROCEDURES.md"}
    assert guides <= {page for page, _ in documented_commands()}


@pytest.mark.parametrize(("page", "line"), sorted(set(documented_commands())))
def test_the_command_line_takes_it(page: str, line: str) -> None:
    words = words_of(line)
    command: Any = typer.main.get_command(app)
    context = None
    while hasattr(command, "commands"):
        context = command.make_context(command.name, words, parent=context)
        _, command, words = command.resolve_command(context, [*context._protected_args, *context.args])
    # Raises where an argument is missing, or an option or a choice is unknown.
    command.make_context(command.name, words, parent=context)
