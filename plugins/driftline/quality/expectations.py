"""What a window's columns are expected to be, derived from the configuration and the baseline."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from driftline.errors import InputError
from driftline.profiles import CategoricalProfile, NumericProfile, Profile

MAXIMUM_EXPECTED_LEVELS = 1_000
"""A column with more levels on the baseline has no closed set of them."""

NULL_SHARE_CONFIDENCE = 1e-4
"""Chance that a null share at the edge of what is tolerated is taken for too high, because of the rows' number."""


class ColumnRole(StrEnum):
    """What a column of the prediction log is to the model."""

    IDENTIFIER = "identifier"
    TIME = "time"
    VERSION = "version"
    PREDICTION = "prediction"
    SCORE = "score"
    LATENCY = "latency"
    ERROR = "error"
    ENTITY = "entity"
    FEATURE = "feature"


class ColumnKind(StrEnum):
    """The family of values that a column holds."""

    NUMERIC = "numeric"
    CATEGORICAL = "categorical"
    BOOLEAN = "boolean"
    TIMESTAMP = "timestamp"
    TEXT = "text"


class ExpectationType(StrEnum):
    """What can be expected of a column; also the name of the finding's test.

    The statistic of each is the share of rows (0 to 1) that break it: of all rows for the first four, of the rows that
    have a value for the others.
    """

    COLUMN_EXISTS = "column_exists"
    NOT_NULL = "not_null"
    NULL_SHARE = "null_share"
    UNIQUE_IDS = "unique_ids"
    VALUE_TYPE = "value_type"
    POSSIBLE_VALUES = "possible_values"
    """Finite, and within limits beyond which a value is impossible: a probability above 1, a latency below 0."""
    VALUE_RANGE = "value_range"
    """Where finite, within what the baseline holds and a margin."""
    KNOWN_LEVELS = "known_levels"


_KEY_ROLES = frozenset({ColumnRole.IDENTIFIER, ColumnRole.TIME, ColumnRole.VERSION})
_ROW_ROLES = _KEY_ROLES | {ColumnRole.ENTITY}
_RANGED_ROLES = frozenset({ColumnRole.FEATURE, ColumnRole.PREDICTION})
_TYPED_KINDS = frozenset({ColumnKind.NUMERIC, ColumnKind.BOOLEAN, ColumnKind.TIMESTAMP})


@dataclass(frozen=True, kw_only=True)
class ExpectedColumn:
    """A column that the window's rows should have.

    Attributes
    ----------
    name:
        The column as the rows call it.
    feature:
        The feature's name, where it is not the column's; of several columns with one role, what each is called.
    baseline:
        The column's profile over the baseline; without one nothing is expected of its range, levels and null share.
    lowest, highest:
        Values beyond are impossible, whatever the baseline holds.
    """

    name: str
    role: ColumnRole
    kind: ColumnKind
    feature: str = ""
    baseline: Profile | None = None
    lowest: float | None = None
    highest: float | None = None

    @property
    def subject(self) -> str:
        """What findings call it: a feature by its name, an output by its role, what identifies a row ``rows``."""
        if self.role is ColumnRole.FEATURE or self.feature:
            return self.feature or self.name
        return "rows" if self.role in _ROW_ROLES else self.role.value


@dataclass(frozen=True, kw_only=True)
class ColumnExpectation:
    """One thing expected of one column.

    Attributes
    ----------
    tolerated_share:
        Share of rows (0 to 1) that may break it.
    lowest, highest:
        Inclusive limits of a range; ``None`` where it is open.
    levels:
        The values of `ExpectationType.KNOWN_LEVELS`.
    """

    column: ExpectedColumn
    type: ExpectationType
    tolerated_share: float = 0.0
    lowest: float | None = None
    highest: float | None = None
    levels: tuple[str, ...] = ()

    @property
    def subject(self) -> str:
        return self.column.subject

    @property
    def test(self) -> str:
        """The type; where several columns share the subject ``rows``, with the role before it."""
        if self.subject != "rows" or self.type is ExpectationType.UNIQUE_IDS:
            return self.type.value
        return f"{self.column.role}_{self.type}"


def derive_expectations(
    columns: Sequence[ExpectedColumn],
    *,
    rows: int,
    tolerated_share: float = 0.01,
    null_share_margin: float = 0.02,
    range_margin: float = 0.1,
) -> tuple[ColumnExpectation, ...]:
    """The suite for a window of which ``rows`` rows are validated.

    Every column exists; identifier, time and version are never null; identifiers are unique; numbers, booleans and
    timestamps can be read as such; scores lie in 0 to 1 and latencies above 0. Against the baseline: the null share is
    not far above it, numbers stay in its range, levels are among its own.

    Parameters
    ----------
    tolerated_share:
        Share of rows (0 to 1) that may leave the baseline's range or levels.
    null_share_margin:
        How far the null share may truly rise (in shares); the tolerance of counting ``rows`` rows comes on top.
    range_margin:
        How far beyond the baseline's extremes a range reaches on each side, in widths of the baseline's range.

    Raises
    ------
    InputError
        When two columns would have findings of the same name, or a share is not within 0 to 1.
    """
    for name, share in (("tolerated_share", tolerated_share), ("null_share_margin", null_share_margin)):
        if not 0 <= share <= 1:
            raise InputError(f"{name} is {share}; it is a share of rows, from 0 to 1.")
    for column in columns:
        if column.lowest is not None and column.highest is not None and not column.lowest <= column.highest:
            raise InputError(
                f"The lowest possible value of {column.subject!r}, {column.lowest:g}, is not below its highest, "
                f"{column.highest:g}. Correct `lowest` and `highest`."
            )
    derived = tuple(
        expectation
        for column in columns
        for expectation in (
            *_of_the_log(column),
            *_of_possible_values(column, rows, null_share_margin),
            *_of_the_nulls(column, rows, null_share_margin),
            *_of_the_baseline(column, tolerated_share, range_margin),
        )
    )
    _refuse_repeats(derived)
    return derived


