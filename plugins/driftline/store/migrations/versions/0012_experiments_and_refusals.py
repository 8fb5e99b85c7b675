"""What errors by entity are measured by, what has been read of the last day; alerts that are refused for good."""

from alembic import op

revision = "0012"
down_revision = "0011"

STATEMENTS = """
ALTER TABLE driftline.experiments
    ADD COLUMN reference jsonb,
    ADD COLUMN strategy_before text,
    ADD COLUMN salt_before text;
CREATE TABLE driftline.experiment_seen (
    experiment text NOT NULL REFERENCES driftline.experiments ON DELETE CASCADE,
    counting integer NOT NULL,
    feed text NOT NULL CHECK (feed IN ('predictions', 'labels')),
    hour timestamptz NOT NULL,
    digests bytea NOT NULL,
    PRIMARY KEY (experiment, counting, feed, hour)
);
ALTER TABLE driftline.alert_outbox
    ADD COLUMN refused_since timestamptz,
    ADD COLUMN refusals integer NOT NULL DEFAULT 0,
    DROP CONSTRAINT alert_outbox_status,
    ADD CONSTRAINT alert_outbox_status CHECK (status IN ('pending', 'sent', 'silenced', 'dropped', 'failed'));
CREATE INDEX alert_outbox_failed ON driftline.alert_outbox (destination) WHERE status = 'failed';
"""


def upgrade() -> None:
    for statement in STATEMENTS.split(";\n"):
        if statement.strip():
            op.execute(statement)
