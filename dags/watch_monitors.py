"""The Airflow DAG that watches the monitors themselves: every 5 minutes."""

from driftline.dagkit.watch_dag import watch_dag

dag = watch_dag()