def _of_the_log(column: ExpectedColumn) -> Iterator[ColumnExpectation]:
    yield ColumnExpectation(column=column, type=ExpectationType.COLUMN_EXISTS)
    if column.role in _KEY_ROLES:
        yield ColumnExpectation(column=column, type=ExpectationType.NOT_NULL)
    if column.role is ColumnRole.IDENTIFIER:
        yield ColumnExpectation(column=column, type=ExpectationType.UNIQUE_IDS)
    if column.kind in _TYPED_KINDS:
        yield ColumnExpectation(column=column, type=ExpectationType.VALUE_TYPE)


def _of_possible_values(column: ExpectedColumn, rows: int, margin: float) -> Iterator[ColumnExpectation]:
    if column.kind is not ColumnKind.NUMERIC:
        return
    lowest, highest = _possible_limits(column)
    infinities = column.baseline.non_finite if isinstance(column.baseline, NumericProfile) else 0
    tolerated = 0.0
    if column.baseline is not None and infinities:
        tolerated = tolerated_null_share(infinities / column.baseline.rows, rows, margin)
    yield ColumnExpectation(
        column=column,
        type=ExpectationType.POSSIBLE_VALUES,
        tolerated_share=tolerated,
        lowest=lowest,
        highest=highest,
    )


def _possible_limits(column: ExpectedColumn) -> tuple[float | None, float | None]:
    if column.role is ColumnRole.SCORE:
        return 0.0, 1.0
    if column.role is ColumnRole.LATENCY:
        return 0.0, column.highest
    return column.lowest, column.highest


def _of_the_nulls(column: ExpectedColumn, rows: int, margin: float) -> Iterator[ColumnExpectation]:
    profile = column.baseline
    if not isinstance(profile, NumericProfile | CategoricalProfile) or not profile.rows or column.role in _KEY_ROLES:
        return
    tolerated = tolerated_null_share(profile.nulls / profile.rows, rows, margin)
    yield ColumnExpectation(column=column, type=ExpectationType.NULL_SHARE, tolerated_share=tolerated)


def tolerated_null_share(baseline_share: float, rows: int, margin: float) -> float:
    """The largest null share that ``rows`` rows show while the true one is within ``margin`` of the baseline's.

    The upper `NULL_SHARE_CONFIDENCE` quantile of Binomial(rows, baseline_share + margin), as a share.
    """
    from scipy import stats

    true_share = min(baseline_share + margin, 1.0)
    if rows < 1 or true_share >= 1:
        return 1.0
    return float(stats.binom.isf(NULL_SHARE_CONFIDENCE, rows, true_share)) / rows


def _of_the_baseline(column: ExpectedColumn, tolerated: float, range_margin: float) -> Iterator[ColumnExpectation]:
    profile = column.baseline
    if column.role not in _RANGED_ROLES:
        return
    if isinstance(profile, NumericProfile) and column.kind is ColumnKind.NUMERIC:
        limits = _baseline_range(profile, range_margin)
        if limits is not None:
            yield ColumnExpectation(
                column=column,
                type=ExpectationType.VALUE_RANGE,
                tolerated_share=tolerated,
                lowest=limits[0],
                highest=limits[1],
            )
    if isinstance(profile, CategoricalProfile) and column.kind is ColumnKind.CATEGORICAL and _is_closed(profile):
        yield ColumnExpectation(
            column=column,
            type=ExpectationType.KNOWN_LEVELS,
            tolerated_share=tolerated,
            levels=profile.binning.levels,
        )


def _is_closed(profile: CategoricalProfile) -> bool:
    binning = profile.binning
    return not binning.pooled_levels and 0 < len(binning.levels) <= MAXIMUM_EXPECTED_LEVELS


def _baseline_range(profile: NumericProfile, margin: float) -> tuple[float, float] | None:
    """None for a baseline without a spread: whether a constant moved is for the drift check to say."""
    width = profile.maximum - profile.minimum
    if not math.isfinite(width) or width <= 0:
        return None
    lowest, highest = profile.minimum - margin * width, profile.maximum + margin * width
    return (lowest, highest) if math.isfinite(lowest) and math.isfinite(highest) else None


def _refuse_repeats(expectations: Iterable[ColumnExpectation]) -> None:
    seen: set[tuple[str, str]] = set()
    for expectation in expectations:
        key = (expectation.subject, expectation.test)
        if key in seen:
            raise InputError(
                f"Two columns would both report {expectation.test!r} of {expectation.subject!r}: name each feature "
                "and each role once."
            )
        seen.add(key)
