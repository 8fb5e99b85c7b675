"""The dashboards' files are what their Python says, and what a user of Grafana expects of a dashboard."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from dashboards.grafana import generate
from tests.grafana import Board, TimeRange, UnknownMacro, load_boards
from tests.grafana.interpreter import interpolated

BOARDS = load_boards()
SPAN = TimeRange(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC))


def test_the_files_are_up_to_date() -> None:
    assert generate.outdated() == []
    assert {board.name for board in BOARDS} == set(generate.BOARDS)


def test_a_file_that_was_changed_by_hand_is_named(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(generate, "FOLDER", tmp_path)
    assert generate.main([]) == 0
    assert generate.main(["--check"]) == 0
    (tmp_path / "data_drift.json").write_text("{}")
    assert generate.main(["--check"]) == 1
    assert "data_drift.json is not what its Python says" in capsys.readouterr().err


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
def test_every_panel_says_what_it_shows_and_has_its_place(board: Board) -> None:
    panels = list(_shown(board))
    assert all(panel["title"] and panel.get("description") for panel in panels)
    titles = [panel["title"] for panel in panels]
    assert len(set(titles)) == len(titles)
    ids = [panel["id"] for panel in board.panels()]
    assert len(set(ids)) == len(ids)
    for panel in board.panels():
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24
    taken = [cell for panel in board.panels() for cell in _cells(panel)]
    assert len(set(taken)) == len(taken)


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
def test_every_query_names_its_data_source_by_variable_and_a_panel_its_queries_apart(board: Board) -> None:
    for panel in _shown(board):
        letters = [target["refId"] for target in panel["targets"]]
        assert len(set(letters)) == len(letters)
        assert {target["datasource"]["uid"] for target in panel["targets"]} <= {"${postgres}", "${prometheus}"}
    assert {mark["name"] for mark in board.document["annotations"]["list"]} >= {"Rollbacks", "Incidents"}


@pytest.mark.parametrize(
    "sql", ["$__timeGroup(window_end, 1h)", "SELECT $model", "SELECT ${model}", "${model:raw}", "${who:sqlstring}"]
)
def test_what_grafana_would_not_quote_or_not_know_is_refused(sql: str) -> None:
    with pytest.raises(UnknownMacro):
        interpolated(sql, {"model": "fraud"}, SPAN)


def test_values_are_quoted_and_a_macro_ends_where_grafana_ends_it() -> None:
    written = interpolated("${model:sqlstring} $__timeFilter(a) $__timeTo()", {"model": ["it's", "b"]}, SPAN)
    assert written == (
        "'it''s','b' a BETWEEN '2026-03-01T00:00:00.000000Z' AND '2026-03-02T00:00:00.000000Z' "
        "'2026-03-02T00:00:00.000000Z'"
    )


def _shown(board: Board) -> Iterator[Any]:
    yield from (panel for panel in board.panels() if panel["type"] != "text")


def _cells(panel: Any) -> Iterator[tuple[int, int]]:
    place = panel["gridPos"]
    for x in range(place["x"], place["x"] + place["w"]):
        for y in range(place["y"], place["y"] + place["h"]):
            yield (x, y)
