"""The transactional outbox: a letter is written in the transaction of what it tells, and leaves by compare-and-set.

``waiting`` -> ``sending`` (claimed for one message, a batch) -> ``sent``; or back to ``waiting``. A process that is killed between the
sending and the mark leaves ``sending``: its successor sends once more, for nobody can know. So a letter arrives at least once.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final, cast

from sqlalchemy import ColumnElement, Connection, RowMapping, delete, func, or_, select, update

from watchdog.ledger.book import Book
from watchdog.ledger.posting import DROPPED, FAILED, MERGED, SENDING, SENT, WAITING
from watchdog.ledger.schema import outbox
from watchdog.model.drifts import Severity
from watchdog.model.notes import Backlog, Event, Letter, Note, Parcel

_OVER = (SENT, MERGED, DROPPED, FAILED)
_ONE_MORE = outbox.c.version + 1
_FUTURE: Final = 86400.0
"""Seconds: a rest that lies farther ahead was written by a clock that jumped."""


class Outbox(Book):
    """Letters of this host. Satisfies ``model.notes.OutboxBook``."""

    def post(self, letters: Collection[Letter], now: float) -> int:
        """Write letters that belong to no other change; return how many were new."""
        if not letters:
            return 0
        with self._door.write() as connection:
            return self._tell(connection, letters, now)

    def waiting(self, channel: str, now: float, limit: int = 500) -> tuple[Parcel, ...]:
        """Return what may go to ``channel`` now, the oldest first."""
        due = or_(outbox.c.not_before <= now, outbox.c.not_before > now + _FUTURE)
        mine = select(outbox).where(self._of(channel), outbox.c.state == WAITING, due).order_by(outbox.c.id).limit(limit)
        with self._door.read() as connection:
            return tuple(map(_parcel, connection.execute(mine).mappings().all()))

    def claim(self, ids: Collection[int], batch: str, holder: str, now: float) -> tuple[Parcel, ...]:
        """Take letters for one message; only those that nobody else took since they were read."""
        taken = {"state": SENDING, "batch": batch, "holder": holder, "claimed_at": now, "version": _ONE_MORE}
        free = (outbox.c.host == self._host) & outbox.c.id.in_(sorted(ids)) & (outbox.c.state == WAITING)
        with self._door.write() as connection:
            rows = connection.execute(update(outbox).where(free).values(taken).returning(outbox)).mappings().all()
        return tuple(sorted(map(_parcel, rows), key=lambda each: each.id))

    def delivered(self, batch: str, now: float) -> int:
        """Mark a batch as sent."""
        return self._end(batch, {"state": SENT, "ended_at": now})

    def returned(self, batch: str, reason: str) -> int:
        """Put a batch that was not sent back in its place, one attempt more."""
        return self._end(batch, {"state": WAITING, "batch": "", "holder": "", "reason": reason, "attempts": outbox.c.attempts + 1})

    def abandoned(self, batch: str, reason: str, now: float) -> int:
        """Mark a batch that no attempt can deliver."""
        return self._end(batch, {"state": FAILED, "ended_at": now, "reason": reason, "attempts": outbox.c.attempts + 1})

    def recover(self, channel: str, holder: str, dead: Collection[str], before: float) -> int:
        """Put back what others took and did not end: ``dead`` holders, and anybody's claims from before ``before`` but ``holder``'s."""
        lost = or_(outbox.c.holder.in_(sorted(dead)), outbox.c.claimed_at < before)
        which = self._of(channel) & (outbox.c.state == SENDING) & (outbox.c.holder != holder) & lost
        back = {"state": WAITING, "batch": "", "holder": "", "reason": "lost", "attempts": outbox.c.attempts + 1, "version": _ONE_MORE}
        with self._door.write() as connection:
            return connection.execute(update(outbox).where(which).values(back)).rowcount

    def holders(self, channel: str) -> tuple[str, ...]:
        """Return who has claims on letters to ``channel``."""
        mine = select(outbox.c.holder).where(self._of(channel), outbox.c.state == SENDING).distinct()
        with self._door.read() as connection:
            return tuple(sorted(connection.execute(mine).scalars()))

    def sends(self, channel: str, since: float, until: float) -> tuple[float, ...]:
        """Return when messages went to ``channel`` in that time, the oldest first."""
        at = func.min(outbox.c.ended_at)
        lately = self._of(channel) & (outbox.c.state == SENT) & (outbox.c.ended_at > since) & (outbox.c.ended_at <= until)
        with self._door.read() as connection:
            return tuple(sorted(connection.execute(select(at).where(lately).group_by(outbox.c.batch)).scalars()))

    def backlog(self) -> Mapping[str, Backlog]:
        """Return what waits, by channel; what rests for its window does not count."""
        waits = (outbox.c.host == self._host) & outbox.c.state.in_((WAITING, SENDING)) & (outbox.c.not_before == 0.0)
        counted = select(outbox.c.channel, func.count(), func.min(outbox.c.created_at)).where(waits).group_by(outbox.c.channel)
        with self._door.read() as connection:
            return {channel: Backlog(count, oldest) for channel, count, oldest in connection.execute(counted)}

    def tidy(self, channels: Collection[str], before: float, stale: float, bound: int, now: float) -> Mapping[tuple[str, str, str], int]:
        """Remove what is over and too much; see ``model.notes.OutboxBook``."""
        ours = outbox.c.host == self._host
        dropped: dict[tuple[str, str, str], int] = {}
        with self._door.write() as connection:
            connection.execute(delete(outbox).where(ours, outbox.c.state.in_(_OVER), outbox.c.ended_at < before))
            held = ours & (outbox.c.state == WAITING)
            self._drop(connection, held & outbox.c.channel.not_in(sorted(channels)), "no_channel", dropped, now)
            self._drop(connection, held & (outbox.c.created_at < stale), "stale", dropped, now)
            more = connection.execute(select(func.count()).select_from(outbox).where(ours)).scalar_one() - bound
            if more > 0:
                oldest = select(outbox.c.id).where(ours, outbox.c.state.in_(_OVER)).order_by(outbox.c.id).limit(more)
                more -= connection.execute(delete(outbox).where(outbox.c.id.in_(oldest))).rowcount
            if more > 0:
                first = select(outbox.c.id).where(held).order_by(outbox.c.id).limit(more)
                self._drop(connection, outbox.c.id.in_(first), "full", dropped, now)
                connection.execute(delete(outbox).where(ours, outbox.c.state == DROPPED))
        return dropped

    @staticmethod
    def _drop(
        connection: Connection, which: ColumnElement[bool], reason: str, dropped: dict[tuple[str, str, str], int], now: float
    ) -> None:
        gone = {"state": DROPPED, "reason": reason, "ended_at": now, "version": _ONE_MORE}
        for row in connection.execute(update(outbox).where(which).values(gone).returning(outbox.c.channel, outbox.c.event)):
            key = (row.channel, row.event, reason)
            dropped[key] = dropped.get(key, 0) + 1

    def _of(self, channel: str) -> ColumnElement[bool]:
        return (outbox.c.host == self._host) & (outbox.c.channel == channel)

    def _end(self, batch: str, values: dict[str, Any]) -> int:
        mine = (outbox.c.host == self._host) & (outbox.c.batch == batch) & (outbox.c.state == SENDING)
        with self._door.write() as connection:
            return connection.execute(update(outbox).where(mine).values(**values, version=_ONE_MORE)).rowcount


def _parcel(row: RowMapping) -> Parcel:
    note = Note(
        cast(Event, row["event"]),
        cast(Severity, row["severity"]),
        row["target"],
        row["subject"],
        row["occasion"],
        row["title"],
        row["body"],
    )
    return Parcel(row["id"], row["channel"], note, row["created_at"], row["attempts"], row["folded"])
