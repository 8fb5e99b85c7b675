"""How long labels take, and what that says of a window."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.errors import InputError
from driftline.performance import DELAY_EDGES, NO_CURVE, DelayCurve, label_outlook

HOUR = timedelta(hours=1)
END = datetime(2026, 3, 16, tzinfo=UTC)
CELL = {hours: DELAY_EDGES.index(hours * 3600.0) for hours in (1, 24, 48, 72)}
"""The cell that ends at so many hours."""

STEADY = DelayCurve.of({CELL[24] + hour: 10 for hour in range(1, 49)}, predictions=600)
"""Labels come evenly from 24 to 72 hours on; four of five predictions get one."""


def test_the_share_that_has_arrived_grows_with_age() -> None:
    assert [STEADY.arrived_share(hours * HOUR) for hours in (0, 24, 48, 72, 2_000)] == [0, 0, 0.5, 1, 1]
    assert STEADY.arrived_share(36.5 * HOUR) == pytest.approx(12.5 / 48)
    assert STEADY.final_share == 0.8


def test_quantiles_are_the_upper_end_of_their_cell() -> None:
    assert STEADY.quantile(0.5) == 48 * HOUR
    assert STEADY.quantile(0.95) == 70 * HOUR
    assert DelayCurve.of({len(DELAY_EDGES): 300}, 300).quantile(0.5) is None, "later than is told apart"
    assert NO_CURVE.quantile(0.5) is None


def test_labels_before_their_prediction_count_as_there_at_once_and_are_told() -> None:
    curve = DelayCurve.of({0: 3, 1: 7}, 10)
    assert (curve.early, curve.arrived_share(timedelta(0)), curve.arrived_share(timedelta(seconds=30))) == (
        3,
        0.3,
        0.65,
    )


def test_nothing_is_known_of_no_labels() -> None:
    assert (NO_CURVE.final_share, NO_CURVE.arrived_share(HOUR), NO_CURVE.is_known) == (None, 0.0, False)


@given(
    st.dictionaries(st.integers(0, len(DELAY_EDGES)), st.integers(0, 1_000), max_size=20),
    st.integers(0, 10**6),
    st.none() | st.timedeltas(timedelta(0), timedelta(days=90)),
)
def test_a_curve_survives_json_and_never_falls(
    counts: dict[int, int], predictions: int, silence: timedelta | None
) -> None:
    curve = DelayCurve.of(counts, predictions, silence)
    assert DelayCurve.from_json(curve.to_json()) == curve
    shares = [curve.arrived_share(hours * HOUR) for hours in range(0, 24 * 130, 7)]
    assert shares == sorted(shares)
    assert all(0 <= share <= 1 for share in shares)


@pytest.mark.parametrize("arrivals", [(1, 2), (-1, *(0,) * len(DELAY_EDGES))])
def test_counts_of_other_cells_are_refused(arrivals: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="delay curve"):
        DelayCurve(1, arrivals)


def outlook_at(hours: float, curve: DelayCurve = STEADY, expected: timedelta = 24 * HOUR) -> object:
    day = [(END - (24 - hour) * HOUR, 25) for hour in range(24)]
    return label_outlook(curve, day, window_end=END, expected_delay=expected, now=END + hours * HOUR)


def test_a_window_matures_with_the_slower_of_the_file_and_the_labels() -> None:
    assert outlook_at(0).matures_at == END + 70 * HOUR
    assert outlook_at(0, expected=80 * HOUR).matures_at == END + 80 * HOUR
    assert outlook_at(0, curve=NO_CURVE).matures_at == END + 24 * HOUR
    assert not outlook_at(69).is_mature
    assert outlook_at(70).is_mature


def test_the_usual_coverage_follows_the_windows_age() -> None:
    assert outlook_at(0).usual_coverage == pytest.approx(0, abs=1e-9)
    assert outlook_at(36).usual_coverage == pytest.approx(0.8 * 0.5, abs=0.01)
    assert outlook_at(72).usual_coverage == pytest.approx(0.8)
    assert outlook_at(36, curve=NO_CURVE).usual_coverage is None


def test_a_window_without_predictions_has_no_usual_coverage() -> None:
    found = label_outlook(STEADY, [], window_end=END, expected_delay=HOUR, now=END)
    assert (found.arrived_share, found.usual_coverage) == (None, None)
