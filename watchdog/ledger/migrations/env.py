"""Run by alembic: migrate on the connection, inside the transaction, that ``watchdog.ledger.migrating`` has opened."""

from __future__ import annotations

from alembic import context

from watchdog.ledger.schema import VERSION_TABLE, metadata

# transactional_ddl: alembic believes SQLite cannot roll back DDL; with BEGIN said by ourselves it can
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    transactional_ddl=True,
)
context.run_migrations()
