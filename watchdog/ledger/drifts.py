"""Drift episodes, the target's memory and its baseline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, bindparam, func, insert, select, update

from watchdog.ledger.book import Book
from watchdog.ledger.ignores import Ignoring
from watchdog.ledger.pauses import standing_pauses
from watchdog.ledger.schema import UNFINISHED, baselines, episodes, memories, objects, repairs
from watchdog.ledger.values import episode, evidence_key, pack, pack_drift, unpack_drift
from watchdog.model.approvals import BaselineState
from watchdog.model.drifts import Drift, Episode, Judgement
from watchdog.model.notes import Letter
from watchdog.model.pauses import Pause

Word = Callable[[Episode, tuple[Pause, ...]], tuple[Letter, ...]]
FORGIVE_AFTER = 3600.0
_ONE_MORE = episodes.c.version + 1


class Episodes(Book):
    """What was seen to differ, over time. Only the own host's: two agents may watch one target and see different subjects of it."""

    def observe(self, target: str, judgement: Judgement, now: float, *, baseline: bool) -> tuple[Episode, ...]:
        """Record one look, in one transaction; see the reconciler's port. The sequence of ``judgement`` does not matter."""
        seen = {drift.key: drift for drift in judgement.drifts}
        unknown = {str(item.subject) for item in judgement.unknown}
        with self._door.write(self._serial(target)) as connection:
            ignoring = Ignoring(connection, self._host, now)
            again: list[dict[str, Any]] = []
            blind: list[int] = []
            gone: list[RowMapping] = []
            before = self._open_rows(connection, target)
            for row in before:
                was = unpack_drift(row["drift"])
                if drift := seen.pop(was.key, None):
                    again.append(_seen_again(row, drift, now, ignoring))
                elif str(was.subject) in unknown:
                    blind.append(row["id"])
                else:
                    gone.append(row)
            _write_again(connection, again)
            _write_blind(connection, blind, now)
            self._close(connection, gone, now)
            fresh = [self._first_seen(target, drift, now, ignoring, baseline) for drift in seen.values()]
            if fresh:
                connection.execute(insert(episodes), fresh)
            ignoring.remember(connection)
            self._remember(connection, target, judgement, now)
            return _sorted([episode(row) for row in self._open_rows(connection, target)]) if before or fresh else ()

    def blind(self, target: str, now: float) -> tuple[Episode, ...]:
        """Record that nothing of ``target`` could be judged in this look: all its open episodes are blind."""
        with self._door.write(self._serial(target)) as connection:
            _write_blind(connection, [row["id"] for row in self._open_rows(connection, target)], now)
            return _sorted([episode(row) for row in self._open_rows(connection, target)])

    def confirm(self, given: Sequence[Episode], now: float) -> tuple[Episode, ...]:
        """Set ``opened_at`` of those that have none and are still as given; return them all as they are now, in the order given."""
        if not given:
            return ()
        ids = sorted(item.id for item in given)
        with self._door.write() as connection:
            for item in sorted(given, key=lambda each: each.id):
                connection.execute(
                    update(episodes)
                    .where(episodes.c.id == item.id, episodes.c.version == item.version)
                    .where(episodes.c.opened_at.is_(None), episodes.c.closed_at.is_(None))
                    .values(opened_at=now, version=_ONE_MORE)
                )
            rows = connection.execute(select(episodes).where(episodes.c.id.in_(ids))).mappings()
            found = {row["id"]: episode(row) for row in rows}
            opened = [found[item.id] for item in given if item.opened_at is None and _is_opened(found.get(item.id), now)]
            self._tell_of(connection, self.teller.opened, opened, now)
        return tuple(found[item.id] for item in given if item.id in found)

    def episodes(self, target: str | None = None, *, closed: bool = False, limit: int = 1000) -> tuple[Episode, ...]:
        """Return open episodes sorted by drift key; with ``closed`` the newest closed ones after them; at most ``limit`` in all."""
        mine = select(episodes).where(episodes.c.host == self._host)
        if target is not None:
            mine = mine.where(episodes.c.target == target)
        with self._door.read() as connection:
            open_ones = mine.where(episodes.c.closed_at.is_(None)).order_by(episodes.c.drift_key).limit(limit)
            found = _sorted([episode(row) for row in connection.execute(open_ones).mappings()])
            if closed and len(found) < limit:
                ended = mine.where(episodes.c.closed_at.is_not(None)).order_by(episodes.c.closed_at.desc(), episodes.c.id.desc())
                found += tuple(episode(row) for row in connection.execute(ended.limit(limit - len(found))).mappings())
        return found

    def baseline(self, target: str) -> BaselineState:
        """Return how the drifts of the first pass are treated: ``none`` = there was no first pass yet."""
        mine = select(baselines.c.state).where(baselines.c.host == self._host, baselines.c.target == target)
        with self._door.read() as connection:
            state: BaselineState = connection.execute(mine).scalar() or "none"
            return state

    def set_baseline(self, target: str, state: BaselineState, now: float) -> int:
        """Set the state; ``repair`` frees the target's baseline episodes. Return how many open baseline episodes it is about."""
        about = (episodes.c.host == self._host) & (episodes.c.target == target) & episodes.c.closed_at.is_(None) & episodes.c.baseline
        with self._door.write(self._serial(target)) as connection:
            values = {"host": self._host, "target": target, "state": state, "at": now}
            connection.execute(
                self._door.insert(baselines).values(values).on_conflict_do_update(index_elements=["host", "target"], set_=values)
            )
            self._tell(connection, self.teller.baseline(target, state, self._found(connection, target), now), now)
            if state == "repair":
                return connection.execute(update(episodes).where(about).values(baseline=False, version=_ONE_MORE)).rowcount
            return connection.execute(select(func.count()).where(about)).scalar_one()

    def _open_rows(self, connection: Connection, target: str) -> Sequence[RowMapping]:
        mine = (episodes.c.host == self._host) & (episodes.c.target == target) & episodes.c.closed_at.is_(None)
        return connection.execute(select(episodes).where(mine).order_by(episodes.c.id)).mappings().all()

    def _found(self, connection: Connection, target: str) -> tuple[Episode, ...]:
        return tuple(each for each in map(episode, self._open_rows(connection, target)) if each.baseline)

    def _first_seen(self, target: str, drift: Drift, now: float, ignoring: Ignoring, baseline: bool) -> dict[str, Any]:
        return {
            "host": self._host, "target": target, "drift_key": drift.key, "first_seen": now, "last_seen": now, "looks": 1,
            "looks_since": now, "baseline": baseline, "version": 0, **_facts_of(drift, ignoring),
        }  # fmt: skip

    def _remember(self, connection: Connection, target: str, judgement: Judgement, now: float) -> None:
        values = {"host": self._host, "target": target, "memory": pack(dict(judgement.memory)), "at": now}
        upsert = self._door.insert(memories).values(values)
        connection.execute(
            upsert.on_conflict_do_update(index_elements=["host", "target"], set_=values, where=memories.c.memory != values["memory"])
        )

    def _close(self, connection: Connection, gone: list[RowMapping], now: float) -> None:
        if not gone:
            return
        ids = [row["id"] for row in gone]
        connection.execute(update(episodes).where(episodes.c.id.in_(ids)).values(closed_at=now, blind_since=None, version=_ONE_MORE))
        _forgive(connection, {row["object_key"] for row in gone if row["object_key"]}, now)
        told = [episode(row) for row in gone if row["opened_at"] is not None and not row["baseline"]]
        self._tell_of(connection, self.teller.closed, told, now)

    def _tell_of(self, connection: Connection, word: Word, some: Sequence[Episode], now: float) -> None:
        """Write what is to be told of episodes of one target, in the transaction that changed them."""
        if some:
            paused = standing_pauses(connection, self._host, some[0].drift.target)
            self._tell(connection, [letter for each in some for letter in word(each, paused)], now)


