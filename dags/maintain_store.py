"""The Airflow DAG that keeps Driftline's tables in shape: daily."""

from driftline.dagkit.maintenance_dag import maintenance_dag

dag = maintenance_dag()
