"""What people look at: server-rendered pages about windows, mounted into Airflow's API server."""
