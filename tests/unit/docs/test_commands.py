"""What the documents tell a person to type is taken by the command line."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from driftline.cli.app import app

ROOT = Path(__file__).parents[3]
PAGES = [ROOT / "README.md", *sorted(path for path in (ROOT / "docs").glob("*.md") if path.name != "REFERENCE.md")]


def commands() -> Iterator[tuple[str, str]]:
    """Every line of a code block that begins with ``driftline``, with what stands after ``\\`` taken in."""
    for page in PAGES:
        is_fenced = False
        for line in page.read_text(encoding="utf-8").replace("\\\n", " ").splitlines():
            is_fenced ^= line.lstrip().startswith("```")
            if (is_fenced or line.startswith("    ")) and line.strip().startswith("driftline "):
                yield page.name, line.strip()


def words_of(line: str) -> list[str]:
    """What a shell makes of it; of a synopsis, all that may be there and the first of each choice."""
    words = shlex.split(re.sub(r"\[(--[^]]+|[A-Z]+)\]", r"\1", line), comments=True)[1:]
    for end in (">", "&&", ";"):
        words = words[: words.index(end)] if end in words else words
    return [word.split("|")[0] if re.fullmatch(r"\w+(\|\w+)+", word) else word for word in words]


def test_the_commands_of_the_guides_are_found() -> None:
    guides = {"README.md", "ML_MONITORING_GUIDE.md", "DRIFT_DETECTION.md", "AB_TESTING.md", "ROLLBACK_PROCEDURES.md"}
    assert guides <= {page for page, _ in commands()}


@pytest.mark.parametrize(("page", "line"), sorted(set(commands())))
def test_the_command_line_takes_it(page: str, line: str) -> None:
    words = words_of(line)
    command: Any = typer.main.get_command(app)
    context = None
    while hasattr(command, "commands"):
        context = command.make_context(command.name, words, parent=context)
        _, command, words = command.resolve_command(context, [*context._protected_args, *context.args])
    # Raises where an argument is missing, or an option or a choice is unknown.
    command.make_context(command.name, words, parent=context)
