"""What a window's findings lead to: nothing, an alert, a rollback. Pure."""

from driftline.decisions.causes import Cause, KnownCause, placed, recovered
from driftline.decisions.decide import Decision, Policy, Verdict, decide
from driftline.decisions.persistence import DEFAULT_PERSISTENCE, EarlierWindow, Persistence
from driftline.decisions.revision import VerdictVersion, is_news

__all__ = [
    "DEFAULT_PERSISTENCE",
    "Cause",
    "Decision",
    "EarlierWindow",
    "KnownCause",
    "Persistence",
    "Policy",
    "Verdict",
    "VerdictVersion",
    "decide",
    "is_news",
    "placed",
    "recovered",
]
