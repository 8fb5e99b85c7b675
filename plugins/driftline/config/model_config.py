"""The shape of a model's YAML file.

Unknown keys are errors: a misspelt threshold must not silently fall back to its default.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from croniter import croniter
from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from driftline.config.alerts_config import Alerts
from driftline.config.durations import Duration
from driftline.config.fairness_config import (
    BINARY_CRITERIA,
    MULTICLASS_CRITERIA,
    PROTECTED,
    REGRESSION_CRITERIA,
    Fairness,
    FairnessCheck,
    JoinKey,
)
from driftline.config.rollback_config import Guard, Rollback
from driftline.config.strict_model import (
    Column,
    Probability,
    Query,
    Share,
    StrictModel,
    Table,
    exactly_one_source,
    refuse_repeats,
)
from driftline.findings import RESERVED_SUBJECTS, Check, Severity, class_score, own_score

NO_MOMENT = "is not a date and time, for example 2026-01-01T00:00:00+00:00"


class Task(StrEnum):
    """What a model predicts."""

    BINARY_CLASSIFICATION = "binary_classification"
    MULTICLASS_CLASSIFICATION = "multiclass_classification"
    REGRESSION = "regression"


class FeatureKind(StrEnum):
    """How a feature's values are counted."""

    NUMERIC = "numeric"
    CATEGORICAL = "categorical"
    BOOLEAN = "boolean"


def _class_label(label: Any) -> Any:
    if label is not None and not isinstance(label, str | int | bool):
        raise ValueError("must be a text, a whole number, true or false")
    return label


def _refuse_protected(name: str) -> str:
    if name.startswith(PROTECTED):
        raise ValueError(f"a name cannot begin with {PROTECTED!r}: protected groups are kept under such names")
    return name


Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")]


_CRITERIA = {
    Task.BINARY_CLASSIFICATION: BINARY_CRITERIA,
    Task.MULTICLASS_CLASSIFICATION: MULTICLASS_CRITERIA,
    Task.REGRESSION: REGRESSION_CRITERIA,
}
_TOLD = {Task.REGRESSION: "a regression", Task.MULTICLASS_CLASSIFICATION: "a classification of several classes"}


class Predictions(StrictModel):
    """Where the model's predictions are logged.

    Exactly one of `table` (``schema.table``) and `query` (a SELECT) is given; the other keys name its columns.
    """

    table: Table | None = None
    """`schema.table` …"""
    query: Query | None = None
    """… or a SELECT, where the log is not one table."""
    id: Column
    """Names the prediction; unique."""
    time: Column
    """When it was made, with time zone: windows are cut over it."""
    version: Column
    """The deployed version that answered."""
    prediction: Column
    """What it answered."""
    score: Column | None = None
    """Probability of the positive label, 0 to 1 (binary classification)."""
    scores: Annotated[dict[Name, Column], Field(min_length=2, max_length=100)] | None = None
    """Per class the column of its probability, 0 to 1 (multiclass classification)."""
    latency_ms: Column | None = None
    """Time to answer, in milliseconds."""
    error: Column | None = None
    """True, or a non-empty text, where the prediction failed."""
    entity: Column | None = None
    """Whom or what the prediction is about (the unit of an experiment)."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        exactly_one_source(self.table, self.query)
        return self

    @property
    def score_columns(self) -> tuple[str, ...]:
        """The score, then the scores of the classes in their order."""
        return (*(() if self.score is None else (self.score,)), *(self.scores or {}).values())

    @property
    def mapped_columns(self) -> frozenset[str]:
        """The columns that have a role of their own, and so are not features."""
        roles = (self.id, self.time, self.version, self.prediction, self.latency_ms, self.error, self.entity)
        return frozenset(column for column in (*roles, *self.score_columns) if column is not None)


class Labels(StrictModel):
    """Where the labels arrive, how they name their prediction, and when they are to be expected."""

    table: Table | None = None
    """`schema.table` …"""
    query: Query | None = None
    """… or a SELECT."""
    id: Column
    """Names the prediction that the label is of."""
    label: Column
    """The truth."""
    time: Column
    """When the label became known (arrived), not when the prediction was made."""
    expected_delay: Duration
    """A window's verdict is provisional until this long after its end."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        exactly_one_source(self.table, self.query)
        return self