def _is_opened(found: Episode | None, now: float) -> bool:
    """Whether this very confirmation opened it; what was there before us is told in one digest (rule 11)."""
    return found is not None and found.opened_at == now and not found.baseline


def _forgive(connection: Connection, keys: set[str], now: float) -> None:
    """Begin the count of attempts anew for objects found in order: no open drift names them, and nobody acted on them lately.

    Lately, because two drifts that take turns on one object must not clear each other's count.
    """
    named = select(episodes.c.object_key).where(episodes.c.closed_at.is_(None), episodes.c.object_key.in_(keys))
    busy = select(repairs.c.object_key).where(repairs.c.state.in_(UNFINISHED), repairs.c.object_key.in_(keys))
    if keys:
        connection.execute(
            update(objects)
            .where(objects.c.object_key.in_(keys), objects.c.object_key.not_in(named), objects.c.object_key.not_in(busy))
            .where(objects.c.last_attempt_at <= now - FORGIVE_AFTER)
            .values(attempts=0, unverified=0)
        )


def _facts_of(drift: Drift, ignoring: Ignoring) -> dict[str, Any]:
    evidence = evidence_key(drift)
    until, reason = ignoring.judge(drift.key, evidence)
    return {
        "drift": pack_drift(drift), "evidence_key": evidence, "object_key": str(drift.proposal.object) if drift.proposal else None,
        "ignored_until": until, "ignore_reason": reason,
    }  # fmt: skip


def _seen_again(row: RowMapping, drift: Drift, now: float, ignoring: Ignoring) -> dict[str, Any]:
    # a blind look has set the count to 0; the time begins with the first look that sees again
    since = row["looks_since"] if row["blind_since"] is None else now
    return {"row": row["id"], "last_seen": now, "looks": row["looks"] + 1, "looks_since": since, **_facts_of(drift, ignoring)}


_AGAIN = (
    update(episodes)
    .where(episodes.c.id == bindparam("row"))
    .values({
        **{name: bindparam(name) for name in ("last_seen", "looks", "looks_since", "drift", "evidence_key", "object_key")},
        **{name: bindparam(name) for name in ("ignored_until", "ignore_reason")},
        "blind_since": None, "version": _ONE_MORE,
    })
)  # fmt: skip


def _write_again(connection: Connection, again: list[dict[str, Any]]) -> None:
    if again:
        connection.execute(_AGAIN, again)


def _write_blind(connection: Connection, ids: list[int], now: float) -> None:
    if ids:
        blind = {"looks": 0, "looks_since": now, "blind_since": func.coalesce(episodes.c.blind_since, now), "version": _ONE_MORE}
        connection.execute(update(episodes).where(episodes.c.id.in_(ids)).values(blind))


def _sorted(found: list[Episode]) -> tuple[Episode, ...]:
    # in Python: databases sort text by the rules of a language, which differ
    return tuple(sorted(found, key=lambda item: item.drift.key))
