"""Windows of prediction time and the hourly slices that they are made of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from driftline.errors import InputError

SLICE_LENGTH = timedelta(hours=1)


@dataclass(frozen=True, order=True)
class Window:
    """The half-open span ``[start, end)`` of prediction time, in UTC, made of whole hours.

    Half open, so that windows tile: an event at ``end`` belongs to the next window. Hours are hours of UTC, so a
    change to daylight-saving time neither lengthens nor shortens a window.

    Raises
    ------
    InputError
        When a bound is naive, not on a whole hour, or the window is empty.
    """

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "start", _whole_hour(self.start, "start"))
        object.__setattr__(self, "end", _whole_hour(self.end, "end"))
        if self.start >= self.end:
            raise InputError(
                f"The window starts at {self.start.isoformat()}, which is not before its end {self.end.isoformat()}. "
                "Give a start that is earlier than the end."
            )

    @classmethod
    def ending(cls, end: datetime, lookback: timedelta) -> Window:
        """The window of length ``lookback`` whose (exclusive) end is ``end``."""
        # In UTC: in a zone with daylight-saving time a subtraction moves the clock's hands, not the time.
        return cls(start=as_utc(end, "window's end") - lookback, end=end)

    @property
    def length(self) -> timedelta:
        return self.end - self.start

    @property
    def slices(self) -> tuple[datetime, ...]:
        """Starts of the hourly slices of the window, in order."""
        return tuple(self.start + n * SLICE_LENGTH for n in range(self.length // SLICE_LENGTH))

    @property
    def previous(self) -> Window:
        """The window of the same length that ends where this one starts."""
        return Window(start=self.start - self.length, end=self.start)

    def overlaps(self, other: Window) -> bool:
        return self.start < other.end and other.start < self.end

    def __str__(self) -> str:
        return f"{self.start:%Y-%m-%d %H:%M} to {self.end:%Y-%m-%d %H:%M} UTC"


def floor_to_slice(moment: datetime) -> datetime:
    """Start (UTC) of the slice that an aware ``moment`` falls into.

    Raises
    ------
    InputError
        When ``moment`` has no time zone.
    """
    return as_utc(moment, "moment").replace(minute=0, second=0, microsecond=0)


def as_utc(moment: datetime, name: str) -> datetime:
    """``moment`` in UTC; ``name`` says in the error which moment was naive.

    Raises
    ------
    InputError
        When ``moment`` has no time zone: guessing one would shift the window silently.
    """
    if moment.tzinfo is None:
        raise InputError(
            f"The {name} {moment.isoformat()} has no time zone. Write one, for example {moment.isoformat()}+00:00."
        )
    utc = moment.astimezone(UTC)
    # Subclasses, such as Airflow's dates, bring an arithmetic of their own: here all are plain.
    return datetime.combine(utc.date(), utc.time(), UTC)


def _whole_hour(moment: datetime, name: str) -> datetime:
    in_utc = as_utc(moment, f"window's {name}")
    if (in_utc.minute, in_utc.second, in_utc.microsecond) != (0, 0, 0):
        raise InputError(
            f"The window's {name} {in_utc.isoformat()} is not on a whole hour of UTC. Windows are made of hourly "
            f"slices: use {in_utc.replace(minute=0, second=0, microsecond=0).isoformat()}."
        )
    return in_utc
