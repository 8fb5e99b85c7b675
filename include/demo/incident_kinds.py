"""What the demo can break, and how."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any


class IncidentKind(StrEnum):
    """What can be broken."""

    LATENCY = "latency"
    """A new version asks a feature service that takes 5 seconds."""
    BAD_VERSION = "bad-version"
    """A new version misses a feature for four carriers, and raises."""
    DRIFT = "drift"
    """The distance arrives in kilometres, as the source has changed its unit."""
    BIAS = "bias"
    """A new version calls every flight of one carrier late."""

    @property
    def is_seen_by_windows(self) -> bool:
        """Whether only a window shows it, not the figures of the last minutes."""
        return self in {IncidentKind.DRIFT, IncidentKind.BIAS}


FAULTS: Mapping[IncidentKind, Mapping[str, Any]] = MappingProxyType(
    {
        IncidentKind.LATENCY: {"slow_ms": 5_000.0},
        IncidentKind.BAD_VERSION: {"unknown_carriers": ["UA", "B6", "EV", "DL"]},
        IncidentKind.DRIFT: {"is_in_kilometres": True},
        IncidentKind.BIAS: {"always_late_carriers": ["DL"]},
    }
)
TOLD: Mapping[IncidentKind, str] = MappingProxyType(
    {
        IncidentKind.LATENCY: "its feature service answers after 5 s",
        IncidentKind.BAD_VERSION: "it misses a feature for the carriers UA, B6, EV and DL, and raises",
        IncidentKind.DRIFT: "the source of the distance sends kilometres instead of miles",
        IncidentKind.BIAS: "it calls every flight of the carrier DL late",
    }
)
