"""Versions of a model as the serving registry knows them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class VersionStatus(StrEnum):
    """What a version is used for."""

    REGISTERED = "registered"
    SHADOW = "shadow"
    """Predicts beside the others; its answers are not used."""
    CANARY = "canary"
    PRODUCTION = "production"
    RETIRED = "retired"
    """Out of use, and still a version to roll back to."""
    QUARANTINED = "quarantined"
    """Found bad: it gets no traffic until a person sets another status."""


class VersionHealth(StrEnum):
    """What the last look at a version's serving said."""

    UNKNOWN = "unknown"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"


@dataclass(frozen=True, kw_only=True)
class ModelVersion:
    """One deployed artefact of a model."""

    model: str
    version: str
    artifact_uri: str
    status: VersionStatus
    health: VersionHealth
    registered_at: datetime
    updated_at: datetime
