"""Every metric of the endpoint. Names, units and types follow https://prometheus.io/docs/practices/naming/."""

from __future__ import annotations

from driftline.store.scraping import FEATURES_PER_MODEL, RECENT, VERSIONS_PER_MODEL
from driftline.store.scraping.bounds import LIVE_MINUTES
from driftline.web.metrics.definition import Definition, Kind

QUANTILES = (0.5, 0.95, 0.99)

_MODEL = ("model",)
_VERSION = ("model", "version")
_FEATURE = ("model", "version", "feature")
_METRIC = ("model", "version", "metric")
_EXPERIMENT = ("experiment", "model")
_OF_THE_WHOLE = "of the newest decided window, over the whole, against the baseline"


def _gauge(name: str, help: str, labels: tuple[str, ...] = _MODEL, unit: str = "") -> Definition:
    return Definition(f"{name}_{unit}" if unit else name, Kind.GAUGE, help, labels, unit)


def _moment(name: str, help: str, labels: tuple[str, ...] = _MODEL) -> Definition:
    """A moment in Unix time."""
    return _gauge(f"{name}_timestamp", f"{help} (Unix time).", labels, "seconds")


UP = _gauge("up", "Whether the store could be read: 1, or 0, and then nothing else is told.", ())
SCRAPE_DURATION = _gauge("scrape_duration", "How long reading the store took.", (), "seconds")

LAST_SUCCESS = _moment("monitor_last_success", "When the model's newest window was decided")
WINDOW_END = _moment("monitor_window_end", "When the model's newest decided window ended")
INTERVAL = _gauge(
    "monitor_interval", "What usually lies between the ends of two of the model's windows.", _MODEL, "seconds"
)
WINDOW_SEVERITY = _gauge(
    "window_severity",
    "The worst severity of the newest decided window: 0 none, 1 low, 2 medium, 3 high, 4 critical. This metric and the "
    f"others of the newest window are left out where it ended more than {RECENT.days} days ago.",
)
WINDOW_PREDICTIONS = _gauge("window_predictions", "Predictions of the newest decided window.")
LABEL_COVERAGE = _gauge(
    "label_coverage", "Share of the newest decided window's predictions that have a label so far.", _MODEL, "ratio"
)
FINDINGS = _gauge(
    "findings",
    "Findings of the newest decided window by check and status (ok, detected, not_evaluated), over all versions and "
    "segments.",
    ("model", "check", "status"),
)

DRIFT_DETECTED = _gauge(
    "drift_detected",
    f"Whether the feature drifts (1) or not (0), {_OF_THE_WHOLE}. Of each model at most {FEATURES_PER_MODEL} pairs of "
    "feature and version are told, with many models fewer: driftline_left_out counts the others.",
    _FEATURE,
)
PSI = _gauge("psi_score", f"Population stability index of the feature, {_OF_THE_WHOLE}.", _FEATURE)
KOLMOGOROV_SMIRNOV = _gauge(
    "ks_statistic", f"Kolmogorov-Smirnov distance of the numeric feature (0 to 1), {_OF_THE_WHOLE}.", _FEATURE
)
FEATURES = _gauge("compared_features", f"Features that were compared, {_OF_THE_WHOLE}; all are counted.", _VERSION)
DRIFTED_FEATURES = _gauge("drifted_features", f"Features that drift, {_OF_THE_WHOLE}; all are counted.", _VERSION)
LEFT_OUT = _gauge(
    "left_out",
    "What is not told of the model one by one, to bound the number of series: pairs of feature and version "
    '(what="feature"), versions in the live figures (what="version").',
    ("model", "what"),
)

PERFORMANCE = _gauge(
    "performance_value",
    "The metric (accuracy, roc_auc, mae, …) of the newest window that labels say something about, over the whole. "
    "Errors are in the target's unit.",
    _METRIC,
)
PERFORMANCE_LOWER = _gauge("performance_lower", "Lower end of the metric's 95 % interval.", _METRIC)
PERFORMANCE_UPPER = _gauge("performance_upper", "Upper end of the metric's 95 % interval.", _METRIC)
PERFORMANCE_DEGRADED = _gauge(
    "performance_degraded",
    "Whether the metric is worse than the baseline's by more than is allowed, beyond doubt (1), or not (0).",
    _METRIC,
)
PERFORMANCE_PROVISIONAL = _gauge(
    "performance_provisional", "Whether labels may still change the metric (1) or not (0).", _METRIC
)
PERFORMANCE_WINDOW_END = _moment("performance_window_end", "When the window ended that the performance is of")
PERFORMANCE_ESTIMATE = _gauge(
    "performance_estimate", "The metric of the newest decided window as it is estimated without labels.", _METRIC
)

