"""Tells what the demo is doing and how far it is: a moving line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.markup import escape

Tell = Callable[[str], None]


@dataclass
class Progress:
    """Numbered steps of a known count, each with its time."""

    console: Console
    steps: int
    started: float = field(default_factory=time.monotonic)
    _done: int = 0

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return time.monotonic() - self.started

    @contextmanager
    def step(self, title: str) -> Iterator[Tell]:
        """One step; what is yielded takes a word on where in it we are."""
        self._done += 1
        label = f"[dim]{self._done:>2}/{self.steps}[/dim] {escape(title)}"
        began = time.monotonic()
        if not self.console.is_terminal:
            self.console.print(f"{label} …")
        with self.console.status(label) as status:
            yield lambda detail: status.update(f"{label}: {escape(detail)}")
        took = time.monotonic() - began
        self.console.print(f"{label} [green]✓[/green] [dim]{took:.1f} s[/dim]", highlight=False)

    def say(self, text: str) -> None:
        """A line of its own."""
        self.console.print(text, highlight=False)
