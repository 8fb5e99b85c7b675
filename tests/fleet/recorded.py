"""What the real monitor wrote of a shop's two models, as `tests.fleet.record` kept it."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from driftline.findings import Finding
from driftline.store.json_values import json_safe

RECORDED = Path(__file__).with_name("recorded.json")

NUMERIC, CATEGORICAL = "amount", "country"
"""The recorded features that the fleet's are modelled on."""


def as_json(finding: Finding) -> dict[str, Any]:
    """The finding without what is the window's own."""
    return json_safe(asdict(finding))  # type: ignore[no-any-return]


@cache
def recorded(task: str) -> list[dict[str, Any]]:
    """One finding of each kind (check, subject, test, comparison, status) of a model with that task."""
    return json.loads(RECORDED.read_text())[task]  # type: ignore[no-any-return]
