"""Drive alembic. The only importer of it: ``preparing`` comes here only when the schema is not current."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection


def upgrade(connection: Connection, migrations: Path, head: str) -> str:
    """Given a connection inside a transaction that the caller ends, run all steps from where it stands to ``head``.

    Return the oldest schema whose programs may go on reading after the newest step, as it says itself (``oldest_reader``).
    """
    config = Config()  # no alembic.ini: everything it would say is here
    # a percent sign in the path would be taken for an interpolation
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, head)
    newest = ScriptDirectory.from_config(config).get_revision(head).module
    return str(getattr(newest, "oldest_reader", head))
