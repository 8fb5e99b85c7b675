"""What the documents tell a person to type is taken by the command line."""

from __future__ import annotations

import re
from typing import Any

import pytest
import typer

from driftline.cli.app import app
from tests.documented_commands import PAGES, ROOT, documented_commands, words_of


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


def test_the_benchmarks_that_are_named_are_there_and_find_what_they_import() -> None:
    evidence = (ROOT / "docs" / "evidence").glob("*.md")
    told = "".join(path.read_text(encoding="utf-8") for path in (*PAGES, *evidence))
    named = set(re.findall(r"python (tests/benchmarks/\w+\.py)", told))
    assert len(named) > 10
    for name in sorted(named):
        script = (ROOT / name).read_text(encoding="utf-8")
        imports = re.search(r"^from (tests|include)\b", script, flags=re.MULTILINE)
        assert imports is None or "sys.path.insert(0" in script[: imports.start()], name
