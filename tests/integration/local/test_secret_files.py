"""Secrets in files."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from driftline.local.errors import LocalSetupError
from driftline.local.secret_files import SecretFile, write_private


def test_a_secret_is_made_once_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "secrets.json"
    first = SecretFile(path).get("one")
    assert len(first) >= 32
    assert SecretFile(path).get("one") == first
    assert SecretFile(path).get("two") != first
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_all_who_ask_at_once_get_the_same(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    with ThreadPoolExecutor(16) as pool:
        got = list(pool.map(lambda number: (number % 4, SecretFile(path).get(f"secret {number % 4}")), range(64)))
    assert len(set(got)) == 4


@pytest.mark.parametrize("content", ["", "{", "[]", '{"one": 1}'])
def test_a_spoilt_file_is_an_error_that_says_how_to_mend_it(tmp_path: Path, content: str) -> None:
    path = tmp_path / "secrets.json"
    path.write_text(content)
    with pytest.raises(LocalSetupError, match="make clean"):
        SecretFile(path).get("one")


def test_a_file_that_others_could_read_is_replaced_by_one_that_they_cannot(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    path.chmod(0o644)
    write_private(path, "new")
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]
