"""What a window's findings lead to: nothing, an alert, a rollback. Pure."""

from driftline.decisions.decide import Cause, Decision, Policy, Verdict, decide

__all__ = ["Cause", "Decision", "Policy", "Verdict", "decide"]
