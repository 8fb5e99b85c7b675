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
from driftline.quality.log_faults import (
    LABEL_TESTS,
    LabelFaults,
    RowsAhead,
    label_fault_findings,
    not_compared,
    rows_ahead_findings,
)
from driftline.quality.validation import ExpectationOutcome, QualityValidation, validate
from driftline.quality.verdicts import quality_findings

__all__ = [
    "LABEL_TESTS",
    "ColumnExpectation",
    "ColumnKind",
    "ColumnRole",
    "ExpectationOutcome",
    "ExpectationType",
    "ExpectedColumn",
    "LabelFaults",
    "QualityValidation",
    "RowsAhead",
    "data_docs",
    "derive_expectations",
    "label_fault_findings",
    "not_compared",
    "quality_findings",
    "rows_ahead_findings",
    "validate",
]
