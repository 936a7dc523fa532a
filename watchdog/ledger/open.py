"""The one way into the ledger: ``open_ledger`` returns a ``Ledger``, which is all the books in one."""

from __future__ import annotations

from pathlib import Path

from watchdog.errors import BadSettings, LedgerUnavailable
from watchdog.ledger.approvals import Approvals
from watchdog.ledger.door import METRICS, Door, WatchedFile
from watchdog.ledger.drifts import Episodes
from watchdog.ledger.engines import postgresql_engine, sqlite_engine
from watchdog.ledger.histories import Histories
from watchdog.ledger.holdings import Holdings
from watchdog.ledger.ignores import Ignores
from watchdog.ledger.keeping import OffsetRows, TallyRows, VerificationRows
from watchdog.ledger.leases import Leases
from watchdog.ledger.outbox import Outbox
from watchdog.ledger.pauses import Pauses
from watchdog.ledger.preparing import MIGRATIONS, Preparation, prepare_postgresql, prepare_sqlite
from watchdog.ledger.pruning import Pruning
from watchdog.ledger.repairs import Repairs
from watchdog.ledger.schema import HEAD
from watchdog.ledger.settings import KeepSettings, LedgerSettings, sqlite_path
from watchdog.ledger.storage import Forgetful
from watchdog.ledger.window import refuse_writing
from watchdog.model.metrics import Instruments, Silent
from watchdog.model.moments import Clock
from watchdog.runtime.log import get_logger

log = get_logger(__name__)

__all__ = ["METRICS", "Ledger", "open_ledger"]


class Ledger(Episodes, Ignores, Histories, Repairs, Approvals, Leases, Holdings, Pauses, Outbox, Pruning):
    """Everything we must still know after a crash. Satisfies the reconciler's LedgerPort; usable from any thread.

    ``tallies``, ``offsets`` and ``verifications`` are the books of ``model.keeping``.
    """

    def __init__(self, door: Door, host: str, clock: Clock, keep: KeepSettings) -> None:
        super().__init__(door, host, clock, keep)
        self.tallies = TallyRows(door, host, clock)
        self.offsets = OffsetRows(door, host, clock)
        self.verifications = VerificationRows(door, host, clock)

    def check(self) -> None:
        """Make sure that the ledger can be used now: one small read. Raises LedgerUnavailable, LedgerReadOnly."""
        self._door.check()

    @property
    def life(self) -> int:
        """Return a number that changes when the ledger was away, or another file stands in the place of the one that was used until now."""
        return self._door.life

    def close(self) -> None:
        """Give back all connections."""
        self._door.close()


def open_ledger(
    settings: LedgerSettings,
    clock: Clock,
    *,
    migrate: bool,
    host: str,
    instruments: Instruments | None = None,
    patient: bool = False,
    forgiving: bool = False,
    migrations: Path = MIGRATIONS,
    head: str = HEAD,
) -> Ledger:
    """Open the ledger that ``settings`` name, for the rows of ``host``.

    ``migrate`` is for `run` and `demo` only: they make the file and the tables, and bring an older schema up to ours. With ``patient``
    a ledger that cannot be used now is returned all the same; every use tries again and raises LedgerUnavailable until it works; with
    ``forgiving`` so is one on storage that forgets: nobody needs it enough to be refused. Raises
    BadSettings (unfit storage, newer schema, missing driver; the text names the way out) and, unless ``patient``, LedgerUnavailable. A
    newer schema that says it can still be read by us is opened: whatever would write raises LedgerReadOnly.
    """
    url = settings.resolved()
    path = sqlite_path(url)
    how = Preparation(migrate, settings.migration_timeout, settings.ephemeral, migrations, head)
    engine = sqlite_engine(path, settings.busy_timeout, clock) if path else postgresql_engine(url, settings.busy_timeout)

    def prepare() -> None:
        if path:
            prepare_sqlite(engine, path, how)
        else:
            prepare_postgresql(engine, how)

    where = str(path or engine.url.render_as_string(hide_password=True))
    door = Door(
        engine, prepare, clock, instruments or Silent(), settings.busy_timeout, lambda connection: refuse_writing(connection, head, where)
    )
    door.file = WatchedFile(path) if path else None
    try:
        door.prepare()
    except (LedgerUnavailable, BadSettings) as error:
        if not (patient if isinstance(error, LedgerUnavailable) else forgiving and isinstance(error, Forgetful)):
            door.close()
            raise
        log.warning("beginning without a ledger", error=str(error))
    return Ledger(door, host, clock, settings.keep)
