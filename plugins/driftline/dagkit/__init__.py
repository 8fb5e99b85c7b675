"""The only room that knows Airflow: DAGs, their tasks, connections and the plugin."""
