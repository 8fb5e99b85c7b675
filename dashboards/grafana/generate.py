"""Makes the dashboards' JSON, or checks that it is what would be made.

python -m dashboards.grafana.generate           # writes dashboards/grafana/json/*.json
python -m dashboards.grafana.generate --check   # exit code 1 where a file is not up to date
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from dashboards.grafana.ab_comparison import ab_comparison
from dashboards.grafana.data_drift import data_drift
from dashboards.grafana.fleet_overview import fleet_overview
from dashboards.grafana.model_performance import model_performance

FOLDER = Path(__file__).with_name("json")
BOARDS = {
    "fleet_overview": fleet_overview,
    "model_performance": model_performance,
    "data_drift": data_drift,
    "ab_comparison": ab_comparison,
}


def generated() -> dict[Path, str]:
    """What each file should hold."""
    return {FOLDER / f"{name}.json": _as_json(make()) for name, make in BOARDS.items()}


def outdated() -> list[Path]:
    """The files that hold something else."""
    return [path for path, text in generated().items() if not path.is_file() or path.read_text("utf-8") != text]


def main(arguments: list[str]) -> int:
    if arguments == ["--check"]:
        wrong = outdated()
        for path in wrong:
            sys.stderr.write(f"{path} is not what its Python says: run python -m dashboards.grafana.generate\n")
        return 1 if wrong else 0
    if arguments:
        sys.stderr.write(f"{__doc__}\n")
        return 2
    FOLDER.mkdir(exist_ok=True)
    for path, text in generated().items():
        path.write_text(text, "utf-8")
    return 0


def _as_json(board: Dashboard) -> str:
    made: dict[str, Any] = json.loads(JSONEncoder(sort_keys=True).encode(board.build()))
    for number, panel in enumerate(_panels(made), start=1):
        panel["id"] = number
    return json.dumps(made, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def _panels(board: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """All panels, those in rows too."""
    for panel in board["panels"]:
        yield panel
        yield from panel.get("panels", ())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
