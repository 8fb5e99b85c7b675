"""docker-compose.yaml, as far as it can be judged where no engine runs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
FILE = ROOT / "docker-compose.yaml"
COMPOSE: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
ASKED = re.compile(r"\$\{([A-Z_]+):\?")


def test_it_is_valid_by_the_compose_specification() -> None:
    program = Path(sys.executable).with_name("check-jsonschema")
    checked = subprocess.run(
        [str(program), "--builtin-schema", "vendor.compose-spec", str(FILE)], capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_all_of_the_system_is_there() -> None:
    airflow = {f"airflow-{name}" for name in ("api-server", "scheduler", "dag-processor", "triggerer")}
    assert airflow | {"postgres", "prometheus", "grafana", "demo-serving", "demo-traffic"} <= SERVICES.keys()
    assert {name for name, service in SERVICES.items() if service.get("profiles")} == {"airflow-worker", "redis"}


@pytest.mark.parametrize("name", SERVICES)
def test_nothing_is_published_beyond_this_machine(name: str) -> None:
    assert all(str(port).startswith("127.0.0.1:") for port in SERVICES[name].get("ports", []))


@pytest.mark.parametrize("name", SERVICES)
def test_images_are_pinned(name: str) -> None:
    assert re.search(r":v?\d+\.\d+[.\d]*(-\w+)?$", SERVICES[name]["image"])


def test_the_image_is_built_on_the_pinned_airflow() -> None:
    base = (ROOT / "Dockerfile").read_text(encoding="utf-8").split("FROM ")[1].split()[0]
    pinned = re.search(r"^apache-airflow==(\S+)", (ROOT / "requirements.txt").read_text(encoding="utf-8"), re.MULTILINE)
    assert pinned is not None
    assert base.startswith(f"apache/airflow:{pinned[1]}-python")
    assert SERVICES["airflow-scheduler"]["image"].endswith(f":{pinned[1]}")


@pytest.mark.parametrize("name", sorted(SERVICES.keys() - {"set-up"}))
def test_every_service_that_stays_has_a_health_check(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"]


def test_what_is_waited_for_is_there() -> None:
    for service in SERVICES.values():
        assert service.get("depends_on", {}).keys() <= SERVICES.keys()


def test_secrets_come_from_the_environment_and_have_no_default() -> None:
    text = FILE.read_text(encoding="utf-8")
    for line in text.splitlines():
        if re.match(r"\s*(\S*(PASSWORD|SECRET|TOKEN|FERNET_KEY)\S*):", line) and "PASSWORDS_FILE" not in line:
            assert ASKED.search(line) or line.rstrip().endswith("_TOKEN:") or "driftline_metrics_token" in line, line
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    named = dict(line.split("=", 1) for line in example.splitlines() if line and not line.startswith("#"))
    assert named.keys() == set(ASKED.findall(text))
    assert not any(named.values())


def test_mounted_files_are_there() -> None:
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert source in COMPOSE["volumes"] or (ROOT / source).exists(), source


def test_grafana_is_given_what_its_provisioning_asks_for() -> None:
    files = (ROOT / "dashboards/grafana/provisioning").rglob("*.y*ml")
    lines = [line.split("#")[0] for path in files for line in path.read_text(encoding="utf-8").splitlines()]
    assert set(re.findall(r"\$([A-Z_]+)", "\n".join(lines))) - SERVICES["grafana"]["environment"].keys() == set()


def test_prometheus_scrapes_a_service_that_is_there_with_the_token_that_it_is_given() -> None:
    config = yaml.safe_load((ROOT / "dashboards/prometheus/prometheus.yml").read_text(encoding="utf-8"))
    (scraped,) = config["scrape_configs"]
    assert {target.split(":")[0] for each in scraped["static_configs"] for target in each["targets"]} <= SERVICES.keys()
    secret = scraped["authorization"]["credentials_file"].removeprefix("/run/secrets/")
    assert secret in SERVICES["prometheus"]["secrets"]
    assert COMPOSE["secrets"][secret]["environment"] in SERVICES["airflow-api-server"]["environment"]


def test_the_programs_that_it_runs_are_there() -> None:
    for name, service in SERVICES.items():
        entrypoint = service.get("entrypoint", [])
        if entrypoint[:2] == ["python", "-m"]:
            path = entrypoint[2].replace(".", "/") + ".py"
            assert (ROOT / path).exists() or (ROOT / "plugins" / path).exists(), name


def test_the_roles_that_it_names_are_made() -> None:
    made = set(re.findall(r"CREATE ROLE (\w+)", (ROOT / "docker/postgres/10-roles.sh").read_text(encoding="utf-8")))
    used = set(re.findall(r"postgresql(?:\+psycopg2)?://(\w+):", FILE.read_text(encoding="utf-8")))
    assert used | {SERVICES["grafana"]["environment"]["DRIFTLINE_STORE_USER"]} == made
