"""The serving registry's words: versions, routes and their changes. Standard library only, as serving code needs it."""

from driftline.serving.allocation import Allocation, reallocated
from driftline.serving.rollback import RollbackOutcome, RollbackRefusal
from driftline.serving.routes import RouteChange, Routes, RoutesChanged, exact_shares
from driftline.serving.strategy import TrafficSplitStrategy
from driftline.serving.versions import ModelVersion, VersionHealth, VersionStatus

__all__ = [
    "Allocation",
    "ModelVersion",
    "RollbackOutcome",
    "RollbackRefusal",
    "RouteChange",
    "Routes",
    "RoutesChanged",
    "TrafficSplitStrategy",
    "VersionHealth",
    "VersionStatus",
    "exact_shares",
    "reallocated",
]
