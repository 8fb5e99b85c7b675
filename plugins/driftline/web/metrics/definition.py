"""How a metric is defined, and how a scrape fills it."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from prometheus_client.core import Metric

PREFIX = "driftline_"
LONGEST_LABEL = 200
"""A longer value is cut, and told from others by a digest of all of it."""


class Kind(StrEnum):
    """Prometheus' types, as far as they are used."""

    GAUGE = "gauge"
    COUNTER = "counter"
    SUMMARY = "summary"


@dataclass(frozen=True)
class Definition:
    """A metric.

    Attributes
    ----------
    name:
        As it is written in a query, with unit and `_total`, without the prefix.
    unit:
        The base unit, where there is one: the end of the name (before `_total`).
    """

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    unit: str = ""

    @property
    def full_name(self) -> str:
        """As it is asked for."""
        return PREFIX + self.name

    def family(self) -> Metric:
        """Without samples."""
        return Metric(self.full_name.removesuffix("_total"), self.help, self.kind.value, self.unit)


class Families:
    """The samples of one scrape, by metric, in the order of ``definitions``."""

    def __init__(self, definitions: Iterable[Definition]) -> None:
        self._families = {definition: definition.family() for definition in definitions}

    def add(self, definition: Definition, labels: Sequence[object], value: float | datetime | None) -> None:
        """A sample, its labels in the order of the definition's; nothing where there is no finite value."""
        number = value.timestamp() if isinstance(value, datetime) else value
        if number is None or not math.isfinite(number):
            return
        values = {name: label(str(each)) for name, each in zip(definition.labels, labels, strict=True)}
        self._families[definition].add_sample(definition.full_name, values, float(number))

    def __iter__(self) -> Iterator[Metric]:
        return iter(self._families.values())


def label(value: str) -> str:
    """The value of a label, at most `LONGEST_LABEL` characters long."""
    if len(value) <= LONGEST_LABEL:
        return value
    digest = hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"{value[: LONGEST_LABEL - 17]}…{digest}"
