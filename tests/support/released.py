"""Ledgers as released versions left them, in tests/ledger/released: written by the very code of each schema, then dumped.

Each holds target ``nas`` of host ``test-host``: drifts open and closed, a repair verified, one unverified, one whose process died in the
middle of it, approvals, ignores, a live holding and one released, tallies, an offset beyond 63 bits, a verification; from 0002 on a pause
that stands, one that stands until 2100 and one that ended; from 0003 on letters sent, being sent and waiting.

How to use it::

    restore_sqlite(path, "0002")
    before = rows_of_sqlite(path)       # {table: its rows}
    server.execute(dump("0002", "postgresql"), name)
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "ledger" / "released"
HOST, TARGET = "test-host", "nas"
SCHEMAS = sorted({path.name.split(".")[0] for path in FOLDER.glob("*.sql")})
Rows = dict[str, list[tuple[object, ...]]]


def dump(schema: str, kind: str) -> str:
    return (FOLDER / f"{schema}.{kind}.sql").read_text(encoding="utf-8")


def restore_sqlite(path: Path, schema: str) -> None:
    """Make the file that a release with this schema left."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(dump(schema, "sqlite"))


def rows_of_sqlite(path: Path) -> Rows:
    """Return every row of every table."""
    with closing(sqlite3.connect(path)) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        return {name: sorted(connection.execute(f"SELECT * FROM {name}").fetchall(), key=repr) for name in names}


def shape_of_sqlite(path: Path) -> dict[str, str]:
    """Return how each table and index was made, with its blanks as one."""
    with closing(sqlite3.connect(path)) as connection:
        made = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    return {name: " ".join(sql.split()) for name, sql in made}
