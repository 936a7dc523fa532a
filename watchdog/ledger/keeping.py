"""What collectors keep beyond their own life: counts, offsets, verification results."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import delete, select

from watchdog.ledger.book import Book
from watchdog.ledger.schema import offsets, tallies, tally_marks, verifications
from watchdog.ledger.values import pack, unpack
from watchdog.model.keeping import Offset, Tallies, TallyKey


class TallyRows(Book):
    """Counts that outlive what they count; satisfies ``model.keeping.TallyBook``."""

    def load(self, family: str) -> Tallies:
        """Return all counts of a family and its mark."""
        counts = select(tallies.c.key, tallies.c.count).where(tallies.c.host == self._host, tallies.c.family == family)
        mark = select(tally_marks.c.mark).where(tally_marks.c.host == self._host, tally_marks.c.family == family)
        with self._door.read() as connection:
            return Tallies({tuple(unpack(key)): count for key, count in connection.execute(counts)}, connection.execute(mark).scalar())

    def add(self, family: str, increments: Mapping[TallyKey, float], mark: str) -> None:
        """Add all increments and move the mark, in one transaction."""
        mine = {"host": self._host, "family": family}
        rows = [{**mine, "key": pack(list(key)), "count": float(by)} for key, by in sorted(increments.items())]
        add = self._door.insert(tallies)
        add = add.on_conflict_do_update(index_elements=["host", "family", "key"], set_={"count": tallies.c.count + add.excluded.count})
        with self._door.write() as connection:
            if rows:
                connection.execute(add, rows)
            moved = self._door.insert(tally_marks).values(**mine, mark=mark)
            connection.execute(moved.on_conflict_do_update(index_elements=["host", "family"], set_={"mark": mark}))


class OffsetRows(Book):
    """How far logs were read; satisfies ``model.keeping.OffsetBook``."""

    def load(self, source: str) -> Offset | None:
        """Return the offset of one log, or None."""
        with self._door.read() as connection:
            row = connection.execute(select(offsets).where(offsets.c.host == self._host, offsets.c.source == source)).one_or_none()
        return None if row is None else Offset(int(row.device), int(row.inode), row.position, row.covered_from, row.head)

    def save(self, source: str, offset: Offset) -> None:
        """Keep how far one log was read."""
        values = {
            "device": str(offset.device), "inode": str(offset.inode), "position": offset.offset,
            "covered_from": offset.covered_from, "head": offset.head,
        }  # fmt: skip
        written = self._door.insert(offsets).values(host=self._host, source=source, **values)
        with self._door.write() as connection:
            connection.execute(written.on_conflict_do_update(index_elements=["host", "source"], set_=values))


class VerificationRows(Book):
    """Verification results by file identity; satisfies ``model.keeping.VerificationBook``."""

    def load(self) -> Mapping[str, str]:
        """Return all results of this host."""
        mine = select(verifications.c.key, verifications.c.result).where(verifications.c.host == self._host)
        with self._door.read() as connection:
            return {row.key: row.result for row in connection.execute(mine)}

    def save(self, key: str, result: str) -> None:
        """Keep one result, JSON text."""
        written = self._door.insert(verifications).values(host=self._host, key=key, result=result)
        with self._door.write() as connection:
            connection.execute(written.on_conflict_do_update(index_elements=["host", "key"], set_={"result": result}))

    def forget(self, keys: tuple[str, ...]) -> None:
        """Remove results of files that are gone."""
        if keys:
            with self._door.write() as connection:
                connection.execute(delete(verifications).where(verifications.c.host == self._host, verifications.c.key.in_(keys)))
