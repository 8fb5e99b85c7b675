"""`make bench`: every benchmark of speed, one after the other; each writes its figures into docs/evidence."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
SPEED = ("reading.py", "monitor_run.py")


def main() -> int:
    for name in SPEED:
        print(f"== {name}", flush=True)  # noqa: T201
        done = subprocess.run([sys.executable, str(FOLDER / name)], check=False)
        if done.returncode:
            return done.returncode
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
