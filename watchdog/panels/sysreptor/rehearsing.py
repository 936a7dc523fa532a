"""The deepest rehearsal there is without a licence: the rows loaded into a scratch database, every file unpacked and held to its row.

The panel's own restore drops every table before it reads a row, and needs a licence (contract section 1.5). This one restores nothing into
a panel: it shows that every row can be loaded once and only once, that every row which names another finds it, that every file which a row
names comes out whole, and that the scratch database reads back what went in.
"""

from __future__ import annotations

import json
import os
import sqlite3
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

from watchdog.model.drifts import Scalar
from watchdog.model.rehearsals import Rehearsal, RehearsalStep
from watchdog.model.transfers import Alive
from watchdog.panels.sysreptor.references import DIRECTORIES, HISTORY, directory_of
from watchdog.panels.sysreptor.rows import LONGEST

ROWS: Final = "backup.jsonl"
BATCH: Final = 1000
"""Rows a time, as the panel's own restore loads them (backup_utils.py)."""
POINTERS: Final = (
    "project", "project_type", "linked_object", "finding", "section", "parent", "user", "assignee", "template", "main_translation",
)  # fmt: skip
"""Fields of a row that name another row by its key."""
_PAGE: Final = 4096
_PIECE: Final = 1 << 20
_SHOWN: Final = 3
_TROUBLE: Final = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, KeyError)


class _Failed(Exception):
    """A step failed; the text says why."""


