"""The course of experiments: what was found from look to look, thinned."""

from alembic import op

revision = "0011"
down_revision = "0010"

STATEMENTS = """
CREATE TABLE driftline.experiment_course (
    experiment text NOT NULL REFERENCES driftline.experiments ON DELETE CASCADE,
    counting integer NOT NULL,
    at timestamptz NOT NULL,
    points jsonb NOT NULL,
    PRIMARY KEY (experiment, counting, at)
);
"""


def upgrade() -> None:
    op.execute(STATEMENTS)


def downgrade() -> None:
    op.execute("DROP TABLE driftline.experiment_course")
