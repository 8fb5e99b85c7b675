"""What findings about performance say to people."""

from __future__ import annotations

import math

from driftline.findings import Comparison, Severity
from driftline.performance.drop import Drop
from driftline.performance.metric import METRIC_KINDS, Metric, MetricKind

TITLES = {
    "f1": "F1",
    "roc_auc": "ROC-AUC",
    "pr_auc": "PR-AUC",
    "precision_macro": "Macro precision",
    "recall_macro": "Macro recall",
    "f1_macro": "Macro F1",
    "precision_weighted": "Weighted precision",
    "recall_weighted": "Weighted recall",
    "f1_weighted": "Weighted F1",
    "roc_auc_ovr": "One-vs-rest ROC-AUC",
    "roc_auc_ovr_weighted": "Weighted one-vs-rest ROC-AUC",
    "log_loss": "Log loss",
    "brier": "Brier score",
    "mae": "MAE",
    "rmse": "RMSE",
    "mape": "MAPE",
    "r2": "R²",
}


def description(before: Metric, now: Metric, drop: Drop, comparison: Comparison) -> str:
    kind = METRIC_KINDS[now.name]
    against = "the baseline" if comparison is Comparison.BASELINE else "the reference"
    change = f"{_amount(abs(drop.size), kind)} {'worse' if drop.size > 0 else 'better'}"
    return (
        f"{title(now.name)} is {_shown(now)} where {against} has {_shown(before)}: {change} "
        f"(interval {_signed(drop.low, kind)} to {_signed(drop.high, kind)} worse); "
        f"{_amount(drop.allowed, kind)} are allowed."
    )


def recommendation(severity: Severity, is_provisional: bool) -> str:
    if severity is Severity.NONE:
        return ""
    wait = " More labels are expected: the verdict may still change." if is_provisional else ""
    if severity.rank >= Severity.HIGH.rank:
        return (
            "Look at the drift findings of the same window for the cause; serve the last stable version until the "
            f"model is retrained.{wait}"
        )
    return f"Look at the drift findings of the same window for the cause, and plan a retraining if it lasts.{wait}"


def title(name: str) -> str:
    return TITLES.get(name, name.replace("_", " ").capitalize())


def shown(name: str, value: float) -> str:
    """A metric's value for people: 94.2% for shares, four digits for others."""
    return f"{value:.1%}" if METRIC_KINDS[name] is MetricKind.SHARE and name != "r2" else f"{value:.4g}"


def _shown(metric: Metric) -> str:
    return shown(metric.name, metric.value if metric.value is not None else math.nan)


def _amount(size: float, kind: MetricKind) -> str:
    return f"{size:.1%}" if kind is MetricKind.ERROR else f"{size * 100:.1f} points"


def _signed(size: float, kind: MetricKind) -> str:
    return f"{size:+.1%}" if kind is MetricKind.ERROR else f"{size * 100:+.1f}"
