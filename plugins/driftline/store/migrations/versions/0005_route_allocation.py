"""Which entities each version has: strategy, salt and allocation beside the routes, for the routers to read."""

from alembic import op

revision = "0005"
down_revision = "0004"

STATEMENTS = """
ALTER TABLE driftline.route_revisions
    ADD COLUMN strategy text NOT NULL DEFAULT 'hash_based',
    ADD COLUMN salt text NOT NULL DEFAULT '',
    ADD COLUMN allocation jsonb NOT NULL DEFAULT '[]';
UPDATE driftline.route_revisions AS revised SET salt = revised.model, allocation = placed.allocation
FROM (
    SELECT model, jsonb_agg(jsonb_build_array(bound, version) ORDER BY bound) AS allocation
    FROM (
        SELECT model, version,
               (sum(share) OVER (PARTITION BY model ORDER BY version) * 1000000)::bigint AS bound
        FROM driftline.routes WHERE share > 0
    ) AS cumulated GROUP BY model
) AS placed
WHERE placed.model = revised.model;
ALTER TABLE driftline.route_revisions
    ALTER COLUMN strategy DROP DEFAULT, ALTER COLUMN salt DROP DEFAULT, ALTER COLUMN allocation DROP DEFAULT;
"""


def upgrade() -> None:
    for statement in STATEMENTS.split(";\n"):
        if statement.strip():
            op.execute(statement)
