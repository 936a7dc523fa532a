"""Pauses with an end that outlives us. Who ends one is decided by one UPDATE: a second end finds nothing to end."""

from __future__ import annotations

from typing import Any, cast

from sqlalchemy import ColumnElement, Connection, RowMapping, select, update

from watchdog.ledger.book import Book
from watchdog.ledger.schema import episodes, pauses
from watchdog.ledger.values import episode
from watchdog.model.notes import Event
from watchdog.model.pauses import Pause, PauseEnd, PauseOrder, PauseSource

_STANDING = pauses.c.ended_at.is_(None)


class Pauses(Book):
    """Pauses of this host. Satisfies ``model.pauses.PauseBook``."""

    def begin_pause(self, order: PauseOrder, until: float | None, boot: str, until_mono: float | None, now: float) -> Pause | None:
        """Write a pause; None when one of the same source stands for the same target and task."""
        values = {
            "host": self._host, "target": order.target, "task": order.task, "source": order.source, "created_at": now, "version": 1,
            **_terms(order, until, boot, until_mono),
        }  # fmt: skip
        written = self._door.insert(pauses).values(values)
        written = written.on_conflict_do_nothing(index_elements=["host", "target", "task", "source"], index_where=_STANDING)
        with self._door.write() as connection:
            row = connection.execute(written.returning(pauses)).mappings().one_or_none()
            return None if row is None else self._told(connection, "pause_begun", _pause(row), now)

    def change_pause(
        self, pause_id: int, version: int, order: PauseOrder, until: float | None, boot: str, until_mono: float | None
    ) -> Pause | None:
        """Give a standing pause another end, length, reason and author; None when it has another version by now, or is over."""
        values = {**_terms(order, until, boot, until_mono), "version": version + 1}
        return self._change_pause(self._standing_pause(pause_id) & (pauses.c.version == version), values, "pause_changed")

    def restate_pause(self, pause_id: int, until: float) -> None:
        """Write where the end of a pause with a length lies on the wall clock by now. That is no change by anybody: the version stays."""
        self._change_pause(self._standing_pause(pause_id), {"until": until})

    def end_pause(self, pause_id: int, version: int | None, end: PauseEnd, by: str, now: float) -> Pause | None:
        """End a pause, once: None when it is over already, or has another version than the one that was meant (None = any)."""
        which = self._standing_pause(pause_id)
        if version is not None:
            which &= pauses.c.version == version
        return self._change_pause(which, {"ended_at": now, "ended": end, "ended_by": by, "version": pauses.c.version + 1}, "pause_ended")

    def pauses(self, target: str | None = None, *, ended: bool = False, limit: int = 1000) -> tuple[Pause, ...]:
        """Return the standing ones, the oldest first; with ``ended`` also those of the past, the newest first."""
        mine = pauses.c.host == self._host
        if target is not None:
            mine &= pauses.c.target == target
        wanted = select(pauses).where(mine).order_by(pauses.c.id.desc()) if ended else select(pauses).where(mine, _STANDING)
        with self._door.read() as connection:
            rows = connection.execute((wanted if ended else wanted.order_by(pauses.c.id)).limit(limit)).mappings().all()
        return tuple(map(_pause, rows))

    def pause(self, pause_id: int) -> Pause | None:
        """Return one pause of this host, standing or over."""
        with self._door.read() as connection:
            row = connection.execute(select(pauses).where(pauses.c.id == pause_id, pauses.c.host == self._host)).mappings().one_or_none()
        return None if row is None else _pause(row)

    def _tell_what_waited(self, connection: Connection, pause: Pause, now: float) -> None:
        """Tell of drifts that were confirmed during a pause and outlast it; of what was told before nothing is written again."""
        mine = (episodes.c.host == self._host) & (episodes.c.target == pause.target) & (episodes.c.opened_at >= pause.created_at)
        rows = connection.execute(select(episodes).where(mine, episodes.c.closed_at.is_(None), ~episodes.c.baseline)).mappings().all()
        left = standing_pauses(connection, self._host, pause.target)
        self._tell(connection, [letter for row in rows for letter in self.teller.opened(episode(row), left)], now)

    def _standing_pause(self, pause_id: int) -> ColumnElement[bool]:
        return (pauses.c.id == pause_id) & (pauses.c.host == self._host) & _STANDING

    def _change_pause(self, which: ColumnElement[bool], values: dict[str, Any], event: Event | None = None) -> Pause | None:
        with self._door.write() as connection:
            row = connection.execute(update(pauses).where(which).values(values).returning(pauses)).mappings().one_or_none()
            if row is None or event is None:
                return None if row is None else _pause(row)
            return self._told(connection, event, _pause(row), self._clock.now().wall)

    def _told(self, connection: Connection, event: Event, pause: Pause, now: float) -> Pause:
        self._tell(connection, self.teller.pause(event, pause), now)
        if event == "pause_ended":
            self._tell_what_waited(connection, pause, now)
        return pause


def standing_pauses(connection: Connection, host: str, target: str) -> tuple[Pause, ...]:
    """Return the pauses of a target that stand, in a transaction of the caller's."""
    mine = select(pauses).where(pauses.c.host == host, pauses.c.target == target, _STANDING).order_by(pauses.c.id)
    return tuple(map(_pause, connection.execute(mine).mappings().all()))


def _terms(order: PauseOrder, until: float | None, boot: str, until_mono: float | None) -> dict[str, Any]:
    return {
        "reason": order.reason, "paused_by": order.by, "until": until, "length": order.length, "boot": boot, "until_mono": until_mono,
    }  # fmt: skip


def _pause(row: RowMapping) -> Pause:
    return Pause(
        row["id"], row["target"], row["task"], cast(PauseSource, row["source"]), row["reason"], row["paused_by"], row["created_at"],
        row["until"], row["length"], row["boot"], row["until_mono"], row["version"], row["ended_at"],
        cast(PauseEnd | None, row["ended"]), row["ended_by"],
    )  # fmt: skip