def rehearse(archive: BinaryIO, scratch: Path, room: int, alive: Alive) -> Rehearsal:
    """Load and compare; see ``model.rehearsals.Rehearsing``."""
    steps: list[RehearsalStep] = []
    facts: dict[str, Scalar] = {}
    try:
        with zipfile.ZipFile(archive) as opened, _database(scratch, room // 2) as database:
            steps.append(RehearsalStep("open", True, f"{len(opened.namelist())} entries, made by {_version(opened)}"))
            models = _load(opened, database, alive)
            facts |= {"rows": sum(models.values()), "models": len(models)}
            steps.append(RehearsalStep("rows", True, f"{facts['rows']} rows of {len(models)} kinds were loaded, each once"))
            steps.append(_read_back(database, models))
            steps.append(_pointers(database, facts))
            steps += _files(opened, database, scratch, room // 2, facts, alive)
    except _Failed as failed:
        steps.append(RehearsalStep("rows", False, str(failed)))
    except sqlite3.Error as error:
        full = "full" in str(error)
        why = "the scratch directory is too small for the rows: give it more --room" if full else f"the scratch database refused: {error}"
        steps.append(RehearsalStep("rows", None if full else False, why))
    except _TROUBLE as error:
        steps.append(RehearsalStep("open", False, f"{type(error).__name__}: {error}"))
    return Rehearsal("content", tuple(steps), tuple(sorted(facts.items())))


class _database:  # noqa: N801  # reads as a word in `with`
    """A scratch database of at most ``most`` bytes; nothing of it needs to survive."""

    def __init__(self, scratch: Path, most: int) -> None:
        self._path, self._pages = scratch / "rows.sqlite3", max(16, most // _PAGE)

    def __enter__(self) -> sqlite3.Connection:
        self._made = sqlite3.connect(self._path, isolation_level=None)
        for pragma in (f"page_size = {_PAGE}", f"max_page_count = {self._pages}", "journal_mode = OFF", "synchronous = OFF"):
            self._made.execute(f"PRAGMA {pragma}")
        self._made.execute("CREATE TABLE row (model TEXT, pk TEXT, fields TEXT, PRIMARY KEY (model, pk)) WITHOUT ROWID")
        self._made.execute("CREATE TABLE pointer (model TEXT, pk TEXT, field TEXT, value TEXT)")
        self._made.execute("CREATE TABLE file (name TEXT PRIMARY KEY, model TEXT, pk TEXT, old INTEGER) WITHOUT ROWID")
        return self._made

    def __exit__(self, *_: object) -> None:
        self._made.close()


def _version(opened: zipfile.ZipFile) -> str:
    with opened.open("VERSION") as file:
        return file.read(64).decode("ascii", "replace").strip()[:20]


def _load(opened: zipfile.ZipFile, database: sqlite3.Connection, alive: Alive) -> Counter[str]:
    models: Counter[str] = Counter()
    batch: list[tuple[int, dict[str, Any], bytes]] = []
    with opened.open(ROWS) as lines:
        for number, line in enumerate(_lines(lines), 1):
            batch.append((number, _row(number, line), line))
            models[batch[-1][1]["model"]] += 1
            if len(batch) >= BATCH:
                _insert(database, batch)
                batch.clear()
                alive()
    _insert(database, batch)
    return models


def _lines(file: Any) -> Iterator[bytes]:
    while line := file.readline(LONGEST + 1):
        if len(line) > LONGEST:
            raise _Failed(f"a row is longer than {LONGEST} bytes")
        if not line.endswith(b"\n"):
            raise _Failed("the last row is cut")
        yield line


def _row(number: int, line: bytes) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        raise _Failed(f"row {number} is no JSON") from None
    if not isinstance(row, dict) or not isinstance(row.get("model"), str) or not isinstance(row.get("fields"), dict) or "pk" not in row:
        raise _Failed(f"row {number} is no row")
    return row


def _insert(database: sqlite3.Connection, batch: list[tuple[int, dict[str, Any], bytes]]) -> None:
    database.execute("BEGIN")
    for number, row, _ in batch:
        model, pk, fields = row["model"], str(row["pk"]), row["fields"]
        try:
            database.execute("INSERT INTO row VALUES (?, ?, ?)", (model, pk, json.dumps(fields)))
        except sqlite3.IntegrityError:
            raise _Failed(f"row {number}: {model} {pk} is there twice, a restore would refuse it") from None
        old = model.partition(".")[2].startswith(HISTORY)
        if isinstance(fields.get("file"), str) and fields["file"]:
            name = f"{directory_of(model)}/{fields['file']}"
            database.execute(
                "INSERT INTO file VALUES (?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET old = min(old, excluded.old)", (name, model, pk, old)
            )
        if not old:
            found = [(model, pk, each, fields[each]) for each in POINTERS if isinstance(fields.get(each), str)]
            database.executemany("INSERT INTO pointer VALUES (?, ?, ?, ?)", found)
    database.execute("COMMIT")


def _read_back(database: sqlite3.Connection, models: Counter[str]) -> RehearsalStep:
    sound = database.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    back = dict(database.execute("SELECT model, count(*) FROM row GROUP BY model"))
    same = sound and back == dict(models)
    return RehearsalStep("read back", same, "the database reads back what went in" if same else "the database does not hold what went in")


def _pointers(database: sqlite3.Connection, facts: dict[str, Scalar]) -> RehearsalStep:
    lost = database.execute(
        "SELECT model, pk, field FROM pointer WHERE NOT EXISTS (SELECT 1 FROM row WHERE row.pk = pointer.value) ORDER BY 1, 2"
    ).fetchall()
    total = database.execute("SELECT count(*) FROM pointer").fetchone()[0]
    facts |= {"pointers": total, "pointers_lost": len(lost)}
    if not lost:
        return RehearsalStep("relations", True, f"{total} rows that name another find it")
    named = ", ".join(f"{model} {pk} ({field})" for model, pk, field in lost[:_SHOWN])
    return RehearsalStep("relations", None, f"{len(lost)} of {total} rows name another that is not there: {named}")


def _files(
    opened: zipfile.ZipFile, database: sqlite3.Connection, scratch: Path, room: int, facts: dict[str, Scalar], alive: Alive
) -> Iterator[RehearsalStep]:
    entries = {info.filename: info for info in opened.infolist() if info.filename.split("/")[0] in DIRECTORIES}
    missing: list[str] = []
    empty: list[str] = []
    old = unpacked = kept = 0
    (scratch / "files").mkdir()
    wanted = database.execute("SELECT name, model, pk, old FROM file ORDER BY name").fetchall()
    for number, (name, model, pk, historic) in enumerate(wanted):
        info = entries.pop(name, None)
        if info is None:
            old += historic
            missing += [] if historic else [f"{model} {pk}"]
            continue
        if not info.file_size:
            empty.append(name)
        # the name inside never becomes a name here; what would not fit is read and compared all the same
        fits = kept + info.file_size <= room
        _unpack(opened, info, scratch / "files" / str(number) if fits else Path(os.devnull), alive)
        kept += info.file_size if fits else 0
        unpacked += 1
    facts |= {"files": unpacked, "files_missing": len(missing), "files_empty": len(empty)}
    facts |= {"files_old_missing": old, "files_orphaned": len(entries)}
    lost = f"{len(missing)} rows name a file that is not there: {', '.join(missing[:_SHOWN])}"
    yield RehearsalStep("files", not missing, lost if missing else f"{unpacked} files came out whole")
    if empty:
        yield RehearsalStep("empty files", False, f"{len(empty)} files are empty: they could not be read when the backup was made")
    if old or entries:
        yield RehearsalStep("history", None, f"{old} rows of history name a file that is not there, {len(entries)} files have no row")


def _unpack(opened: zipfile.ZipFile, info: zipfile.ZipInfo, goal: Path, alive: Alive) -> None:
    size = 0
    with opened.open(info) as source, goal.open("wb") as file:
        while piece := source.read(_PIECE):  # its end compares the checksum
            size += len(piece)
            if size > info.file_size:
                raise _Failed(f"{info.filename} is larger than it says")
            file.write(piece)
            alive()
    if size != info.file_size:
        raise _Failed(f"{info.filename} is shorter than it says")
