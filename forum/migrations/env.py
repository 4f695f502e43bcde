"""How alembic gets at our database: the roof hands it a connection."""

from alembic import context

from forum.tables import Table

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Table.metadata, render_as_batch=False)
context.run_migrations()
