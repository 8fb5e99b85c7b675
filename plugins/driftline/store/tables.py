"""Driftline's tables, as SQLAlchemy sees them. The migrations make them; a test keeps the two alike."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TIMESTAMP

SCHEMA = "driftline"

metadata = MetaData(schema=SCHEMA)


ABOUT = "about"


def about(text: str) -> dict[str, str]:
    """What a table is, for the reference page."""
    return {ABOUT: text}


def _moment(name: str, *, nullable: bool = False, **options: object) -> Column[object]:
    return Column(name, TIMESTAMP(timezone=True), nullable=nullable, **options)  # type: ignore[arg-type]


def _text(name: str, **options: object) -> Column[str]:
    return Column(name, Text, nullable=False, **options)  # type: ignore[arg-type]


binnings = Table(
    "binnings",
    metadata,
    Column("binning_id", BigInteger, primary_key=True),
    _text("model"),
    _text("subject"),
    _text("kind"),
    _text("digest"),
    Column("payload", LargeBinary, nullable=False),
    UniqueConstraint("model", "subject", "digest"),
    info=about(
        "The cells that values of one column are counted into. `payload` is ours, compressed; `digest` "
        "tells two binnings apart."
    ),
)

baselines = Table(
    "baselines",
    metadata,
    Column("baseline_id", BigInteger, primary_key=True),
    _text("model"),
    _moment("period_start"),
    _moment("period_end"),
    Column("rows", BigInteger, nullable=False),
    _moment("built_at"),
    Column("is_active", Boolean, nullable=False),
    Column("calibration", JSONB, nullable=False),
    Index("baselines_one_active", "model", unique=True, postgresql_where=text("is_active")),
    info=about("Reference periods with the thresholds learned on them (`calibration`). One per model is active."),
)

baseline_binnings = Table(
    "baseline_binnings",
    metadata,
    Column("baseline_id", ForeignKey(baselines.c.baseline_id, ondelete="CASCADE"), primary_key=True),
    Column("subject", Text, primary_key=True),
    _text("role"),
    Column("binning_id", ForeignKey(binnings.c.binning_id), nullable=False),
    info=about("Which binning each subject of a baseline has."),
)

baseline_profiles = Table(
    "baseline_profiles",
    metadata,
    Column("baseline_id", ForeignKey(baselines.c.baseline_id, ondelete="CASCADE"), primary_key=True),
    Column("segment", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    _text("kind"),
    Column("rows", BigInteger, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    info=about("The baseline's counts per subject and segment."),
)

slices = Table(
    "slices",
    metadata,
    Column("model", Text, primary_key=True),
    Column("baseline_id", ForeignKey(baselines.c.baseline_id, ondelete="CASCADE"), primary_key=True),
    Column("part", Text, primary_key=True),
    _moment("slice_start", primary_key=True),
    Column("log_rows", BigInteger, nullable=False),
    _moment("log_newest", nullable=True),
    _moment("counted_at"),
    Column("log_digest", BigInteger),
    info=about(
        "The hours that have been counted, with what tells whether the log has changed since. `part` is "
        "predictions or labels."
    ),
)

profiles = Table(
    "profiles",
    metadata,
    Column("model", Text, primary_key=True),
    Column("baseline_id", BigInteger, primary_key=True),
    Column("part", Text, primary_key=True),
    _moment("slice_start", primary_key=True),
    Column("version", Text, primary_key=True),
    Column("segment", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    _text("kind"),
    Column("rows", BigInteger, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    postgresql_partition_by="RANGE (slice_start)",
    info=about("Counts per hour, version, segment and subject, partitioned by `slice_start`. They add up."),
)

samples = Table(
    "samples",
    metadata,
    Column("model", Text, primary_key=True),
    Column("baseline_id", BigInteger, primary_key=True),
    _moment("slice_start", primary_key=True),
    Column("version", Text, primary_key=True),
    Column("rows", BigInteger, nullable=False),
    Column("population", BigInteger, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    postgresql_partition_by="RANGE (slice_start)",
    info=about("A bounded sample of each hour's rows, for what counts cannot tell."),
)

baseline_samples = Table(
    "baseline_samples",
    metadata,
    Column("baseline_id", ForeignKey(baselines.c.baseline_id, ondelete="CASCADE"), primary_key=True),
    Column("rows", BigInteger, nullable=False),
    Column("population", BigInteger, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    info=about("The same of the baseline."),
)

windows = Table(
    "windows",
    metadata,
    Column("model", Text, primary_key=True),
    _moment("window_start", primary_key=True),
    _moment("window_end", primary_key=True),
    Column("baseline_id", ForeignKey(baselines.c.baseline_id, ondelete="CASCADE"), nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("labeled_rows", BigInteger, nullable=False),
    Column("slices_counted", Integer, nullable=False),
    _text("run_id"),
    _moment("extracted_at"),
    info=about("The windows that have been checked."),
)

findings = Table(
    "findings",
    metadata,
    Column("model", Text, primary_key=True),
    _moment("window_start", primary_key=True),
    _moment("window_end", primary_key=True),
    Column("version", Text, primary_key=True),
    Column("comparison", Text, primary_key=True),
    Column("segment", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("test", Text, primary_key=True),
    _text("check_name"),
    _text("status"),
    _text("severity"),
    Column("statistic", Double),
    Column("p_value", Double),
    Column("threshold", Double),
    Column("effect", Double),
    Column("interval_low", Double),
    Column("interval_high", Double),
    Column("reference_size", BigInteger),
    Column("current_size", BigInteger),
    Column("minimum_detectable_shift", Double),
    _text("reason"),
    _text("description"),
    _text("recommendation"),
    Column("details", JSONB, nullable=False),
    _moment("found_at"),
    Index("findings_by_end", "model", "window_end"),
    Index(
        "findings_heat",
        "model",
        "subject",
        "window_end",
        postgresql_include=["version", "status", "severity"],
        postgresql_where=text("check_name = 'drift' AND comparison = 'baseline' AND segment = ''"),
    ),
    Index(
        "findings_drifted",
        "model",
        "segment",
        "window_end",
        postgresql_include=["subject", "version", "severity"],
        postgresql_where=text("check_name = 'drift' AND comparison = 'baseline' AND status = 'detected'"),
    ),
    Index(
        "findings_figures",
        "model",
        "subject",
        "test",
        "window_end",
        postgresql_where=text("check_name <> 'drift'"),
    ),
    Index(
        "findings_by_test",
        "model",
        "test",
        "segment",
        "window_end",
        postgresql_include=[
            "subject",
            "version",
            "comparison",
            "check_name",
            "status",
            "severity",
            "statistic",
            "threshold",
        ],
    ),
    Index(
        "findings_not_ok",
        "model",
        "window_end",
        postgresql_where=text("status <> 'ok'"),
        postgresql_include=[
            "check_name",
            "comparison",
            "version",
            "segment",
            "subject",
            "test",
            "status",
            "severity",
        ],
    ),
    info=about(
        "One row per statistic on one subject: what dashboards read. `comparison` says with what it was "
        "compared (baseline, previous window, another version)."
    ),
)

reports = Table(
    "reports",
    metadata,
    Column("model", Text, primary_key=True),
    _moment("window_start", primary_key=True),
    _moment("window_end", primary_key=True),
    Column("kind", Text, primary_key=True),
    _text("content_type"),
    Column("body", LargeBinary, nullable=False),
    _moment("written_at"),
    info=about("Self-contained HTML reports of windows, by kind."),
)

decisions = Table(
    "decisions",
    metadata,
    Column("model", Text, primary_key=True),
    _moment("window_start", primary_key=True),
    _moment("window_end", primary_key=True),
    _text("verdict"),
    _text("severity"),
    _text("reason"),
    Column("is_suppressed", Boolean, nullable=False),
    Column("summary", JSONB, nullable=False),
    _text("run_id"),
    _moment("decided_at"),
    _moment("extracted_at", nullable=True),
    Index("decisions_by_end", "model", "window_end"),
    info=about("What each window's findings led to."),
)

verdict_history = Table(
    "verdict_history",
    metadata,
    Column("model", Text, primary_key=True),
    _moment("window_start", primary_key=True),
    _moment("window_end", primary_key=True),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    _text("verdict"),
    _text("severity"),
    _text("reason"),
    Column("is_suppressed", Boolean, nullable=False),
    Column("is_provisional", Boolean, nullable=False),
    Column("performance", JSONB, nullable=False),
    _text("run_id"),
    _moment("decided_at"),
    info=about("Every version of a window's verdict: provisional ones, and those revised as labels came."),
)

label_watermarks = Table(
    "label_watermarks",
    metadata,
    Column("model", Text, primary_key=True),
    _moment("arrived_until", nullable=True),
    _moment("looked_at"),
    _moment("compared_at", nullable=True),
    Column("delays", JSONB, nullable=False),
    info=about("How far the labels' arrival has been read."),
)

incidents = Table(
    "incidents",
    metadata,
    Column("incident_id", BigInteger, primary_key=True),
    _text("model"),
    _text("cause"),
    _text("status"),
    _text("severity"),
    _text("title"),
    Column("findings", JSONB, nullable=False),
    _moment("opened_at"),
    _moment("updated_at"),
    _moment("resolved_at", nullable=True),
    _moment("first_window_end"),
    _moment("last_window_end"),
    _moment("told_at", nullable=True),
    _moment("acknowledged_at", nullable=True),
    _text("acknowledged_by", server_default=""),
    _text("resolved_by", server_default=""),
    Index("incidents_one_open", "model", "cause", unique=True, postgresql_where=text("status <> 'resolved'")),
    info=about("One cause, many findings: opened, made worse, acknowledged, resolved. What people see in Slack."),
)

alert_outbox = Table(
    "alert_outbox",
    metadata,
    Column("alert_id", BigInteger, primary_key=True),
    Column("incident_id", ForeignKey(incidents.c.incident_id, ondelete="CASCADE")),
    _text("model"),
    _text("deduplication_key", unique=True),
    _text("destination"),
    Column("message", JSONB, nullable=False),
    _text("status"),
    Column("attempts", Integer, nullable=False),
    _moment("next_attempt_at"),
    _moment("created_at"),
    _moment("sent_at", nullable=True),
    _text("last_error"),
    _text("kind", server_default="message"),
    Column("incident_ids", ARRAY(BigInteger), nullable=False, server_default="{}"),
    Column("subjects", ARRAY(Text), nullable=False, server_default="{}"),
    Column("is_refused", Boolean, nullable=False, server_default=text("false")),
    _text("receipt", server_default=""),
    _moment("refused_since", nullable=True),
    Column("refusals", Integer, nullable=False, server_default=text("0")),
    Index("alert_outbox_failed", "destination", postgresql_where=text("status = 'failed'")),
    Index("alert_outbox_pending", "next_attempt_at", postgresql_where=text("status = 'pending'")),
    Index("alert_outbox_incidents", "incident_ids", postgresql_using="gin"),
    Index("alert_outbox_silenced", "model", postgresql_where=text("status = 'silenced'")),
    info=about(
        "Messages to be delivered, written in the transaction of what they tell. `deduplication_key` makes each unique."
    ),
)

alert_destinations = Table(
    "alert_destinations",
    metadata,
    Column("destination", Text, primary_key=True),
    _moment("not_before", nullable=True),
    _moment("failing_since", nullable=True),
    info=about("Per destination: since when it fails, and when it is tried again."),
)

incident_threads = Table(
    "incident_threads",
    metadata,
    Column("incident_id", ForeignKey(incidents.c.incident_id, ondelete="CASCADE"), primary_key=True),
    Column("destination", Text, primary_key=True),
    _text("channel"),
    _text("thread"),
    info=about("Slack's thread of each incident."),
)

silences = Table(
    "silences",
    metadata,
    Column("silence_id", BigInteger, primary_key=True),
    _text("model"),
    _text("cause"),
    _text("subject"),
    _text("reason"),
    _text("created_by"),
    _moment("created_at"),
    _moment("until"),
    _moment("ended_at", nullable=True),
    _text("ended_by", server_default=""),
    Index("silences_in_force", "model", "until", postgresql_where=text("ended_at IS NULL")),
    info=about("What nobody is told of for a time, by whom and why."),
)

model_versions = Table(
    "model_versions",
    metadata,
    Column("model", Text, primary_key=True),
    Column("version", Text, primary_key=True),
    _text("artifact_uri"),
    _text("status"),
    _text("health"),
    _moment("registered_at"),
    _moment("updated_at"),
    info=about("The serving registry: versions, their artefact, status and health."),
)

route_revisions = Table(
    "route_revisions",
    metadata,
    Column("model", Text, primary_key=True),
    Column("revision", BigInteger, nullable=False),
    _text("strategy"),
    _text("salt"),
    Column("allocation", JSONB, nullable=False),
    info=about("The newest revision of each model's routes, as `Router` reads it: it reads nothing else."),
)

routes = Table(
    "routes",
    metadata,
    Column("model", Text, primary_key=True),
    Column("version", Text, primary_key=True),
    Column("share", Numeric(7, 6), nullable=False),
    info=about("Each version's share of a model's traffic, as the newest revision has it."),
)

route_history = Table(
    "route_history",
    metadata,
    Column("model", Text, primary_key=True),
    Column("revision", BigInteger, primary_key=True),
    _moment("changed_at"),
    _text("actor"),
    _text("reason"),
    _text("cause_key", unique=True),
    Column("shares_before", JSONB, nullable=False),
    Column("shares_after", JSONB, nullable=False),
    info=about("Every change of routes: who, when, why, from, to. Rows are only added."),
)

live_predictions = Table(
    "live_predictions",
    metadata,
    Column("model", Text, primary_key=True),
    _moment("minute", primary_key=True),
    Column("version", Text, primary_key=True),
    Column("predictions", BigInteger, nullable=False),
    Column("errors", BigInteger, nullable=False),
    Column("latencies", JSONB, nullable=False),
    info=about("Per minute and version: predictions, errors, latency in cells."),
)

live_outcomes = Table(
    "live_outcomes",
    metadata,
    Column("model", Text, primary_key=True),
    _moment("minute", primary_key=True),
    Column("version", Text, primary_key=True),
    Column("labeled", BigInteger, nullable=False),
    Column("true_positives", BigInteger, nullable=False),
    Column("false_positives", BigInteger, nullable=False),
    Column("false_negatives", BigInteger, nullable=False),
    Column("true_negatives", BigInteger, nullable=False),
    Column("error_sum", Double, nullable=False),
    Column("absolute_error_sum", Double, nullable=False),
    Column("squared_error_sum", Double, nullable=False),
    info=about("Per minute and version: what the labels that have arrived say."),
)

live_watermarks = Table(
    "live_watermarks",
    metadata,
    Column("model", Text, primary_key=True),
    Column("feed", Text, primary_key=True),
    _moment("counted_until", nullable=True),
    _moment("rescanned_from", nullable=True),
    _moment("newest_row", nullable=True),
    Column("rows_ahead", BigInteger, nullable=False),
    _moment("first_attempt_at"),
    _moment("attempted_at"),
    _moment("counted_at", nullable=True),
    _moment("failing_since", nullable=True),
    _text("error"),
    info=about("How far the guard has read each log."),
)

trigger_states = Table(
    "trigger_states",
    metadata,
    Column("model", Text, primary_key=True),
    Column("version", Text, primary_key=True),
    Column("trigger", Text, primary_key=True),
    Column("looks", JSONB, nullable=False),
    _moment("looked_at", nullable=True),
    _moment("exceeded_since", nullable=True),
    Column("reading", JSONB),
    info=about("Per model, version and limit of the guard: what the last looks saw."),
)

rollbacks = Table(
    "rollbacks",
    metadata,
    Column("rollback_id", BigInteger, primary_key=True),
    _text("model"),
    _text("bad_version"),
    Column("target_version", Text),
    _text("trigger"),
    _text("status"),
    _text("reason"),
    _text("explanation"),
    _text("cause_key", unique=True),
    _text("actor"),
    Column("evidence", JSONB, nullable=False),
    _moment("first_seen_at"),
    _moment("created_at"),
    _moment("updated_at"),
    _moment("done_at", nullable=True),
    _moment("verify_at", nullable=True),
    _moment("ended_at", nullable=True),
    Column("incident_id", ForeignKey(incidents.c.incident_id, ondelete="SET NULL")),
    Index("rollbacks_by_time", "model", "created_at"),
    Index("rollbacks_open", "status", postgresql_where=text("status IN ('done', 'awaiting_approval')")),
    info=about("Every rollback that was done, held, refused, asked for or only told, and whether it helped."),
)

experiments = Table(
    "experiments",
    metadata,
    Column("experiment", Text, primary_key=True),
    _text("model"),
    Column("config", JSONB, nullable=False),
    _text("status"),
    Column("phase", Integer, nullable=False),
    Column("stage", Integer, nullable=False),
    Column("counting", Integer, nullable=False),
    _text("incumbent"),
    Column("routes_revision", BigInteger),
    Column("assignments", JSONB, nullable=False),
    Column("looks", JSONB, nullable=False),
    Column("analysis", JSONB),
    _moment("created_at"),
    _text("created_by"),
    _moment("started_at", nullable=True),
    _moment("counted_since", nullable=True),
    _moment("stage_since", nullable=True),
    _moment("predictions_until", nullable=True),
    _moment("labels_until", nullable=True),
    _moment("looked_at", nullable=True),
    _moment("ended_at", nullable=True),
    _text("held_reason"),
    _text("end_reason"),
    _text("error"),
    Column("reference", JSONB),
    Column("strategy_before", Text),
    Column("salt_before", Text),
    Index("experiments_one_running", "model", unique=True, postgresql_where=text("status = 'running'")),
    info=about("A/B tests and gradual rollouts, with their configuration and stage."),
)

experiment_arms = Table(
    "experiment_arms",
    metadata,
    Column("experiment", ForeignKey(experiments.c.experiment, ondelete="CASCADE"), primary_key=True),
    Column("counting", Integer, primary_key=True, autoincrement=False),
    Column("version", Text, primary_key=True),
    Column("statistics", JSONB, nullable=False),
    info=about("The versions of an experiment, with the share asked for."),
)

experiment_units = Table(
    "experiment_units",
    metadata,
    Column("experiment", ForeignKey(experiments.c.experiment, ondelete="CASCADE"), primary_key=True),
    Column("counting", Integer, primary_key=True, autoincrement=False),
    Column("unit", BigInteger, primary_key=True, autoincrement=False),
    Column("sums", ARRAY(Double), nullable=False),
    info=about("What each unit (entity, or prediction) of an experiment has contributed."),
)

experiment_seen = Table(
    "experiment_seen",
    metadata,
    Column("experiment", ForeignKey(experiments.c.experiment, ondelete="CASCADE"), primary_key=True),
    Column("counting", Integer, primary_key=True, autoincrement=False),
    Column("feed", Text, primary_key=True),
    Column("hour", TIMESTAMP(timezone=True), primary_key=True),
    Column("digests", LargeBinary, nullable=False),
    info=about("Which rows of the last day an experiment has counted, by hour: digests of their ids, 8 bytes each."),
)

experiment_batches = Table(
    "experiment_batches",
    metadata,
    Column("experiment", ForeignKey(experiments.c.experiment, ondelete="CASCADE"), primary_key=True),
    Column("batch_key", Text, primary_key=True),
    _moment("received_at"),
    info=about("Figures that applications collected themselves."),
)

experiment_verdicts = Table(
    "experiment_verdicts",
    metadata,
    Column("experiment", ForeignKey(experiments.c.experiment, ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("phase", Integer, nullable=False),
    Column("stage", Integer, nullable=False),
    _text("verdict"),
    Column("winner", Text),
    _text("reason"),
    _text("recommendation"),
    _text("actor"),
    Column("is_override", Boolean, nullable=False),
    _moment("decided_at"),
    Column("acted_revision", BigInteger),
    Column("analysis", JSONB),
    info=about("Every verdict on an experiment, persons' overrides among them. Rows are only added."),
)

experiment_course = Table(
    "experiment_course",
    metadata,
    Column("experiment", ForeignKey(experiments.c.experiment, ondelete="CASCADE"), primary_key=True),
    Column("counting", Integer, primary_key=True, autoincrement=False),
    _moment("at", primary_key=True),
    Column("points", JSONB, nullable=False),
    info=about("What looks at an experiment found, thinned to what a chart can show."),
)
