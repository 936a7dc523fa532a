"""Is a peer's job overdue? The panel's second thread is access control: what it does not do, nobody does (contract section 2). Pure.

A job fires once ``field operator value`` holds (PeerJobs.py, runJob): a date in the panel's own zone, or traffic in GiB by the panel's own
counters. Jobs that take no access away are none of ours.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from watchdog.model.drifts import Drift, Scalar, Subject
from watchdog.panels.wgdashboard.cases import Case
from watchdog.panels.wgdashboard.view import PANEL_NAME, Job, Peer

GIB: Final = float(1 << 30)
COMPARE: Final[dict[str, Callable[[float, float], bool]]] = {
    "eq": operator.eq, "neq": operator.ne, "lgt": operator.gt, "lst": operator.lt,
}  # fmt: skip
ACTIONS: Final = ("restrict", "delete")
SPINS: Final = 10
"""So many errors of the second thread since the panel's start are no passing trouble."""
WESTMOST, EASTMOST = -12 * 3600.0, 14 * 3600.0
"""Seconds east of UTC: when the panel's zone is not known, a date must be due in all of them."""


def overdue(case: Case, peer: Peer) -> Drift | None:
    """Return the drift of a peer that should have lost its access by now and is still in the kernel."""
    subject = Subject("peer", f"{peer.configuration}/{peer.public_key}", peer.name)
    late = [job for job in peer.jobs if job.action in ACTIONS and _is_late(case, subject, peer, job)]
    if not late:
        return None
    job = late[0]
    journal = case.evidence.journal
    dead = "" if journal is None else journal.jobs_died
    spins = journal is not None and journal.jobs_broken >= SPINS
    evidence: dict[str, Scalar] = {"field": job.field, "operator": job.operator, "value": job.value, "action": job.action, "ended_by": dead}
    why = f"the panel's log says that its thread for jobs ended ({dead})" if dead else "the panel's thread for jobs may have ended"
    why = "the panel's thread for jobs fails again and again at one of them (log/error_*.log)" if spins else why
    hold = f"{why}: a full restart of the panel begins it anew; until then restrict the peer in the panel yourself"
    truth = "the panel still lists this peer as having access" if case.sight.elsewhere else "the kernel still lets this peer in"
    belief = f"its job is due: {job.action} once {job.field} {job.operator} {job.value}"
    return Drift("job_overdue", PANEL_NAME, case.settings.name, subject, truth, belief, evidence, None, hold)


def _is_late(case: Case, subject: Subject, peer: Peer, job: Job) -> bool:
    if not _due(case, peer, job, 0.0):
        return False
    since = case.notes.lasts("job_overdue", f"{subject.id}/{job.id}")
    if since >= case.settings.job_overdue_after:
        return True
    # an expiry says itself since when; of a quota only we know since when it has been used up
    return job.field == "date" and job.operator == "lgt" and _due(case, peer, job, case.settings.job_overdue_after)


def _due(case: Case, peer: Peer, job: Job, for_seconds: float) -> bool:
    """Whether the job's condition holds, of an expiry for so many seconds already; False when it cannot be read."""
    compare = COMPARE.get(job.operator)
    if compare is None:
        return False
    if job.field != "date":
        used = _used(peer, job.field)
        try:
            return used is not None and compare(used, float(job.value))
        except ValueError:
            return False
    try:
        at = datetime.strptime(job.value, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return False
    known = case.evidence.process.utc_offset if case.evidence.process else None
    offsets = (WESTMOST, EASTMOST) if known is None else (known,)
    return all(compare(case.now.wall - for_seconds + offset, at) for offset in offsets)


def _used(peer: Peer, field: str) -> float | None:
    received = (peer.rx_bytes + peer.cumulative_rx_bytes) / GIB
    sent = (peer.tx_bytes + peer.cumulative_tx_bytes) / GIB
    return {"total_receive": received, "total_sent": sent, "total_data": received + sent}.get(field)
