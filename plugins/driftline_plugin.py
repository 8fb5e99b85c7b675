"""Registers Driftline with Airflow where the library lies in the plugins folder without being installed.

An installed package registers itself by its entry point. Registered twice, it would be mounted once all the same, but
Airflow's pages would show a plugin import error for the second.
"""

from importlib.metadata import entry_points

if not entry_points(group="airflow.plugins", name="driftline"):
    from driftline.dagkit.plugin import DriftlinePlugin

    __all__ = ["DriftlinePlugin"]
