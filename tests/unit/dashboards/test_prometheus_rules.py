"""The shipped rules and scrape configuration, by promtool and against the endpoint's own metrics."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from driftline.cli.app import app
from driftline.web.metrics.catalogue import CATALOGUE
from tests.debian_programs import required

FOLDER = Path(__file__).resolve().parents[3] / "dashboards" / "prometheus"
RULES = sorted((FOLDER / "rules").glob("*.yml"))
TESTS = sorted((FOLDER / "tests").glob("*.yml"))


def promtool(*arguments: object) -> str:
    """What it says, which is success."""
    command = [required("promtool", "prometheus"), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    return said


def rules() -> list[dict[str, Any]]:
    return [rule for path in RULES for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"]]


def alerts() -> list[dict[str, Any]]:
    return [rule for rule in rules() if "alert" in rule]


def test_promtool_finds_the_rules_valid() -> None:
    assert promtool("check", "rules", *RULES).count("SUCCESS") == len(RULES)


def test_the_rules_do_what_their_tests_say() -> None:
    promtool("test", "rules", *TESTS)


def test_every_alert_has_a_test_in_which_it_speaks_and_one_in_which_it_is_silent() -> None:
    cases = [
        case
        for path in TESTS
        for group in yaml.safe_load(path.read_text())["tests"]
        for case in group.get("alert_rule_test", ())
    ]
    named = {alert["alert"] for alert in alerts()}
    assert {case["alertname"] for case in cases if case["exp_alerts"]} == named
    with_pause = {alert["alert"] for alert in alerts() if "for" in alert}
    assert with_pause - {case["alertname"] for case in cases if not case["exp_alerts"]} <= {
        "DriftlineRollbackUnverified"
    }


def test_promtool_finds_the_scrape_configuration_valid(tmp_path: Path) -> None:
    shipped = (FOLDER / "prometheus.yml").read_text()
    (tmp_path / "token").write_text("x" * 32)
    (tmp_path / "prometheus.yml").write_text(
        shipped.replace("/run/secrets/driftline_metrics_token", str(tmp_path / "token")).replace(
            "rules/*.yml", str(FOLDER / "rules" / "*.yml")
        )
    )
    assert f"{len(RULES)} rule files found" in promtool("check", "config", tmp_path / "prometheus.yml")


def test_the_rules_ask_only_for_what_is_exposed_or_recorded() -> None:
    known = {definition.full_name for definition in CATALOGUE} | {
        rule["record"] for rule in rules() if "record" in rule
    }
    asked = {name for rule in rules() for name in re.findall(r"\b(?:model:)?driftline_\w+(?::\w+)?", rule["expr"])}
    assert asked <= known


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert["alert"])
def test_an_alert_says_how_grave_it_is_what_is_amiss_and_what_to_do(alert: dict[str, Any]) -> None:
    assert alert["labels"]["severity"] in {"info", "warning", "critical"}
    assert set(alert["annotations"]) == {"summary", "runbook"}
    commands = re.findall(r"driftline ([a-z]+)(?: ([a-z]+))?", alert["annotations"]["runbook"])
    root = typer.main.get_command(app)
    for command, subcommand in commands:
        found = root.commands[command]  # type: ignore[attr-defined]
        assert not subcommand or subcommand in found.commands
