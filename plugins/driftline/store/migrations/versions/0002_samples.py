"""Samples of whole rows: per slice and version beside the profiles, and one of each baseline's period."""

from alembic import op

revision = "0002"
down_revision = "0001"

STATEMENTS = """
CREATE TABLE driftline.samples (
    model text NOT NULL,
    baseline_id bigint NOT NULL,
    slice_start timestamptz NOT NULL,
    version text NOT NULL,
    rows bigint NOT NULL CHECK (rows >= 0),
    population bigint NOT NULL CHECK (population >= rows),
    payload bytea NOT NULL,
    PRIMARY KEY (model, baseline_id, slice_start, version)
) PARTITION BY RANGE (slice_start);
CREATE TABLE driftline.baseline_samples (
    baseline_id bigint PRIMARY KEY REFERENCES driftline.baselines ON DELETE CASCADE,
    rows bigint NOT NULL CHECK (rows >= 0),
    population bigint NOT NULL CHECK (population >= rows),
    payload bytea NOT NULL
);
"""


def upgrade() -> None:
    for statement in STATEMENTS.split(";\n"):
        if statement.strip():
            op.execute(statement)
