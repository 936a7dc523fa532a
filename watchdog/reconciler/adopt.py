"""Repairs whose process died: found at start and in every pass, marked in doubt, and judged by looking again (rule 6)."""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Collection, Iterable
from pathlib import Path

from watchdog.model.repairs import RepairRecord, RepairState
from watchdog.reconciler.ports import LedgerPort

BEGUN = (RepairState.INTENDED, RepairState.ACTING)
TAKEOVER_SECONDS = 10.0
MESSAGE = "its process died before it could write how this ended: look again"


def holder_name(host: str | None = None) -> str:
    """Return the name by which this process holds leases: ``host/pid/random``. Two lives of one pid differ by the last part."""
    return f"{host or socket.gethostname()}/{os.getpid()}/{uuid.uuid4().hex[:8]}"


def dead(holder: str, host: str | None = None) -> bool:
    """Whether a lease's holder was a process of this host that is no more; a holder of another host, or unreadable, is never called so."""
    parts = holder.rsplit("/", 2)
    if len(parts) != 3 or parts[0] != (host or socket.gethostname()) or not parts[1].isdigit():  # noqa: PLR2004  # the three parts
        return False
    return not Path(f"/proc/{parts[1]}").exists()


def adopt(ledger: LedgerPort, records: Iterable[RepairRecord], holder: str, ours: Collection[int], now: float) -> tuple[RepairRecord, ...]:
    """Mark ``in_doubt`` those begun repairs whose owner is gone; return their new rows.

    ``ours`` are the ids that a thread of this process carries out. An owner is gone when the object's lease can be had: it expired.
    One that is alive keeps its lease, on this host or another. It stays counted as the one attempt it was. Raises LedgerUnavailable.
    """
    adopted: list[RepairRecord] = []
    for record in records:
        if record.state not in BEGUN or record.id in ours:
            continue
        lease = ledger.lease(record.object, holder, TAKEOVER_SECONDS)
        if lease is None:
            continue
        moved = ledger.move(record, RepairState.IN_DOUBT, now, message=MESSAGE)
        ledger.release(lease)
        if moved is not None:
            adopted.append(moved)
    return tuple(adopted)


def release_dead(ledger: LedgerPort, host: str | None = None) -> int:
    """Give back the leases of former processes of ``host`` (this one) that are no more; return how many. Raises LedgerUnavailable."""
    gone = [lease for lease in ledger.leases() if dead(lease.holder, host)]
    for lease in gone:
        ledger.release(lease)
    return len(gone)


def owned_elsewhere(ledger: LedgerPort, records: Iterable[RepairRecord], holder: str, ours: Collection[int]) -> frozenset[int]:
    """Return the ids of repairs in doubt whose thread may still hang in another living process (their lease is held): no verdict here."""
    owned: set[int] = set()
    for record in records:
        if record.state is not RepairState.IN_DOUBT or record.id in ours:
            continue
        lease = ledger.lease(record.object, holder, TAKEOVER_SECONDS)
        if lease is None:
            owned.add(record.id)
        else:
            ledger.release(lease)
    return frozenset(owned)
