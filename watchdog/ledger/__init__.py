"""The ledger: everything we must still know after a crash. The only room that imports SQLAlchemy and alembic.

The map of the room::

    settings.py       where it is; how much history it keeps
    open.py           open_ledger() -> Ledger: the one door other rooms use
    schema.py         the tables
    migrations/       how they came to be; run by `run` and `demo` only, and imported only when the schema is not current
    preparing.py      before first use: storage check, lock, copy, migrate, version check
    storage.py        which file system a path is on
    engines.py        SQLite or PostgreSQL, made to behave alike
    door.py           transactions; every database error leaves as LedgerUnavailable (faults.py has the words)
    values.py         frozen values <-> rows
    drifts.py  ignores.py  histories.py  repairs.py  approvals.py  leases.py  holdings.py  keeping.py  pruning.py
                      the books, each one class; Ledger is all of them

Nothing is imported here, so that reading the settings costs no SQLAlchemy.
"""
