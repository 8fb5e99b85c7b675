"""``driftline check``: windows from the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from driftline.findings import Finding, Status
from driftline.store.tables import alert_outbox, decisions, incidents, windows
from tests.integration.cli.conftest import Command
from tests.integration.shop_log import END, ROWS_PER_HOUR, ShopLog

ENDS = END.isoformat()


def count(engine: Engine, table: Any) -> int:
    with engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


def test_a_calm_window_exits_with_0_and_prints_a_report(driftline: Command) -> None:
    ran = driftline("check", "fraud", "--window-end", ENDS)
    assert ran.code == 0, ran
    assert "fraud, 2026-03-15 18:00 to 2026-03-16 00:00 UTC" in ran.out
    assert "360 predictions, 360 labeled; 12 slices counted now." in ran.out
    assert "Decision: nothing (written only: nobody is told)." in ran.out
    assert ran.err == ""


def test_a_window_that_calls_for_something_exits_with_1_and_shows_what(
    driftline: Command, shop: ShopLog, store_engine: Engine
) -> None:
    shop.execute("UPDATE {schema}.predictions SET amount = NULL WHERE predicted_at >= %s - interval '6 hours'", END)
    ran = driftline("check", "fraud", "--window-end", ENDS)
    assert ran.code == 1
    assert "critical" in ran.out
    assert "amount" in ran.out
    assert "Decision: alert (written only: nobody is told). " in ran.out
    # The window is historical: what is written leads to no message.
    assert (count(store_engine, decisions), count(store_engine, incidents), count(store_engine, alert_outbox)) == (
        1,
        0,
        0,
    )


def test_json_is_valid_and_holds_every_finding(driftline: Command, shop: ShopLog, models: Path) -> None:
    shop.rename("country", "<b>[red]cöuntry[/red] \"'🍀")
    shop.execute(
        "UPDATE {schema}.predictions SET amount = 'Infinity', basket = 'NaN' "
        "WHERE predicted_at >= %s - interval '3 hours'",
        END,
    )
    ran = driftline("check", "whole", "--window-end", ENDS, "--json")
    assert ran.code == 1
    told = json.loads(ran.out, parse_constant=_refuse)
    assert told["model"] == "whole"
    assert (told["window_start"], told["window_end"]) == ("2026-03-15T18:00:00+00:00", "2026-03-16T00:00:00+00:00")
    assert told["predictions"] == told["labeled"] == 6 * ROWS_PER_HOUR
    assert (told["verdict"], told["is_suppressed"], told["failed_checks"]) == ("alert", True, [])
    findings = [Finding(**finding) for finding in told["findings"]]
    assert {finding.check for finding in findings} == {"quality", "drift", "performance", "predictions"}
    assert any(finding.subject == "<b>[red]cöuntry[/red] \"'🍀" for finding in findings)
    assert any(finding.status == Status.DETECTED and finding.subject == "amount" for finding in findings)


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


def test_names_with_markup_are_printed_as_they_are(driftline: Command, shop: ShopLog) -> None:
    shop.rename("amount", "[red]amount[/]")
    assert driftline("check", "fraud", "--window-end", "2026-03-15T00:00:00+00:00").code == 0
    shop.execute(
        "UPDATE {schema}.predictions SET \"[red]amount[/]\" = NULL WHERE predicted_at >= %s - interval '6 hours'", END
    )
    ran = driftline("check", "fraud", "--window-end", ENDS)
    assert ran.code == 1
    assert "[red]amount[/]" in ran.out


def test_the_same_window_again_counts_nothing_and_replaces_its_rows(driftline: Command, store_engine: Engine) -> None:
    first = json.loads(driftline("check", "fraud", "--window-end", ENDS, "--json").out)
    ran = driftline("check", "fraud", "--window-end", ENDS)
    assert "0 slices counted now." in ran.out
    assert json.loads(driftline("check", "fraud", "--window-end", ENDS, "--json").out) == first
    assert count(store_engine, windows) == count(store_engine, decisions) == 1


def test_many_windows_are_checked_in_order(driftline: Command, store_engine: Engine) -> None:
    ran = driftline("check", "fraud", "--from", "2026-03-15T12:00:00Z", "--to", ENDS, "--json")
    assert [told["window_end"][:16] for told in json.loads(ran.out)] == [
        "2026-03-15T12:00", "2026-03-15T18:00", "2026-03-16T00:00"
    ]  # fmt: skip
    printed = driftline("check", "fraud", "--from", "2026-03-15T12:00:00Z", "--to", ENDS, "--every", "0 */12 * * *")
    assert "2026-03-15 12:00" in printed.out
    assert "2026-03-15 18:00" not in printed.out
    assert count(store_engine, windows) == 3


def test_without_a_window_the_last_closed_one_is_checked(driftline: Command, store_engine: Engine) -> None:
    """The log ends long ago: its last window is silent, which is the loudest finding there is."""
    ran = driftline("check", "whole")
    assert ran.code == 1
    assert "Decision: alert (written only: nobody is told). Quality: rows (critical)" in ran.out
    assert (count(store_engine, incidents), count(store_engine, alert_outbox)) == (0, 0)


def test_somebody_is_told_only_where_it_is_asked_for(driftline: Command, store_engine: Engine) -> None:
    ran = driftline("check", "whole", "--alert")
    assert ran.code == 1
    assert "Decision: alert. Quality: rows (critical)" in ran.out
    assert (count(store_engine, incidents), count(store_engine, alert_outbox)) == (1, 1)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--window-end", "2026-03-16T00:00:00"], "The --window-end 2026-03-16T00:00:00 has no time zone"),
        (["--window-end", "yesterday"], "--window-end is 'yesterday', which is no date and time"),
        (["--window-end", "2026-03-16T00:30:00Z"], "not on a whole hour of UTC"),
        (["--window-end", "2999-03-16T00:00:00Z"], "has not closed yet"),
        (["--from", "2026-03-15T00:00:00Z"], "--from and --to are given together"),
        (["--from", ENDS, "--to", ENDS, "--window-end", ENDS], "either --window-end or --from and --to"),
        (["--from", ENDS, "--to", "2026-03-15T00:00:00Z"], "No window ends between --from and --to"),
        (["--from", ENDS, "--to", ENDS, "--every", "now and then"], "'now and then' is no cron expression"),
        (["--from", ENDS, "--to", "2026-03-16T01:00:00Z", "--every", "*/30 * * * *"], "not on a whole hour"),
    ],
)
def test_windows_that_make_no_sense_are_refused_with_2(driftline: Command, arguments: list[str], said: str) -> None:
    ran = driftline("check", "fraud", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err
    assert "Traceback" not in ran.err


def test_an_unknown_model_is_refused_and_the_known_ones_named(driftline: Command) -> None:
    ran = driftline("check", "x'; DROP TABLE windows; --")
    assert ran.code == 2
    assert 'no valid file describes the model "x\'; DROP TABLE windows; --". There are: fraud, whole.' in ran.err


def test_a_fault_in_another_models_file_does_not_stop_this_one(driftline: Command, models: Path) -> None:
    (models / "broken.yaml").write_text("model: [", encoding="utf-8")
    assert driftline("check", "fraud", "--window-end", ENDS).code == 0
    ran = driftline("check", "broken")
    assert ran.code == 2
    assert "broken.yaml: is not valid YAML" in ran.err


@pytest.mark.parametrize("connection", ["DRIFTLINE_STORE", "PREDICTION_LOG"])
def test_a_connection_that_leads_nowhere_is_refused(
    driftline: Command, monkeypatch: pytest.MonkeyPatch, connection: str
) -> None:
    monkeypatch.setenv(f"AIRFLOW_CONN_{connection}", "postgresql://reader:s3cret@127.0.0.1:1/nowhere")
    ran = driftline("check", "fraud", "--window-end", ENDS)
    assert (ran.code, ran.out) == (2, "")
    assert "cannot be re" in ran.err
    assert "Traceback" not in ran.err + ran.out
    assert "s3cret" not in ran.err
    monkeypatch.delenv(f"AIRFLOW_CONN_{connection}")
    assert f"Set AIRFLOW_CONN_{connection} to a URL" in driftline("check", "fraud", "--window-end", ENDS).err


def test_a_log_that_does_not_fit_is_refused(driftline: Command, shop: ShopLog) -> None:
    shop.execute("ALTER TABLE {schema}.predictions DROP score")
    ran = driftline("check", "fraud", "--window-end", ENDS)
    assert (ran.code, ran.out) == (2, "")
    assert "predictions.score: found no column 'score'; the log has amount, basket" in ran.err


def test_a_check_that_breaks_is_told_and_exits_with_1(driftline: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_off(*_: Any) -> None:
        raise ZeroDivisionError("a fault in the code")

    monkeypatch.setattr("driftline.monitoring.check_drift.check_drift", break_off)
    ran = driftline("check", "fraud", "--window-end", ENDS)
    assert ran.code == 1
    assert "drift: could not be made: ZeroDivisionError: a fault in the code" in ran.out
    assert "The drift check did not complete." in " ".join(ran.out.split())
