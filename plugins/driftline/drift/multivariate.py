"""Drift of the features together, and of the model's score, within one part of the false-alarm budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from driftline.drift.encoding import Frame, TablePair, read_tables
from driftline.drift.multivariate_calibration import EXPLAINED_VARIANCE, MultivariateCalibration
from driftline.drift.multivariate_tests import CorrelationTest, DomainClassifierTest, ReconstructionTest, ScoreTest
from driftline.drift.result import DriftResult
from driftline.drift.verdict import DriftVerdict
from driftline.errors import InputError


def check_multivariate(
    calibration: MultivariateCalibration | None,
    reference: Frame,
    current: Frame,
    features: Sequence[str] | None = None,
    *,
    score: str | None = None,
    false_alarm_rate: float = 0.0025,
    minimum_rows: int = 200,
    explained_variance: float = EXPLAINED_VARIANCE,
    only_calibrated: bool = False,
) -> DriftVerdict:
    """Compares the rows of two samples as wholes; neither is modified.

    Parameters
    ----------
    calibration
        Of `learn_multivariate`, on windows of this length. Without it all rows are taken to be independent, which data
        that goes with the day is not.
    reference, current
        pandas DataFrames, pyarrow Tables, or mappings from names to columns: samples of the baseline and the window.
    features
        Columns to compare; default the calibration's, without one all but ``score``.
    score
        Column of the model's score, tested by itself; default the calibration's. Without one there is no such test.
    false_alarm_rate
        Part of the window's budget (between 0 and 1) that these tests may spend together; each gets an equal share.
    minimum_rows
        With fewer rows on either side nothing is judged.
    explained_variance
        Share of the variance for the principal components; a calibration's own comes first.
    only_calibrated
        Whether what the calibration knows nothing of is ``not_evaluated``, and not held against independent rows.

    Returns
    -------
    DriftVerdict
        One result each of ``domain_classifier``, ``pca_reconstruction``, ``correlation_change`` and, with a score,
        ``score_drift``, about the subject ``multivariate``; the notes say what the evidence is, and which columns were
        left out and why.

    Raises
    ------
    InputError
        When ``false_alarm_rate`` or ``explained_variance`` is out of its range.
    """
    if not 0 < false_alarm_rate < 1:
        raise InputError(f"false_alarm_rate is {false_alarm_rate}; it must lie between 0 and 1.")
    score = score if score is not None or calibration is None else calibration.score
    pair = _pair(calibration, reference, current, features, score)
    settings: dict[str, Any] = {
        "significance": false_alarm_rate / (3 if score is None else 4),
        "minimum_rows": minimum_rows,
        "calibration": calibration,
        "only_calibrated": only_calibrated,
    }
    share = calibration.explained_variance if calibration is not None else explained_variance
    results = [
        _with_left_out(DomainClassifierTest(**settings).judge(pair), pair),
        _with_left_out(ReconstructionTest(explained_variance=share, **settings).judge(pair), pair),
        _with_left_out(CorrelationTest(**settings).judge(pair), pair),
    ]
    if score is not None:
        results.append(ScoreTest(**settings).judge(read_tables(reference, current, [score])))
    return DriftVerdict(tuple(results), _notes(calibration, results, pair))


def _pair(
    calibration: MultivariateCalibration | None,
    reference: Frame,
    current: Frame,
    features: Sequence[str] | None,
    score: str | None,
) -> TablePair:
    if features is None and calibration is not None:
        features = calibration.features
    pair = read_tables(reference, current, features)
    if features is not None or score is None:
        return pair
    names = [name for name in (*pair.reference.features, *pair.left_out) if name != score]
    return read_tables(reference, current, names)


def _with_left_out(result: DriftResult, pair: TablePair) -> DriftResult:
    return replace(result, details={**result.details, "left_out": dict(pair.left_out)})


def _notes(
    calibration: MultivariateCalibration | None, results: Sequence[DriftResult], pair: TablePair
) -> tuple[str, ...]:
    notes = [f"Left out of the multivariate tests: {reason}" for reason in pair.left_out.values()]
    analytic = [result.test for result in results if result.details.get("evidence") == "analytic"]
    if analytic:
        why = _why_analytic(calibration)
        notes.insert(
            0,
            f"Evidence of {', '.join(analytic)} is for independent rows, {why}: data that goes with the hour or the "
            "day of the week can alarm without drift.",
        )
    elif calibration is not None and calibration.nulls:
        notes.insert(0, f"Multivariate evidence is calibrated on {calibration.blocks} windows of the baseline.")
    return tuple(notes)


def _why_analytic(calibration: MultivariateCalibration | None) -> str:
    if calibration is None:
        return "no calibration being given"
    return calibration.reason or "the calibration having nothing on windows of so few rows"
