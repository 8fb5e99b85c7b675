"""When a verdict that labels changed is still news."""

from datetime import UTC, datetime, timedelta

import pytest

from driftline.decisions import Verdict, VerdictVersion, is_news
from driftline.findings import Severity

START = datetime(2026, 3, 16, tzinfo=UTC)
DAY = timedelta(days=1)
PROVISIONAL, FINAL, WRITTEN = (True, False), (False, False), (True, True)
"""(is provisional, is suppressed)"""


def version(days: float, kind: tuple[bool, bool]) -> VerdictVersion:
    return VerdictVersion(
        revision=1,
        verdict=Verdict.NOTHING,
        severity=Severity.NONE,
        reason="",
        is_provisional=kind[0],
        is_suppressed=kind[1],
        performance=(),
        run_id="",
        decided_at=START + days * DAY,
    )


@pytest.mark.parametrize(
    ("history", "day", "expected"),
    [
        ([], 0, False),
        ([(0, WRITTEN)], 3, False),
        ([(0, PROVISIONAL)], 3, True),
        ([(0, PROVISIONAL)], 80, True),
        ([(0, PROVISIONAL), (3, FINAL)], 4, True),
        ([(0, PROVISIONAL), (3, FINAL)], 4.01, False),
        ([(0, PROVISIONAL), (3, FINAL), (3.5, FINAL)], 4.2, False),
        ([(0, PROVISIONAL), (2, WRITTEN)], 3, True),
        ([(0, WRITTEN), (0.1, PROVISIONAL)], 3, True),
    ],
)
def test_a_verdict_is_news_until_a_day_after_it_was_first_final(
    history: list[tuple[float, tuple[bool, bool]]], day: float, expected: bool
) -> None:
    versions = [version(*one) for one in history]
    assert is_news(versions, START + day * DAY, DAY) is expected
