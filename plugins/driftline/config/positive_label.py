"""How the log spells what counts as positive."""

from __future__ import annotations

from driftline.config.model_config import ModelConfig


def positive_levels(config: ModelConfig) -> frozenset[str]:
    """How a positive prediction or label may be spelled in the log."""
    label = config.positive_label
    if label is None:
        return frozenset({"1", "true", "t", "1.0"})
    if isinstance(label, bool):
        return frozenset({"true", "t"} if label else {"false", "f"})
    return frozenset({label} if isinstance(label, str) else {str(label), f"{label}.0"})
