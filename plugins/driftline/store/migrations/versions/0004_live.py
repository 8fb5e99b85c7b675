"""Live figures: per version and minute, predictions by their own time and labels by their arrival, with watermarks."""

from alembic import op

revision = "0004"
down_revision = "0003"

STATEMENTS = """
CREATE TABLE driftline.live_predictions (
    model text NOT NULL,
    minute timestamptz NOT NULL,
    version text NOT NULL,
    predictions bigint NOT NULL CHECK (predictions >= 0),
    errors bigint NOT NULL CHECK (errors >= 0 AND errors <= predictions),
    latencies jsonb NOT NULL,
    PRIMARY KEY (model, minute, version)
);
CREATE TABLE driftline.live_outcomes (
    model text NOT NULL,
    minute timestamptz NOT NULL,
    version text NOT NULL,
    labeled bigint NOT NULL CHECK (labeled >= 0),
    true_positives bigint NOT NULL,
    false_positives bigint NOT NULL,
    false_negatives bigint NOT NULL,
    true_negatives bigint NOT NULL,
    error_sum double precision NOT NULL,
    absolute_error_sum double precision NOT NULL,
    squared_error_sum double precision NOT NULL,
    PRIMARY KEY (model, minute, version)
);
CREATE TABLE driftline.live_watermarks (
    model text NOT NULL,
    feed text NOT NULL CHECK (feed IN ('predictions', 'labels')),
    counted_until timestamptz,
    rescanned_from timestamptz,
    newest_row timestamptz,
    rows_ahead bigint NOT NULL CHECK (rows_ahead >= 0),
    first_attempt_at timestamptz NOT NULL,
    attempted_at timestamptz NOT NULL,
    counted_at timestamptz,
    failing_since timestamptz,
    error text NOT NULL,
    PRIMARY KEY (model, feed)
);
"""


def upgrade() -> None:
    for statement in STATEMENTS.split(";\n"):
        if statement.strip():
            op.execute(statement)
