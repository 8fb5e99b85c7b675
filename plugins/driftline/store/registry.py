"""The serving registry: versions, routes, every change of them, and the way back."""

from driftline.store.model_versions import lock_model, register_version, set_health, set_status, versions
from driftline.store.rollbacks import roll_back
from driftline.store.routing import (
    ROUTES_CHANNEL,
    change_by_cause,
    change_routes,
    current_routes,
    last_stable_version,
    route_changes,
)

__all__ = [
    "ROUTES_CHANNEL",
    "change_by_cause",
    "change_routes",
    "current_routes",
    "last_stable_version",
    "lock_model",
    "register_version",
    "roll_back",
    "route_changes",
    "set_health",
    "set_status",
    "versions",
]
