"""Verdicts that change when labels arrive: when is a changed one news?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from driftline.decisions.decide import Verdict
from driftline.findings import Severity


@dataclass(frozen=True)
class VerdictVersion:
    """One version of a window's verdict.

    Attributes
    ----------
    revision:
        1 for the first.
    is_suppressed:
        It was written only: nobody was told from it.
    is_provisional:
        Labels were still expected, or too few had come.
    performance:
        What the performance check judged and detected, with its figures (JSON).
    """

    revision: int
    verdict: Verdict
    severity: Severity
    reason: str
    is_suppressed: bool
    is_provisional: bool
    performance: Sequence[Mapping[str, Any]]
    run_id: str
    decided_at: datetime


def is_news(versions: Sequence[VerdictVersion], now: datetime, horizon: timedelta) -> bool:
    """Whether somebody is to be told what labels show of a window, however long ago it ended.

    1. A window that was only ever judged as history (a backfill, a look at a terminal) stays history.
    2. Otherwise it is news until its verdict is final, and for ``horizon`` after it first was: labels that take three
       days alert after three days. Corrections that come later are written and tell nobody.
    """
    if all(version.is_suppressed for version in versions):
        return False
    final = [version.decided_at for version in versions if not version.is_provisional]
    return not final or now - min(final) <= horizon
