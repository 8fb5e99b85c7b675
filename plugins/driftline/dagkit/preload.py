"""Imports what every task of a monitor needs, so that processes forked from this one start with it in memory.

Airflow runs each task in a process of its own, and on Linux forks it from the executor's. A scheduler with the
`LocalExecutor`, or a Celery worker, that imports this module once saves each of a window's six tasks several seconds
of imports. Put into `$AIRFLOW_HOME/config/airflow_local_settings.py`::

    import os

    if os.environ.get("DRIFTLINE_PRELOAD"):
        import driftline.dagkit.preload

and set `DRIFTLINE_PRELOAD=1` for those processes only. Where tasks are started otherwise (macOS, Kubernetes) it does
nothing useful and no harm.
"""

from importlib import import_module

TASK_MODULES = (
    "adbc_driver_postgresql.dbapi",
    "airflow.providers.slack.hooks.slack_webhook",
    "airflow.sdk.execution_time.task_runner",
    "driftline.dagkit.tasks",
    "driftline.monitoring.action",
    "driftline.monitoring.check_drift",
    "driftline.monitoring.check_fairness",
    "driftline.monitoring.check_performance",
    "driftline.monitoring.check_predictions",
    "driftline.monitoring.check_quality",
    "driftline.monitoring.checks",
    "driftline.monitoring.decision",
    "driftline.monitoring.extract",
    "driftline.monitoring.live",
    "driftline.monitoring.revision",
    "great_expectations",
    "pandas",
    "psycopg",
    "pyarrow",
    "scipy.stats",
    "statsmodels.regression.linear_model",
)

for name in TASK_MODULES:
    import_module(name)
