"""Revised verdicts: what each window's verdict was and became, and how far the labels have been looked through."""

from alembic import op

revision = "0003"
down_revision = "0002"

STATEMENTS = """
ALTER TABLE driftline.slices ADD COLUMN log_digest bigint;
ALTER TABLE driftline.decisions ADD COLUMN extracted_at timestamptz;
CREATE TABLE driftline.label_watermarks (
    model text PRIMARY KEY,
    arrived_until timestamptz,
    looked_at timestamptz NOT NULL,
    compared_at timestamptz,
    delays jsonb NOT NULL
);
CREATE TABLE driftline.verdict_history (
    model text NOT NULL,
    window_start timestamptz NOT NULL,
    window_end timestamptz NOT NULL,
    revision integer NOT NULL CHECK (revision >= 1),
    verdict text NOT NULL CHECK (verdict IN ('nothing', 'alert', 'roll_back')),
    severity text NOT NULL,
    reason text NOT NULL,
    is_suppressed boolean NOT NULL,
    is_provisional boolean NOT NULL,
    performance jsonb NOT NULL,
    run_id text NOT NULL,
    decided_at timestamptz NOT NULL,
    PRIMARY KEY (model, window_start, window_end, revision)
);
"""


def upgrade() -> None:
    for statement in STATEMENTS.split(";\n"):
        if statement.strip():
            op.execute(statement)
