"""One Airflow DAG per model file: monitor__<model>."""

from driftline.dagkit.monitor_dag import monitor_dags

for dag in monitor_dags():
    globals()[dag.dag_id] = dag
