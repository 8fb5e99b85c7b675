"""What the documents tell a person to type."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = (ROOT / "README.md", *sorted(path for path in (ROOT / "docs").glob("*.md") if path.name != "REFERENCE.md"))


def documented_commands() -> Iterator[tuple[str, str]]:
    """Page and line of every line of a code block that begins with ``driftline``, what follows a ``\\`` taken in."""
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
