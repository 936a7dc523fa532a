"""What a restored panel counts, held to what its backup holds. Pure.

A restore makes rows of its own (its migrations, its line in the log), so a kind may have more rows than the backup, never fewer.
"""

from __future__ import annotations

import json
import zipfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO, Final

from watchdog.model.drifts import Scalar
from watchdog.model.rehearsals import RehearsalStep
from watchdog.panels.sysreptor.blueprint import TOLD
from watchdog.panels.sysreptor.meaning import PLUGIN
from watchdog.panels.sysreptor.references import DIRECTORIES, References
from watchdog.panels.sysreptor.rows import LOG_MODEL, RowReader

_PIECE: Final = 1 << 20
_SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class Counted:
    """Rows by their kind, files, and the type of the newest row of the log (None = there is none)."""

    rows: Mapping[str, int]
    files: int
    newest: str | None = None


def held(archive: BinaryIO) -> Counted:
    """Count what the backup holds, reading its rows once more; ``archive`` stands at its begin afterwards. Raises what zipfile raises."""
    reader = RowReader(References())
    with zipfile.ZipFile(archive) as opened:
        with opened.open("backup.jsonl") as file:
            while piece := file.read(_PIECE):
                reader.feed(piece)
        inside = [name for name in opened.namelist() if name.split("/")[0] in DIRECTORIES and not name.endswith("/")]
    archive.seek(0)
    return Counted(Counter(reader.models), len(inside))


def told(output: str) -> Counted | None:
    """Read what blueprint.COUNT printed; None = it is not among it."""
    line = next((line for line in output.splitlines() if line.startswith(TOLD)), "")
    try:
        match json.loads(line.removeprefix(TOLD)):
            case {"rows": dict() as rows, "files": int() as files, "newest": str() | None as newest}:
                return Counted({str(kind): int(count) for kind, count in rows.items()}, files, newest)
    except (ValueError, TypeError):
        return None
    return None


def compare(backup: Counted, facts: Mapping[str, Scalar], panel: Counted) -> list[RehearsalStep]:
    """Hold the restored ``panel`` to the ``backup``, and this to the ``facts`` of level 3."""
    return [_same_archive(backup, facts), *_rows(backup.rows, panel.rows), _files(backup.files, panel.files), _log(panel.newest)]


def _same_archive(backup: Counted, facts: Mapping[str, Scalar]) -> RehearsalStep:
    ours = {"rows": sum(backup.rows.values()), "models": len(backup.rows), "files": backup.files}
    ours |= {name: backup.rows.get(name.removeprefix("rows."), 0) for name in facts if name.startswith("rows.")}
    other = sorted(name for name, count in ours.items() if facts.get(name) != count)
    text = f"level 3 had told of other numbers: {', '.join(other[:_SHOWN])}" if other else "the same numbers as at level 3"
    return RehearsalStep("archive", not other, text)


def _rows(backup: Mapping[str, int], panel: Mapping[str, int]) -> list[RehearsalStep]:
    absent = [kind for kind in sorted(backup) if kind.startswith(PLUGIN) and kind not in panel]
    backup = {kind: count for kind, count in backup.items() if kind not in absent}
    lost = [f"{kind} ({panel.get(kind, 0)} of {count})" for kind, count in sorted(backup.items()) if panel.get(kind, 0) < count]
    more = [
        f"{kind} (+{panel[kind] - count})" for kind, count in sorted(backup.items()) if panel.get(kind, 0) > count and kind != LOG_MODEL
    ]
    if lost:
        return [RehearsalStep("rows", False, f"{len(lost)} kinds have fewer rows than the backup: {', '.join(lost[:_SHOWN])}")]
    steps = [RehearsalStep("rows", True, f"all {sum(backup.values())} rows of {len(backup)} kinds are in the restored panel")]
    if absent:
        steps.append(
            RehearsalStep("plugins", None, f"rows of plugins that are not enabled here were passed over: {', '.join(absent[:_SHOWN])}")
        )
    if more:
        steps.append(RehearsalStep("more rows", None, f"{len(more)} kinds have more rows than the backup: {', '.join(more[:_SHOWN])}"))
    return steps


def _files(backup: int, panel: int) -> RehearsalStep:
    if panel == backup:
        return RehearsalStep("files", True, f"all {backup} files are in the restored panel")
    return RehearsalStep("files", None if panel > backup else False, f"the restored panel has {panel} files, the backup {backup}")


def _log(newest: str | None) -> RehearsalStep:
    if newest == "restore":
        return RehearsalStep("log", True, "the panel's own log says that it was restored")
    return RehearsalStep("log", False, f"the newest row of the panel's log is '{newest}', not 'restore'")
