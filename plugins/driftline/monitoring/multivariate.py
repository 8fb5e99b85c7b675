"""The features together: what is learned with the baseline, and a window's rows against it."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from driftline.config import Task
from driftline.findings import Status
from driftline.monitoring.checks import Evidence
from driftline.monitoring.monitor import Monitor
from driftline.monitoring.samples import baseline_sample, window_sample
from driftline.profiles.roles import Role
from driftline.profiles.sample import Sample
from driftline.store.baselines import StoredBaseline
from driftline.store.samples import window_samples
from driftline.windows import Window

if TYPE_CHECKING:
    from driftline.drift import DriftResult, DriftVerdict, MultivariateCalibration

log = logging.getLogger(__name__)

MULTIVARIATE = "multivariate"
"""Under this key the baseline keeps what is learned here; and what the findings call the features together."""

TEST = "multivariate_check"
"""Of the finding that says why nothing was compared."""

LEAST_COVERAGE = 0.5
"""A sample that stands for a smaller share of the window's rows is not judged."""


def is_joint(monitor: Monitor) -> bool:
    """Whether the model's features are compared together, too."""
    return monitor.config.checks.drift.multivariate.enabled


def learn_joint(monitor: Monitor, connection: Connection, baseline: StoredBaseline) -> MultivariateCalibration | None:
    """What the baseline's own windows do to the tests on all features together; ``None`` where these are off.

    It never fails: what cannot be learned leaves the reason, and windows say that they were not evaluated.
    """
    from driftline.drift import MultivariateCalibration

    if not is_joint(monitor):
        return None
    features, score = joint_features(monitor, baseline), _score(monitor, baseline)
    try:
        return _learned(monitor, connection, baseline, features, score)
    except Exception as error:
        log.exception("What %s's windows do to its features together could not be learned", monitor.model)
        reason = f"what windows of the baseline do could not be learned ({type(error).__name__}: {error})"
        return MultivariateCalibration(features, score, 0, reason=reason)


def joint_features(monitor: Monitor, baseline: StoredBaseline) -> tuple[str, ...]:
    """The features that are compared together: those that the model leans on most, up to the configured number."""
    configured = monitor.config.features
    importances = {} if configured == "discover" else {each.name: each.importance or 0.0 for each in configured}
    features = baseline.subjects(Role.FEATURE)
    ranked = sorted(features, key=lambda name: -importances.get(name, 0.0))
    chosen = set(ranked[: monitor.config.checks.drift.multivariate.maximum_features])
    return tuple(name for name in features if name in chosen)


def check_joint(
    monitor: Monitor, evidence: Evidence, version: str, drifted: Sequence[str], false_alarm_rate: float
) -> DriftVerdict | None:
    """All features of one version's window together, and its score; ``None`` where that is switched off.

    Parameters
    ----------
    drifted:
        The features that moved by themselves: the descriptions say how they belong to what moved together.
    """
    if not is_joint(monitor):
        return None
    try:
        verdict = _compared(monitor, evidence, version, false_alarm_rate)
    except Exception as error:
        log.exception("The features of %s %s were not compared together", monitor.model, version)
        verdict = _not_compared(f"The comparison broke ({type(error).__name__}: {error}).")
    return replace(verdict, results=tuple(_in_company(result, drifted) for result in verdict.results))


def stored_joint(baseline: StoredBaseline) -> MultivariateCalibration | None:
    """What `learn_joint` left with the baseline.

    Raises
    ------
    InputError
        When another version of Driftline stored it in a form that this one cannot read.
    """
    from driftline.drift import MultivariateCalibration

    learned = baseline.calibration.get(MULTIVARIATE)
    return MultivariateCalibration.from_json(learned) if learned else None


