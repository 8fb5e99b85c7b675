"""The Airflow DAG that judges windows anew when their labels arrive: hourly."""

from driftline.dagkit.revision_dag import revision_dag

dag = revision_dag()
