"""A whole window on a real log and a real store."""

from __future__ import annotations

from datetime import timedelta

from driftline.decisions import Verdict
from driftline.findings import Check
from driftline.monitoring.decision import Context
from driftline.monitoring.monitor import Monitor
from driftline.monitoring.run import run_window
from driftline.windows import Window
from tests.integration.shop_log import END, ROWS_PER_HOUR

LAST_DAY = Window.ending(END, timedelta(hours=24))
NOW = END + timedelta(hours=1)
ALIVE = Context(run_id="test", now=NOW)


def test_a_window_without_drift_is_all_clear(monitor: Monitor) -> None:
    run = run_window(monitor, LAST_DAY, ALIVE)
    assert run.failures == ()
    assert run.record.rows == 24 * ROWS_PER_HOUR
    assert run.record.labeled_rows == 24 * ROWS_PER_HOUR
    assert run.decision.verdict is Verdict.NOTHING, run.decision.reason
    assert {finding.check for finding in run.findings} == set(Check) - {Check.FAIRNESS}
