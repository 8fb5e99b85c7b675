"""The Airflow DAG that looks at every A/B test and gradual rollout: every 5 minutes."""

from driftline.dagkit.experiments_dag import experiments_dag

dag = experiments_dag()
