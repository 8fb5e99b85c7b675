"""Since when: the slice that a feature's drift began with."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, special

from driftline.drift.change_point_season import with_daily_cycle
from driftline.errors import InputError
from driftline.profiles.binning import Floats

LEAST_HOURS = 6
"""From fewer hours with rows no beginning is told."""

PLAUSIBLE = float(np.log(40))
"""A slice is plausible as the beginning when its log likelihood falls short of the best one by no more.

The likelihood ratio of a wrong beginning to the true one is a martingale on either side of it, so that it exceeds 40
with a probability of at most 1 / 40 a side (Ville (1939), "Étude critique de la notion de collectif"): 95 % together.
For a change that is itself estimated it is an approximation; Siegmund (1988), "Confidence sets in change-point
problems", International Statistical Review 56.
"""

CHANCE = 0.01
"""A change as large as chance makes so often, its direction being fitted to the window, has no beginning."""

LARGEST_SCORE = 3.0
"""No cell counts for more than a change of its share by a factor of e³ = 20."""

LONGEST_MEMORY = 0.98


class OnsetKind(StrEnum):
    """How a drift began."""

    STEP = "step"
    GRADUAL = "gradual"
    BEFORE_HISTORY = "before_history"
    UNCLEAR = "unclear"


@dataclass(frozen=True, kw_only=True)
class Onset:
    """When a feature's drift began.

    Attributes
    ----------
    start:
        Start (UTC) of the slice that it began with; of a gradual one about that. ``None`` unless step or gradual.
    earliest, latest:
        Starts of the first and the last plausible slice (95 %).
    history_start:
        Start of the first slice that was looked at.
    reason:
        Why no beginning can be told; empty otherwise.
    """

    kind: OnsetKind
    start: datetime | None = None
    earliest: datetime | None = None
    latest: datetime | None = None
    history_start: datetime | None = None
    reason: str = ""

    @property
    def description(self) -> str:
        """As the end of a sentence: ``since 2026-11-03 14:00 UTC``."""
        match self.kind:
            case OnsetKind.STEP:
                return f"since {_moment(self.start)}{self._plausible()}"
            case OnsetKind.GRADUAL:
                return f"gradually from about {_moment(self.start)} on"
            case OnsetKind.BEFORE_HISTORY:
                return f"since before {_moment(self.history_start)}, where the history looked at begins"
            case OnsetKind.UNCLEAR:
                return f"since an unclear hour ({self.reason})"

    def _plausible(self) -> str:
        if self.earliest == self.latest:
            return ""
        return f" (plausible: {_moment(self.earliest)} to {_moment(self.latest)})"


def date_onset(hours: Sequence[datetime], counts: Floats, expected: Floats, window_start: datetime) -> Onset:
    """Dates a drift that a window is known to have.

    The log odds of the window's shares to the expected ones score every row; the mean score of an hour's rows tells the
    hours before from those after. The beginning is the hour of greatest likelihood: a step of any size from it to the
    end, under the noise of counting plus a level that wanders from hour to hour (first-order autoregression,
    estimated), by generalized least squares. A straight rise from some hour to the end is fitted beside the step; where
    it is clearly likelier, the drift is gradual.

    Parameters
    ----------
    hours
        Starts of the slices, rising; hours without rows may be missing. At most a few hundred (cost is quadratic).
    counts
        Rows per hour and cell, shape (hours, cells).
    expected
        Expected shares without drift, of the same shape; rows sum to 1, all above 0.
    window_start
        The hours from here on are those of the window that drifted.

    Notes
    -----
    Source of the likelihood-ratio change point: Hinkley (1970), "Inference about the change-point in a sequence of
    random variables", Biometrika 57; with serially correlated noise: Bai (1994), "Least squares estimation of a shift
    in linear processes", Journal of Time Series Analysis 15.

    Raises
    ------
    InputError
        When the shapes do not fit, or the hours do not rise.
    """
    _require_fitting(hours, counts, expected)
    used = np.flatnonzero(counts.sum(axis=1) > 0)
    kept = [hours[int(index)] for index in used]
    counts, expected = counts[used], expected[used]
    window_at = bisect_left(kept, window_start)
    if len(kept) < LEAST_HOURS or window_at == len(kept):
        reason = f"{len(kept)} hours with rows, {len(kept) - window_at} of them in the window; {LEAST_HOURS} are needed"
        return Onset(kind=OnsetKind.UNCLEAR, reason=reason, history_start=hours[0] if hours else None)
    expected = with_daily_cycle(expected, counts, kept, window_at)
    first = int(_ScorePath.of(kept, counts, expected, window_at).step_gains().argmax())
    expected = with_daily_cycle(expected, counts, kept, first)
    path = _ScorePath.of(kept, counts, expected, max(first, window_at)).with_wandering_level()
    return _onset(kept, path, max(counts.shape[1], 2))


def _require_fitting(hours: Sequence[datetime], counts: Floats, expected: Floats) -> None:
    if counts.ndim != 2 or counts.shape != expected.shape or counts.shape[0] != len(hours):
        raise InputError(
            f"{len(hours)} hours, counts of shape {counts.shape} and expected shares of shape {expected.shape} do not "
            "fit: give one row an hour and one column a cell."
        )
    if any(later <= earlier for earlier, later in pairwise(hours)):
        raise InputError("The hours must rise, each once.")


@dataclass(frozen=True, eq=False)
class _ScorePath:
    """Per hour the mean score of its rows over the expected one; the precision of its noise.

    `precision` is the inverse covariance; its diagonal alone where the hours are independent.
    """

    scores: Floats
    precision: Floats
    positions: NDArray[np.float64]

    @classmethod
    def of(cls, hours: Sequence[datetime], counts: Floats, expected: Floats, scored_from: int) -> _ScorePath:
        rows = counts.sum(axis=1)
        after, awaited = counts[scored_from:].sum(axis=0), rows[scored_from:] @ expected[scored_from:]
        score = np.clip(np.log((after + 0.5) / (awaited + 0.5)), -LARGEST_SCORE, LARGEST_SCORE)
        scores = counts @ score / rows - expected @ score
        changed = expected * np.exp(score)
        between = (expected + changed / changed.sum(axis=1, keepdims=True)) / 2
        sampling = np.maximum(between @ score**2 - (between @ score) ** 2, 1e-12) / rows
        positions = np.array([(hour - hours[0]).total_seconds() / 3_600 for hour in hours])
        return cls(scores, 1 / sampling, positions)

    def with_wandering_level(self) -> _ScorePath:
        """The same scores, with the noise that their residuals show."""
        return replace(self, precision=_precision(self))

    def step_gains(self) -> Floats:
        """Per hour, the log likelihood ratio of a step there."""
        return _gains(_sums_to_end(self._weighted), self._step_squares)

    def rise_gains(self) -> Floats:
        """Per hour, the same of a straight rise from there to the end."""
        # A rise from p is the sum of (position - p + 1): sums to the end instead of a product of matrices.
        positions, offset, weighted = self.positions, self.positions - 1, self._weighted
        own, later, later_positions = self._weights
        mixed = _sums_to_end(positions * (own + later) + later_positions)
        squares = _sums_to_end(positions * (positions * own + 2 * later_positions))
        return _gains(
            _sums_to_end(weighted * positions) - offset * _sums_to_end(weighted),
            squares - offset * (2 * mixed - offset * self._step_squares),
        )

    @cached_property
    def _weighted(self) -> Floats:
        """The precision times the scores."""
        return self.precision * self.scores if self.precision.ndim == 1 else self.precision @ self.scores

    @cached_property
    def _weights(self) -> tuple[Floats, Floats, Floats]:
        """Per hour its own precision; the sum of those with all later hours, and the same times their positions."""
        if self.precision.ndim == 1:
            return self.precision, np.zeros_like(self.scores), np.zeros_like(self.scores)
        later = np.triu(self.precision, 1)
        return np.diag(self.precision), later.sum(axis=1), later @ self.positions

    @cached_property
    def _step_squares(self) -> Floats:
        """A step's product with itself: the sum of the precision's square from each hour to the end."""
        own, later, _ = self._weights
        return _sums_to_end(own + 2 * later)


def _gains(products: Floats, squares: Floats) -> Floats:
    """From each shape's product with the scores and with itself."""
    gains: Floats = products**2 / (2 * np.maximum(squares, 1e-300))
    return gains


