"""What becomes one incident: features that moved together, and the incident that a window's causes belong to."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from driftline.decisions import Cause, KnownCause, Policy, decide, placed, recovered
from driftline.decisions.causes import causes_of
from driftline.findings import Check, Comparison, Finding, Severity, Status


def drifted(subject: str, *together: str, severity: Severity = Severity.HIGH, **details: Any) -> Finding:
    where = {"together_with": list(together), "pipeline": details.pop("pipeline", "")}
    return Finding(
        check=Check.DRIFT,
        version=details.pop("version", "v1"),
        subject=subject,
        test="psi",
        comparison=Comparison.BASELINE,
        status=Status.DETECTED,
        severity=severity,
        details={"localization": where, **details},
    )


def subjects_of(causes: list[Cause]) -> list[set[str]]:
    return [set(cause.subjects) for cause in causes]


WEATHER = [drifted("temp", "wind"), drifted("wind", "temp")]


def test_features_that_moved_together_are_a_cause_and_those_that_moved_alone_are_one() -> None:
    causes = causes_of(Check.DRIFT, [*WEATHER, drifted("age"), drifted("city")])
    assert subjects_of(causes) == [{"temp", "wind"}, {"age", "city"}]
    assert [cause.moved_together for cause in causes] == [True, False]
    assert [cause.title for cause in causes] == ["Drift of features together: temp, wind", "Drift: age, city"]


def test_the_pipeline_that_all_share_is_named() -> None:
    found = [drifted("temp", "wind", pipeline="weather"), drifted("wind", "temp", pipeline="weather")]
    assert decide(Policy(), found).reason == "Drift of pipeline weather: temp, wind (high)"


def test_groups_of_two_versions_that_share_a_feature_are_one() -> None:
    found = [*WEATHER, drifted("wind", "rain", version="v2"), drifted("rain", "wind", version="v2")]
    assert subjects_of(causes_of(Check.DRIFT, found)) == [{"temp", "wind", "rain"}]


def test_a_member_of_a_group_speaks_for_it_where_the_others_do_not_alarm() -> None:
    low = drifted("wind", "temp", severity=Severity.LOW)
    [cause] = decide(Policy(), [WEATHER[0], low]).causes
    assert (cause.subjects, cause.moved_together) == (("temp",), True)


def test_what_all_features_show_belongs_to_the_features_that_it_names() -> None:
    joint = drifted("multivariate", moved_by_themselves=["age", "temp", "wind"])
    assert subjects_of(causes_of(Check.DRIFT, [joint, *WEATHER, drifted("age")])) == [
        {"multivariate", "temp", "wind"},
        {"age"},
    ]
    assert subjects_of(causes_of(Check.DRIFT, [drifted("multivariate"), *WEATHER])) == [
        {"multivariate"},
        {"temp", "wind"},
    ]


def names(causes: list[Cause], *known: KnownCause) -> dict[str, set[str]]:
    return {name: set(cause.subjects) for name, cause in placed(causes, known).items()}


def known(name: str, *subjects: str) -> KnownCause:
    return KnownCause(name, frozenset(subjects))


def test_new_causes_are_named_after_the_check_and_a_groups_first_feature() -> None:
    causes = causes_of(Check.DRIFT, [*WEATHER, drifted("age")])
    assert names(causes) == {"drift/temp": {"temp", "wind"}, "drift": {"age"}}


def test_a_group_stays_with_its_incident_when_members_come_and_go() -> None:
    open_cause = known("drift/temp", "temp", "wind")
    gained = causes_of(Check.DRIFT, [drifted("rain", "wind"), drifted("wind", "rain")])
    assert names(gained, open_cause) == {"drift/temp": {"rain", "wind"}}
    alone = causes_of(Check.DRIFT, [drifted("wind")])
    assert names(alone, open_cause) == {"drift/temp": {"wind"}}


def test_a_feature_that_moved_alone_takes_those_that_join_it_into_its_incident() -> None:
    assert names(causes_of(Check.DRIFT, WEATHER), known("drift", "temp", "age")) == {"drift": {"temp", "wind"}}


def test_a_group_that_falls_apart_is_still_one_incident() -> None:
    causes = causes_of(Check.DRIFT, [*WEATHER, drifted("rain", "snow"), drifted("snow", "rain")])
    assert names(causes, known("drift/rain", "rain", "temp", "wind")) == {
        "drift/rain": {"temp", "wind", "rain", "snow"}
    }


def test_a_group_belongs_where_it_has_most_in_common() -> None:
    causes = causes_of(Check.DRIFT, [drifted("temp", "wind", "rain"), drifted("wind", "temp"), drifted("rain", "temp")])
    near, far = known("drift/rain", "rain", "wind"), known("drift/temp", "temp")
    assert list(names(causes, far, near)) == list(names(causes, near, far)) == ["drift/rain"]
    assert list(names(causes, far, known("drift/rain", "rain"))) == ["drift/temp"]


def test_a_cause_is_over_when_its_subjects_were_looked_at_and_none_alarms() -> None:
    causes = [known("drift", "age"), known("drift/temp", "temp", "wind")]
    everything = {"age", "temp", "wind"}
    assert recovered(causes, (), everything, ()) == {"drift", "drift/temp"}
    assert recovered(causes, {"wind"}, everything, ()) == {"drift"}
    assert recovered(causes, (), {"age", "temp"}, {"wind"}) == {"drift"}
    assert recovered(causes, (), everything, {"wind"}) == {"drift", "drift/temp"}  # one version could judge it
    assert recovered(causes, (), {"age"}, ()) == {"drift", "drift/temp"}  # the others are not watched any more
    assert recovered(causes, (), (), {"age"}) == set()


@given(
    st.lists(st.tuples(st.sampled_from("abcdef"), st.sets(st.sampled_from("abcdef"), max_size=3)), max_size=8),
    st.lists(
        st.tuples(st.sampled_from(["drift", "drift/a", "drift/b", "drift/c"]), st.sets(st.sampled_from("abcdef")))
    ),
)
def test_no_finding_is_lost_or_told_twice(
    drawn: list[tuple[str, set[str]]], open_causes: list[tuple[str, set[str]]]
) -> None:
    found = [drifted(subject, *(company - {subject}), version=f"v{at}") for at, (subject, company) in enumerate(drawn)]
    causes = causes_of(Check.DRIFT, found)
    assert sorted(finding.key for cause in causes for finding in cause.findings) == sorted(each.key for each in found)
    by_name = placed(causes, [known(name, *subjects) for name, subjects in open_causes])
    assert sorted(f.key for cause in by_name.values() for f in cause.findings) == sorted(each.key for each in found)
    again = placed(causes, [known(name, *cause.subjects) for name, cause in by_name.items()])
    assert {name: set(cause.subjects) for name, cause in again.items()} == {
        name: set(cause.subjects) for name, cause in by_name.items()
    }
