"""What a SysReptor backup must hold to be of use (level 3), judged while its bytes pass. Pure; runs in the walled child.

``bad`` is what makes a restore fail, and it fails after it has dropped every table (contract section 1.5); whatever a restore gets over is
a remark. The facts told: ``version``; ``started_us``, ``finished_us`` (microseconds since the epoch, by stats.json: exactly the times of
the panel's log rows); ``log_id``, ``log_us`` (the backup's own row in the panel's log, the time cut to milliseconds); ``rows``, ``models``,
``rows.MODEL`` of ``TREND_MODELS``; ``files``, ``files.FOLDER``, ``bytes.FOLDER``, ``files_empty``; ``references``, ``references_missing``,
``references_old_missing`` (of history), ``references_new_missing`` (of rows made after it began), ``files_orphaned``.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Final

from watchdog.model.archives import EntryReader, Meant
from watchdog.model.drifts import Scalar
from watchdog.panels.sysreptor.references import DIRECTORIES, Compared, References
from watchdog.panels.sysreptor.releases import DEV, STATS_SINCE, parse_version
from watchdog.panels.sysreptor.rows import RowReader, Start, microseconds

ORDER: Final = ("VERSION", "migrations.json", "configurations.json", "backup.jsonl", *DIRECTORIES, "stats.json")
"""In this order the panel writes them (api_utils/backup_utils.py, create_backup)."""
TREND_MODELS: Final = (
    "users.pentestuser", "pentests.pentestproject", "pentests.pentestfinding", "pentests.reportsection", "pentests.projecttype",
    "pentests.findingtemplate", "pentests.archivedproject", "pentests.projectnotebookpage", "pentests.usernotebookpage",
    "pentests.uploadedimage", "pentests.uploadedasset", "pentests.uploadedprojectfile", "api_utils.backuplog",
)  # fmt: skip
"""Kinds of rows whose number is told: what people would miss."""
USERS: Final = "users.pentestuser"
PLUGIN: Final = "plugin_"
"""Rows of a plugin that is not there are passed over by a restore's migrations (backup_utils.py, restore_backup)."""
MOST_BYTES: Final = {"VERSION": 1 << 10, "migrations.json": 4 << 20, "configurations.json": 16 << 20, "stats.json": 64 << 10}
_VERSION: Final = re.compile(rf"\d{{4}}\.\d{{1,6}}|{DEV}")
_EXAMPLES: Final = 3
Said = tuple[str, str]


class _Text:
    """Keeps one small entry; ``whole`` is None until it has ended, and when it is larger than it may be."""

    def __init__(self, most: int) -> None:
        self.whole: bytes | None = None
        self._kept = bytearray()
        self._most = most

    def feed(self, piece: bytes, /) -> None:
        """Take the next bytes."""
        if len(self._kept) <= self._most:
            self._kept += piece

    def end(self) -> None:
        """Take note that it was whole."""
        self.whole = bytes(self._kept) if len(self._kept) <= self._most else None


class _Shape:
    """Only looks whether an entry is a JSON object of a format, keeping its first bytes: configurations hold secrets."""

    def __init__(self) -> None:
        self.head = bytearray()
        self.last = b""

    def feed(self, piece: bytes, /) -> None:
        """Take the next bytes."""
        if len(self.head) < 64:  # noqa: PLR2004  # as much as the format's name needs
            self.head += piece[:64]
        self.last = piece.rstrip()[-1:] or self.last

    def end(self) -> None:
        """Take note that it was whole."""


class _Size:
    """Counts the bytes of a file whose size nobody said before."""

    def __init__(self, meaning: SysreptorMeaning, name: str, folder: str) -> None:
        self._meaning, self._name, self._folder, self._bytes = meaning, name, folder, 0

    def feed(self, piece: bytes, /) -> None:
        """Take the next bytes."""
        self._bytes += len(piece)

    def end(self) -> None:
        """Tell its size."""
        self._meaning.file(self._name, self._folder, self._bytes)


