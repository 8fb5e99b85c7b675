"""What the predictions in a file are."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from driftline.predictions import PredictionTask


class FileTask(StrEnum):
    """What the predictions in a file are."""

    BINARY = "binary"
    MULTICLASS = "multiclass"
    REGRESSION = "regression"

    @property
    def prediction_task(self) -> PredictionTask:
        from driftline.predictions import PredictionTask

        return {
            FileTask.BINARY: PredictionTask.BINARY_CLASSIFICATION,
            FileTask.MULTICLASS: PredictionTask.MULTICLASS_CLASSIFICATION,
            FileTask.REGRESSION: PredictionTask.REGRESSION,
        }[self]
