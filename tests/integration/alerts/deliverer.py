"""Delivers as a task does, in a process of its own: importing Airflow leaves a configuration behind in its home.

Reads lines of a moment and a number of drains that run at once; answers each with what the drains did, as JSON.
"""

from __future__ import annotations

import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import datetime

from driftline.dagkit.sending import send_alert
from driftline.store.engine import create_store_engine
from driftline.store.outbox import deliver_pending


def main() -> None:
    store = create_store_engine(os.environ["TEST_STORE"])
    print("ready", flush=True)  # noqa: T201 - the protocol
    for line in sys.stdin:
        moment, at_once = line.split()
        now = datetime.fromisoformat(moment)
        with ThreadPoolExecutor(int(at_once)) as pool:
            drains = list(pool.map(lambda _, at=now: deliver_pending(store, send_alert, now=at), range(int(at_once))))
        print("drained " + json.dumps([asdict(drain) for drain in drains], default=str), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
