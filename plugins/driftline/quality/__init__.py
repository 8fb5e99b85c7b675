"""Quality: a window's rows held against a suite derived from the configuration and the baseline."""

from driftline.quality.data_docs import data_docs
from driftline.quality.expectations import (
    ColumnExpectation,
    ColumnKind,
    ColumnRole,
    ExpectationType,
    ExpectedColumn,
    derive_expectations,
)
from driftline.quality.validation import ExpectationOutcome, QualityValidation, validate
from driftline.quality.verdicts import quality_findings

__all__ = [
    "ColumnExpectation",
    "ColumnKind",
    "ColumnRole",
    "ExpectationOutcome",
    "ExpectationType",
    "ExpectedColumn",
    "QualityValidation",
    "data_docs",
    "derive_expectations",
    "quality_findings",
    "validate",
]
