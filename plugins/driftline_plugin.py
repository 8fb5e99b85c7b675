"""Registers Driftline with Airflow where the library lies in the plugins folder."""

from driftline.dagkit.plugin import DriftlinePlugin

__all__ = ["DriftlinePlugin"]