def _learned(
    monitor: Monitor, connection: Connection, baseline: StoredBaseline, features: tuple[str, ...], score: str | None
) -> MultivariateCalibration:
    import pyarrow as pa

    from driftline.drift import MultivariateCalibration, learn_multivariate
    from driftline.drift.multivariate_learning import LEAST_BLOCKS, chosen_blocks

    length, period = monitor.config.schedule.lookback, baseline.period
    count = period.length // length
    if count < LEAST_BLOCKS:
        reason = f"the baseline holds {count} windows of {length}; at least {LEAST_BLOCKS} are needed"
        return MultivariateCalibration(features, score, count, reason=reason)
    samples: dict[int, Sample] = {}
    for number in chosen_blocks(count).tolist():
        window = Window(period.start + number * length, period.start + (number + 1) * length)
        samples[number] = _over_versions(window_samples(connection, baseline, window, _rows()))
    rows = pa.concat_tables([sample.rows for sample in samples.values() if len(sample)], promote_options="default")
    blocks = [number for number, sample in samples.items() for _ in range(len(sample))]
    return learn_multivariate(rows, blocks, features, score=score)


def _over_versions(by_version: Mapping[str, Sample]) -> Sample:
    from driftline.profiles.sample import merge_samples

    return merge_samples([sample for _, sample in sorted(by_version.items())], _rows())


def _rows() -> int:
    """Rows of a window that are looked at."""
    from driftline.drift.multivariate_learning import SIZES

    return SIZES[-1]


def _score(monitor: Monitor, baseline: StoredBaseline) -> str | None:
    """What the model answers as a number: its score; of a regression the prediction."""
    if Role.SCORE in baseline.binnings:
        return Role.SCORE.value
    return Role.PREDICTION.value if monitor.config.task is Task.REGRESSION else None


def _compared(monitor: Monitor, evidence: Evidence, version: str, false_alarm_rate: float) -> DriftVerdict:
    from driftline.drift import check_multivariate

    baseline, build = evidence.baseline, f"Run: driftline baseline build {monitor.model}"
    calibration = stored_joint(baseline)
    if calibration is None:
        return _not_compared(f"The baseline was built without learning what its windows do to all together. {build}")
    if not calibration.nulls:
        return _not_compared(f"{calibration.reason[:1].upper()}{calibration.reason[1:]}.")
    reference = baseline_sample(monitor, baseline)
    if not len(reference):
        return _not_compared(f"The baseline has no sample of rows. {build}")
    sample = window_sample(monitor, baseline, evidence.record.window, _rows()).get(version)
    rows = evidence.current[version, ""][Role.PREDICTION].rows
    covered = 0.0 if sample is None else sample.population / max(rows, 1)
    if sample is None or covered < LEAST_COVERAGE:
        return _not_compared(
            f"The window's samples stand for {covered:.0%} of its {rows:,} rows: the other slices were counted before "
            f"samples were drawn, or their rows have no id. {build}"
        )
    return check_multivariate(
        calibration,
        reference.rows,
        sample.rows,
        false_alarm_rate=false_alarm_rate,
        minimum_rows=max(monitor.config.checks.drift.minimum_rows, min(calibration.nulls)),
        only_calibrated=True,
    )


def _not_compared(reason: str) -> DriftVerdict:
    from driftline.drift import DriftVerdict
    from driftline.drift.measurement import not_evaluated

    result = replace(
        not_evaluated(TEST, MULTIVARIATE, reason, (0, 0)), description="The features were not compared together."
    )
    return DriftVerdict((result,))


def _in_company(result: DriftResult, drifted: Sequence[str]) -> DriftResult:
    if result.status is not Status.DETECTED:
        return result
    if not drifted:
        return replace(result, description=f"{result.description} No feature moved by itself.")
    named = ", ".join(drifted[:5]) + (f" and {len(drifted) - 5} more" if len(drifted) > 5 else "")
    told = f"By themselves moved {named}: that is part of this, not a second cause."
    return replace(result, description=f"{result.description} {told}", details=_with(result.details, drifted))


def _with(details: Mapping[str, Any], drifted: Sequence[str]) -> dict[str, Any]:
    return {**details, "moved_by_themselves": list(drifted)}
