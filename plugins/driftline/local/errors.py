"""Errors of the local set-up."""

from driftline.errors import DriftlineError


class LocalSetupError(DriftlineError):
    """Something on this machine stands in the way of running Driftline on it: the message says what to do."""
