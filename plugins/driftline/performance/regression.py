"""Metrics of a regression, from its outcome profile.

References
----------
.. [1] Conover (1999), Practical Nonparametric Statistics, 3.2: order statistics bound a quantile.
"""

from __future__ import annotations

import math

from driftline.performance.intervals import critical_value, mean_interval, wilson_interval
from driftline.performance.metric import Metric, undefined
from driftline.profiles import Moments, RegressionOutcomeProfile

ERROR_QUANTILES = {"error_p05": 0.05, "error_p50": 0.5, "error_p95": 0.95}
"""Quantiles of prediction minus label that are shown."""

ROUNDING = 1e-12
"""Labels that spread by less, relative to their mean, are constant: their mean itself is no more exact."""


def regression_metrics(profile: RegressionOutcomeProfile, confidence: float = 0.95) -> dict[str, Metric]:
    """MAE, RMSE, bias, R², MAPE and quantiles of the error (prediction minus label, in the label's unit).

    Parameters
    ----------
    profile : RegressionOutcomeProfile
        Labelled predictions. Rows where either is not finite are left out.
    confidence : float
        Level of the intervals, 0 to 1.

    Returns
    -------
    dict of str to Metric
        By name. Undefined metrics are there too, with the reason.

    Notes
    -----
    All but the quantiles equal scikit-learn's on the rows; MAPE leaves out labels of 0, where scikit-learn divides by
    2.2e-16 instead. Intervals: normal for means, its square root for RMSE; that of R² takes the squared errors and the
    variance of (normal) labels as independent, which is wide rather than narrow; order statistics for quantiles [1]_.
    """
    metrics = (
        _mean("mae", profile.absolute_errors, "no labels", confidence, low_limit=0.0),
        _rmse(profile, confidence),
        _mean("bias", profile.errors.moments, "no labels", confidence, low_limit=-math.inf),
        _r2(profile, confidence),
        _mape(profile, confidence),
        *(_quantile(name, share, profile, confidence) for name, share in ERROR_QUANTILES.items()),
    )
    return {metric.name: metric for metric in metrics}


def _mean(name: str, moments: Moments, undefined_because: str, confidence: float, low_limit: float) -> Metric:
    if moments.n == 0:
        return undefined(name, undefined_because)
    if not math.isfinite(moments.mean):
        return undefined(name, "values are too large for floating-point numbers", moments.n)
    interval = mean_interval(moments, confidence)
    if interval is None:
        return Metric(name, moments.mean, size=moments.n)
    return Metric(name, moments.mean, max(low_limit, interval[0]), interval[1], size=moments.n)


def _rmse(profile: RegressionOutcomeProfile, confidence: float) -> Metric:
    squared = _mean("rmse", profile.squared_errors, "no labels", confidence, low_limit=0.0)
    if squared.value is None:
        return squared
    low, high = squared.interval_low, squared.interval_high
    return Metric(
        "rmse",
        math.sqrt(squared.value),
        None if low is None else math.sqrt(low),
        None if high is None else math.sqrt(high),
        size=squared.size,
    )


def _r2(profile: RegressionOutcomeProfile, confidence: float) -> Metric:
    rows, squared, spread = profile.labels.n, profile.squared_errors, profile.labels.m2
    if rows < 2:
        return undefined("r2", f"{rows} labels, at least 2 are needed", rows)
    if math.sqrt(max(spread, 0.0) / rows) <= ROUNDING * abs(profile.labels.mean):
        return undefined("r2", f"all {rows} labels are the same, so there is nothing to explain", rows)
    unexplained = squared.mean * rows / spread
    if not math.isfinite(unexplained):
        return undefined("r2", "values are too large for floating-point numbers", rows)
    if not math.isfinite(squared.m2):
        return Metric("r2", 1 - unexplained, size=rows)
    if unexplained == 0:
        return Metric("r2", 1.0, 1.0, 1.0, size=rows)
    relative_variance = squared.variance / (rows * squared.mean**2) + 2 / (rows - 1)
    factor = math.exp(min(critical_value(confidence) * math.sqrt(relative_variance), 700.0))
    return Metric("r2", 1 - unexplained, 1 - unexplained * factor, 1 - unexplained / factor, size=rows)


def _mape(profile: RegressionOutcomeProfile, confidence: float) -> Metric:
    reason = f"all {profile.labels.n} labels are 0" if profile.labels.n else "no labels"
    return _mean("mape", profile.relative_errors, reason, confidence, low_limit=0.0)


def _quantile(name: str, share: float, profile: RegressionOutcomeProfile, confidence: float) -> Metric:
    errors = profile.errors
    if errors.finite == 0:
        return undefined(name, "no labels")
    low, high = wilson_interval(share, errors.finite, confidence)
    return Metric(name, errors.quantile(share), errors.quantile(low), errors.quantile(high), size=errors.finite)
