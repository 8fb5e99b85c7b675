"""``driftline models``, ``baseline``, ``migrate``, ``grants``, ``version``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from sqlalchemy import Engine, text

from driftline import __version__
from driftline.cli.exit_codes import ExitCode
from driftline.local.provisioning import ROUTER, Urls
from driftline.store.migrate import newest_revision
from tests.integration.cli.conftest import Command
from tests.integration.shop_log import ShopLog


def write(folder: Path, name: str, content: dict[str, Any]) -> None:
    (folder / name).write_text(yaml.safe_dump(content), encoding="utf-8")


def test_valid_files_that_fit_the_database_exit_with_0(driftline: Command) -> None:
    ran = driftline("models", "validate")
    assert (ran.code, ran.out, ran.err) == (0, "fraud: valid\nwhole: valid\n", "")


def test_every_fault_of_every_file_is_told_by_file_and_key(driftline: Command, models: Path, shop: ShopLog) -> None:
    write(models, "a.yaml", shop.description(model="a", tresholds={}, checks={"drift": {"psi": "much"}}))
    write(models, "b.yaml", shop.description(model="b'; DROP TABLE x"))
    write(models, "c.yaml", shop.description())
    (models / "d.yaml").write_text("model: d\nmodel: e\n", encoding="utf-8")
    ran = driftline("models", "validate", "--files-only")
    assert ran.code == 2
    assert f"{models}/a.yaml: tresholds: is not a known key." in ran.out
    assert f"{models}/a.yaml: checks.drift.psi: found 'much';" in ran.out
    assert f'{models}/b.yaml: model: found "b\'; DROP TABLE x";' in ran.out
    assert f"{models}/fraud.yaml: model: found 'fraud', which {models}/c.yaml describes already." in ran.out
    assert f"{models}/d.yaml: is not valid YAML" in ran.out
    assert "fraud: valid" in ran.out
    assert "Traceback" not in ran.out + ran.err


def test_with_a_database_the_tables_columns_and_types_are_looked_at(
    driftline: Command, models: Path, shop: ShopLog
) -> None:
    write(models, "gone.yaml", shop.description(model="gone", predictions=shop.mapping(table="shop.gone")))
    write(
        models,
        "wrong.yaml",
        shop.description(
            model="wrong",
            predictions=shop.mapping(score="country", latency_ms="nowhere"),
            features=[{"name": "country", "kind": "numeric"}, {"name": "absent", "kind": "numeric"}],
        ),
    )
    ran = driftline("models", "validate")
    assert ran.code == 2
    assert "fraud: valid" in ran.out
    assert "gone: The prediction log of gone (connection 'prediction_log') cannot be read" in ran.out
    for fault in (
        "wrong: predictions.latency_ms: found no column 'nowhere'",
        "wrong: features: absent: found no column 'absent'",
        "wrong: predictions.score: column 'country' is of type text; a number is expected.",
        "wrong: features: country: column 'country' is of type text; its kind says numeric.",
    ):
        assert fault in ran.out
    assert driftline("models", "validate", "--files-only").code == 0


def test_a_database_that_is_away_is_a_fault_of_each_model(driftline: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_PREDICTION_LOG", "postgresql://reader:s3cret@127.0.0.1:1/nowhere")
    ran = driftline("models", "validate")
    assert ran.code == 2
    assert "fraud: The prediction log of fraud (connection 'prediction_log') cannot be read" in ran.out
    assert "s3cret" not in ran.out + ran.err
    monkeypatch.delenv("AIRFLOW_CONN_PREDICTION_LOG")
    assert "Set AIRFLOW_CONN_PREDICTION_LOG" in driftline("models", "validate").out


def test_a_folder_that_is_not_there_is_refused(driftline: Command, tmp_path: Path) -> None:
    for command in (["models", "validate"], ["check", "fraud"], ["baseline", "show", "fraud"]):
        ran = driftline(*command, "--models", str(tmp_path / "nowhere"))
        assert (ran.code, ran.out) == (2, "")
        assert "nowhere: no such folder. Models are described by YAML files in it." in ran.err


def test_a_folder_without_files_says_so(driftline: Command, tmp_path: Path) -> None:
    ran = driftline("models", "validate", "--models", str(tmp_path))
    assert ran.code == 0
    assert "no files yet" in ran.out


def test_a_baseline_is_built_and_shown(driftline: Command) -> None:
    ran = driftline("baseline", "show", "fraud")
    assert ran.code == 2
    assert "fraud has no baseline yet. Run: driftline baseline build fraud" in ran.err
    built = driftline("baseline", "build", "fraud")
    assert built.code == 0
    assert "fraud: baseline 2026-03-02 00:00 to 2026-03-04 00:00 UTC, 2,880 predictions." in built.out
    shown = driftline("baseline", "show", "fraud")
    assert shown.code == 0
    assert "2,880 predictions, built 20" in shown.out
    assert "country" in shown.out
    assert "4 levels" in shown.out
    assert "Drift of all features together:" in shown.out
    assert "the baseline holds 8 windows of 6:00:00; at least 10 are needed. Windows are not evaluated." in shown.out


def test_a_baseline_that_cannot_be_built_is_refused(driftline: Command, shop: ShopLog) -> None:
    shop.execute("TRUNCATE {schema}.predictions")
    ran = driftline("baseline", "build", "fraud")
    assert ran.code == 2
    assert "the prediction log is empty" in ran.err


def test_the_store_is_migrated_and_says_from_where(driftline: Command, store_engine: Engine) -> None:
    ran = driftline("migrate")
    assert (ran.code, ran.err) == (0, "")
    assert f"are up to date (revision {newest_revision()})" in ran.out


def test_a_store_that_was_never_migrated_says_which_command_does_it(driftline: Command, store_engine: Engine) -> None:
    with store_engine.begin() as connection:
        connection.execute(text("DROP SCHEMA driftline CASCADE"))
    try:
        ran = driftline("baseline", "show", "fraud")
        assert ran.code == 2
        assert "Run: driftline migrate" in ran.err
    finally:
        ran = driftline("migrate")
    assert ran.code == 0
    assert f"were brought from nothing (revision {newest_revision()})" in ran.out


def test_the_version_is_printed(driftline: Command) -> None:
    assert driftline("version").out.strip() == __version__


@pytest.mark.parametrize("arguments", [["chekc", "fraud"], ["check"], ["check", "fraud", "--window-edn", "x"]])
def test_a_misspelt_command_exits_with_2(driftline: Command, arguments: list[str]) -> None:
    ran = driftline(*arguments)
    assert ran.code == 2
    assert "Traceback" not in ran.err


def test_a_role_is_let_in_to_read_what_it_needs(driftline: Command, store_engine: Engine, urls: Urls) -> None:
    with store_engine.begin() as connection:
        connection.execute(text(f"REVOKE ALL ON ALL TABLES IN SCHEMA driftline FROM {ROUTER}"))
    shown = driftline("grants", ROUTER, "--for", "routing", "--show")
    assert f'GRANT SELECT ON driftline.route_revisions TO "{ROUTER}";' in shown.out
    with psycopg.connect(urls.router, autocommit=True) as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT * FROM driftline.route_revisions")
        ran = driftline("grants", ROUTER, "--for", "routing")
        assert (ran.code, ran.out) == (
            0, f"{ROUTER} may now read 1 of Driftline's tables, and nothing else of them.\n"
        )  # fmt: skip
        connection.execute("SELECT * FROM driftline.route_revisions")


def test_a_role_that_is_not_there_says_who_makes_it(driftline: Command, store_engine: Engine) -> None:
    ran = driftline("grants", "nobody_here", "--for", "dashboards")
    assert ran.code == ExitCode.REFUSED
    assert "There is no role 'nobody_here'. An administrator makes it" in ran.err