def _sums_to_end(values: Floats) -> Floats:
    """Sums from each place to the end."""
    sums: Floats = values[::-1].cumsum()[::-1]
    return sums


def _precision(path: _ScorePath) -> Floats:
    """Inverse covariance: the sampling of each hour, and a wandering level where the residuals show one."""
    residuals, sampling = _flexible_residuals(path), 1 / path.precision
    lags = [float(np.mean(residuals[lag:] * residuals[: residuals.size - lag])) for lag in range(3)]
    usual = float(sampling.mean())
    if lags[1] <= 2 * lags[0] / np.sqrt(residuals.size):
        return path.precision / max(lags[0] / usual, 1.0)
    memory = float(np.clip(lags[2] / lags[1], 0.3, LONGEST_MEMORY))
    wander = lags[1] / memory
    noise = sampling * max((lags[0] - wander) / usual, 0.2)
    return inverse_of_sum(wander, memory ** np.diff(path.positions), noise)


def inverse_of_sum(wander: float, kept: Floats, noise: Floats) -> Floats:
    """Inverse of the covariance of a wandering level (variance ``wander``) plus independent ``noise`` (per hour).

    ``kept`` is the correlation of each hour's level with the one before. The level is a Markov chain, whose inverse
    covariance ``B`` has three diagonals; ``(L + D)^-1 = 1/D - 1/D (B + 1/D)^-1 1/D`` (Woodbury) then costs the square
    of the hours and not their cube.
    """
    fresh = 1 / (wander * (1 - kept**2))
    banded = np.zeros((2, noise.size))
    banded[0, 1:] = -kept * fresh
    banded[1] = 1 / noise + np.append(1 / wander, fresh) + np.append(kept**2 * fresh, 0.0)
    inverse = linalg.solveh_banded(banded, np.diag(-1 / noise), overwrite_b=True, check_finite=False)
    inverse /= noise[:, None]
    inverse[np.diag_indices(noise.size)] += 1 / noise
    return np.asarray(inverse, dtype=np.float64)


