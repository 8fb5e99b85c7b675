"""The Airflow DAG that counts the newest minutes of every model: every 20 seconds."""

from driftline.dagkit.guard_dag import guard_dag

dag = guard_dag()
