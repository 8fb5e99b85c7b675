"""Since which slice a drift is there, on simulated hours with daily and weekly cycles and a wandering level."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.drift.change_point import OnsetKind, date_onset, inverse_of_sum
from driftline.drift.change_point_season import expected_in_season
from driftline.drift.localization_cells import CoarseCells
from driftline.drift.pairs import NumericPair
from driftline.drift.season import Season
from driftline.errors import InputError
from driftline.profiles import NumericBinning, NumericProfile, merge

START = datetime(2026, 1, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAYS = 14
HOURS = [START + hour * HOUR for hour in range(24 * DAYS)]


def dated(seed, change, *, rows=200, cycle=0.5, wander=0.1, window=24, dropped=()):
    """Dates ``change`` (location per hour of the history) of a normal feature, after two weeks of baseline."""
    rng = np.random.default_rng(seed)
    hour = np.arange(2 * 24 * DAYS)
    noise = np.zeros(hour.size)
    for index in hour[1:]:
        noise[index] = 0.9 * noise[index - 1] + rng.normal(0, wander * np.sqrt(1 - 0.9**2))
    location = cycle * np.cos(2 * np.pi * hour / 24) + noise
    location[24 * DAYS :] += change
    values = [rng.normal(mean, 1, rows) for mean in location]
    binning = NumericBinning.from_values(np.concatenate(values[: 24 * DAYS]))
    reference = NumericProfile.of(np.concatenate(values[: 24 * DAYS]), binning)
    history = [NumericProfile.of(row, binning) for row in values[24 * DAYS :]]
    pair = NumericPair(reference, merge(history[-window:]))
    cells = CoarseCells.of(pair)
    kept = [index for index in range(24 * DAYS) if index not in dropped]
    hours = [HOURS[index] for index in kept]
    expected = expected_in_season(cells, np.append(pair.expected, 0), None, hours)
    return date_onset(hours, cells.counted([history[index] for index in kept]), expected, HOURS[-window])


def step(at, size=1.0):
    return size * (np.arange(24 * DAYS) >= at)


@pytest.mark.parametrize("at", [100, 24 * DAYS - 30, 24 * DAYS - 18, 24 * DAYS - 7])
@pytest.mark.parametrize("seed", range(3))
def test_a_step_is_dated_to_within_two_slices_through_the_daily_cycle(at, seed):
    onset = dated(seed, step(at))
    assert onset.kind is OnsetKind.STEP
    assert abs(onset.start - HOURS[at]) <= 2 * HOUR
    assert onset.earliest <= HOURS[at] <= onset.latest
    assert f"since {onset.start:%Y-%m-%d %H:%M} UTC" in onset.description


def test_a_half_sized_step_is_dated_in_most_worlds_and_said_to_be_plausible_there():
    at = 24 * DAYS - 18
    onsets = [dated(seed, step(at, 0.5), rows=400) for seed in range(12)]
    near = [onset for onset in onsets if onset.start is not None and abs(onset.start - HOURS[at]) <= 2 * HOUR]
    covering = [onset for onset in near if onset.earliest <= HOURS[at] <= onset.latest]
    assert len(near) >= 10
    assert len(covering) >= 10


def test_a_drift_older_than_the_history_is_said_to_be_older():
    onset = dated(0, step(0, 0.8))
    assert onset.kind is OnsetKind.BEFORE_HISTORY
    assert onset.start is None
    assert onset.description == "since before 2026-01-05 00:00 UTC, where the history looked at begins"


@pytest.mark.parametrize("seed", range(4))
def test_a_slow_rise_is_called_gradual(seed):
    rise = np.clip((np.arange(24 * DAYS) - 120) / (24 * DAYS - 120), 0, 1) * 1.5
    onset = dated(seed, rise, wander=0.03)
    assert onset.kind is OnsetKind.GRADUAL
    assert abs(onset.start - HOURS[120]) <= 36 * HOUR
    assert onset.description.startswith("gradually from about")


def test_without_any_change_no_beginning_is_made_up():
    kinds = [dated(seed, step(0, 0.0), wander=0.0).kind for seed in range(8)]
    assert kinds.count(OnsetKind.UNCLEAR) >= 7


def test_missing_hours_do_not_move_the_date():
    at = 24 * DAYS - 40
    onset = dated(1, step(at), dropped={*range(50, 80), at - 1, at + 5})
    assert abs(onset.start - HOURS[at]) <= 2 * HOUR


def test_too_few_hours_are_not_dated_and_the_reason_is_said():
    onset = date_onset(HOURS[:3], np.ones((3, 2)), np.full((3, 2), 0.5), HOURS[1])
    assert onset.kind is OnsetKind.UNCLEAR
    assert onset.reason == "3 hours with rows, 2 of them in the window; 6 are needed"


def test_no_rows_in_the_window_is_not_dated():
    counts = np.full((48, 2), 10.0)
    counts[24:] = 0
    onset = date_onset(HOURS[:48], counts, np.full((48, 2), 0.5), HOURS[24])
    assert onset.kind is OnsetKind.UNCLEAR


@pytest.mark.parametrize(
    ("hours", "shape"), [(HOURS[:4], (3, 2)), ([HOURS[1], HOURS[0], HOURS[2]], (3, 2)), ([HOURS[0]] * 3, (3, 2))]
)
def test_what_does_not_fit_is_refused(hours, shape):
    with pytest.raises(InputError):
        date_onset(hours, np.ones(shape), np.full(shape, 0.5), HOURS[0])


@given(
    st.lists(st.integers(1, 30), min_size=5, max_size=40),
    st.floats(1e-6, 10),
    st.floats(0.3, 0.98),
    st.integers(0, 2**32 - 1),
)
def test_the_noise_of_wandering_hours_is_inverted_as_it_would_be_in_full(gaps, wander, memory, seed):
    positions = np.append(0, np.cumsum(gaps)).astype(float)
    noise = np.random.default_rng(seed).uniform(0.01, 1, positions.size)
    full = wander * memory ** np.abs(positions[:, None] - positions) + np.diag(noise)
    inverse = inverse_of_sum(wander, memory ** np.diff(positions), noise)
    np.testing.assert_allclose(inverse @ full, np.eye(positions.size), atol=1e-9)


@given(
    counts=st.lists(st.lists(st.integers(0, 50), min_size=3, max_size=3), min_size=1, max_size=60),
    window=st.integers(1, 30),
)
def test_any_counts_give_an_onset_inside_the_history(counts, window):
    hours = HOURS[: len(counts)]
    table = np.array(counts, dtype=float)
    before = table.copy()
    onset = date_onset(hours, table, np.tile([0.5, 0.3, 0.2], (len(counts), 1)), hours[-min(window, len(counts))])
    np.testing.assert_array_equal(table, before)
    for moment in (onset.start, onset.earliest, onset.latest):
        assert moment is None or moment in hours
    if onset.start is not None:
        assert onset.earliest <= onset.start <= onset.latest
    assert onset.description


def test_the_calibrations_season_is_expected_hour_by_hour():
    binning = NumericBinning(np.array([0.0]))
    reference = NumericProfile.of(np.repeat([-1.0, 1.0], 5_000), binning)
    season = Season((0, 1), (7,), (0.0, 0.0), ((0.2, -0.2), (0.0, 0.0)))
    cells = CoarseCells.of(NumericPair(reference, reference))
    flat = expected_in_season(cells, np.array([5_000.0, 5_000.0, 0.0]), None, HOURS[:24])
    seasonal = expected_in_season(cells, np.array([5_000.0, 5_000.0, 0.0]), season, HOURS[:24])
    np.testing.assert_allclose(flat[:, 0], 0.5, atol=1e-3)
    np.testing.assert_allclose(seasonal.sum(axis=1), 1)
    middle = np.cos(2 * np.pi * (np.arange(24) + 0.5) / 24)
    np.testing.assert_allclose(seasonal[:, 0], 0.5 + 0.2 * middle, atol=2e-3)


@pytest.mark.parametrize("hours", [24, 300])
def test_hours_without_any_noise_are_told_apart_as_others_are(hours):
    """What every hour holds alike leaves no residuals at all: exactly as expected, or a dry fortnight after rain."""
    as_expected, dry = np.tile([50.0, 30.0, 20.0], (hours, 1)), np.tile([100.0, 0.0, 0.0], (hours, 1))
    shares = np.tile([0.5, 0.3, 0.2], (hours, 1))
    assert date_onset(HOURS[:hours], as_expected, shares, HOURS[hours - 24]).kind is OnsetKind.UNCLEAR
    assert date_onset(HOURS[:hours], dry, shares, HOURS[hours - 24]).kind is OnsetKind.BEFORE_HISTORY
