"""Where a drift is: which quantiles or levels, in which segments, since when, together with which other features."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import numpy as np

from driftline.drift.change_point import Onset, OnsetKind, date_onset
from driftline.drift.change_point_season import expected_in_season
from driftline.drift.grouping import FeatureMovement, MovedTogether, group_movements, groups_by_feature
from driftline.drift.importance import Harm, rank_by_harm
from driftline.drift.localization_cells import CoarseCells
from driftline.drift.localization_segments import (
    SegmentEffect,
    SegmentPair,
    carrying_segment,
    segment_effects,
    total_variation_of,
)
from driftline.drift.movement import Move, missing_move, moves_of
from driftline.drift.pairs import NumericPair, Pair
from driftline.drift.season import Season
from driftline.drift.verdict import DriftVerdict
from driftline.errors import InputError
from driftline.profiles import Profile
from driftline.windows import Window

NAMED_FEATURES = 5


@dataclass(frozen=True)
class LocalizationEvidence:
    """What a drift is localized with; whatever is missing is left unsaid.

    Attributes
    ----------
    history:
        Per drifted feature the start and profile of each hour, before and in the window, in order of time.
    segments:
        Per column that cuts segments, per segment name, per feature its profiles in the baseline and in the window.
    seasons:
        Per feature what the calibration learned of the hour of the week.
    importances:
        Per feature, as far as known, how much the model leans on it (any one scale).
    pipelines:
        Per feature, as far as known, what fills it upstream.
    """

    history: Mapping[str, Sequence[tuple[datetime, Profile]]] = field(default_factory=dict)
    segments: Mapping[str, Mapping[str, Mapping[str, SegmentPair]]] = field(default_factory=dict)
    seasons: Mapping[str, Season] = field(default_factory=dict)
    importances: Mapping[str, float] = field(default_factory=dict)
    pipelines: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class FeatureLocalization:
    """Where one feature's drift is.

    Attributes
    ----------
    moves:
        What moved: quantiles in order, or the levels that moved most; last the rows without a value.
    segments:
        The parts of all segments of all columns, the largest first.
    together_with:
        The other features that moved with it.
    pipeline:
        What fills it and all of these upstream; empty when they differ in it, or nothing is known.
    """

    feature: str
    harm: Harm
    moves: tuple[Move, ...]
    onset: Onset
    segments: tuple[SegmentEffect, ...]
    together_with: tuple[str, ...] = ()
    pipeline: str = ""

    @property
    def carried_by(self) -> SegmentEffect | None:
        """The segment that carries it, if any."""
        return carrying_segment(self.segments)

    @property
    def description(self) -> str:
        """One sentence for a message."""
        parts = [f"It has drifted {self.onset.description}"]
        if self.carried_by is not None:
            parts.append(self.carried_by.description)
        elif self.segments:
            parts.append("in no watched segment more than in the others")
        if self.together_with:
            of = f", all of pipeline {self.pipeline}" if self.pipeline else ""
            parts.append(f"together with {_listed(self.together_with)}{of}")
        elif self.pipeline:
            parts.append(f"filled by pipeline {self.pipeline}")
        return f"{', '.join(parts)}."

    def to_json(self) -> dict[str, Any]:
        """For the details of a finding."""
        return {
            "onset": self.onset.kind.value,
            "since": _written(self.onset.start),
            "earliest": _written(self.onset.earliest),
            "latest": _written(self.onset.latest),
            "history_start": _written(self.onset.history_start),
            "segments": [
                {"segment": each.segment, "share": each.share, "inside": each.inside, "mix": each.mix}
                for each in self.segments
            ],
            "carried_by": self.carried_by.segment if self.carried_by else "",
            "together_with": list(self.together_with),
            "pipeline": self.pipeline,
            "importance": self.harm.importance,
            "total_variation": self.harm.effect,
        }


@dataclass(frozen=True)
class DriftLocalization:
    """The drifted features of a verdict, the most harmful first, and which of them moved together.

    Attributes
    ----------
    pipeline_sizes:
        Per pipeline the features that it fills, whether they moved or not.
    """

    features: tuple[FeatureLocalization, ...] = ()
    groups: tuple[MovedTogether, ...] = ()
    pipeline_sizes: Mapping[str, int] = field(default_factory=dict)

    @property
    def by_feature(self) -> Mapping[str, FeatureLocalization]:
        return {each.feature: each for each in self.features}

    @property
    def sentences(self) -> tuple[str, ...]:
        """One for each group, the most harmful first."""
        return tuple(self._sentence(group) for group in self.groups)

    def _sentence(self, group: MovedTogether) -> str:
        moved = "moved together" if len(group.features) > 1 else "moved"
        sentence = f"{self._named(group)} {moved} {group.onset.description}"
        carrier = self.by_feature[group.features[0]].carried_by
        return f"{sentence}, {carrier.description}" if carrier and group.carrying_segment else sentence

    def _named(self, group: MovedTogether) -> str:
        """``all 3 features of pipeline weather (temp, wind and rain)``; the features alone where they have none."""
        listed, moved = _listed(group.features), len(group.features)
        if not group.pipeline:
            return listed
        filled = self.pipeline_sizes[group.pipeline]
        if filled == 1:
            return f"{listed} (pipeline {group.pipeline})"
        count = f"all {filled}" if moved == filled else f"{moved} of {filled}"
        return f"{count} features of pipeline {group.pipeline} ({listed})"


def localize_drift(verdict: DriftVerdict, window: Window, evidence: LocalizationEvidence) -> DriftLocalization:
    """Says of every drifted feature of ``verdict`` what moved, where and since when.

    Nothing is tested anew: a feature that the verdict did not detect is not looked at.
    """
    pairs = {name: verdict.pairs[name] for name in verdict.drifted_features if name in verdict.pairs}
    cells = {name: CoarseCells.of(pair) for name, pair in pairs.items()}
    effects = {name: total_variation_of(cells[name], pair.reference, pair.current) for name, pair in pairs.items()}
    located = [
        FeatureLocalization(
            feature=harm.feature,
            harm=harm,
            moves=(*moves_of(pairs[harm.feature]), missing_move(pairs[harm.feature])),
            onset=_onset(harm.feature, pairs[harm.feature], cells[harm.feature], window, evidence),
            segments=_segments(harm.feature, pairs[harm.feature], cells[harm.feature], evidence),
        )
        for harm in rank_by_harm(effects, evidence.importances)
    ]
    groups = group_movements([_movement(each, evidence) for each in located])
    return DriftLocalization(tuple(_with_company(located, groups)), groups, Counter(evidence.pipelines.values()))


def _onset(name: str, pair: Pair, cells: CoarseCells, window: Window, evidence: LocalizationEvidence) -> Onset:
    history = evidence.history.get(name, ())
    if not history:
        return Onset(kind=OnsetKind.UNCLEAR, reason="no hourly profiles were at hand")
    hours = [start for start, _ in history]
    baseline = np.append(_baseline_cells(pair), pair.reference_missing if isinstance(pair, NumericPair) else 0)
    expected = expected_in_season(cells, baseline, evidence.seasons.get(name), hours)
    try:
        return date_onset(hours, cells.counted([profile for _, profile in history]), expected, window.start)
    except (ArithmeticError, ValueError, InputError) as error:
        # That a feature has drifted is known; what cannot date it must not hide that, nor the other features.
        return Onset(kind=OnsetKind.UNCLEAR, reason=f"dating it failed: {error}", history_start=hours[0])


def _baseline_cells(pair: Pair) -> Any:
    """Without the window's season: each hour gets its own."""
    return type(pair)(pair.reference, pair.current).expected  # type: ignore[arg-type]


