from __future__ import annotations

import subprocess
import sys

_LOADED = "import sys; before = set(sys.modules); import driftline.serving; print(*(set(sys.modules) - before))"


def test_the_serving_words_need_nothing_but_the_standard_library() -> None:
    done = subprocess.run([sys.executable, "-c", _LOADED], capture_output=True, text=True, check=True)
    packages = {name.partition(".")[0] for name in done.stdout.split()}
    assert packages - set(sys.stdlib_module_names) == {"driftline"}
