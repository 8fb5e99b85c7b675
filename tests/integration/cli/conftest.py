"""The command line as a person runs it: its own files and environment, its exit code and what it prints."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from sqlalchemy import Engine

from driftline.cli.app import main
from driftline.local.provisioning import Urls
from tests.integration.shop_log import ShopLog


@dataclass(frozen=True)
class Ran:
    """What a command came to."""

    code: int
    out: str
    err: str


Command = Callable[..., Ran]


@pytest.fixture
def models(shop: ShopLog, tmp_path: Path) -> Path:
    """A folder with the files of the model `whole`, which has every check, and `fraud`, which has the quick ones."""
    folder = tmp_path / "models"
    folder.mkdir()
    short = {"baseline": {"first": "2d"}, "segments": [], "schedule": {"lookback": "6h"}}
    for model, has_quality in (("fraud", False), ("whole", True)):
        description = shop.description(model=model, checks={"quality": {"enabled": has_quality}}, **short)
        (folder / f"{model}.yaml").write_text(yaml.safe_dump(description), encoding="utf-8")
    return folder


@pytest.fixture
def driftline(
    models: Path,
    store_engine: Engine,
    urls: Urls,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Command:
    """Runs ``driftline`` with the arguments, where the connections lead to the test's databases."""
    monkeypatch.setenv("AIRFLOW_CONN_DRIFTLINE_STORE", urls.store)
    monkeypatch.setenv("AIRFLOW_CONN_PREDICTION_LOG", urls.log_reader)
    monkeypatch.setenv("DRIFTLINE_MODELS", str(models))
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: str) -> Ran:
        monkeypatch.setattr(sys, "argv", ["driftline", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        code = ended.value.code
        return Ran(code if isinstance(code, int) else 0, captured.out, captured.err)

    return run
