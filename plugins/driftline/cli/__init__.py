"""The ``driftline`` command."""
