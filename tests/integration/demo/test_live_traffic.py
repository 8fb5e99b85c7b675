"""The demo's callers, over real HTTP."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pandas as pd
import pytest

from include.demo.flights import CATEGORICAL, FEATURES, YEAR_START
from include.demo.live_traffic import ask_due
from include.demo.replay import Replay
from include.demo.training import TRAINING_END

REPLAY = Replay(shift=timedelta(0))
ASKED = TRAINING_END + timedelta(hours=1)


class Answers(ThreadingHTTPServer):
    """Answers each model with its status; keeps what was asked."""

    statuses: dict[str, int]
    asked: list[tuple[str, str]]


class _Handler(BaseHTTPRequestHandler):
    server: Answers

    def do_POST(self) -> None:
        model = self.path.rpartition("/")[2]
        question = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.asked.append((model, question["flight"]))
        self.send_response(self.server.statuses.get(model, 200))
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def application() -> Iterator[Answers]:
    with Answers(("127.0.0.1", 0), _Handler) as server:
        server.statuses, server.asked = {}, []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def ask(application: Answers, until: timedelta) -> int:
    url = f"http://127.0.0.1:{application.server_port}"
    return ask_due(flights(), REPLAY, url, ASKED - timedelta(minutes=1), ASKED + until)


def flights() -> pd.DataFrame:
    """Two, ten minutes apart."""
    frame = pd.DataFrame({name: ["UA", "UA"] if name in CATEGORICAL else [1.0, 2.0] for name in FEATURES})
    frame["flight"] = ["UA1-EWR-IAH", "UA2-EWR-IAH"]
    frame["predicted_at"] = pd.to_datetime([ASKED, ASKED + timedelta(minutes=10)], utc=True)
    frame["departure"] = frame["predicted_at"] + timedelta(hours=2)
    frame["label_at"] = pd.Timestamp(YEAR_START)
    return frame


def test_each_model_is_asked_about_what_is_due_and_no_more(application: Answers) -> None:
    assert ask(application, timedelta(minutes=5)) == 2
    assert sorted(application.asked) == [("arrival_delay", "UA1-EWR-IAH"), ("flight_delay", "UA1-EWR-IAH")]


def test_a_model_that_fails_keeps_the_other_from_nothing(application: Answers) -> None:
    application.statuses["flight_delay"] = 500
    with pytest.raises(httpx.HTTPStatusError, match="500"):
        ask(application, timedelta(hours=1))
    assert len(application.asked) == 4
