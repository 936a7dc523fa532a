"""Ages of stamps that a jump of the wall clock cannot change.

The ledger keeps UNIX seconds, for people and for other hosts. What decides (confirmation, cooldown, back-off, settling, expiry) must not
depend on an administrator or NTP moving the wall clock: the first time a stamp is seen its age is taken by the wall clock, from then on
that age grows by the monotonic clock (CLOCK_BOOTTIME) alone. After a restart the wall clock speaks once more; a stamp that then lies
in the future is taken as being of this moment.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace

from watchdog.model.approvals import Approval
from watchdog.model.drifts import Episode, ObjectKey
from watchdog.model.moments import Moment
from watchdog.model.repairs import LedgerFacts, ObjectHistory, RepairRecord


class Steady:
    """Restates ledger values in today's wall clock. Belongs to one loop; not shared between threads.

    ``cap`` is the longest wait in seconds that a stamp in the future may ask for.
    """

    def __init__(self, cap: float) -> None:
        self._cap = cap
        self._seen: dict[Hashable, tuple[float, float, float]] = {}
        self._used: set[Hashable] = set()

    def past(self, key: Hashable, stamp: float, now: Moment) -> float:
        """Given a stamp of the past, return the wall time at which it would be written today; never in the future."""
        return now.wall - self._age(key, stamp, now, least=0.0)

    def future(self, key: Hashable, stamp: float, now: Moment) -> float:
        """Given a stamp that may lie ahead, return it restated; at most ``cap`` seconds ahead."""
        return now.wall - self._age(key, stamp, now, least=-self._cap)

    def turn(self) -> None:
        """Forget the stamps that nobody asked for since the last turn. Call once per pass."""
        self._seen = {key: value for key, value in self._seen.items() if key in self._used}
        self._used = set()

    def episode(self, episode: Episode, now: Moment) -> Episode:
        """Return ``episode`` with ``looks_since`` and ``ignored_until`` restated."""
        until = episode.ignored_until
        return replace(
            episode,
            looks_since=self.past(("looks", episode.id), episode.looks_since, now),
            # a person named this date: only the part of it that a jump made is taken out
            ignored_until=None if until is None else now.wall - self._age(("ignored", episode.id), until, now, least=-float("inf")),
        )

    def history(self, key: ObjectKey, history: ObjectHistory, now: Moment) -> ObjectHistory:
        """Return the history of one object with its stamps restated."""
        return replace(
            history,
            last_attempt_at=None if history.last_attempt_at is None else self.past(("attempt", key), history.last_attempt_at, now),
            last_verified_at=None if history.last_verified_at is None else self.past(("verified", key), history.last_verified_at, now),
            not_before=self._not_before(key, history, now),
        )

    def _not_before(self, key: ObjectKey, history: ObjectHistory, now: Moment) -> float | None:
        if history.not_before is None:
            return None
        stamp = self.future(("not_before", key), history.not_before, now)
        if history.last_attempt_at is None or history.not_before < history.last_attempt_at:
            return stamp
        # both were written by one clock: what lies between them is the rest that was asked for, whatever the clock does before we read them
        asked = history.not_before - history.last_attempt_at
        true = self.past(("attempt", key), history.last_attempt_at, now) + asked
        if true < stamp:  # known from now on: the ledger may keep this stamp beside a later attempt
            self._seen["not_before", key] = (history.not_before, now.wall - true, now.mono)
        return min(stamp, true)

    def facts(self, facts: LedgerFacts, now: Moment) -> LedgerFacts:
        """Return the ledger's facts with histories and the last run of each remedy restated; the memory is the panel's own."""
        return replace(
            facts,
            history={key: self.history(key, history, now) for key, history in facts.history.items()},
            last_remedy_at={key: self.past(("remedy", key), stamp, now) for key, stamp in facts.last_remedy_at.items()},
        )

    def approval(self, approval: Approval, now: Moment) -> Approval:
        """Return ``approval`` with its expiry restated."""
        if approval.expires_at is None:
            return approval
        return replace(approval, expires_at=self.future(("approval", approval.id), approval.expires_at, now))

    def repair_age(self, record: RepairRecord, now: Moment) -> float:
        """Return the seconds since the newest thing that is written in a repair's row: its outcome, else its act, else its intent."""
        stamp = record.outcome_at or record.acted_at or record.intended_at
        return self._age(("repair", record.id, stamp), stamp, now, least=0.0)

    def _age(self, key: Hashable, stamp: float, now: Moment, least: float) -> float:
        self._used.add(key)
        known = self._seen.get(key)
        if known is None or known[0] != stamp:
            known = (stamp, max(least, now.wall - stamp), now.mono)
            self._seen[key] = known
        return known[1] + (now.mono - known[2])
