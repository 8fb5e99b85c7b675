"""Distributions as inline SVG: the reference against the current window."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from itertools import pairwise

import numpy as np

from driftline.drift.pairs import CategoricalPair, NumericPair, Pair, cells_of
from driftline.profiles.binning import Floats

BARS = 24
LARGEST_RANGE = 1e300
LEVELS = 12
WIDTH, HEIGHT, BASE = 520, 150, 118


@dataclass(frozen=True, eq=False)
class Histogram:
    """Shares per bar on both sides; `labels` name the bars."""

    labels: tuple[str, ...]
    reference: Floats
    current: Floats


def histogram_of(pair: Pair) -> Histogram:
    """Bars of equal width over the middle 98 % of both sides, or the commonest levels; missing values last, if any."""
    return _numeric_histogram(pair) if isinstance(pair, NumericPair) else _level_histogram(pair)


def drawn(pair: Pair) -> str:
    """The histogram as an SVG element: reference bars filled, current ones outlined. Labels are escaped."""
    histogram = histogram_of(pair)
    top = max(float(np.max(histogram.reference, initial=0)), float(np.max(histogram.current, initial=0))) or 1.0
    step = WIDTH / max(len(histogram.labels), 1)
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="Shares of the rows, reference against current">'
    ]
    for index, label in enumerate(histogram.labels):
        before, now = histogram.reference[index] / top * 100, histogram.current[index] / top * 100
        x = index * step
        tip = f"{label}: {histogram.reference[index]:.1%} before, {histogram.current[index]:.1%} now"
        parts.append(
            f"<g><title>{escape(tip)}</title>"
            f'<rect class="before" x="{x + step * 0.08:.1f}" y="{BASE - before:.1f}" width="{step * 0.42:.1f}" '
            f'height="{before:.1f}"/><rect class="now" x="{x + step * 0.5:.1f}" y="{BASE - now:.1f}" '
            f'width="{step * 0.42:.1f}" height="{now:.1f}"/></g>'
        )
        if _is_labelled(index, len(histogram.labels)):
            at, anchor = _place(index, len(histogram.labels), step)
            parts.append(f'<text x="{at:.1f}" y="{BASE + 16}" text-anchor="{anchor}">{escape(_short(label))}</text>')
    return "".join([*parts, f'<line x1="0" y1="{BASE}" x2="{WIDTH}" y2="{BASE}"/></svg>'])


def _numeric_histogram(pair: NumericPair) -> Histogram:
    sides = [profile for profile in (pair.reference, pair.current) if profile.finite]
    # Python's own floats: the range of the largest of them is infinite without a warning.
    low = float(min((profile.quantile(0.01) for profile in sides), default=0.0))
    high = float(max((profile.quantile(0.99) for profile in sides), default=1.0))
    bars = BARS if high - low < LARGEST_RANGE else 1
    bounds = np.linspace(low, high, bars + 1) if low < high and bars > 1 else np.array([low, high])
    labels = [f"{start:.4g} to {end:.4g}" for start, end in pairwise(bounds)]
    before, now = (_between(pair, counts, bounds) for counts in (pair.expected, pair.observed))
    if pair.reference_missing or pair.current_missing:
        labels.append("missing")
        before, now = np.append(before, pair.reference_missing), np.append(now, pair.current_missing)
    return Histogram(
        labels=tuple(labels),
        reference=before / max(pair.reference_size, 1),
        current=now / max(pair.current_size, 1),
    )


def _between(pair: NumericPair, counts: Floats, bounds: Floats) -> Floats:
    """Rows per bar: cells spread evenly over their width, those beyond the bounds in the outermost bars."""
    edges = pair.reference.binning.edges
    if not edges.size:
        return np.zeros(bounds.size - 1)
    below = np.interp(bounds, edges, np.cumsum(counts)[:-1])
    below[0], below[-1] = 0.0, counts.sum()
    return np.diff(below)


def _level_histogram(pair: CategoricalPair) -> Histogram:
    names = np.array([*pair.reference.binning.levels, "(rare)", "(never seen)", "(null)"], dtype=object)
    before = pair.expected / max(pair.expected.sum(), 1)
    now = cells_of(pair.current) / max(pair.current_size, 1)
    largest = np.argsort(-np.maximum(before, now), kind="stable")[:LEVELS]
    shown = largest[np.maximum(before, now)[largest] > 0]
    return Histogram(labels=tuple(names[shown]), reference=before[shown], current=now[shown])


def _is_labelled(index: int, bars: int) -> bool:
    return bars <= LEVELS or index in {0, bars // 2, bars - 1}


def _place(index: int, bars: int, step: float) -> tuple[float, str]:
    """Where a bar's label stands: below its middle, but never beyond the picture's sides."""
    if bars > LEVELS and index in {0, bars - 1}:
        return (0.0, "start") if index == 0 else (float(WIDTH), "end")
    return (index + 0.5) * step, "middle"


def _short(label: str) -> str:
    first = label.split(" to ", maxsplit=1)[0]
    return first if len(first) <= 12 else first[:11] + "…"
