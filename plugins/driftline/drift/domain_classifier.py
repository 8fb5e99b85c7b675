"""A classifier that tells current rows from reference rows: drift of the features together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, stats

from driftline.drift.encoding import Encoding, Table
from driftline.profiles.binning import Floats

FOLDS = 5
PERMUTATIONS = 100
MAXIMUM_PRODUCTS = 300
"""Products of two columns that the classifier is given; with fewer rows, one for every four rows."""
PENALTY = 5.0
"""Ridge penalty per column. From 0.1 to 5 the AUC at 2,500 rows is the same; at 200 rows 5 finds mean shifts best."""
WORTH_ASKING = 2.0
"""Null deviations above the null's mean from which it is asked which features carry the AUC."""
SEED = 20_260_102
"""Fixed: the same rows give the same result."""


@dataclass(frozen=True)
class Separation:
    """How well reference and current are told apart.

    Attributes
    ----------
    auc:
        Out-of-fold area under the ROC curve, mean over the folds: 0.5 is chance.
    null_mean, null_deviation:
        The same over permutations of the labels, with everything fitted anew.
    permutations:
        How many.
    importances:
        Per feature how much of the AUC is lost on the held-out rows when its values are shuffled, the largest first;
        empty where the AUC is within `WORTH_ASKING` of chance.
    """

    auc: float
    null_mean: float
    null_deviation: float
    permutations: int
    importances: tuple[tuple[str, float], ...] = ()


def area_between(reference: Table, current: Table) -> float:
    """The out-of-fold AUC alone."""
    design = _Design.of(reference, current)
    return float(_CrossFit.of(design, design.is_current[:, np.newaxis]).areas().mean())


def separation_of(reference: Table, current: Table) -> Separation:
    """AUC, its null by permutation, and the features that carry it.

    Notes
    -----
    The classifier is ridge regression on the labels (which ranks as scikit-learn's `RidgeClassifier` does) over the
    encoded columns, their squares and their products, so that it sees a correlation that changes while the margins
    stay. Products are chosen by their size over both sides together (``mean(x² y²)``, which dependence in either
    raises), never by the labels.

    So nothing but the fit depends on the labels, and one factorization per fold serves all permutations: the null is
    that of Fisher's permutation test with the whole cross-validation repeated for each one. (To permute the labels of
    finished out-of-fold scores instead would take the scores to be independent of the labels, which they were fitted
    on.) Its tail is extrapolated by Student's t, the mean AUC of the folds being all but normal.

    Choice by measurement, one pair each of 2 x 2,500 rows x 30 features, one core: a correlation of 0.3 that becomes
    -0.3 gives an AUC of 0.572 (7 null deviations) where `HistGradientBoostingClassifier` has 0.551; 0.6 to -0.6 0.699
    against 0.700; 0.25 sd in ten features 0.649 against 0.666; at 2 x 200 rows 0.6 to -0.6 gives 0.636 against 0.573.
    """
    design = _Design.of(reference, current)
    rng = np.random.default_rng(SEED)
    labels = design.is_current
    permuted = [rng.permutation(labels) for _ in range(PERMUTATIONS)]
    fit = _CrossFit.of(design, np.column_stack([labels, *permuted]))
    areas = fit.areas().mean(axis=0)
    auc, mean, deviation = float(areas[0]), float(areas[1:].mean()), float(areas[1:].std(ddof=1))
    is_apart = auc > mean + WORTH_ASKING * deviation
    return Separation(auc, mean, deviation, PERMUTATIONS, _importances(design, fit, rng) if is_apart else ())


