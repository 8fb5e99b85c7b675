"""Install uv into the environment whose Python runs this: with its pip, or, where it has none, with pip from PyPI.

Debian and Ubuntu ship python3 without pip and ensurepip unless python3-venv is installed, which needs root. The venv is
then made without pip, and pip is run once from its own wheel. Standard library only.

usage: python install_uv.py UV_VERSION
"""

import hashlib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path
from urllib.parse import urljoin

PIP_ON_PYPI = "https://pypi.org/pypi/pip/json"


def main(version: str) -> int:
    """Exit code of pip."""
    with tempfile.TemporaryDirectory() as folder:
        environment = dict(os.environ, PIP_DISABLE_PIP_VERSION_CHECK="1")
        if importlib.util.find_spec("pip") is None:
            environment["PYTHONPATH"] = str(_download_pip(Path(folder)))
        command = [sys.executable, "-m", "pip", "install", "--quiet", f"uv=={version}"]
        return subprocess.run(command, env=environment).returncode  # noqa: S603 - our own command


def _download_pip(folder: Path) -> Path:
    with urllib.request.urlopen(PIP_ON_PYPI, timeout=60) as answer:
        files = json.load(answer)["urls"]
    wheel = next(file for file in files if file["packagetype"] == "bdist_wheel")
    # A mirror may give the address relative to the page.
    with urllib.request.urlopen(urljoin(PIP_ON_PYPI, wheel["url"]), timeout=60) as answer:  # noqa: S310 - PyPI, https
        content = answer.read()
    if hashlib.sha256(content).hexdigest() != wheel["digests"]["sha256"]:
        raise SystemExit(f"{wheel['url']} is not what PyPI says it is: its SHA-256 differs. Try again.")
    path = folder / wheel["filename"]
    path.write_bytes(content)
    return path


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))
