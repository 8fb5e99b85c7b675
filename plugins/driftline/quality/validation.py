"""Validating a window's rows with Great Expectations."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from driftline.findings import Status
from driftline.quality.expectations import ColumnExpectation, ColumnKind, ColumnRole, ExpectationType

if TYPE_CHECKING:
    import pandas as pd

MINIMUM_ROWS = 30
"""Fewer rows tell nothing of shares."""

_EXAMPLES = 5
_EXAMPLE_LENGTH = 40
_EXAMPLE_CANDIDATES = 200
_ANALYTICS = "GX_ANALYTICS_ENABLED"


@dataclass(frozen=True, kw_only=True)
class ExpectationOutcome:
    """What became of one expectation.

    Attributes
    ----------
    rows:
        Rows that the share is of: all, or those with a value (see `ExpectationType`).
    unexpected_rows:
        Those of them that break the expectation.
    examples:
        A few of the unexpected values, shortened; none of free text and entities.
    reason:
        Why it was not evaluated; empty otherwise.
    """

    expectation: ColumnExpectation
    status: Status
    rows: int = 0
    unexpected_rows: int = 0
    examples: tuple[str, ...] = ()
    reason: str = ""

    @property
    def unexpected_share(self) -> float | None:
        """0 to 1; ``None`` where there is no row to take it of."""
        return self.unexpected_rows / self.rows if self.rows else None


@dataclass(frozen=True, kw_only=True)
class QualityValidation:
    """A window's rows, validated.

    Attributes
    ----------
    outcomes:
        One per expectation, in their order.
    rows_checked, rows_in_window:
        Rows validated and rows there are; fewer validated means a sample.
    result:
        Great Expectations' ``ExpectationSuiteValidationResult`` of what was put to it.
    results:
        Its result per outcome, in their order; ``None`` where the expectation was not put to it.
    """

    outcomes: tuple[ExpectationOutcome, ...]
    rows_checked: int
    rows_in_window: int
    result: Any
    results: tuple[Any, ...]

    @property
    def is_sample(self) -> bool:
        return self.rows_checked < self.rows_in_window


def validate(
    frame: pd.DataFrame,
    expectations: Sequence[ColumnExpectation],
    *,
    rows_in_window: int | None = None,
    name: str = "window",
    minimum_rows: int = MINIMUM_ROWS,
) -> QualityValidation:
    """Holds the rows of ``frame`` against the expectations; the frame is not changed.

    An expectation that cannot be evaluated (its column is missing, stands twice or has no value; there are too few
    rows; evaluating it fails) is ``not_evaluated`` with the reason, and the others are evaluated all the same.
    Nothing is written to disk and nothing is sent anywhere.

    Parameters
    ----------
    rows_in_window:
        Rows of the whole window where ``frame`` is a sample of them; by default, the frame's.
    name:
        What the Data Docs call the rows, for example the model and the window.
    minimum_rows:
        With fewer rows only the presence of columns is checked.
    """
    rows_in_window = max(len(frame), rows_in_window or 0)  # Rows may have arrived since they were counted.
    plain, broken = _plain(frame, expectations)
    obstacles = [_obstacle(frame, expectation, minimum_rows, broken) for expectation in expectations]
    runnable = [index for index, obstacle in enumerate(obstacles) if not obstacle]
    result, raised = _run(plain, expectations, runnable, name)
    obstacles = [obstacle or raised.get(index, "") for index, obstacle in enumerate(obstacles)]
    evaluated = _by_index(result)
    results = tuple(evaluated.get(index) for index in range(len(expectations)))
    return QualityValidation(
        outcomes=tuple(map(_outcome, expectations, results, obstacles)),
        rows_checked=len(frame),
        rows_in_window=rows_in_window,
        result=result,
        results=results,
    )


def _obstacle(frame: pd.DataFrame, expectation: ColumnExpectation, minimum_rows: int, broken: Mapping[str, str]) -> str:
    if expectation.type is ExpectationType.COLUMN_EXISTS:
        return ""
    occurrences = int((frame.columns == expectation.column.name).sum())
    if occurrences == 0:
        return f"The column {expectation.column.name!r} is missing."
    if occurrences > 1:
        return f"The rows have {occurrences} columns named {expectation.column.name!r}."
    if len(frame) < minimum_rows:
        return f"The window has {len(frame):,} rows; at least {minimum_rows:,} are needed."
    return broken.get(expectation.column.name, "")


def _plain(frame: pd.DataFrame, expectations: Sequence[ColumnExpectation]) -> tuple[pd.DataFrame, dict[str, str]]:
    """The expected columns, each once, of values that Great Expectations can take; and why others cannot be taken."""
    import pandas as pd

    from driftline.quality.values import as_scalars

    plain, broken = {}, {}
    for name in dict.fromkeys(expectation.column.name for expectation in expectations):
        if name in frame.columns:
            column = frame.loc[:, frame.columns == name].iloc[:, 0]
            try:
                plain[name] = as_scalars(column)
            except Exception as error:
                broken[name] = f"The values of the column {name!r} cannot be read: {_one_line(str(error))}"
                plain[name] = pd.Series(True, index=frame.index)
    return pd.DataFrame(plain, index=frame.index, copy=False).reset_index(drop=True), broken


def _run(
    frame: pd.DataFrame, expectations: Sequence[ColumnExpectation], runnable: Sequence[int], name: str
) -> tuple[Any, dict[int, str]]:
    """Great Expectations' result, and the reasons of those that could not even be put to it."""
    with _without_telemetry(), _without_log():
        import great_expectations as gx
        from great_expectations.data_context.types.base import ProgressBarsConfig

        from driftline.quality.suite import as_gx_expectation

        context = gx.get_context(mode="ephemeral")
        context.enable_analytics(False)
        context.variables.progress_bars = ProgressBarsConfig(globally=False)
        suite = gx.ExpectationSuite(name=name)
        refused = {}
        for index in runnable:
            try:
                suite.add_expectation(as_gx_expectation(expectations[index], index))
            except Exception as error:
                refused[index] = _in_words(error)
        source = context.data_sources.add_pandas("prediction_log")
        definition = source.add_dataframe_asset(name).add_batch_definition_whole_dataframe("rows")
        batch = definition.get_batch(batch_parameters={"dataframe": frame})
        result_format = {"result_format": "BASIC", "partial_unexpected_count": _EXAMPLE_CANDIDATES}
        return batch.validate(suite, result_format=result_format), refused


