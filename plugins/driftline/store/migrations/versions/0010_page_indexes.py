"""Indexes for the pages: one feature's drift over time, what drifted at all, one figure over time."""

from alembic import op

revision = "0010"
down_revision = "0009"

STATEMENTS = """
CREATE INDEX findings_heat ON driftline.findings (model, subject, window_end) INCLUDE (version, status, severity)
    WHERE check_name = 'drift' AND comparison = 'baseline' AND segment = '';
CREATE INDEX findings_drifted ON driftline.findings (model, segment, window_end) INCLUDE (subject, version, severity)
    WHERE check_name = 'drift' AND comparison = 'baseline' AND status = 'detected';
CREATE INDEX findings_figures ON driftline.findings (model, subject, test, window_end) WHERE check_name <> 'drift';
"""


def upgrade() -> None:
    for statement in STATEMENTS.split(";\n"):
        if statement.strip():
            op.execute(statement)
