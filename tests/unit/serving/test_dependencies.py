from __future__ import annotations

import subprocess
import sys
from importlib.metadata import packages_distributions

import pytest

_LOADED = "import sys; before = set(sys.modules); import {module}; print(*(set(sys.modules) - before))"


@pytest.mark.parametrize(
    ("module", "distributions"),
    [("driftline.serving", set()), ("driftline.serving.router", {"psycopg", "psycopg-binary", "typing_extensions"})],
)
def test_serving_code_needs_the_standard_library_and_for_the_router_psycopg(
    module: str, distributions: set[str]
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _LOADED.format(module=module)], capture_output=True, text=True, check=True
    )
    loaded = {name.partition(".")[0] for name in done.stdout.split()} - set(sys.stdlib_module_names)
    installed = packages_distributions()
    used = {distribution for name in loaded for distribution in installed.get(name, [])}
    assert "driftline" in loaded
    assert used - distributions <= {"driftline"}
