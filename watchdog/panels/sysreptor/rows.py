"""Reading ``backup.jsonl``: one row of the panel's database a line, counted and looked at while it passes. Pure.

Contract section 1.3: each line is ``{"model", "pk", "fields"}``, ended by LF. A restore reads it after it has dropped all tables
(section 1.5), so a line that cannot be read is the worst that there is.
"""

from __future__ import annotations

import heapq
import json
import re
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, NamedTuple

from watchdog.panels.sysreptor.long_line import LongLine, NotJson
from watchdog.panels.sysreptor.references import References

LONG: Final = 1 << 18
"""Bytes from which on a line is not unpacked into objects any more."""
LONGEST: Final = 256 << 20
"""A longer line is an error (contract section 3)."""
MOST_MODELS: Final = 2_000
MOST_LOG_ROWS: Final = 64
"""So many of the newest rows of the panel's log are kept; the backup's own is among them."""
LOG_MODEL: Final = "api_utils.backuplog"
STARTS: Final = frozenset({"backup_started", "backup"})
"""What the log calls the row of a backup's start; ``backup`` before 2025.69 (contract section 1.6)."""
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MODEL: Final = re.compile(r"[A-Za-z_]\w*\.[A-Za-z_]\w*", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Start:
    """One row of the panel's log that says that a backup began; ``at`` is microseconds since the epoch, exact to the millisecond."""

    at: int
    id: str


class _Row(NamedTuple):
    """What is looked at of one line; None = not there. A tuple, for there may be millions."""

    model: object
    has_pk: bool
    pk: object
    has_fields: bool
    file: object
    type: object
    created: object


class BadRow(ValueError):
    """A line is no row; the text says why."""


class RowReader:
    """Satisfies ``model.archives.EntryReader``. ``fault`` is the first line that is no row; after it nothing is counted any more."""

    def __init__(self, references: References) -> None:
        self.rows = 0
        self.bytes = 0
        self.models: Counter[str] = Counter()
        self.fault: str | None = None
        self.starts: list[Start] = []
        self.ended = False
        self._references = references
        self._line = bytearray()
        self._long: LongLine | None = None
        self._length = 0

    def feed(self, piece: bytes, /) -> None:
        """Take the next bytes."""
        self.bytes += len(piece)
        if self.fault is not None:
            return
        begin = 0
        try:
            while (end := piece.find(b"\n", begin)) >= 0:
                if not self._length and end - begin <= LONG:
                    self._count(_short(piece[begin:end]))
                else:
                    self._take(piece[begin:end])
                    self._line_over()
                begin = end + 1
            self._take(piece[begin:])
        except (BadRow, NotJson) as error:
            self._give_up(str(error))

    def end(self) -> None:
        """Take note that it is over: the last line must have been ended."""
        self.ended = True
        if self.fault is None and self._length:
            self._give_up("it stops in the middle: the end of the line is missing")

    def _take(self, piece: bytes) -> None:
        self._length += len(piece)
        if self._length > LONGEST:
            raise BadRow(f"it is longer than {LONGEST} bytes")
        if self._long is None and self._length > LONG:
            self._long = LongLine()
            self._long.feed(bytes(self._line))
            self._line.clear()
        if self._long is not None:
            self._long.feed(piece)
        else:
            self._line += piece

    def _line_over(self) -> None:
        row = _short(bytes(self._line)) if self._long is None else _long(self._long)
        self._line.clear()
        self._long, self._length = None, 0
        self._count(row)

    def _count(self, row: _Row) -> None:
        model = row.model
        if not isinstance(model, str) or not _MODEL.fullmatch(model) or not row.has_pk or not row.has_fields:
            raise BadRow("it is JSON, but no row with model, pk and fields")
        self.rows += 1
        self.models[model] += 1
        if len(self.models) > MOST_MODELS:
            raise BadRow(f"there are more than {MOST_MODELS} kinds of rows")
        if isinstance(row.file, str) and row.file:
            self._references.refer(model, str(row.pk)[:64], row.file, microseconds(row.created))
        if model == LOG_MODEL and row.type in STARTS and (at := microseconds(row.created)) is not None:
            heapq.heappush(self.starts, Start(at, str(row.pk)[:64]))
            if len(self.starts) > MOST_LOG_ROWS:
                heapq.heappop(self.starts)

    def _give_up(self, why: str) -> None:
        self.fault = f"line {self.rows + 1} of backup.jsonl: {why}"
        self._line.clear()
        self._long = None


def microseconds(text: object) -> int | None:
    """Given ISO 8601 with a zone, return microseconds since the epoch, exactly; None for anything else."""
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        return None
    past = moment - EPOCH
    return (past.days * 86_400 + past.seconds) * 1_000_000 + past.microseconds


def _short(line: bytes) -> _Row:
    try:
        value = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise BadRow("it is not JSON") from error
    if not isinstance(value, dict):
        raise BadRow("it is JSON, but no object")
    fields = value.get("fields")
    inside = fields if isinstance(fields, dict) else {}
    return _Row(
        value.get("model"), "pk" in value, value.get("pk"), isinstance(fields, dict),
        inside.get("file"), inside.get("type"), inside.get("created"),
    )  # fmt: skip


def _long(line: LongLine) -> _Row:
    line.end()
    values = line.values
    return _Row(
        values.get(("model",)), ("pk",) in values, values.get(("pk",)), values.get(("fields",)) == "{}",
        values.get(("fields", "file")), values.get(("fields", "type")), values.get(("fields", "created")),
    )  # fmt: skip
