"""What a drift test says about one feature."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from driftline.findings import Severity, Status

DriftSeverity = Severity
DriftStatus = Status


@dataclass(frozen=True, kw_only=True)
class DriftResult:
    """One test on one feature.

    Attributes
    ----------
    feature_name, test:
        What was compared, and by which test (its `name`).
    status:
        ``detected`` needs evidence and effect; ``not_evaluated`` says why in `reason`.
    severity:
        `DriftSeverity.NONE` unless detected.
    statistic:
        In the unit that the test documents.
    p_value:
        0 to 1, for no drift; not corrected for the number of features (the `threshold` is).
    threshold:
        What `statistic` had to reach: the larger of the evidence and the effect floor.
    effect:
        Size of the change: what the floor is held against.
    reference_size, current_size:
        Rows that the statistic is made of on each side.
    minimum_detectable_shift:
        The smallest true effect that this test would have found at these sizes in four of five windows.
    details:
        More numbers for a machine: floor, evidence threshold, what moved.
    """

    feature_name: str
    test: str
    status: DriftStatus
    severity: DriftSeverity = DriftSeverity.NONE
    statistic: float | None = None
    p_value: float | None = None
    threshold: float | None = None
    effect: float | None = None
    reference_size: int = 0
    current_size: int = 0
    minimum_detectable_shift: float | None = None
    reason: str = ""
    description: str = ""
    recommendation: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def detected(self) -> bool:
        return self.status is DriftStatus.DETECTED
