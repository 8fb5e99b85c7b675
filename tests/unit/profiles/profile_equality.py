"""When two profiles are the same: every count equal, moments to rounding."""

from __future__ import annotations

import math
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from driftline.profiles import Moments, Profile


def assert_same_profile(left: Profile, right: Profile, *, rounding: float = 1e-9) -> None:
    """Every count is equal; means, sums of scores and deviations are equal within ``rounding`` (relative)."""
    assert type(left) is type(right)
    for field in fields(left):
        _assert_same(getattr(left, field.name), getattr(right, field.name), field.name, rounding)


def _assert_same(left: Any, right: Any, name: str, rounding: float) -> None:
    if name == "binning":
        assert left.digest == right.digest
    elif isinstance(left, Moments):
        assert left.n == right.n
        _assert_close(left.m2, right.m2, name, rounding)
        # Where large values cancel, the mean is as exact as they are, not as it is small.
        spread = math.sqrt(left.m2 / left.n) if left.n else 0.0
        if math.isfinite(spread) and left.mean != right.mean:
            assert abs(left.mean - right.mean) <= rounding * max(1.0, abs(left.mean), spread), name
    elif isinstance(left, np.ndarray):
        assert left.dtype == right.dtype
        np.testing.assert_allclose(left, right, rtol=0 if left.dtype.kind == "i" else rounding, atol=0)
    elif is_dataclass(left):
        assert_same_profile(left, right, rounding=rounding)  # type: ignore[arg-type]
    else:
        assert left == right, name


def _assert_close(left: float, right: float, name: str, rounding: float) -> None:
    if math.isfinite(left) and math.isfinite(right):
        assert math.isclose(left, right, rel_tol=rounding, abs_tol=rounding), (name, left, right)
    else:
        # Beyond the range of floats a sum of parts may be "not a number" where the sum at once is infinite.
        assert not math.isfinite(left), (name, left, right)
        assert not math.isfinite(right), (name, left, right)
