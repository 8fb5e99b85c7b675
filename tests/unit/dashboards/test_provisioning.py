"""The provisioning files name the data sources that the dashboards ask, and hold no secret."""

from __future__ import annotations

from typing import Any

import yaml

from dashboards.grafana import generate
from tests.grafana import load_boards

FOLDER = generate.FOLDER.with_name("provisioning")


def test_the_dashboards_open_on_the_provisioned_data_sources() -> None:
    provisioned = {source["uid"]: source for source in _read("datasources")["datasources"]}
    for board in load_boards():
        asked = {
            variable["current"]["value"]: variable
            for variable in board.document["templating"]["list"]
            if variable["type"] == "datasource"
        }
        assert set(asked) == set(provisioned)
        for uid, variable in asked.items():
            assert variable["query"] == provisioned[uid]["type"]
            assert variable["current"]["text"] == provisioned[uid]["name"]


def test_addresses_and_secrets_come_from_the_environment() -> None:
    for source in _read("datasources")["datasources"]:
        asked = [source["url"], source.get("user", "$"), *source.get("secureJsonData", {}).values()]
        assert all(value.startswith("$") for value in asked)
        assert source["editable"] is False


def test_the_folder_of_dashboards_is_read_only() -> None:
    (provider,) = _read("dashboards")["providers"]
    assert (provider["allowUiUpdates"], provider["disableDeletion"]) == (False, True)
    assert provider["options"]["path"] == "$DRIFTLINE_DASHBOARDS"


def _read(kind: str) -> Any:
    return yaml.safe_load((FOLDER / kind / "driftline.yaml").read_text("utf-8"))
