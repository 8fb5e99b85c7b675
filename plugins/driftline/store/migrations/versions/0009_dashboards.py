"""Indexes for what is drawn over time: one statistic of many windows, and what was found without the rest."""

from alembic import op

revision = "0009"
down_revision = "0008"

# Both hold all that a graph needs, so that it reads no row of a table in which a model has thousands a day.
STATEMENTS = """
CREATE INDEX findings_by_test ON driftline.findings (model, test, segment, window_end)
    INCLUDE (subject, version, comparison, check_name, status, severity, statistic, threshold);
CREATE INDEX findings_not_ok ON driftline.findings (model, window_end)
    INCLUDE (check_name, comparison, version, segment, subject, test, status, severity) WHERE status <> 'ok';
"""


def upgrade() -> None:
    for statement in STATEMENTS.split(";\n"):
        if statement.strip():
            op.execute(statement)