class Feature(StrictModel):
    """One input of the model."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    """How messages call it; the column, too, where `column` does not say otherwise."""
    kind: Annotated[FeatureKind, Field(strict=False)]
    """What its values are."""
    column: Column | None = None
    """The column in the prediction log, where it is not called `name`."""
    importance: Annotated[float, Field(ge=0)] | None = None
    """How much the model leans on it (any scale): ranks what moved by harm."""
    pipeline: Name | None = None
    """What fills it upstream (a job, a table, a feature view): features of one pipeline that move at about the same
    time are told as one cause, by its name."""

    @field_validator("name")
    @classmethod
    def _not_reserved(cls, name: str) -> str:
        if "\x00" in name:
            raise ValueError("a feature's name cannot hold a NUL character")
        _refuse_protected(name)
        if name in RESERVED_SUBJECTS:
            reserved = ", ".join(sorted(RESERVED_SUBJECTS))
            raise ValueError(
                f"{name!r} is reserved ({reserved}); call the feature otherwise and name its column in `column`"
            )
        return name

    @property
    def source_column(self) -> str:
        return self.column or self.name


class Segment(StrictModel):
    """A named subset of the predictions: the rows where `column` equals one of `values`."""

    column: Annotated[Column, AfterValidator(_refuse_protected)]
    """The column that it is cut by."""
    values: Annotated[list[str], Field(min_length=1, max_length=100)]
    """One segment for each of these values."""


class BaselinePeriod(StrictModel):
    """The reference period: either `start` and `end`, or `first` (so much from the log's beginning)."""

    start: datetime | None = None
    """Beginning, on the hour, with time zone."""
    end: datetime | None = None
    """End, on the hour, with time zone; not part of it."""
    first: Duration | None = None
    """So much from the log's beginning."""

    @field_validator("start", "end", mode="before")
    @classmethod
    def _aware(cls, moment: Any) -> datetime | None:
        return None if moment is None else _on_the_hour(_aware_moment(moment))

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if (self.first is None) == (self.start is None and self.end is None):
            raise ValueError("give either `first` (for example 28d) or both `start` and `end`")
        if self.first is None and (self.start is None or self.end is None):
            raise ValueError("`start` and `end` are given together")
        if self.start is not None and self.end is not None and self.start >= self.end:
            raise ValueError("`start` must be before `end`")
        if self.first is not None:
            _at_least_an_hour(self.first)
        return self


class MultivariateCheck(StrictModel):
    """Have the features moved together, where each alone has not? On a sample of the rows."""

    enabled: bool = True
    """It has a quarter of the drift check's budget on the whole; off, the features one by one have all of it. A change
    takes effect when the baseline is built anew."""
    maximum_features: Annotated[int, Field(ge=2, le=500)] = 100
    """Of more features the most important are compared; the cost grows with their square."""


class DriftCheck(StrictModel):
    """Has what goes in moved, beyond chance and by enough to matter?"""

    enabled: bool = True
    """Whether drift is looked for."""
    false_alarm_rate: Probability = 0.01
    """Share of clean windows that may alarm, over all features together."""
    minimum_rows: Annotated[int, Field(ge=2)] = 200
    """Below so many rows a feature is `not_evaluated`."""
    psi: Annotated[float, Field(gt=0)] = 0.1
    """Effect floors: below them a certain but tiny move is not drift."""
    jensen_shannon: Annotated[float, Field(gt=0, le=1)] = 0.1
    """Effect floor of the Jensen-Shannon divergence, base 2."""
    kolmogorov_smirnov: Annotated[float, Field(gt=0, le=1)] = 0.1
    """Effect floor of the largest distance of the distribution functions."""
    wasserstein: Annotated[float, Field(gt=0)] = 0.1
    """Mean distance moved, in standard deviations of the baseline."""
    spread: Annotated[float, Field(gt=0)] = 0.1
    """Change of the spread, as the logarithm of the ratio."""
    total_variation: Annotated[float, Field(gt=0, le=1)] = 0.03
    """Share of a categorical feature's rows that would have to change their level."""
    null_share: Share = 0.02
    """A rise or fall of the null share by less (in shares, 0.02 = 2 points) is not drift."""
    new_level_share: Share = 0.01
    """Never-seen levels together holding less than this share of the rows are not drift."""
    multivariate: MultivariateCheck = MultivariateCheck()


class MetricName(StrEnum):
    """What performance can be judged by."""

    ACCURACY = "accuracy"
    PRECISION = "precision"
    RECALL = "recall"
    F1 = "f1"
    SPECIFICITY = "specificity"
    ROC_AUC = "roc_auc"
    PR_AUC = "pr_auc"
    LOG_LOSS = "log_loss"
    BRIER = "brier"
    CALIBRATION_ERROR = "calibration_error"
    MAE = "mae"
    RMSE = "rmse"
    MAPE = "mape"
    R2 = "r2"
    PRECISION_MACRO = "precision_macro"
    RECALL_MACRO = "recall_macro"
    F1_MACRO = "f1_macro"
    PRECISION_WEIGHTED = "precision_weighted"
    RECALL_WEIGHTED = "recall_weighted"
    F1_WEIGHTED = "f1_weighted"
    ROC_AUC_OVR = "roc_auc_ovr"
    ROC_AUC_OVR_WEIGHTED = "roc_auc_ovr_weighted"


REGRESSION_METRICS = frozenset({MetricName.MAE, MetricName.RMSE, MetricName.MAPE, MetricName.R2})
MULTICLASS_METRICS = frozenset(
    {
        MetricName.ACCURACY, MetricName.LOG_LOSS, MetricName.PRECISION_MACRO, MetricName.RECALL_MACRO,
        MetricName.F1_MACRO, MetricName.PRECISION_WEIGHTED, MetricName.RECALL_WEIGHTED, MetricName.F1_WEIGHTED,
        MetricName.ROC_AUC_OVR, MetricName.ROC_AUC_OVR_WEIGHTED,
    }
)  # fmt: skip
BINARY_METRICS = (frozenset(MetricName) - REGRESSION_METRICS - MULTICLASS_METRICS) | {
    MetricName.ACCURACY,
    MetricName.LOG_LOSS,
}
JUDGED_METRICS = {
    Task.BINARY_CLASSIFICATION: BINARY_METRICS,
    Task.MULTICLASS_CLASSIFICATION: MULTICLASS_METRICS,
    Task.REGRESSION: REGRESSION_METRICS,
}


class PerformanceCheck(StrictModel):
    """Is the model still as good as on the baseline?"""

    enabled: bool = True
    """Whether performance is judged."""
    metrics: Annotated[list[Annotated[MetricName, Field(strict=False)]], Field(min_length=1)] | None = None
    """The metrics to judge; by default the usual ones of the task."""
    maximum_drop: Share = 0.02
    """How far a metric may fall: in points of a share (accuracy), relative for errors (MAE, RMSE)."""
    maximum_drops: dict[Annotated[MetricName, Field(strict=False)], Share] = {}
    """Exceptions from `maximum_drop`, by metric."""
    objectives: dict[Annotated[MetricName, Field(strict=False)], float] = {}
    """The worst value that each metric may have: what its trend is held against (default: `maximum_drop`)."""
    minimum_labels: Annotated[int, Field(ge=2)] = 200
    """With fewer labels a window's performance is `not_evaluated`."""
    minimum_coverage: Share = 0.5
    """With a smaller share of predictions labelled, the verdict is provisional whatever the age."""
    confidence: Probability = 0.95
    """Level of the intervals."""


class PredictionsCheck(StrictModel):
    """Do the model's own outputs look as they did on the baseline?"""

    enabled: bool = True
    """Whether the outputs are looked at."""
    false_alarm_rate: Probability = 0.01
    """Share of clean windows that may alarm, over all anomalies together."""
    minimum_rows: Annotated[int, Field(ge=2)] = 200
    """Below so many rows the outputs are `not_evaluated`."""
    class_balance_shift: Share = 0.05
    """A move of the positive share by less (in points) is not an anomaly."""
    lowest: float | None = None
    """Predictions below are impossible (regression), for example 0."""
    highest: float | None = None
    """Predictions above are impossible (regression)."""

    @model_validator(mode="after")
    def _leave_room_between(self) -> Self:
        if self.lowest is not None and self.highest is not None and self.lowest >= self.highest:
            raise ValueError(f"`lowest` ({self.lowest:g}) must be below `highest` ({self.highest:g})")
        return self


class QualityCheck(StrictModel):
    """Is the log well-formed? The suite is derived from the configuration and the baseline."""

    enabled: bool = True
    """Whether the log is validated."""
    maximum_rows: Annotated[int, Field(ge=100)] = 200_000
    """Of a larger window, a sample of so many rows is validated."""
    tolerated_share: Share = 0.01
    """Share of rows that may break a range or level expectation."""


class Checks(StrictModel):
    """What is checked, and when a finding counts."""

    drift: DriftCheck = DriftCheck()
    performance: PerformanceCheck = PerformanceCheck()
    predictions: PredictionsCheck = PredictionsCheck()
    quality: QualityCheck = QualityCheck()
    fairness: FairnessCheck = FairnessCheck()
    alert_severity: Annotated[Severity, Field(strict=False)] = Severity.MEDIUM
    """Findings of this severity or worse alert; lesser ones are only written."""

    def is_enabled(self, check: Check) -> bool:
        configured = getattr(self, check.value, None)
        return configured is not None and configured.enabled


class Schedule(StrictModel):
    """When a window is looked at, and how far back it reaches."""

    cron: str = "0 */6 * * *"
    """In UTC; a window ends at each tick."""
    lookback: Duration = timedelta(hours=24)
    """Length of a window: whole hours."""
    alert_horizon: Duration = timedelta(hours=24)
    """A window that ended longer ago is historical: it writes results and never alerts."""
    start: datetime = datetime(2025, 1, 1, tzinfo=UTC)
    """Earliest date that can be backfilled."""
    extraction_workers: Annotated[int, Field(ge=1, le=64)] = 1
    """Above 1, the slices of a window are counted by so many mapped tasks."""

    @field_validator("start", mode="before")
    @classmethod
    def _aware(cls, moment: Any) -> datetime:
        return _aware_moment(moment)

    @field_validator("cron")
    @classmethod
    def _ticks_on_the_hour(cls, cron: str) -> str:
        if not croniter.is_valid(cron) or len(cron.split()) != 5:
            raise ValueError("is not a cron expression of five fields, for example '0 */6 * * *'")
        if cron.split(maxsplit=1)[0] != "0":
            raise ValueError("must tick on the hour (its first field is 0), because windows are made of whole hours")
        return cron

    @field_validator("lookback")
    @classmethod
    def _whole_hours(cls, lookback: timedelta) -> timedelta:
        return _at_least_an_hour(lookback)


class Criticality(StrEnum):
    """Of several models in trouble, the most critical is dealt with first."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"

    @property
    def rank(self) -> int:
        """0 (low) to 2 (high)."""
        return list(Criticality).index(self)


class ModelConfig(StrictModel):
    """Everything that Driftline knows of a model before it reads a row."""

    model: Name
    """Its name: that of the file, of the DAG `monitor__<model>` and of all that is stored."""
    description: str = ""
    """For people."""
    owner: str = "unowned"
    """Whom alerts name."""
    slack_channel: str = ""
    """Where messages arrive by a connection of type Slack API; a webhook has its own channel, and only shows this."""
    task: Annotated[Task, Field(strict=False)]
    """What kind of answer it gives."""
    positive_label: Annotated[str | int | bool | None, BeforeValidator(_class_label)] = None
    """Which prediction and label count as positive (binary classification); default 1, true or "1"."""
    connection: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+$")]
    """Airflow connection (or environment variable) that leads to the prediction log."""
    predictions: Predictions
    labels: Labels | None = None
    features: Literal["discover"] | Annotated[list[Feature], Field(min_length=1, max_length=5_000)]
    """What goes in and is watched; `discover` takes every column without a role."""
    excluded_columns: list[Column] = []
    """Columns that `discover` passes over."""
    segments: list[Segment] = []
    """Subsets that are watched apart from the whole."""
    fairness: Fairness | None = None
    baseline: BaselinePeriod
    checks: Checks = Checks()
    schedule: Schedule = Schedule()
    guard: Guard = Guard()
    rollback: Rollback = Rollback()
    criticality: Annotated[Criticality, Field(strict=False)] = Criticality.NORMAL
    """Of several models in trouble, the most critical is dealt with first."""
    alerts: Alerts = Alerts()

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        if isinstance(self.features, list):
            refuse_repeats("features", [feature.name for feature in self.features])
        refuse_repeats("segments", [segment.column for segment in self.segments])
        of_classes = {
            subject for name in self.predictions.scores or () for subject in (class_score(name), own_score(name))
        }
        features = self.features if isinstance(self.features, list) else []
        if taken := sorted(of_classes & {feature.name for feature in features}):
            raise ValueError(
                f"features: {', '.join(taken)}: so the scores of the classes are called; choose other names"
            )
        return self

    @model_validator(mode="after")
    def _task_has_its_columns(self) -> Self:
        if self.task is not Task.BINARY_CLASSIFICATION and self.positive_label is not None:
            raise ValueError(f"`positive_label` is for binary classification; {_TOLD[self.task]} has none")
        if self.task is Task.REGRESSION and (self.predictions.score or self.predictions.scores):
            raise ValueError("`predictions.score` is for classification; a regression has none")
        if self.task is Task.MULTICLASS_CLASSIFICATION and self.predictions.score is not None:
            raise ValueError("`predictions.score` is for binary classification; give `predictions.scores`, by class")
        if self.task is Task.BINARY_CLASSIFICATION and self.predictions.scores is not None:
            raise ValueError("`predictions.scores` is for multiclass classification; give `predictions.score`")
        return self

    @model_validator(mode="after")
    def _metrics_fit_the_task(self) -> Self:
        configured = self.checks.performance
        judged = {*(configured.metrics or ()), *configured.maximum_drops, *configured.objectives}
        allowed = JUDGED_METRICS[self.task]
        if strange := sorted(judged - allowed):
            raise ValueError(
                f"checks.performance: {', '.join(strange)} cannot be judged for {self.task.value}; "
                f"choose from {', '.join(sorted(allowed))}"
            )
        return self

    @model_validator(mode="after")
    def _fairness_has_its_groups(self) -> Self:
        configured, join = self.checks.fairness, None if self.fairness is None else self.fairness.join
        if self.fairness is None and configured.enabled and "fairness" in self.checks.model_fields_set:
            raise ValueError("checks.fairness: `fairness` must name the protected attributes that it looks at")
        if self.rollback.enabled and Check.FAIRNESS in self.rollback.on and not self.is_enabled(Check.FAIRNESS):
            raise ValueError("rollback.on: fairness is not checked; name its attributes in `fairness`, and enable it")
        if join is not None and join.on is JoinKey.ENTITY and self.predictions.entity is None:
            raise ValueError("fairness.join.on: is entity, but `predictions` maps no `entity`")
        allowed = _CRITERIA[self.task]
        if strange := sorted(set(configured.criteria or ()) - allowed):
            raise ValueError(
                f"checks.fairness: {', '.join(strange)} cannot be judged for {self.task.value}; "
                f"choose from {', '.join(sorted(allowed))}"
            )
        return self

    def is_enabled(self, check: Check) -> bool:
        """Whether the check is made: fairness only where the file names protected attributes."""
        return self.checks.is_enabled(check) and (check is not Check.FAIRNESS or self.fairness is not None)

    @property
    def positive_spellings(self) -> frozenset[str]:
        """How a positive prediction or label may read as text (binary classification)."""
        label = self.positive_label
        if label is None:
            return frozenset({"1", "true", "t", "1.0"})
        if isinstance(label, bool):
            return frozenset({"true", "t"} if label else {"false", "f"})
        return frozenset({label} if isinstance(label, str) else {str(label), f"{label}.0"})

    @property
    def segment_columns(self) -> tuple[str, ...]:
        return tuple(segment.column for segment in self.segments)


def segment_name(column: str, value: str) -> str:
    """How a segment is called everywhere: ``carrier=UA``."""
    return f"{column}={value}"


def _aware_moment(moment: Any) -> datetime:
    if isinstance(moment, str):
        try:
            moment = datetime.fromisoformat(moment)
        except ValueError:
            raise ValueError(NO_MOMENT) from None
    if not isinstance(moment, datetime):
        raise ValueError(NO_MOMENT)  # noqa: TRY004 - pydantic wants it
    if moment.tzinfo is None:
        raise ValueError(f"has no time zone; write {moment.isoformat()}+00:00 if you mean UTC")
    return moment.astimezone(UTC)


def _on_the_hour(moment: datetime) -> datetime:
    if (moment.minute, moment.second, moment.microsecond) != (0, 0, 0):
        raise ValueError("must be on a whole hour of UTC, because periods are made of hourly slices")
    return moment


def _at_least_an_hour(span: timedelta) -> timedelta:
    if span < timedelta(hours=1) or span % timedelta(hours=1):
        raise ValueError("must be a whole number of hours, at least 1h")
    return span
