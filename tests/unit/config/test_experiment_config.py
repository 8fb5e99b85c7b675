"""An experiment's YAML file: what is taken, and how what is wrong is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from driftline.config.experiment_config import ABTestConfig
from driftline.config.experiment_files import load_experiment, load_valid_experiments
from driftline.errors import ConfigError
from driftline.experiments import MetricKind, Stage

ROOT = Path(__file__).resolve().parents[3]


def described(**changes: Any) -> dict[str, Any]:
    document = {
        "experiment": "fraud-v2",
        "model": "fraud",
        "control": "v1",
        "arms": {"v1": 50, "v2": 50},
        "metrics": [{"metric": "accuracy", "role": "primary"}, {"metric": "error_rate", "role": "guardrail"}],
        **changes,
    }
    return {key: value for key, value in document.items() if value is not None}


ROLLOUT = {
    "arms": None,
    "treatment": "v2",
    "strategy": "gradual_rollout",
    "schedule": [[60, 5], [60, 25], [0, 100]],
    "metrics": [{"metric": "error_rate", "role": "guardrail"}],
}


def loaded(folder: Path, **changes: Any) -> ABTestConfig:
    path = folder / "experiment.yaml"
    path.write_text(yaml.safe_dump(described(**changes)), encoding="utf-8")
    return load_experiment(path)


def test_what_is_left_out_has_a_default_and_all_survives_the_database(tmp_path: Path) -> None:
    config = loaded(tmp_path, maximum_duration="14d", schedule=[[60, 10], [0, 100]])
    assert config.stages == (Stage(60, 10), Stage(0, 100))
    assert config.versions == ("v1", "v2")
    assert not config.promote_automatically
    assert ABTestConfig.model_validate(config.model_dump(mode="json"), strict=False) == config


def test_a_rollout_has_the_percents_of_its_stage(tmp_path: Path) -> None:
    config = loaded(tmp_path, **ROLLOUT)
    assert [config.percents(stage) for stage in range(3)] == [
        {"v1": 95, "v2": 5},
        {"v1": 75, "v2": 25},
        {"v2": 100},
    ]
    assert config.coverage(0) == 100


def test_a_metric_of_the_applications_own(tmp_path: Path) -> None:
    own = {"metric": "conversion", "role": "primary", "kind": "proportion", "better": "higher"}
    measured = loaded(tmp_path, metrics=[own], source="application").design().metrics[0]
    assert (measured.kind, measured.sign) == (MetricKind.PROPORTION, 1)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"arms": {"v1": 0, "v2": 100}}, "arms.v1 is 0"),
        ({"arms": {"v1": -10, "v2": 110}}, "arms.v1 is -10"),
        ({"arms": {"v1": 101, "v2": -1}}, "arms.v1 is 101"),
        ({"arms": {"v1": float("nan"), "v2": 50}}, "arms.v1: found nan; Input should be a finite number"),
        ({"arms": {"v1": "half", "v2": 50}}, "arms.v1: found 'half'"),
        ({"arms": {"v1": 50, "v2": 40}}, "add up to 90; they must add up to 100"),
        ({"arms": {"v1": 100}}, "at least 2 items"),
        ({"control": "v9"}, "`control` is v9, which is none of the arms"),
        ({"treatment": "v2"}, "`treatment` is for the strategy gradual_rollout"),
        ({"schedule": []}, "The schedule is empty"),
        ({"schedule": [[10, 50], [10, 40]]}, "goes from 50 % to 40 %"),
        ({"schedule": [[10, 0]]}, "0.0 percent"),
        ({"strategy": "random", "schedule": [[10, 50], [0, 100]]}, "a ramp needs entities"),
        ({"metrics": [{"metric": "error_rate", "role": "guardrail"}]}, "has no primary one"),
        ({"metrics": [{"metric": "accuracy", "role": "primary"}] * 2}, "names more than once: accuracy"),
        ({"metrics": [{"metric": "conversion", "role": "primary"}]}, "is none of accuracy"),
        (
            {"metrics": [{"metric": "x", "role": "primary", "kind": "mean", "better": "lower"}]},
            "cannot be read from the prediction log",
        ),
        ({"metrics": [{"metric": "accuracy", "role": "primary", "kind": "mean"}]}, "are known; leave them out"),
        ({"metrics": [{"metric": "fairness_gap", "role": "guardrail"}]}, "`by` names the protected attribute"),
        ({"metrics": [{"metric": "fairness_gap", "role": "primary", "by": "sex"}]}, "nobody wins by it"),
        ({"metrics": [{"metric": "accuracy", "role": "primary", "maximum_loss": -1}]}, "maximum_loss: found -1"),
        ({"alpha": 0}, "alpha: found 0"),
        ({"alpha": float("nan")}, "alpha: found nan"),
        ({"samples": 0}, "samples: found 0"),
        ({"minimum_duration": "soon"}, "is not a duration"),
        ({"layer": "one"}, "layer: is not a known key. Check its spelling against docs/AB_TESTING.md"),
        ({"model": None}, "model: is missing"),
        ({**ROLLOUT, "treatment": "v1"}, "the arms are identical"),
        ({**ROLLOUT, "schedule": None}, "has `treatment` and `schedule`"),
        ({**ROLLOUT, "metrics": [{"metric": "accuracy", "role": "primary"}]}, "give guardrail metrics"),
        ({**ROLLOUT, "samples": 500}, "is the horizon of an A/B test"),
    ],
)
def test_what_is_wrong_is_refused_with_its_place(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        loaded(tmp_path, **changes)
    assert said in str(refused.value)
    assert "experiment.yaml" in str(refused.value)


def test_identical_arms_are_refused_as_a_key_that_stands_twice(tmp_path: Path) -> None:
    path = tmp_path / "twice.yaml"
    path.write_text("experiment: x\nmodel: fraud\ncontrol: v1\narms: {v1: 50, v1: 50}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="the key 'v1' stands twice"):
        load_experiment(path)


def test_a_bad_file_stops_no_other(tmp_path: Path) -> None:
    for name, changes in (("a", {}), ("b", {"alpha": 7}), ("c", {})):
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(described(**changes)), encoding="utf-8")
    found, faults = load_valid_experiments(tmp_path)
    assert list(found) == ["fraud-v2"]
    assert len(faults) == 2
    assert "which another file describes already" in faults[1]
    assert load_valid_experiments(tmp_path / "missing") == ({}, [])


def test_the_example_files_are_valid() -> None:
    found, faults = load_valid_experiments(ROOT / "include" / "experiments")
    assert faults == []
    assert found
