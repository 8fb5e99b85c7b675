"""Alembic's entry: runs on the connection that `driftline.store.migrate` hands over."""

from alembic import context

from driftline.store.tables import SCHEMA, metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table_schema=SCHEMA,
    include_schemas=True,
    transactional_ddl=True,
)
context.run_migrations()
