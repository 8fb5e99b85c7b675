"""What Grafana does with a dashboard's queries, for tests and benchmarks."""

from tests.grafana.interpreter import Asked, Board, Expression, TimeRange, UnknownMacro, load_boards

__all__ = ["Asked", "Board", "Expression", "TimeRange", "UnknownMacro", "load_boards"]
