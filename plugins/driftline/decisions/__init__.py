"""What a window's findings lead to: nothing, an alert, a rollback. Pure."""

from driftline.decisions.causes import Cause, KnownCause, placed, recovered
from driftline.decisions.decide import Decision, Policy, Verdict, decide
from driftline.decisions.revision import VerdictVersion, is_news

__all__ = [
    "Cause",
    "Decision",
    "KnownCause",
    "Policy",
    "Verdict",
    "VerdictVersion",
    "decide",
    "is_news",
    "placed",
    "recovered",
]
