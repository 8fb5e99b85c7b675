"""Percentiles from log-spaced cells."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.live.latency import RELATIVE_ERROR, cell_of, percentile

LATENCIES = st.lists(st.floats(0.01, 1e6), min_size=1, max_size=200)


@given(LATENCIES, st.sampled_from([0.5, 0.95, 0.99]))
def test_a_percentile_is_within_the_relative_error_of_the_rows_own(values: list[float], share: float) -> None:
    exact = float(np.quantile(values, share, method="inverted_cdf"))
    found = percentile(Counter(map(cell_of, values)), share)
    assert found == pytest.approx(exact, rel=RELATIVE_ERROR + 1e-9)


def test_there_is_no_percentile_of_nothing() -> None:
    assert percentile({}, 0.95) is None


def test_what_is_beyond_the_ends_is_counted_at_the_ends() -> None:
    assert cell_of(-5) == cell_of(0) == cell_of(0.001)
    assert cell_of(1e12) == cell_of(1e8)