def _by_index(result: Any) -> dict[int, Any]:
    from driftline.quality.suite import EXPECTATION_INDEX

    return {single.expectation_config.meta[EXPECTATION_INDEX]: single for single in result.results}


def _outcome(expectation: ColumnExpectation, evaluated: Any, obstacle: str) -> ExpectationOutcome:
    reason = obstacle or _raised(evaluated)
    if reason:
        return ExpectationOutcome(expectation=expectation, status=Status.NOT_EVALUATED, reason=reason)
    status = Status.OK if evaluated.success else Status.DETECTED
    if expectation.type is ExpectationType.COLUMN_EXISTS:
        return ExpectationOutcome(
            expectation=expectation, status=status, rows=1, unexpected_rows=int(not evaluated.success)
        )
    counted = evaluated.result
    is_of_nulls = expectation.type in (ExpectationType.NOT_NULL, ExpectationType.NULL_SHARE)
    rows = int(counted["element_count"]) - (0 if is_of_nulls else int(counted["missing_count"]))
    if rows == 0:
        return ExpectationOutcome(
            expectation=expectation,
            status=Status.NOT_EVALUATED,
            reason=f"Every value of the column {expectation.column.name!r} is null.",
        )
    return ExpectationOutcome(
        expectation=expectation,
        status=status,
        rows=rows,
        unexpected_rows=int(counted["unexpected_count"]),
        examples=() if is_of_nulls else _examples(expectation, counted.get("partial_unexpected_list") or []),
    )


def _examples(expectation: ColumnExpectation, values: Sequence[Any]) -> tuple[str, ...]:
    column = expectation.column
    if column.kind is ColumnKind.TEXT and column.role is not ColumnRole.IDENTIFIER:
        return ()
    distinct = dict.fromkeys(_shortened(value) for value in values)
    return tuple(distinct)[:_EXAMPLES]


def _shortened(value: Any) -> str:
    shown = f"{value:.6g}" if isinstance(value, float) else str(value)
    return shown if len(shown) <= _EXAMPLE_LENGTH else shown[: _EXAMPLE_LENGTH - 1] + "…"


def _raised(evaluated: Any) -> str:
    """The message of the exception that Great Expectations recorded (per metric, or one for all); else empty."""
    if evaluated is None:
        return "Great Expectations gave no result for it."
    information = evaluated.exception_info or {}
    records = [information] if "raised_exception" in information else list(information.values())
    for record in records:
        if record.get("raised_exception"):
            message = str(record.get("exception_message") or "").strip()
            return f"Evaluating it failed: {_one_line(message)}"
    return ""


def _in_words(error: Exception) -> str:
    return f"Great Expectations refuses it: {_one_line(str(error) or type(error).__name__)}"


def _one_line(message: str) -> str:
    return " ".join(message.split())[:300] or "no message"


@contextmanager
def _without_telemetry() -> Iterator[None]:
    """Great Expectations reads its switch from the environment when a context is made."""
    before = os.environ.get(_ANALYTICS)
    os.environ[_ANALYTICS] = "false"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_ANALYTICS]
        else:
            os.environ[_ANALYTICS] = before


@contextmanager
def _without_log() -> Iterator[None]:
    """What Great Expectations logs of a failed expectation is in the outcome already."""
    logger, silence = logging.getLogger("great_expectations"), logging.NullHandler()
    before = logger.propagate
    logger.propagate = False
    logger.addHandler(silence)
    try:
        yield
    finally:
        logger.removeHandler(silence)
        logger.propagate = before
