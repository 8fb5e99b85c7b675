"""The year's flights, read once for all tests of the demo."""

from __future__ import annotations

import pandas as pd
import pytest

from include.demo.flights import load_flights


@pytest.fixture(scope="session")
def _flights() -> pd.DataFrame:
    return load_flights()


@pytest.fixture
def flights(_flights: pd.DataFrame) -> pd.DataFrame:
    return _flights.copy()
