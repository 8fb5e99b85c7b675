"""Buttons on a monitor's tasks, which lead to what the task found."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseOperatorLink

from driftline.dagkit.links import REPORTED_CHECKS, run_window_url
from driftline.findings import Check


class WindowLink(BaseOperatorLink):  # type: ignore[misc] # Airflow's package is lazily typed
    """To the page of the run's window."""

    name = "Window"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:  # noqa: ARG002 - Airflow calls it so
        return run_window_url(ti_key.dag_id, ti_key.run_id)


class DriftReportLink(BaseOperatorLink):  # type: ignore[misc] # Airflow's package is lazily typed
    """To the drift report of the run's window."""

    name = "Drift report"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:  # noqa: ARG002 - Airflow calls it so
        return run_window_url(ti_key.dag_id, ti_key.run_id, Check.DRIFT.value)


class QualityReportLink(BaseOperatorLink):  # type: ignore[misc] # Airflow's package is lazily typed
    """To the quality report of the run's window."""

    name = "Quality report"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:  # noqa: ARG002 - Airflow calls it so
        return run_window_url(ti_key.dag_id, ti_key.run_id, Check.QUALITY.value)


_REPORTS = dict(zip(REPORTED_CHECKS, (DriftReportLink, QualityReportLink), strict=True))


def linked(result: Any, check: Check | None = None) -> Any:
    """The same task (by its result), with a button to its window and, where ``check`` leaves one, to its report."""
    report = () if check is None or check not in _REPORTS else (_REPORTS[check](),)
    result.operator.operator_extra_links = (WindowLink(), *report)
    return result