@dataclass(frozen=True, eq=False)
class _Design:
    """The rows of both sides as the classifier sees them.

    Attributes
    ----------
    columns:
        The encoded columns.
    owners:
        Their features.
    pairs:
        Which two columns each product is made of.
    is_current:
        The labels, 0.0 or 1.0.
    folds:
        The fold of each row. Drawn without regard to the labels, which are permuted over it.
    matrix:
        Columns and products, standardized.
    """

    columns: Floats
    owners: tuple[str, ...]
    pairs: NDArray[np.intp]
    is_current: Floats
    folds: NDArray[np.intp]
    matrix: NDArray[np.float32]
    centre: NDArray[np.float32]
    scale: NDArray[np.float32]

    @classmethod
    def of(cls, reference: Table, current: Table) -> _Design:
        encoding = Encoding.fitted(reference, current)
        columns = np.vstack([encoding.encode(reference), encoding.encode(current)])
        rows = columns.shape[0]
        pairs = _largest_products(columns, min(MAXIMUM_PRODUCTS, rows // 4))
        expanded = _expanded(columns, pairs)
        deviations = expanded.std(axis=0)
        centre, scale = expanded.mean(axis=0), np.where(deviations > 1e-6, deviations, np.float32(np.inf))
        return cls(
            columns=columns,
            owners=encoding.owners,
            pairs=pairs,
            is_current=np.repeat([0.0, 1.0], [reference.rows, current.rows]),
            folds=np.random.default_rng(SEED).permutation(np.arange(rows) % FOLDS),
            matrix=(expanded - centre) / scale,
            centre=centre,
            scale=scale,
        )

    def change_if_shuffled(
        self, rows: NDArray[np.intp], own: NDArray[np.bool_], rng: np.random.Generator
    ) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        """Which columns of the matrix change when the ``own`` columns are shuffled among ``rows``, and by how much."""
        with_own = np.flatnonzero(own[self.pairs].any(axis=1))
        touched = np.concatenate([np.flatnonzero(own), self.columns.shape[1] + with_own])
        columns = self.columns[rows]
        columns[:, own] = columns[rng.permutation(rows.size)][:, own]
        pairs = self.pairs[with_own]
        raw = np.hstack([columns[:, own], columns[:, pairs[:, 0]] * columns[:, pairs[:, 1]]])
        shuffled = (raw.astype(np.float32) - self.centre[touched]) / self.scale[touched]
        change: NDArray[np.float32] = shuffled - self.matrix[np.ix_(rows, touched)]
        return touched, change


def _largest_products(columns: Floats, products: int) -> NDArray[np.intp]:
    squares = np.square(columns)
    sizes = squares.T @ squares / columns.shape[0]
    first, second = np.triu_indices(columns.shape[1])
    # a normal column's own square has the size 3, a product of two independent columns 1
    order = np.argsort(-np.where(first == second, sizes[first, second] / 3, sizes[first, second]), kind="stable")
    chosen = np.sort(order[:products])
    return np.column_stack([first[chosen], second[chosen]])


def _expanded(columns: Floats, pairs: NDArray[np.intp]) -> NDArray[np.float32]:
    short = columns.astype(np.float32)
    return np.hstack([short, short[:, pairs[:, 0]] * short[:, pairs[:, 1]]])


@dataclass(frozen=True, eq=False)
class _CrossFit:
    """Ridge regressions on each column of targets, one per fold of rows left out.

    The products of the matrix with itself are summed once per fold; those of the rows that a fold is fitted on are the
    sum over the other folds. That, not the solving, is nearly all of the work.
    """

    design: _Design
    targets: Floats
    weights: tuple[NDArray[np.float32], ...]

    @classmethod
    def of(cls, design: _Design, targets: Floats) -> _CrossFit:
        parts = [_moments(design.matrix[design.folds == fold], targets[design.folds == fold]) for fold in range(FOLDS)]
        whole = [sum(moment) for moment in zip(*parts, strict=True)]
        rest = ([total - own for total, own in zip(whole, part, strict=True)] for part in parts)
        return cls(design, targets, tuple(_ridge_weights(*moments) for moments in rest))

    def areas(self) -> Floats:
        """AUC on the held-out rows, per fold and column of targets."""
        return np.array([area_under_curve(self.scores(fold), self.held_out(fold)) for fold in range(FOLDS)])

    def scores(self, fold: int) -> NDArray[np.float32]:
        scores: NDArray[np.float32] = self.design.matrix[self.design.folds == fold] @ self.weights[fold]
        return scores

    def held_out(self, fold: int) -> Floats:
        targets: Floats = self.targets[self.design.folds == fold]
        return targets


def _moments(matrix: NDArray[np.float32], targets: Floats) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Sums over the rows: of products of columns, of columns with targets, of columns, of targets, and of ones."""
    with_targets = matrix.T @ targets.astype(np.float32)
    sums = matrix.sum(axis=0, dtype=np.float64), targets.sum(axis=0), np.array(float(matrix.shape[0]))
    return (matrix.T @ matrix).astype(np.float64), with_targets.astype(np.float64), *sums


def _ridge_weights(
    products: Floats, with_targets: Floats, sums: Floats, ones: Floats, rows: Floats
) -> NDArray[np.float32]:
    """As `sklearn.linear_model.Ridge(alpha=PENALTY * columns)`: centred, the intercept unpenalized and left out."""
    centred = products - np.outer(sums, sums) / rows
    centred[np.diag_indices_from(centred)] += PENALTY * sums.size
    weights = linalg.solve(centred, with_targets - np.outer(sums, ones) / rows, assume_a="pos", overwrite_a=True)
    return np.asarray(weights, dtype=np.float32)


def area_under_curve(scores: NDArray[np.floating[Any]], labels: Floats) -> Floats:
    """Per column the chance that a row labeled 1 scores above one labeled 0, ties by half (Mann-Whitney)."""
    ranks = stats.rankdata(scores, axis=0)
    ones = labels.sum(axis=0)
    zeros = labels.shape[0] - ones
    areas: Floats = ((ranks * labels).sum(axis=0) - ones * (ones + 1) / 2) / (ones * zeros)
    return areas


def _importances(design: _Design, fit: _CrossFit, rng: np.random.Generator) -> tuple[tuple[str, float], ...]:
    losses: dict[str, float] = dict.fromkeys(design.owners, 0.0)
    for fold in range(FOLDS):
        rows = np.flatnonzero(design.folds == fold)
        scores, labels, weights = fit.scores(fold)[:, :1], fit.held_out(fold)[:, :1], fit.weights[fold][:, :1]
        intact = float(area_under_curve(scores, labels)[0])
        for name in losses:
            own = np.array([owner == name for owner in design.owners])
            touched, change = design.change_if_shuffled(rows, own, rng)
            shuffled = area_under_curve(scores + change @ weights[touched], labels)[0]
            losses[name] += (intact - float(shuffled)) / FOLDS
    return tuple(sorted(losses.items(), key=lambda item: (-item[1], item[0])))
