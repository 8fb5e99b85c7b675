"""A fleet of models with a history, for tests and benchmarks of what is read from the store."""

from tests.fleet.fleet import Fleet, fill_fleet
from tests.fleet.plan import SMALL, THOUSAND, FleetModel, FleetSize, Story, Task

__all__ = ["SMALL", "THOUSAND", "Fleet", "FleetModel", "FleetSize", "Story", "Task", "fill_fleet"]
