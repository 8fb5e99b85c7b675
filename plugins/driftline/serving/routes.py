"""Routes: the share of a model's traffic that each version gets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_DOWN, Decimal

from driftline.errors import DriftlineError, InputError
from driftline.serving.allocation import Allocation
from driftline.serving.strategy import TrafficSplitStrategy

SMALLEST_SHARE = Decimal("0.000001")
_TOLERANCE = Decimal("1e-9")
"""What the shares may miss 1 by: the rounding error of a few binary floats."""


class RoutesChanged(DriftlineError):
    """The routes are not those that the change was decided on: somebody else changed them in between."""


@dataclass(frozen=True, kw_only=True)
class Routes:
    """The routes of a model at a revision (0 and no shares: traffic was never routed).

    Attributes
    ----------
    salt:
        Of the hash that places entities; changed with every experiment and phase.
    allocation:
        Which positions each version has, by which entities keep their version while shares change.
    """

    model: str
    revision: int
    shares: Mapping[str, Decimal]
    strategy: TrafficSplitStrategy = TrafficSplitStrategy.HASH_BASED
    salt: str = ""
    allocation: Allocation = field(default_factory=Allocation)


@dataclass(frozen=True, kw_only=True)
class RouteChange:
    """One row of the route history.

    Attributes
    ----------
    cause_key:
        What made the change; the same cause changes routes once.
    is_new:
        False where the cause had changed the routes before, and this is that earlier change.
    """

    model: str
    revision: int
    changed_at: datetime
    actor: str
    reason: str
    cause_key: str
    shares_before: Mapping[str, Decimal]
    shares_after: Mapping[str, Decimal]
    is_new: bool


def exact_shares(shares: Mapping[str, Decimal | float]) -> dict[str, Decimal]:
    """The shares in millionths, adding up to exactly 1, without those that are 0.

    What rounding down to millionths leaves over goes to the largest share (the first by name among equals).

    Raises
    ------
    InputError
        When a share is negative or not a number, or they do not add up to 1 (within 1e-9, for binary floats).
    """
    decimals = {version: _decimal(version, share) for version, share in shares.items()}
    total = sum(decimals.values(), Decimal(0))
    if abs(total - 1) > _TOLERANCE:
        raise InputError(f"The shares {_shown(shares)} add up to {total}. Shares of traffic must add up to 1.")
    rounded = {version: share.quantize(SMALLEST_SHARE, ROUND_DOWN) for version, share in decimals.items()}
    largest = min(rounded, key=lambda version: (-rounded[version], version))
    rounded[largest] += 1 - sum(rounded.values(), Decimal(0))
    return {version: share.normalize() for version, share in sorted(rounded.items()) if share}


def _decimal(version: str, share: Decimal | float) -> Decimal:
    decimal = share if isinstance(share, Decimal) else Decimal(str(share))
    if not decimal.is_finite() or decimal < 0:
        raise InputError(f"The share of version {version!r} is {share}. A share is a number from 0 to 1.")
    return decimal


def _shown(shares: Mapping[str, Decimal | float]) -> str:
    return "{" + ", ".join(f"{version}: {share}" for version, share in shares.items()) + "}"
