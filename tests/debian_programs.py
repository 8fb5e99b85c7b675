"""Programs of Debian's that some tests need: there, or the test is skipped, saying how to get it; in CI it fails."""

from __future__ import annotations

import os
import shutil

import pytest


def required(program: str, package: str) -> str:
    """The program's path."""
    found = shutil.which(program)
    if found is None:
        told = f"{program} is not installed: sudo apt-get install --no-install-recommends {package}"
        if os.environ.get("CI"):
            pytest.fail(f"{told} (.ci/install_debian should have done so)")
        # Nobody's own machine is changed unasked; what cannot be tried there is said, and CI tries it.
        pytest.skip(told)
    return found