class SysreptorMeaning:
    """Satisfies ``model.archives.Meaning`` for one backup."""

    def __init__(self) -> None:
        self._references = References()
        self._rows: RowReader | None = None
        self._texts: dict[str, _Text] = {}
        self._configurations: _Shape | None = None
        self._files: Counter[str] = Counter()
        self._bytes: Counter[str] = Counter()
        self._strange = 0
        self._place, self._in_order = 0, True
        self._last = ""

    def entry(self, name: str, size: int | None, /) -> EntryReader | None:
        """Take the next entry."""
        self._last = name
        folder, slash, rest = name.partition("/")
        self._keep_order(folder)
        if slash and folder in DIRECTORIES:
            if rest and not name.endswith("/"):
                if size is None:
                    return _Size(self, name, folder)
                self.file(name, folder, size)
            return None
        if name in ORDER and name not in self._texts:
            return self._first(name)
        self._strange += 1
        return None

    def file(self, name: str, folder: str, size: int) -> None:
        """Count one file of ``size`` bytes."""
        self._files[folder] += 1
        self._bytes[folder] += size
        self._references.file(name, empty=not size)

    def end(self) -> Meant:
        """Return the judgement."""
        if self._rows is None and "VERSION" not in self._texts:
            return Meant(bad=(("not_a_backup", "it is whole, but no backup of SysReptor: it holds neither VERSION nor backup.jsonl"),))
        version = self._version()
        started, finished, about_stats = self._stats(version)
        own = _own(self._rows.starts, started) if self._rows is not None else None
        compared = self._references.compare(started if started is not None or own is None else own.at, _EXAMPLES)
        facts: list[tuple[str, Scalar]] = [("version", version), ("started_us", started), ("finished_us", finished)]
        facts += [*self._about_rows(started), *self._about_files(compared)]
        remarks = [*self._about_version(version), *self._lacking(compared), *about_stats, *self._about_entries()]
        return Meant(tuple(self._bad()), tuple(remarks), tuple(facts))

    def _about_files(self, compared: Compared) -> list[tuple[str, Scalar]]:
        known = self._references.comparable
        facts: list[tuple[str, Scalar]] = [
            ("files", self._files.total()),
            ("files_empty", compared.empty if known else None),
            ("references", self._references.count),
            ("references_missing", compared.missing if known else None),
            ("references_old_missing", compared.old_missing if known else None),
            ("references_new_missing", compared.new_missing if known else None),
            ("files_orphaned", compared.orphans if known else None),
        ]
        for folder in DIRECTORIES:
            facts += [(f"files.{folder}", self._files[folder]), (f"bytes.{folder}", self._bytes[folder])]
        return facts

    def _lacking(self, compared: Compared) -> list[Said]:
        said: list[Said] = []
        if not self._references.comparable:
            said.append(("references_not_compared", "it has more files than are compared with its rows"))
        elif compared.missing:
            text = f"{compared.missing} of {self._references.count} files that rows refer to are not in it"
            said.append(("files_missing", text + _such(compared.examples)))
        if compared.empty:
            said.append(("files_empty", f"{compared.empty} files that rows refer to are empty in it{_such(compared.empty_examples)}"))
        return said

    def _first(self, name: str) -> EntryReader:
        if name == "backup.jsonl":
            self._rows = RowReader(self._references)
            return self._rows
        if name == "configurations.json":
            self._configurations = _Shape()
            return self._configurations
        self._texts[name] = _Text(MOST_BYTES[name])
        return self._texts[name]

    def _keep_order(self, folder: str) -> None:
        if folder in ORDER:
            # the order of the storages among each other is that of a setting
            place = ORDER.index(DIRECTORIES[0] if folder in DIRECTORIES else folder)
            self._in_order = self._in_order and place >= self._place
            self._place = place

    def _version(self) -> str:
        text = self._texts.get("VERSION")
        words = (text.whole or b"").decode("ascii", "replace").strip() if text else ""
        return words if _VERSION.fullmatch(words) else ""

    def _stats(self, version: str) -> tuple[int | None, int | None, list[Said]]:
        numbers = parse_version(version)
        text = self._texts.get("stats.json")
        if text is None:
            since = f"{STATS_SINCE[0]}.{STATS_SINCE[1]}"
            wanted = numbers is not None and numbers >= STATS_SINCE
            return None, None, [("stats_missing", f"stats.json is missing, with which backups end from {since} on")] if wanted else []
        value = _loaded(text)
        stats = value if isinstance(value, dict) else {}
        started, finished = microseconds(stats.get("started")), microseconds(stats.get("finished"))
        if started is None or finished is None:
            return started, finished, [("stats_malformed", "stats.json does not say when the backup began and ended")]
        if finished < started:
            return started, finished, [("stats_malformed", "by stats.json the backup ended before it began")]
        return started, finished, []

    def _about_rows(self, started: int | None) -> list[tuple[str, Scalar]]:
        rows = self._rows
        if rows is None:
            return []
        own = _own(rows.starts, started)
        facts: list[tuple[str, Scalar]] = [("log_id", own.id if own else None), ("log_us", own.at if own else None)]
        facts += [("rows", rows.rows), ("models", len(rows.models))]
        return facts + [(f"rows.{model}", rows.models[model]) for model in TREND_MODELS]

    def _bad(self) -> list[Said]:
        rows = self._rows
        if rows is None:
            return [("rows_missing", "backup.jsonl is missing: the database is not in it, and a restore would end with an empty one")]
        bad = [("rows_malformed", f"{rows.fault}: a restore would fail after it has dropped every table")] if rows.fault else []
        if not bad and not rows.models[USERS]:
            bad.append(("no_users", f"backup.jsonl has {rows.rows} rows and no user: nobody could log in after a restore"))
        return bad + self._bad_migrations(rows) + self._bad_configurations()

    def _bad_migrations(self, rows: RowReader) -> list[Said]:
        text = self._texts.get("migrations.json")
        if text is None:
            return []
        value = _loaded(text)
        if not isinstance(value, dict) or value.get("format") != "migrations/v1":
            return [("migrations_malformed", "migrations.json is not of the format migrations/v1: a restore refuses it")]
        current, every = value.get("current"), value.get("all")
        known = {each.get("app_label") for part in (current, every) if isinstance(part, list) for each in part if isinstance(each, dict)}
        if not isinstance(current, list) or not known:
            return [("migrations_malformed", "migrations.json names no migrations")]
        apps = {model.partition(".")[0] for model in rows.models}
        lost = sorted(app for app in apps - known if not app.startswith(PLUGIN))
        if lost:
            text_lost = ", ".join(lost[:_EXAMPLES])
            return [("models_without_tables", f"there are rows of {text_lost}, and no migration that would make their tables")]
        return []

    def _bad_configurations(self) -> list[Said]:
        shape = self._configurations
        if shape is not None and (not shape.head.lstrip().startswith(b"{") or shape.last != b"}"):
            return [("configurations_malformed", "configurations.json is not JSON: a restore would fail at its end")]
        return []

    def _about_version(self, version: str) -> list[Said]:
        if "VERSION" not in self._texts:
            return [("version_missing", "VERSION is missing: nothing says which release made it")]
        if not version:
            return [("version_unknown", "VERSION names no release of SysReptor")]
        return []

    def _about_entries(self) -> list[Said]:
        said: list[Said] = []
        if "migrations.json" not in self._texts:
            said.append(("migrations_missing", "migrations.json is missing: a restore takes the newest tables for granted"))
        elif pending := _pending(self._texts["migrations.json"]):
            said.append(("migrations_pending", f"{pending} migrations were not applied when it was made"))
        if self._strange:
            said.append(("strange_entries", f"{self._strange} entries are none that SysReptor writes"))
        if not self._in_order or ("stats.json" in self._texts and self._last != "stats.json"):
            said.append(("entries_reordered", "its entries are not in the order in which SysReptor writes them: somebody packed it anew"))
        return said


def begin() -> SysreptorMeaning:
    """Begin to judge one backup."""
    return SysreptorMeaning()


def _own(starts: list[Start], started: int | None) -> Start | None:
    """Return the backup's own row: by its time if stats.json tells that, else the newest."""
    if started is not None:
        own = next((each for each in starts if each.at == started - started % 1000), None)
        if own is not None:
            return own
    return max(starts, default=None)


def _such(examples: tuple[str, ...]) -> str:
    return f", such as of {', '.join(examples)}" if examples else ""


def _loaded(text: _Text) -> object:
    try:
        return json.loads((text.whole or b"").decode("utf-8"))
    except (ValueError, RecursionError):
        return None


def _pending(text: _Text) -> int:
    value = _loaded(text)
    every = value.get("all") if isinstance(value, dict) else None
    return sum(1 for each in every if isinstance(each, dict) and each.get("applied") is False) if isinstance(every, list) else 0
