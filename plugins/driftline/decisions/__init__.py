"""What a window's findings lead to: nothing, an alert, a rollback. Pure."""

from driftline.decisions.decide import Cause, Decision, Policy, Verdict, decide
from driftline.decisions.revision import VerdictVersion, is_news

__all__ = ["Cause", "Decision", "Policy", "Verdict", "VerdictVersion", "decide", "is_news"]