def _flexible_residuals(path: _ScorePath) -> Floats:
    """What the best step and the best rise together leave: noise, whichever of the two it was."""
    step, rise = int(path.step_gains().argmax()), int(path.rise_gains().argmax())
    line = np.maximum(path.positions - path.positions[rise] + 1, 0)
    design = np.stack([np.arange(line.size) >= step, line], axis=1).astype(np.float64)
    root = np.sqrt(path.precision)
    fitted = np.linalg.lstsq(design * root[:, None], path.scores * root, rcond=1e-9)[0]
    residuals: Floats = path.scores - design @ fitted
    return residuals


def _onset(hours: Sequence[datetime], path: _ScorePath, cells: int) -> Onset:
    step, rise = path.step_gains(), path.rise_gains()
    if max(step.max(), rise.max()) < special.chdtri(cells - 1, CHANCE) / 2:
        reason = "the change does not stand out from the hours before it"
        return Onset(kind=OnsetKind.UNCLEAR, reason=reason, history_start=hours[0])
    # A rise over a few hours is what a step looks like that began within an hour.
    is_gradual = rise.max() > step.max() + PLAUSIBLE and int(rise.argmax()) < len(hours) - LEAST_HOURS
    gains = rise if is_gradual else step
    best = int(gains.argmax())
    plausible = np.flatnonzero(gains >= gains[best] - PLAUSIBLE)
    if best == 0 and not is_gradual:
        return Onset(kind=OnsetKind.BEFORE_HISTORY, latest=hours[int(plausible[-1])], history_start=hours[0])
    return Onset(
        kind=OnsetKind.GRADUAL if is_gradual else OnsetKind.STEP,
        start=hours[best],
        earliest=hours[int(plausible[0])],
        latest=hours[int(plausible[-1])],
        history_start=hours[0],
    )


def _moment(moment: datetime | None) -> str:
    assert moment is not None
    return f"{moment:%Y-%m-%d %H:%M} UTC"