def _segments(name: str, pair: Pair, cells: CoarseCells, evidence: LocalizationEvidence) -> tuple[SegmentEffect, ...]:
    parts = [
        effect
        for column, segments in evidence.segments.items()
        for effect in segment_effects(
            cells,
            pair.reference,
            pair.current,
            column,
            {segment: features[name] for segment, features in segments.items() if name in features},
        )
    ]
    return tuple(sorted(parts, key=lambda effect: (-effect.share, effect.segment)))


def _movement(located: FeatureLocalization, evidence: LocalizationEvidence) -> FeatureMovement:
    carrier = located.carried_by
    return FeatureMovement(
        feature=located.feature,
        onset=located.onset,
        carrying_segment=carrier.segment if carrier else "",
        pipeline=evidence.pipelines.get(located.feature, ""),
    )


def _with_company(
    located: Sequence[FeatureLocalization], groups: Sequence[MovedTogether]
) -> Sequence[FeatureLocalization]:
    of = groups_by_feature(groups)
    return [
        replace(
            each,
            together_with=tuple(name for name in of[each.feature].features if name != each.feature),
            pipeline=of[each.feature].pipeline,
        )
        for each in located
    ]


def _listed(names: Sequence[str]) -> str:
    shown = list(names[:NAMED_FEATURES])
    if more := len(names) - len(shown):
        shown.append(f"{more} more")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def _written(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
