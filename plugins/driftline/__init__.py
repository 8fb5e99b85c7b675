"""Driftline: monitoring of machine-learning models in production, on Apache Airflow and Postgres."""

__version__ = "0.1.0"
