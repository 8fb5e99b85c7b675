from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.errors import InputError
from driftline.web.addresses import monitor_dag_id, monitored_model, parse_moment, run_path, window_path

END = datetime(2026, 3, 2, 6, tzinfo=UTC)


def test_a_windows_address_is_in_utc_whatever_zone_its_end_is_in() -> None:
    there = END.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert window_path("fraud", there) == window_path("fraud", END) == "windows/fraud/2026-03-02T06:00Z"


def test_names_cannot_break_out_of_an_address() -> None:
    assert window_path("a/b?c#d", END) == "windows/a%2Fb%3Fc%23d/2026-03-02T06:00Z"
    assert run_path("m", "manual__2026-03-02T06:00:00+00:00") == (
        "dags/monitor__m/runs/manual__2026-03-02T06%3A00%3A00%2B00%3A00"
    )


@given(st.integers(min_value=1, max_value=70 * 365 * 24))
def test_an_address_leads_back_to_its_windows_end(hours: int) -> None:
    end = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(hours=hours)
    assert parse_moment(window_path("m", end).rsplit("/", 1)[1], "end") == end


@pytest.mark.parametrize(
    "written",
    ["", "now", "2026-13-01T00:00Z", "2026-03-02T06:00", "2026-03-02", "0001-01-01T00:00+23:59", "2026-03-02T06:00Z'"],
)
def test_what_is_no_moment_is_refused_with_how_to_write_one(written: str) -> None:
    with pytest.raises(InputError, match="for example"):
        parse_moment(written, "window's end")


def test_a_monitors_dag_leads_to_its_model_and_no_other_dag_does() -> None:
    assert monitored_model(monitor_dag_id("fraud")) == "fraud"
    assert [monitored_model(dag_id) for dag_id in ("monitor__", "build_baseline", "fraud")] == [None, None, None]
