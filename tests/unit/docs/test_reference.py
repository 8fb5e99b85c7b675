"""The reference page is what the code says."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

DOCS = Path(__file__).parents[3] / "docs"


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_reference", DOCS / "generate_reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_is_up_to_date(generator: ModuleType) -> None:
    written = (DOCS / "REFERENCE.md").read_text(encoding="utf-8")
    assert generator.reference() == written, "run: python docs/generate_reference.py"


def test_every_key_and_every_table_is_explained(generator: ModuleType) -> None:
    rows = [line for line in generator.reference().splitlines() if line.startswith("| `")]
    keys = [line for line in rows if line.count(" | ") == 3]
    assert len(keys) > 150
    assert [line for line in keys if line.endswith("|  |")] == []
