"""The protected groups of a model: chosen once, with the baseline, and counted like segments that nobody else sees."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc

from driftline.config.fairness_config import PROTECTED, Fairness
from driftline.config.model_config import segment_name
from driftline.monitoring.monitor import Monitor
from driftline.profiles.binning import Binning, CategoricalBinning
from driftline.profiles.profile import Profile
from driftline.profiles.slices import SegmentColumn, SliceProfiles

Subjects = Mapping[str, Profile]

SEPARATOR = "\x1f"
"""Between the values of an intersection in one text: the unit separator, which no value holds."""
KEPT_VALUES = 10_000
"""Beyond so many values of an attribute the rarest are forgotten while the commonest are looked for."""


@dataclass(frozen=True)
class Attribute:
    """A protected attribute, or several looked at together."""

    columns: tuple[str, ...]

    @property
    def name(self) -> str:
        return " & ".join(self.columns)

    @property
    def subject(self) -> str:
        """What its groups are kept under in the baseline."""
        return f"{PROTECTED}{self.name}"

    def group(self, level: str) -> str:
        """How a group is called: ``sex=F``, ``sex=F & age_band=old``."""
        values = level.split(SEPARATOR)
        return " & ".join(segment_name(column, value) for column, value in zip(self.columns, values, strict=False))

    def values(self, batch: pa.RecordBatch, places: Mapping[str, int]) -> pa.Array:
        """Each row's level; null where one of the attributes is null. ``places``: where the columns stand."""
        columns = [batch.column(places[column]).cast(pa.string()) for column in self.columns]
        return columns[0] if len(columns) == 1 else pc.binary_join_element_wise(*columns, SEPARATOR)


def configured_attributes(fairness: Fairness | None) -> list[Attribute]:
    """The attributes of the model's file, then its intersections."""
    if fairness is None:
        return []
    alone = [Attribute((attribute.column,)) for attribute in fairness.all_attributes]
    return [*alone, *(Attribute(tuple(columns)) for columns in fairness.intersections)]


def readable_attributes(monitor: Monitor) -> list[Attribute]:
    """Those whose columns the log, or the joined table, has."""
    there = set(attribute_columns(monitor))
    return [one for one in configured_attributes(monitor.config.fairness) if there.issuperset(one.columns)]


def attribute_columns(monitor: Monitor) -> list[str]:
    """The columns as they stand behind the others of a batch, in order."""
    return [selected.column.name for selected in monitor.log.attributes()]


def stored_group(group: str) -> str:
    """The segment that a group's profiles are stored under."""
    return f"{PROTECTED}{group}"


def is_protected(segment: str) -> bool:
    """Whether a stored segment is a protected group."""
    return segment.startswith(PROTECTED)


def protected_groups(stored: Mapping[str, Subjects]) -> dict[str, Subjects]:
    """Of profiles by stored segment those of protected groups, by the group's name."""
    return {segment.removeprefix(PROTECTED): of for segment, of in stored.items() if is_protected(segment)}


def protected_groups_by_version(stored: Mapping[tuple[str, str], Subjects]) -> dict[tuple[str, str], Subjects]:
    """The same of profiles by version and stored segment."""
    return {
        (version, segment.removeprefix(PROTECTED)): of
        for (version, segment), of in stored.items()
        if is_protected(segment)
    }


class GroupDiscovery:
    """Chooses the groups to watch from the baseline's rows, which come in batches with the attributes behind."""

    def __init__(self, monitor: Monitor, first: int) -> None:
        self._fairness = monitor.config.fairness
        self._attributes = readable_attributes(monitor)
        self._places = {column: first + index for index, column in enumerate(attribute_columns(monitor))}
        self._levels: dict[Attribute, Counter[str]] = {attribute: Counter() for attribute in self._attributes}

    def add(self, batch: pa.RecordBatch) -> None:
        for attribute, levels in self._levels.items():
            counted = pc.value_counts(attribute.values(batch, self._places).drop_null())
            levels.update(dict(zip(counted.field(0).to_pylist(), counted.field(1).to_pylist(), strict=True)))
            if len(levels) > KEPT_VALUES:
                self._levels[attribute] = Counter(dict(levels.most_common(KEPT_VALUES // 2)))

    def binnings(self) -> dict[str, Binning]:
        """By subject the groups of each attribute: the listed ones, or the commonest."""
        return {
            attribute.subject: CategoricalBinning(self._chosen(attribute), frozenset())
            for attribute in self._attributes
        }

    def _chosen(self, attribute: Attribute) -> tuple[str, ...]:
        assert self._fairness is not None
        listed = {one.column: one.groups for one in self._fairness.all_attributes}
        wanted = [listed[column] for column in attribute.columns]
        if len(wanted) == 1 and wanted[0] is not None:
            return tuple(wanted[0])
        found = {
            level: count
            for level, count in self._levels[attribute].items()
            if all(
                among is None or value in among for among, value in zip(wanted, level.split(SEPARATOR), strict=False)
            )
        }
        commonest = sorted(found, key=lambda level: (-found[level], level))
        return tuple(commonest[: self._fairness.maximum_groups])


def without_attributes(monitor: Monitor, batch: pa.RecordBatch) -> pa.RecordBatch:
    """A batch without its last columns, the protected attributes: `GroupCounter` counts them, no sample has them."""
    return batch.select(range(batch.num_columns - len(attribute_columns(monitor))))


class _Counter(Protocol):
    def add(self, batch: pa.RecordBatch) -> None: ...
    def profiles(self) -> SliceProfiles: ...


class GroupCounter:
    """Counts some columns of a batch by protected group.

    Parameters
    ----------
    binnings : mapping of str to Binning
        The baseline's, which name the groups (`Attribute.subject`).
    counted : slice
        Which columns of a batch ``make`` counts, of those before the attributes, which are the last.
    make : callable
        Makes the counter for segments.
    """

    def __init__(
        self,
        monitor: Monitor,
        binnings: Mapping[str, Binning],
        *,
        counted: slice,
        make: Callable[[Sequence[SegmentColumn]], _Counter],
    ) -> None:
        self._columns = attribute_columns(monitor)
        self._counted = counted
        self._attributes = [one for one in readable_attributes(monitor) if one.subject in binnings]
        self._counter = make([_segments(attribute, binnings[attribute.subject]) for attribute in self._attributes])

    def add(self, batch: pa.RecordBatch) -> None:
        if not self._attributes:
            return
        first = batch.num_columns - len(self._columns)
        places = {column: first + index for index, column in enumerate(self._columns)}
        groups = [attribute.values(batch, places) for attribute in self._attributes]
        counted = (batch.column(place) for place in range(first)[self._counted])
        columns = [batch.column(0), batch.column(1), *groups, *counted]
        self._counter.add(pa.RecordBatch.from_arrays(columns, [str(place) for place in range(len(columns))]))

    def profiles(self) -> SliceProfiles:
        """The groups' profiles; the whole is counted elsewhere."""
        return {key: subjects for key, subjects in self._counter.profiles().items() if key.segment}


def baseline_groups(attribute: Attribute, binnings: Mapping[str, Binning]) -> list[str]:
    """The names of the groups that the baseline was counted by; empty where it does not have the attribute."""
    binning = binnings.get(attribute.subject)
    return [attribute.group(level) for level in binning.levels] if isinstance(binning, CategoricalBinning) else []


def _segments(attribute: Attribute, binning: Binning) -> SegmentColumn:
    levels = binning.levels if isinstance(binning, CategoricalBinning) else ()
    return SegmentColumn({level: stored_group(attribute.group(level)) for level in levels})
