"""How the pages on which people act write shares, standings and effects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from driftline.alerts.incidents import Incident


def percent(share: Decimal | float) -> str:
    """A share of 0 to 1, exactly: ``5 %``, ``12.5 %``, ``0.0001 %``."""
    return f"{float(share) * 100:g} %"


def told_shares(shares: Mapping[str, Decimal | float]) -> str:
    """Who gets how much, the largest share first."""
    ranked = sorted(shares.items(), key=lambda entry: (-entry[1], entry[0]))
    return ", ".join(f"{version} {percent(share)}" for version, share in ranked) or "nobody"


def words(name: object) -> str:
    """The name of a status, cause or verdict as words: ``roll back``."""
    return str(name).replace("_", " ")


def signed(value: float | None) -> str:
    return "–" if value is None else f"{value:+.4g}"


def standing(incident: Incident) -> str:
    """What a form about the incident was decided on; it changes when somebody acts on it, or it gets worse."""
    return "/".join((incident.status.value, incident.severity.value, str(incident.acknowledged_at or "")))


ACTING_FILTERS: Mapping[str, Callable[..., Any]] = {
    "percent": percent,
    "shares": told_shares,
    "signed": signed,
    "standing": standing,
    "words": words,
}
