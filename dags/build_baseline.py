"""The Airflow DAG that learns a model's baseline anew: on demand."""

from driftline.dagkit.baseline_dag import baseline_dag

dag = baseline_dag()
