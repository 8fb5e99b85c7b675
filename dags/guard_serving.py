"""The Airflow DAG that watches serving, and rolls back what exceeds its limits: every 20 seconds."""

from driftline.dagkit.guard_dag import guard_dag

dag = guard_dag()
