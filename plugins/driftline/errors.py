"""The errors that Driftline raises for people to read.

Every message names what is wrong, where it is, and how to mend it.
"""


class DriftlineError(Exception):
    """Something a person can mend: the message says what, where and how."""


class ConfigError(DriftlineError):
    """A model's YAML file is not valid."""


class ConnectionNotConfigured(DriftlineError):
    """A connection is named in the configuration, but nothing says where it leads."""


class SourceError(DriftlineError):
    """The prediction log cannot be read as the model's configuration describes it."""


class StoreError(DriftlineError):
    """Driftline's own tables are missing, out of date or unreachable."""


class NoBaseline(DriftlineError):
    """A window cannot be compared, because the model has no baseline and none can be built."""


class InputError(DriftlineError):
    """An argument is out of its range or of the wrong kind."""
