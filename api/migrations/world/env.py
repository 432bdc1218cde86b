"""Run by alembic with a connection that is already in a transaction."""

from alembic import context

from gis.store.tables import WORLD

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=WORLD,
    version_table=context.config.attributes["version_table"],
    transactional_ddl=True,
)
context.run_migrations()
