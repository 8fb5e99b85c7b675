"""What runs on one machine without Docker: an embedded Postgres, a local Airflow, and the processes of the demo."""
