"""What a person does not want to hear about, until its evidence changes (rule 11)."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, insert, or_, select, update

from watchdog.ledger.book import Book
from watchdog.ledger.schema import clean, episodes, ignore_evidence, ignores
from watchdog.ledger.values import unpack_drift
from watchdog.model.approvals import Ignore

CHANGED = ""


class Ignoring:
    """The ignores in force at one moment, inside one transaction.

    Each ignore remembers the evidence of every drift that it hid first; when a drift shows other evidence, that ignore has lost its
    hold on that drift for good, and a person must ignore it anew.
    """

    def __init__(self, connection: Connection, host: str, now: float) -> None:
        self._ignores = connection.execute(_live(host, now).order_by(ignores.c.id.desc())).all()
        known: list[Row[Any]] = []
        if self._ignores:
            mine = ignore_evidence.c.ignore_id.in_([row.id for row in self._ignores])
            known = list(connection.execute(select(ignore_evidence).where(mine)))
        self._known = {(row.ignore_id, row.drift_key): row.evidence_key for row in known}
        self._first: dict[tuple[int, str], str] = {}
        self._changed: set[tuple[int, str]] = set()

    def judge(self, drift_key: str, evidence: str) -> tuple[float | None, str | None]:
        """Given a drift, return (until, reason) of the newest ignore that hides it; reason None = not ignored."""
        drift_key = clean(drift_key)
        for row in self._ignores:
            if not matches(row.pattern, drift_key):
                continue
            remembered = self._known.get((row.id, drift_key))
            if remembered is None:
                self._first[row.id, drift_key] = evidence
            elif remembered != evidence:
                if remembered != CHANGED:
                    self._changed.add((row.id, drift_key))
                continue
            return row.until, row.reason
        return None, None

    def remember(self, connection: Connection) -> None:
        """Write what ``judge`` learned, in the same transaction."""
        if self._first:
            new = [{"ignore_id": ignore, "drift_key": key, "evidence_key": evidence} for (ignore, key), evidence in self._first.items()]
            connection.execute(insert(ignore_evidence), new)
        for ignore, key in self._changed:
            mine = (ignore_evidence.c.ignore_id == ignore) & (ignore_evidence.c.drift_key == key)
            connection.execute(update(ignore_evidence).where(mine).values(evidence_key=CHANGED))


def matches(pattern: str, drift_key: str) -> bool:
    """Return whether ``pattern`` is this key itself, or a glob (``*``, ``?``, ``[...]``) over the whole of it."""
    return pattern == drift_key or fnmatchcase(drift_key, pattern)


def _live(host: str, now: float) -> Select[Any]:
    return select(ignores).where(ignores.c.host == host, or_(ignores.c.until.is_(None), ignores.c.until > now))


class Ignores(Book):
    """Ignores of this host."""

    def ignore(self, pattern: str, reason: str, until: float | None, by: str, now: float) -> Ignore:
        """Write an ignore and hide what it matches at once; the evidence of those drifts is remembered."""
        values = {"host": self._host, "pattern": pattern, "reason": reason, "until": until, "ignored_by": by, "created_at": now}
        with self._door.write() as connection:
            number: int = connection.execute(insert(ignores).values(values).returning(ignores.c.id)).scalar_one()
            self._judge_anew(connection, now)
            mine = select(ignore_evidence).where(ignore_evidence.c.ignore_id == number)
            keys = {row.drift_key: row.evidence_key for row in connection.execute(mine)}
        return Ignore(number, pattern, reason, until, by, now, keys)

    def unignore(self, ignore_id: int) -> bool:
        """End an ignore; what it hid is shown again at once. Return whether there was one."""
        mine = (ignores.c.id == ignore_id) & (ignores.c.host == self._host)
        with self._door.write() as connection:
            if connection.execute(delete(ignores).where(mine)).rowcount != 1:
                return False
            self._judge_anew(connection, self._clock.now().wall)
            return True

    def ignores(self) -> tuple[Ignore, ...]:
        """Return those whose time is not over, the oldest first."""
        live = _live(self._host, self._clock.now().wall).order_by(ignores.c.id)
        with self._door.read() as connection:
            rows = connection.execute(live).all()
            mine = select(ignore_evidence).where(ignore_evidence.c.ignore_id.in_([row.id for row in rows]))
            evidence: dict[int, dict[str, str]] = {}
            for known in connection.execute(mine):
                evidence.setdefault(known.ignore_id, {})[known.drift_key] = known.evidence_key
        return tuple(
            Ignore(row.id, row.pattern, row.reason, row.until, row.ignored_by, row.created_at, evidence.get(row.id, {})) for row in rows
        )

    def _judge_anew(self, connection: Connection, now: float) -> None:
        ignoring = Ignoring(connection, self._host, now)
        mine = select(episodes).where(episodes.c.host == self._host, episodes.c.closed_at.is_(None)).order_by(episodes.c.id)
        for row in connection.execute(mine).mappings().all():
            until, reason = ignoring.judge(unpack_drift(row["drift"]).key, row["evidence_key"])
            if (until, reason) != (row["ignored_until"], row["ignore_reason"]):
                values = {"ignored_until": until, "ignore_reason": reason, "version": episodes.c.version + 1}
                connection.execute(update(episodes).where(episodes.c.id == row["id"]).values(values))
        ignoring.remember(connection)
