"""May a program of one schema use a ledger of another? Older: migrate it. Newer: read it within its window, else keep away."""

from __future__ import annotations

from sqlalchemy import Connection, delete, insert, inspect, select
from sqlalchemy.schema import Column, MetaData, Table
from sqlalchemy.types import Text

from watchdog.errors import BadSettings, LedgerReadOnly
from watchdog.ledger.schema import VERSION_TABLE, schema_window

_version_table = Table(VERSION_TABLE, MetaData(), Column("version_num", Text))


def version_of(connection: Connection) -> str | None:
    """Return the schema that a database has; None = none of ours."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.execute(select(_version_table.c.version_num)).scalar()


def is_newer(version: str | None, head: str) -> bool:
    """Whether a database's schema is one that a program of schema ``head`` does not know."""
    return version is not None and version != head and not (version.isdecimal() and int(version) < int(head))


def refuse_unreadable(connection: Connection, version: str | None, head: str, where: str) -> None:
    """Raise BadSettings, naming the way out, for a newer schema that does not promise to be readable for programs of ``head``."""
    if is_newer(version, head) and not _readable(connection, version or "", head):
        raise BadSettings(
            f"ledger: '{where}' has schema {version}, and this program knows schemas up to {head}: a newer panel-watchdog has used it. "
            "Start that version again, or name another ledger, or put back the copy that was made beside it before the change"
        )


def refuse_writing(connection: Connection, head: str, where: str) -> None:
    """Raise LedgerReadOnly when the schema is, or has become, a newer one than ``head``; asked in each transaction that writes."""
    version = connection.execute(select(_version_table.c.version_num)).scalar()
    if is_newer(version, head):
        raise LedgerReadOnly(
            f"the ledger '{where}' has schema {version}, and this program knows schemas up to {head}: a newer panel-watchdog has used it. "
            "Looking and exporting go on, nothing is written and nothing is sent until this program is brought to that version"
        )


def open_window(connection: Connection, head: str, oldest_reader: str) -> None:
    """Write down, in the transaction of a migration to ``head``, from which schema on programs may go on reading."""
    schema_window.create(connection, checkfirst=True)
    connection.execute(delete(schema_window))
    connection.execute(insert(schema_window).values(head=head, oldest_reader=oldest_reader))


def _readable(connection: Connection, version: str, head: str) -> bool:
    if not version.isdecimal() or not inspect(connection).has_table(schema_window.name):
        return False
    oldest = connection.execute(select(schema_window.c.oldest_reader).where(schema_window.c.head == version)).scalar()
    return oldest is not None and oldest.isdecimal() and int(oldest) <= int(head)
