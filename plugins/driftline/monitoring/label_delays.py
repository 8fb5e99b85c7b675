"""How long a model's labels take: learned with the baseline and, for what has changed since, from recent labels."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from driftline.monitoring.monitor import Monitor
from driftline.performance import DELAY_EDGES, MATURE_SHARE, NO_CURVE, DelayCurve, LabelOutlook, label_outlook
from driftline.store.baselines import StoredBaseline
from driftline.store.engine import store_transaction
from driftline.store.label_watermarks import label_watermark
from driftline.store.slices import Part, counted_slices
from driftline.windows import SLICE_LENGTH, Window, floor_to_slice

LABEL_DELAYS = "label_delays"
"""Under this key the baseline keeps its curve."""

RECENT = timedelta(days=7)
"""Predictions of so long a time tell how long labels take lately."""

SHORTEST_LIMIT = timedelta(hours=6)
"""No shorter silence is unusual, however steadily labels came."""

AGE = 2
"""Times the expected delay that predictions must be old: younger ones would only show the labels that came fast."""


def learn_delays(monitor: Monitor, period: Window, now: datetime | None = None) -> dict[str, Any]:
    """The curve of ``period``, as JSON; of its last part only what is old enough counts. Empty where nothing is."""
    labels = monitor.config.labels
    if labels is None:
        return {}
    moment = now or datetime.now(UTC)
    end = min(period.end, floor_to_slice(moment - AGE * labels.expected_delay))
    if end <= period.start:
        return {}
    aged = Window(period.start, end)
    predictions = sum(state[0] for state in monitor.log.prediction_fingerprints(aged).values())
    silence = monitor.log.longest_silence(period)
    return DelayCurve.of(monitor.log.label_delays(aged, DELAY_EDGES), predictions, silence).to_json()


def learn_recent_delays(monitor: Monitor, baseline: StoredBaseline, now: datetime) -> dict[str, Any]:
    """The curve of the last predictions that are old enough by what is known so far."""
    labels = monitor.config.labels
    if labels is None:
        return {}
    usual = stored_delays(baseline).quantile(MATURE_SHARE) or timedelta(0)
    end = floor_to_slice(now - AGE * max(labels.expected_delay, usual))
    return learn_delays(monitor, Window(end - RECENT, end), now)


def stored_delays(baseline: StoredBaseline) -> DelayCurve:
    learned = baseline.calibration.get(LABEL_DELAYS)
    return DelayCurve.from_json(learned) if learned else NO_CURVE


def known_delays(monitor: Monitor, baseline: StoredBaseline) -> DelayCurve:
    """The curve of recent labels where there are enough of them, else the baseline's."""
    with store_transaction(monitor.store) as connection:
        watermark = label_watermark(connection, monitor.model)
    if watermark is not None and watermark.delays:
        recent = DelayCurve.from_json(watermark.delays)
        if recent.is_known:
            return recent
    return stored_delays(baseline)


def silence_limit(monitor: Monitor, baseline: StoredBaseline) -> tuple[timedelta, bool]:
    """How long no label may arrive before it is unusual, and whether the baseline taught it.

    Twice the longest silence of the baseline (at least `SHORTEST_LIMIT`); without one, the expected delay.
    """
    labels = monitor.config.labels
    assert labels is not None
    longest = stored_delays(baseline).longest_silence
    if longest is None:
        return max(labels.expected_delay, SLICE_LENGTH), False
    return max(2 * longest, SHORTEST_LIMIT), True


def window_outlook(monitor: Monitor, baseline: StoredBaseline, window: Window, now: datetime) -> LabelOutlook:
    """What may be expected of a window's labels at ``now``."""
    labels = monitor.config.labels
    assert labels is not None
    curve = known_delays(monitor, baseline)
    with store_transaction(monitor.store) as connection:
        counted = counted_slices(connection, baseline, Part.PREDICTIONS, window)
    return label_outlook(
        curve,
        [(start, found.rows) for start, found in counted.items()],
        window_end=window.end,
        expected_delay=labels.expected_delay,
        now=now,
    )
