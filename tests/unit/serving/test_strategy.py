"""Where entities are placed: evenly, the same everywhere, and independently of another salt."""

from __future__ import annotations

import subprocess
import sys
from hashlib import blake2b
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from driftline.errors import InputError
from driftline.serving.allocation import POSITIONS
from driftline.serving.strategy import Placement, TrafficSplitStrategy

ENTITIES = 1_000_000
FIRST_RELEASE = [811_413, 830_202, 952_569]
"""Positions of user-0, user-1 and user-2 in `checkout`: entities must stay where they are."""


@pytest.fixture(scope="module")
def positions() -> np.ndarray:
    """Of a million entities, with two salts."""
    placements = [Placement("checkout"), Placement("ranking")]
    return np.array([[each.position_of(f"user-{number}") for number in range(ENTITIES)] for each in placements])


def test_a_million_entities_are_spread_evenly(positions: np.ndarray) -> None:
    for placed in positions:
        assert placed.min() >= 0
        assert placed.max() < POSITIONS
        counts = np.bincount(placed // (POSITIONS // 1_000), minlength=1_000)
        assert stats.chisquare(counts).pvalue > 1e-4


@pytest.mark.parametrize("share", [0.01, 0.05, 0.5, 0.999])
def test_a_share_is_met_within_chance(positions: np.ndarray, share: float) -> None:
    inside = int(np.count_nonzero(positions[0] < share * POSITIONS))
    assert stats.binomtest(inside, ENTITIES, share).pvalue > 1e-4


def test_experiments_with_other_salts_split_independently(positions: np.ndarray) -> None:
    table = np.histogram2d(*positions, bins=[20, 20])[0]
    assert stats.chi2_contingency(table).pvalue > 1e-4


def test_positions_are_those_of_the_documented_formula_for_ever() -> None:
    salt = blake2b(b"checkout", digest_size=16).digest()
    digest = blake2b(b"user-1", digest_size=8, salt=salt).digest()
    assert Placement("checkout").position_of("user-1") == int.from_bytes(digest, "big") % 1_000_000
    assert [Placement("checkout").position_of(f"user-{each}") for each in range(3)] == FIRST_RELEASE


def test_another_process_with_another_hash_seed_places_alike() -> None:
    code = "from driftline.serving.strategy import *; print(Placement('s').position_of('user-1'))"
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert found == {f"{Placement('s').position_of('user-1')}\n"}


@given(st.text(min_size=1) | st.text(min_size=5_000, max_size=6_000))
def test_any_text_is_an_entity(entity: str) -> None:
    assert 0 <= Placement("s").position_of(entity) < POSITIONS


@given(st.integers())
def test_a_whole_number_is_the_entity_of_its_text(entity: int) -> None:
    assert Placement("s").position_of(entity) == Placement("s").position_of(str(entity))


def test_a_uuid_is_the_entity_of_its_text() -> None:
    entity = UUID("12345678-1234-5678-1234-567812345678")
    assert Placement("s").position_of(entity) == Placement("s").position_of(str(entity))


def test_an_empty_entity_is_refused() -> None:
    with pytest.raises(InputError, match="empty"):
        Placement("s").position_of("")


@pytest.mark.parametrize("entity", [1.0, True, None, b"user", ["user"]])
def test_what_has_several_spellings_is_refused(entity: object) -> None:
    with pytest.raises(InputError, match="more than one spelling"):
        Placement("s").position_of(entity)  # type: ignore[arg-type]


def test_only_random_forgets_who_got_what() -> None:
    assert [each for each in TrafficSplitStrategy if not each.is_sticky] == [TrafficSplitStrategy.RANDOM]
