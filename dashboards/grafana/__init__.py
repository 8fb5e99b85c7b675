"""Grafana's dashboards in Python: `python -m dashboards.grafana.generate` makes the JSON that Grafana reads."""
