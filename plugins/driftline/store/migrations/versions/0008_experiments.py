"""Experiments: their state, what their arms have shown, what was ruled."""

from alembic import op

revision = "0008"
down_revision = "0007"

STATEMENTS = """
CREATE TABLE driftline.experiments (
    experiment text PRIMARY KEY,
    model text NOT NULL,
    config jsonb NOT NULL,
    status text NOT NULL CHECK (status IN ('created', 'running', 'concluded', 'stopped')),
    phase integer NOT NULL CHECK (phase >= 0),
    stage integer NOT NULL CHECK (stage >= 0),
    counting integer NOT NULL CHECK (counting >= 0),
    incumbent text NOT NULL,
    routes_revision bigint,
    assignments jsonb NOT NULL,
    looks jsonb NOT NULL,
    analysis jsonb,
    created_at timestamptz NOT NULL,
    created_by text NOT NULL,
    started_at timestamptz,
    counted_since timestamptz,
    stage_since timestamptz,
    predictions_until timestamptz,
    labels_until timestamptz,
    looked_at timestamptz,
    ended_at timestamptz,
    held_reason text NOT NULL,
    end_reason text NOT NULL,
    error text NOT NULL
);
CREATE UNIQUE INDEX experiments_one_running ON driftline.experiments (model) WHERE status = 'running';
CREATE TABLE driftline.experiment_arms (
    experiment text NOT NULL REFERENCES driftline.experiments ON DELETE CASCADE,
    counting integer NOT NULL,
    version text NOT NULL,
    statistics jsonb NOT NULL,
    PRIMARY KEY (experiment, counting, version)
);
CREATE TABLE driftline.experiment_units (
    experiment text NOT NULL REFERENCES driftline.experiments ON DELETE CASCADE,
    counting integer NOT NULL,
    unit bigint NOT NULL,
    sums double precision[] NOT NULL,
    PRIMARY KEY (experiment, counting, unit)
);
CREATE TABLE driftline.experiment_batches (
    experiment text NOT NULL REFERENCES driftline.experiments ON DELETE CASCADE,
    batch_key text NOT NULL,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (experiment, batch_key)
);
CREATE TABLE driftline.experiment_verdicts (
    experiment text NOT NULL REFERENCES driftline.experiments ON DELETE CASCADE,
    number integer NOT NULL,
    phase integer NOT NULL,
    stage integer NOT NULL,
    verdict text NOT NULL CHECK (verdict IN ('continue', 'hold', 'promote', 'roll_back', 'inconclusive')),
    winner text,
    reason text NOT NULL,
    recommendation text NOT NULL,
    actor text NOT NULL,
    is_override boolean NOT NULL,
    decided_at timestamptz NOT NULL,
    acted_revision bigint,
    analysis jsonb,
    PRIMARY KEY (experiment, number)
);
"""


def upgrade() -> None:
    for statement in STATEMENTS.split(";\n"):
        if statement.strip():
            op.execute(statement)
