"""The Airflow DAG that sends what the guard has to tell, at once."""

from driftline.dagkit.alerts_dag import alerts_dag

dag = alerts_dag()
