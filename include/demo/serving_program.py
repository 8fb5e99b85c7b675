"""The demo's serving application and its callers, as programs in the background."""

from __future__ import annotations

import time

import httpx

from driftline.local.errors import LocalSetupError
from driftline.local.ports import is_free
from driftline.local.processes import BackgroundProcess
from driftline.local.provisioning import Urls
from include.demo.stack import Stack

PATIENCE_SECONDS = 60.0


def start_serving(stack: Stack, urls: Urls) -> str:
    """Starts both where they do not run; the application's address, which answers by then.

    Raises
    ------
    LocalSetupError
        When the application does not come up; with the end of its log.
    """
    program = stack.serving(urls)
    if not program.is_running and not is_free(stack.serving_port):
        stack.forget_port("serving")
        program = stack.serving(urls)
    program.start()
    _wait_until_healthy(stack.serving_url, program)
    stack.callers(urls).start()
    return stack.serving_url


def _wait_until_healthy(url: str, program: BackgroundProcess) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while program.is_running and time.monotonic() < deadline:
        try:
            if httpx.get(f"{url}/health", timeout=5, trust_env=False).json()["routes"]["is_connected"]:
                return
        except (httpx.HTTPError, ValueError, KeyError):
            pass
        time.sleep(0.3)
    raise LocalSetupError(f"The serving application does not come up:\n{program.end_of_log()}")
