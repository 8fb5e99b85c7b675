"""Where a drift is: its segments, its hour, its company, in words and in the report."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.drift import DriftDetector, ReportFormat
from driftline.drift.as_findings import findings_of, with_location
from driftline.drift.grouping import FeatureMovement, group_movements
from driftline.drift.localization import LocalizationEvidence, localize_drift
from driftline.drift.localization_cells import CoarseCells
from driftline.drift.localization_segments import SegmentPair, carrying_segment, segment_effects, total_variation_of
from driftline.drift.pairs import CategoricalPair, NumericPair
from driftline.drift.report import render_drift_report
from driftline.findings import Comparison, Status, by_severity
from driftline.profiles import CategoricalBinning, CategoricalProfile, NumericBinning, NumericProfile, merge
from driftline.windows import Window

START = datetime(2026, 11, 2, tzinfo=UTC)
WINDOW = Window(START + timedelta(days=6), START + timedelta(days=7))
BINNING = NumericBinning.from_values(np.random.default_rng(9).normal(size=20_000), maximum_cells=200)
LEVELS = CategoricalBinning(("a", "b", "c"))


def numbers(rng, rows, location=0.0):
    return NumericProfile.of(rng.normal(location, 1, rows), BINNING)


def effects_of(sides):
    """Segment effects where each segment has ((rows, location) before, (rows, location) now); the last is the rest."""
    rng = np.random.default_rng(3)
    profiles = {name: (numbers(rng, *before), numbers(rng, *now)) for name, (before, now) in sides.items()}
    reference, current = (merge([each[side] for each in profiles.values()]) for side in (0, 1))
    cells = CoarseCells.of(NumericPair(reference, current))
    watched = {name: SegmentPair(*each) for name, each in profiles.items() if not name.endswith("(others)")}
    return segment_effects(cells, reference, current, "s", watched), cells, reference, current


def test_a_change_inside_one_segment_is_carried_by_it():
    effects, *_ = effects_of(
        {"s=1": ((4_000, 0), (400, 1.0)), "s=2": ((4_000, 0), (400, 0)), "s=(others)": ((4_000, 0), (400, 0))}
    )
    carrier = carrying_segment(effects)
    assert carrier.segment == "s=1"
    assert carrier.share > 0.8
    assert carrier.inside > 0.8
    assert carrier.description == f"mostly in s=1 ({carrier.share:.0%})"


def test_a_segment_with_more_rows_than_before_is_a_change_of_mix():
    effects, *_ = effects_of({"s=1": ((2_000, 3), (1_000, 3)), "s=(others)": ((8_000, 0), (1_000, 0))})
    assert effects[0].segment == "s=1"
    assert all(abs(each.inside) < 0.1 for each in effects)
    assert sum(each.mix for each in effects) > 0.9


def test_a_change_of_all_alike_is_carried_by_none():
    effects, *_ = effects_of(
        {"s=1": ((4_000, 0), (400, 1)), "s=2": ((4_000, 0), (400, 1)), "s=(others)": ((4_000, 0), (400, 1))}
    )
    assert carrying_segment(effects) is None


def test_the_largest_segment_is_not_to_blame_for_its_size():
    effects, *_ = effects_of({"s=1": ((8_000, 0), (800, 1)), "s=(others)": ((2_000, 0), (200, 1))})
    assert effects[0].share == pytest.approx(0.8, abs=0.05)
    assert carrying_segment(effects) is None


@given(
    st.lists(
        st.tuples(*[st.lists(st.integers(0, 40), min_size=3, max_size=3) for _ in range(2)]), min_size=1, max_size=4
    )
)
def test_the_parts_of_a_columns_segments_add_up_to_the_whole(counts):
    def profile(rows):
        return CategoricalProfile(LEVELS, np.array(rows, dtype=np.int64))

    sides = [(profile(before), profile(now)) for before, now in [*counts, ([5, 5, 5], [9, 1, 5])]]
    reference, current = merge([each[0] for each in sides]), merge([each[1] for each in sides])
    cells = CoarseCells.of(CategoricalPair(reference, current))
    watched = {f"s={index}": SegmentPair(*each) for index, each in enumerate(sides[:-1])}
    effects = segment_effects(cells, reference, current, "s", watched)
    if total_variation_of(cells, reference, current) < 1e-12:
        assert effects == ()
    else:
        assert sum(each.share for each in effects) == pytest.approx(1)
        assert all(each.share == pytest.approx(each.inside + each.mix) for each in effects)


def test_a_segment_that_vanished_or_is_new_is_all_mix():
    rng = np.random.default_rng(1)
    here, new = numbers(rng, 1_000), numbers(rng, 500, 2)
    current = merge([here, new])
    cells = CoarseCells.of(NumericPair(here, current))
    effects = {
        each.segment: each for each in segment_effects(cells, here, current, "s", {"s=new": SegmentPair(None, new)})
    }
    assert effects["s=new"].inside == 0
    assert effects["s=new"].mix > 0.9


@pytest.fixture(scope="module")
def located():
    """amount and basket move at one hour in one segment, age somewhat at another; calm does not move."""
    rng = np.random.default_rng(0)
    moved_at = {"amount": 150, "basket": 151, "age": 146, "calm": 10_000}
    reference = {name: numbers(rng, 40_000) for name in moved_at}
    south = {name: [numbers(rng, 60, 2.0 if hour >= at else 0) for hour in range(168)] for name, at in moved_at.items()}
    south["age"] = [numbers(rng, 60) for _ in range(168)]
    rest = {
        name: [numbers(rng, 100, 1.0 if name == "age" and hour >= 146 else 0) for hour in range(168)]
        for name in moved_at
    }
    hourly = {name: [one.merged(other) for one, other in zip(south[name], rest[name], strict=True)] for name in rest}
    current = {name: merge(hours[144:]) for name, hours in hourly.items()}
    verdict = DriftDetector().detect_profile_drift(reference, current, window=WINDOW)
    assert set(verdict.drifted_features) == {"amount", "basket", "age"}
    segments = {name: SegmentPair(numbers(rng, 15_000), merge(south[name][144:])) for name in rest}
    evidence = LocalizationEvidence(
        history={
            name: [(START + timedelta(hours=hour), each) for hour, each in enumerate(hours)]
            for name, hours in hourly.items()
        },
        segments={"region": {"region=south": segments}},
        importances={"age": 0.7, "amount": 0.1, "calm": 0.2},
    )
    return verdict, localize_drift(verdict, WINDOW, evidence)


def test_features_are_dated_placed_and_grouped(located):
    _, localization = located
    amount = localization.by_feature["amount"]
    assert abs(amount.onset.start - (START + timedelta(hours=150))) <= timedelta(hours=2)
    assert amount.carried_by.segment == "region=south"
    assert amount.together_with == ("basket",)
    assert localization.by_feature["age"].together_with == ()
    assert len(localization.groups) == 2
    [sentence] = [each for each in localization.sentences if "amount" in each]
    assert "basket and amount moved together since 2026-11-08 0" in sentence
    assert ", mostly in region=south (" in sentence


@pytest.mark.parametrize(
    ("pipelines", "named"),
    [
        ({"basket": "shop", "amount": "shop"}, "all 2 features of pipeline shop (basket and amount) moved together"),
        (
            {"basket": "shop", "amount": "shop", "calm": "shop"},
            "2 of 3 features of pipeline shop (basket and amount) moved together",
        ),
        ({"basket": "shop", "amount": "till"}, "basket and amount moved together"),
        ({"age": "people"}, "age (pipeline people) moved since"),
    ],
)
def test_a_pipeline_is_told_as_the_cause(located, pipelines, named):
    _, whole = located
    onsets = {each.feature: each.onset for each in whole.features}
    movements = [
        FeatureMovement(name, onsets[name], pipeline=pipelines.get(name, "")) for name in ("basket", "amount", "age")
    ]
    localization = replace(whole, groups=group_movements(movements), pipeline_sizes=Counter(pipelines.values()))
    assert any(each.startswith(named) for each in localization.sentences)


def test_features_of_one_pipeline_that_no_hour_is_known_of_are_one_movement(located):
    verdict, _ = located
    evidence = LocalizationEvidence(pipelines={"basket": "shop", "amount": "shop", "age": "people"})
    by_feature = localize_drift(verdict, WINDOW, evidence).by_feature
    assert by_feature["amount"].together_with == ("basket",)
    assert "together with basket, all of pipeline shop." in by_feature["amount"].description
    assert by_feature["age"].description.endswith(", filled by pipeline people.")
    assert by_feature["age"].to_json()["pipeline"] == "people"


def test_features_and_findings_come_by_harm(located):
    verdict, localization = located
    # age holds 70 % of the known importance, amount 10 %; basket's is unknown
    assert localization.features[0].feature == "age"
    assert localization.features[-1].feature == "amount"
    found = with_location(
        findings_of(verdict, version="v1", segment="", comparison=Comparison.BASELINE), localization.by_feature
    )
    detected = by_severity(each for each in found if each.status is Status.DETECTED)
    for earlier, later in pairwise(detected):
        assert (earlier.severity.rank, earlier.harm) >= (later.severity.rank, later.harm)
    assert all(each.details["localization"]["since"] for each in detected)
    assert all("It has drifted since 2026-11-08" in each.description for each in detected)
    assert all("localization" not in each.details for each in found if each.status is not Status.DETECTED)


@pytest.mark.parametrize("report_format", list(ReportFormat))
def test_every_format_says_where_since_when_and_what_moved_together(located, report_format):
    verdict, localization = located
    report = render_drift_report(verdict, "Drift", report_format, localization).replace("\\", "")
    assert "moved together since 2026-11-08" in report
    assert "region=south" in report
    assert report.index("age moved") < report.index("moved together")


def test_a_report_without_localization_says_nothing_of_it(located):
    verdict, _ = located
    report = render_drift_report(verdict, "Drift", ReportFormat.HTML)
    assert "Where and since when" not in report


def test_names_from_data_are_escaped_in_the_page():
    hostile = "<script>x</script>"
    rng = np.random.default_rng(4)
    one = DriftDetector().detect_profile_drift({hostile: numbers(rng, 5_000)}, {hostile: numbers(rng, 5_000, 2)})
    page = render_drift_report(one, "t", ReportFormat.HTML, localize_drift(one, WINDOW, LocalizationEvidence()))
    assert hostile not in page
    assert "no hourly profiles were at hand" in page


def test_a_clean_verdict_has_nothing_to_localize():
    rng = np.random.default_rng(5)
    profile = numbers(rng, 5_000)
    verdict = DriftDetector().detect_profile_drift({"a": profile}, {"a": profile})
    localization = localize_drift(verdict, WINDOW, LocalizationEvidence())
    assert localization.features == localization.groups == localization.sentences == ()


def test_a_feature_that_cannot_be_dated_hides_no_other(located):
    """Whatever breaks in dating one feature is said of it; the drift stays found, and the others are dated."""
    verdict, whole = located
    hours = [START + timedelta(hours=hour) for hour in range(168)]
    profiles = [numbers(np.random.default_rng(0), 100) for _ in hours]
    history = {
        "amount": list(zip(reversed(hours), profiles, strict=True)),
        "age": list(zip(hours, profiles, strict=True)),
    }
    again = localize_drift(verdict, WINDOW, LocalizationEvidence(history=history))
    assert set(again.by_feature) == set(whole.by_feature)
    assert again.by_feature["amount"].onset.reason == "dating it failed: The hours must rise, each once."
    assert "failed" not in again.by_feature["age"].onset.reason
