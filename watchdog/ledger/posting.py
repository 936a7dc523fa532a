"""How letters get into the outbox, inside the transaction of what they tell.

What was told within the window is not told again at once: the newest letter of its subject waits for the window's end and stands for those
before it. So a thing that comes and goes costs one message per window, and the last word is always the true one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, select, update

from watchdog.ledger.door import Door
from watchdog.ledger.schema import outbox
from watchdog.model.notes import Letter

WAITING: Final = "waiting"
SENDING: Final = "sending"
SENT: Final = "sent"
MERGED: Final = "merged"
DROPPED: Final = "dropped"
FAILED: Final = "failed"

_MANY = 200
"""Letters per question: databases bound the number of parameters."""


def write_letters(door: Door, connection: Connection, host: str, letters: Collection[Letter], now: float) -> int:
    """Write ``letters``; return how many were new. One of an occasion that was written before is none."""
    several = tuple(letters)
    return sum(_write(door, connection, host, several[start : start + _MANY], now) for start in range(0, len(several), _MANY))


def _write(door: Door, connection: Connection, host: str, letters: tuple[Letter, ...], now: float) -> int:
    known = _known(connection, host, letters)
    written = 0
    for letter in letters:
        mine = known.setdefault((letter.channel, letter.note.subject), [])
        if any(row["occasion"] == letter.note.occasion for row in mine):
            continue
        resting = [row for row in mine if row["state"] == WAITING and row["not_before"] > 0.0]
        values = _values(host, letter, now, _rest(mine, letter, now), sum(row["folded"] + 1 for row in resting))
        put = door.insert(outbox).values(values).on_conflict_do_nothing(index_elements=["host", "channel", "occasion"])
        row = connection.execute(put.returning(outbox)).mappings().one_or_none()
        if row is None:  # another process wrote this occasion at this moment
            continue
        if resting:
            merged = {"state": MERGED, "ended_at": now, "version": outbox.c.version + 1}
            connection.execute(update(outbox).where(outbox.c.id.in_([each["id"] for each in resting])).values(merged))
        known[letter.channel, letter.note.subject] = [each for each in mine if each not in resting] + [dict(row)]
        written += 1
    return written


def _known(connection: Connection, host: str, letters: Iterable[Letter]) -> dict[tuple[str, str], list[dict[str, Any] | RowMapping]]:
    channels = sorted({letter.channel for letter in letters})
    subjects = sorted({letter.note.subject for letter in letters})
    mine = select(outbox).where(outbox.c.host == host, outbox.c.channel.in_(channels), outbox.c.subject.in_(subjects)).order_by(outbox.c.id)
    known: dict[tuple[str, str], list[dict[str, Any] | RowMapping]] = {}
    for row in connection.execute(mine).mappings():
        known.setdefault((row["channel"], row["subject"]), []).append(row)
    return known


def _rest(mine: Collection[Any], letter: Letter, now: float) -> float:
    """Return until when a letter rests: 0 = it may go at once, for its like was not told within the window."""
    told = [
        row["ended_at"] if row["state"] == SENT else row["created_at"]
        for row in mine
        if row["event"] == letter.note.event and (row["state"] in {SENT, SENDING} or (row["state"] == WAITING and row["not_before"] == 0.0))
    ]
    lately = [at for at in told if now - letter.window < at <= now]
    return max(lately) + letter.window if lately else 0.0


def _values(host: str, letter: Letter, now: float, not_before: float, folded: int) -> dict[str, Any]:
    note = letter.note
    return {
        "host": host, "channel": letter.channel, "event": note.event, "severity": note.severity, "target": note.target,
        "subject": note.subject, "occasion": note.occasion, "title": note.title, "body": note.body, "state": WAITING, "holder": "",
        "batch": "", "reason": "", "created_at": now, "not_before": not_before, "folded": folded, "attempts": 0, "version": 0,
    }  # fmt: skip
