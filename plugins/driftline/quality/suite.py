"""The expectations as Great Expectations knows them. Import it inside functions only: it takes seconds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from great_expectations.execution_engine import PandasExecutionEngine
from great_expectations.expectations import core
from great_expectations.expectations.expectation import ColumnMapExpectation, Expectation
from great_expectations.expectations.metrics.map_metric_provider import (
    ColumnMapMetricProvider,
    column_condition_partial,
)
from great_expectations.render import LegacyRendererType, RenderedStringTemplateContent
from great_expectations.render.renderer.renderer import renderer

from driftline.quality.expectations import ColumnExpectation, ColumnKind, ExpectationType
from driftline.quality.values import as_levels, as_numbers, is_readable

EXPECTATION_INDEX = "driftline_expectation"
"""Key in an expectation's meta: its place among the derived ones."""


def as_gx_expectation(expectation: ColumnExpectation, index: int) -> Expectation:
    """The expectation of Great Expectations that checks this one; its meta holds ``index``."""
    gx_class, arguments = _class_and_arguments(expectation)
    if expectation.type is not ExpectationType.COLUMN_EXISTS:
        arguments["mostly"] = _mostly(expectation.tolerated_share)
    return gx_class(column=expectation.column.name, meta={EXPECTATION_INDEX: index}, **arguments)


def _class_and_arguments(expectation: ColumnExpectation) -> tuple[type[Expectation], dict[str, Any]]:
    low, high = expectation.lowest, expectation.highest
    choices: dict[ExpectationType, tuple[type[Expectation], dict[str, Any]]] = {
        ExpectationType.COLUMN_EXISTS: (core.ExpectColumnToExist, {}),
        ExpectationType.NOT_NULL: (core.ExpectColumnValuesToNotBeNull, {}),
        ExpectationType.NULL_SHARE: (core.ExpectColumnValuesToNotBeNull, {}),
        ExpectationType.UNIQUE_IDS: (core.ExpectColumnValuesToBeUnique, {}),
        ExpectationType.VALUE_TYPE: (ExpectColumnValuesToBeReadable, {"kind": expectation.column.kind.value}),
        ExpectationType.POSSIBLE_VALUES: (ExpectColumnNumbersToBePossible, {"lowest": low, "highest": high}),
        ExpectationType.VALUE_RANGE: (ExpectColumnNumbersToBeBetween, {"min_value": low, "max_value": high}),
        ExpectationType.KNOWN_LEVELS: (ExpectColumnLevelsToBeInSet, {"value_set": list(expectation.levels)}),
    }
    return choices[expectation.type]


class ColumnValuesReadable(ColumnMapMetricProvider):  # type: ignore[misc]
    """Per value, whether it can be read as the kind."""

    condition_metric_name = "column_values.readable"
    condition_value_keys = ("kind",)

    @column_condition_partial(engine=PandasExecutionEngine)  # type: ignore[untyped-decorator]
    def _pandas(cls, column: pd.Series[Any], kind: str, **_: Any) -> pd.Series[bool]:  # noqa: N805 - GX calls it so
        return is_readable(column, ColumnKind(kind))


class ColumnNumbersPossible(ColumnMapMetricProvider):  # type: ignore[misc]
    """Per value, whether the number it holds is finite and within the limits; values without a number pass."""

    condition_metric_name = "column_values.possible_number"
    condition_value_keys = ("lowest", "highest")

    @column_condition_partial(engine=PandasExecutionEngine)  # type: ignore[untyped-decorator]
    def _pandas(
        cls,  # noqa: N805 - GX calls it so
        column: pd.Series[Any],
        lowest: float | None = None,
        highest: float | None = None,
        **_: Any,
    ) -> pd.Series[bool]:
        numbers = as_numbers(column)
        return ~(numbers.abs().eq(np.inf) | _is_beyond(numbers, lowest, highest))


