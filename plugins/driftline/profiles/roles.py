"""What a counted column is to the model."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """The outputs' roles are also the subjects' names; a feature's subject is its own name."""

    FEATURE = "feature"
    PREDICTION = "prediction"
    SCORE = "score"
    LATENCY = "latency"
    ERROR = "error"
    OUTCOME = "outcome"
    GROUP = "group"
    """A protected attribute: its levels are the groups that predictions and outcomes are counted by."""
    CLASS_SCORE = "class_score"
    """The score of one class of several; its subjects are `class_score` and `own_score` of the class."""
