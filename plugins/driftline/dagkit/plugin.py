"""Driftline as an Airflow plugin."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin


class DriftlinePlugin(AirflowPlugin):  # type: ignore[misc] # Airflow is not typed here
    """Lets Airflow know the installation by name."""

    name = "driftline"