class ColumnNumbersBetween(ColumnMapMetricProvider):  # type: ignore[misc]
    """Per value, whether the finite number it holds is within the limits; other values pass."""

    condition_metric_name = "column_values.number_between"
    condition_value_keys = ("min_value", "max_value")

    @column_condition_partial(engine=PandasExecutionEngine)  # type: ignore[untyped-decorator]
    def _pandas(
        cls,  # noqa: N805 - GX calls it so
        column: pd.Series[Any],
        min_value: float | None = None,
        max_value: float | None = None,
        **_: Any,
    ) -> pd.Series[bool]:
        numbers = as_numbers(column)
        return ~(numbers.abs().lt(np.inf) & _is_beyond(numbers, min_value, max_value))


class ColumnLevelsInSet(ColumnMapMetricProvider):  # type: ignore[misc]
    """Per value, whether its level's name is in the set."""

    condition_metric_name = "column_values.level_in_set"
    condition_value_keys = ("value_set",)

    @column_condition_partial(engine=PandasExecutionEngine)  # type: ignore[untyped-decorator]
    def _pandas(cls, column: pd.Series[Any], value_set: list[str], **_: Any) -> pd.Series[bool]:  # noqa: N805
        return as_levels(column).isin(value_set)


class ExpectColumnValuesToBeReadable(ColumnMapExpectation):  # type: ignore[misc]
    """Expect the values to be readable as numbers, booleans or timestamps."""

    kind: str

    map_metric: ClassVar[str] = ColumnValuesReadable.condition_metric_name
    success_keys: ClassVar[tuple[str, ...]] = ("kind", "mostly")

    @classmethod
    @renderer(renderer_type=LegacyRendererType.PRESCRIPTIVE)  # type: ignore[untyped-decorator]
    def _prescriptive_renderer(cls, configuration: Any = None, **_: Any) -> list[RenderedStringTemplateContent]:
        return _sentence("values must be readable as $kind.", configuration.kwargs)


class ExpectColumnNumbersToBePossible(ColumnMapExpectation):  # type: ignore[misc]
    """Expect numbers to be finite and within limits beyond which they are impossible."""

    lowest: float | None = None
    highest: float | None = None

    map_metric: ClassVar[str] = ColumnNumbersPossible.condition_metric_name
    success_keys: ClassVar[tuple[str, ...]] = ("lowest", "highest", "mostly")

    @classmethod
    @renderer(renderer_type=LegacyRendererType.PRESCRIPTIVE)  # type: ignore[untyped-decorator]
    def _prescriptive_renderer(cls, configuration: Any = None, **_: Any) -> list[RenderedStringTemplateContent]:
        limits = (("lowest", "at least $lowest"), ("highest", "at most $highest"))
        phrases = [phrase for name, phrase in limits if configuration.kwargs.get(name) is not None]
        return _sentence(" and ".join(["numbers must be finite", *phrases]) + ".", configuration.kwargs)


class ExpectColumnNumbersToBeBetween(core.ExpectColumnValuesToBeBetween):  # type: ignore[misc]
    """As its parent, for numbers however they are stored; infinite ones are left to the possible values."""

    map_metric: ClassVar[str] = ColumnNumbersBetween.condition_metric_name
    success_keys: ClassVar[tuple[str, ...]] = ("min_value", "max_value", "mostly")


class ExpectColumnLevelsToBeInSet(core.ExpectColumnValuesToBeInSet):  # type: ignore[misc]
    """As its parent, for levels however they are stored."""

    map_metric: ClassVar[str] = ColumnLevelsInSet.condition_metric_name


def _mostly(tolerated_share: float) -> float:
    """Rounded down to six digits, so that exactly the tolerated share passes whatever the rounding of floats."""
    return math.floor((1.0 - tolerated_share) * 1e6 + 1e-6) / 1e6


def _is_beyond(numbers: pd.Series[float], lowest: float | None, highest: float | None) -> pd.Series[bool]:
    beyond = pd.Series(False, index=numbers.index)
    if lowest is not None:
        beyond |= numbers < lowest
    if highest is not None:
        beyond |= numbers > highest
    return beyond


def _sentence(template: str, parameters: Mapping[str, Any]) -> list[RenderedStringTemplateContent]:
    badges = {"default": {"classes": ["badge", "badge-secondary"]}}
    content = {"template": template, "params": dict(parameters), "styling": badges}
    return [RenderedStringTemplateContent(content_block_type="string_template", string_template=content)]