_LAST_MINUTES = f"of the last {LIVE_MINUTES} whole minutes that were counted"
LIVE_PREDICTIONS = _gauge(
    "live_predictions",
    f"Predictions {_LAST_MINUTES}. Of each model the {VERSIONS_PER_MODEL} versions with the most are told: "
    "driftline_left_out counts the others. Absent where the log has not been counted for 10 minutes.",
    _VERSION,
)
LIVE_ERRORS = _gauge("live_errors", f"Failed predictions {_LAST_MINUTES}.", _VERSION)
LIVE_LATENCY = Definition(
    "live_latency_seconds",
    Kind.SUMMARY,
    f"Quantiles of the latency {_LAST_MINUTES}, within 2 %.",
    (*_VERSION, "quantile"),
    "seconds",
)
_FEED = ("model", "feed")
FEED_ATTEMPTED = _moment("feed_attempted", "When the guard last tried to count the feed (predictions, labels)", _FEED)
FEED_COUNTED = _moment("feed_counted", "When the guard last counted the feed successfully", _FEED)
FEED_NEWEST_ROW = _moment("feed_newest_row", "Time of the newest row that was seen in the feed", _FEED)
FEED_FAILING = _gauge("feed_failing", "Whether counting the feed fails (1) or not (0).", _FEED)

ROUTE_SHARE = _gauge("route_share", "Share of the model's traffic that is routed to the version.", _VERSION, "ratio")
ROUTE_CHANGES = Definition("route_changes_total", Kind.COUNTER, "Changes of the model's routes.", _MODEL)
ROLLBACKS = Definition("rollbacks_total", Kind.COUNTER, "Rollbacks that changed the model's routes.", _MODEL)
ROLLBACKS_ESCALATED = Definition(
    "rollbacks_escalated_total", Kind.COUNTER, "Rollbacks that did not help, so that people were called.", _MODEL
)
ROLLBACKS_UNVERIFIED = _gauge("rollbacks_unverified", "Rollbacks of which it is not known yet whether they helped.")
ROLLBACKS_AWAITING = _gauge("rollbacks_awaiting_approval", "Rollbacks that wait for a person.")

EXPERIMENT_STATE = _gauge(
    "experiment_state",
    "Whether the experiment is in the state (1) or not (0): created, running, concluded, stopped. Ended ones are told "
    "for a week.",
    (*_EXPERIMENT, "state"),
)
EXPERIMENT_HELD = _gauge(
    "experiment_held", "Whether nothing goes on until a person says so (1) or it does (0).", _EXPERIMENT
)
EXPERIMENT_FAILING = _gauge("experiment_failing", "Whether the last look failed (1) or not (0).", _EXPERIMENT)
EXPERIMENT_LOOKED = _moment("experiment_last_look", "When the experiment was last looked at", _EXPERIMENT)
_ARM = (*_EXPERIMENT, "version")
EXPERIMENT_SHARE = _gauge(
    "experiment_arm_share", "Share of the experiment's units that the arm is to get.", _ARM, "ratio"
)
EXPERIMENT_UNITS = _gauge("experiment_arm_units", "Units that the arm has got since counting began.", _ARM)

INCIDENTS = _gauge(
    "incidents_open",
    'Incidents that are not resolved. model="driftline" is the installation itself.',
    ("model", "severity"),
)
ALERTS_PENDING = _gauge("alerts_pending", "Alerts in the outbox that wait to be sent.", ("destination",))
ALERTS_OLDEST = _moment(
    "alerts_oldest_pending", "When the oldest waiting alert was put into the outbox", ("destination",)
)

CATALOGUE: tuple[Definition, ...] = tuple(each for each in list(globals().values()) if isinstance(each, Definition))
"""In the order in which they are exposed."""
