"""What the store knows of where a window's drift is: hours before it, segments beside it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import timedelta

from driftline.drift import Calibration, DriftVerdict
from driftline.drift.localization import DriftLocalization, LocalizationEvidence, localize_drift
from driftline.drift.localization_segments import SegmentPair
from driftline.drift.season import Season
from driftline.monitoring.checks import Evidence
from driftline.monitoring.monitor import Monitor, segment_columns
from driftline.store.engine import store_transaction
from driftline.store.slice_history import subject_history
from driftline.windows import Window

HISTORY = timedelta(days=14)
"""How far before a window's end the beginning of its drift is looked for."""


def localized(
    monitor: Monitor,
    evidence: Evidence,
    verdict: DriftVerdict,
    calibration: Calibration | None,
    *,
    version: str,
    segment: str,
    passed_over: Collection[str] = (),
) -> DriftLocalization:
    """Where the drift of one version in one segment is.

    Parameters
    ----------
    passed_over:
        Features that are not looked at, because more has been said of them elsewhere.
    """
    drifted = [feature for feature in verdict.drifted_features if feature not in passed_over]
    if not drifted:
        return DriftLocalization()
    window = evidence.record.window
    looked_at = Window(min(window.start, window.end - HISTORY), window.end)
    with store_transaction(monitor.store) as connection:
        history = subject_history(
            connection, evidence.baseline, looked_at, version=version, segment=segment, subjects=drifted
        )
    return localize_drift(
        DriftVerdict(tuple(result for result in verdict.results if result.feature_name in drifted), (), verdict.pairs),
        window,
        LocalizationEvidence(
            history=history,
            segments=_segments(monitor, evidence, version, drifted) if segment == "" else {},
            seasons=_seasons(calibration),
            importances=_importances(monitor),
            pipelines=_pipelines(monitor),
        ),
    )


def _segments(
    monitor: Monitor, evidence: Evidence, version: str, features: Collection[str]
) -> dict[str, dict[str, dict[str, SegmentPair]]]:
    names = [column.names for column in segment_columns(monitor)]
    return {
        next(iter(of.values())).partition("=")[0]: {
            segment: _pairs(evidence.reference.get(segment, {}), evidence.current.get((version, segment), {}), features)
            for segment in of.values()
        }
        for of in names
    }


def _pairs(
    reference: Mapping[str, object], current: Mapping[str, object], features: Collection[str]
) -> dict[str, SegmentPair]:
    return {feature: SegmentPair(reference.get(feature), current.get(feature)) for feature in features}  # type: ignore[arg-type]


def _seasons(calibration: Calibration | None) -> dict[str, Season]:
    return {} if calibration is None else {name: each.season for name, each in calibration.features.items()}


def _importances(monitor: Monitor) -> dict[str, float]:
    features = monitor.config.features
    if features == "discover":
        return {}
    return {feature.name: feature.importance for feature in features if feature.importance is not None}


def _pipelines(monitor: Monitor) -> dict[str, str]:
    features = monitor.config.features
    if features == "discover":
        return {}
    return {feature.name: feature.pipeline for feature in features if feature.pipeline is not None}
