"""The Airflow DAG that asks a person about rollbacks of models that want approval."""

from driftline.dagkit.approval_dag import approval_dag

dag = approval_dag()
