"""``verify``: archives proven now, unthrottled, without a configuration and without the running program."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, cast

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from typer.core import TyperCommand

from watchdog.cli.options import JsonOption, spoken
from watchdog.collectors.archives.check import CONTENT, MEANING, MEMORY
from watchdog.collectors.archives.folder_single import Asked, is_destination, verify_folder
from watchdog.collectors.archives.keys import read_key
from watchdog.collectors.archives.meanings import of_panel, panels_with_meaning
from watchdog.collectors.archives.notes import read_note
from watchdog.collectors.archives.part_single import is_manifest, verify_parts
from watchdog.collectors.archives.rehearsals import held
from watchdog.collectors.archives.single import Depth, Verified, verify_path
from watchdog.errors import BadSettings
from watchdog.runtime.clock import SystemClock
from watchdog.runtime.log import configure

GOOD, BAD, UNVERIFIABLE, USAGE = 0, 1, 2, 3
EXITS = {"good": GOOD, "bad": BAD, "unverifiable": UNVERIFIABLE}
_MIB = 1 << 20
# click's UsageError, which newer typers bring with them under another name
_WrongWords = cast(type[Exception], typer.BadParameter.__base__)


class VerifyCommand(TyperCommand):
    """Ends with 3 for wrong words, because 2 means unverifiable here."""

    def make_context(self, *args: Any, **more: Any) -> Any:
        """Parse the words as every command does."""
        try:
            return super().make_context(*args, **more)
        except _WrongWords as error:
            vars(error)["exit_code"] = USAGE
            raise


@spoken
def verify(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH...", help="Archives: zip, tar, tar.gz, tar.zst, tar.xz, a Duplicati folder, NAME.parts.json.", show_default=False
        ),
    ],
    level: Annotated[
        int | None, typer.Option(min=0, max=3, help="0 = the head, 1 = the structure, 2 = every byte, 3 = its meaning.", show_default="2")
    ] = None,
    panel: Annotated[str, typer.Option("--as", metavar="PANEL", help="Whose backups they are: level 3.", show_default=False)] = "",
    key_file: Annotated[
        str, typer.Option(metavar="FILE", help="The key of encrypted backups: 64 hex digits, or base64.", show_default=False)
    ] = "",
    as_json: JsonOption = False,
    memory: Annotated[int, typer.Option(min=16, max=1 << 16, help="MiB that unpacking one archive may need.")] = MEMORY // _MIB,
) -> None:
    """Verify archives. Ends with 0 all good, 1 one is bad, 2 none is bad but one unverifiable, 3 wrong words or no such file."""
    configure("error", "console")
    depth = _depth(level, panel, key_file)
    missing = [path for path in paths if not os.path.lexists(path)]
    if missing:
        for path in missing:
            print(f"panel-watchdog: there is no '{path}'", file=sys.stderr)
        raise typer.Exit(USAGE)
    found = list(_verified(paths, depth, memory * _MIB, as_json=as_json))
    if as_json:
        print(json.dumps([_row(one) for one in found], indent=2, ensure_ascii=False))
    verdicts = {one.finished.verdict for one in found}
    worst = next(verdict for verdict in ("bad", "unverifiable", "good") if verdict in verdicts)
    raise typer.Exit(EXITS[worst])


def _depth(level: int | None, panel: str, key_file: str) -> Depth:
    """Return how deep is asked for. Ends the command for words that do not fit together, or a key that is none."""
    known = panels_with_meaning()
    wrong = ""
    if panel and panel not in known:
        wrong = f"'{panel}' does not know what its backups must contain; these do: {', '.join(known) or 'none'}"
    elif level == MEANING and not panel:
        wrong = f"level 3 needs --as: whose backups are they? ({', '.join(known) or 'none'})"
    try:
        if key_file:
            read_key(key_file)
    except BadSettings as error:
        wrong = wrong or str(error)
    if wrong:
        print(f"panel-watchdog: {wrong}", file=sys.stderr)
        raise typer.Exit(USAGE)
    depth = level if level is not None else MEANING if panel else CONTENT
    return Depth(depth, of_panel(panel) if depth == MEANING else "", key_file)


def _verified(paths: list[str], depth: Depth, memory: int, *, as_json: bool) -> Iterator[Verified]:
    clock, stop = SystemClock(), threading.Event()
    began = clock.now()
    for path in paths:
        with _progress(path) as watch:
            try:
                if is_destination(path):
                    one = verify_folder(path, Asked(min(depth.level, CONTENT), memory, stop, watch, lambda: clock.now().since(began)))
                elif is_manifest(path):
                    asked = Asked(depth.level, memory, stop, watch, lambda: clock.now().since(began), depth.meaning, depth.key_file)
                    one = verify_parts(path, asked)
                else:
                    one = _with_note(verify_path(path, depth, memory, stop, watch, lambda: clock.now().since(began)), clock.now().wall)
            except FileNotFoundError:
                print(f"panel-watchdog: '{path}' is gone meanwhile", file=sys.stderr)
                raise typer.Exit(USAGE) from None
        if not as_json:
            for line in _lines(one):
                print(line)
        yield one


def _with_note(one: Verified, now: float) -> Verified:
    """Add what the note of a rehearsal beside the file says, if it is of this very file."""
    if one.identity is None:
        return one
    rehearsed, odd = held(read_note(one.path), one.identity, one.finished.sha1, now)
    return replace(one, rehearsed=rehearsed, finished=replace(one.finished, remarks=(*one.finished.remarks, *odd)))


@contextmanager
def _progress(path: str) -> Iterator[Callable[[int, int], None]]:
    """Show how far a verification has come, where somebody can see it; nothing is left behind."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _done, _total: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(_plain(Path(path).name), total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _row(one: Verified) -> dict[str, Any]:
    done = one.finished
    return {
        "path": _plain(one.path), "format": done.format, "verdict": done.verdict, "level": done.level, "reasons": list(done.reasons),
        "bytes": one.size, "entries": done.entries, "salvageable": asdict(done.salvage) if done.salvage else None, "sha1": done.sha1,
        "seconds": round(one.seconds, 3), "message": done.message,
        "facts": dict(done.facts), "remarks": [list(remark) for remark in done.remarks],
        "rehearsed": asdict(one.rehearsed) if one.rehearsed else None,
    }  # fmt: skip


def _lines(one: Verified) -> Iterator[str]:
    done = one.finished
    counted = f", {done.entries} entries" if done.entries is not None else ""
    facts = f"{done.format or 'unknown'}{counted}, {one.size} bytes, level {done.level}, {one.seconds:.1f} s"
    yield f"{done.verdict:<12} {_plain(one.path)} ({facts})"
    if done.reasons:
        yield f"             {', '.join(done.reasons)}: {done.message}"
    if done.salvage is not None and done.salvage.entries:
        proven = "" if done.salvage.proven else " (they unpack; no checksum covers them)"
        yield f"             survive: {done.salvage.entries} entries, {done.salvage.bytes} bytes, up to '{done.salvage.last}'{proven}"
    for word, text in done.remarks:
        yield f"             remark {word}: {text}"
    if done.facts:
        yield f"             {', '.join(f'{name} {value}' for name, value in done.facts)}"
    if done.sha1:
        yield f"             sha1 {done.sha1}"
    if one.rehearsed is not None:
        when = datetime.fromtimestamp(one.rehearsed.at, UTC).isoformat(timespec="seconds")
        failed = f", failed: {', '.join(one.rehearsed.failed)}" if one.rehearsed.failed else ""
        yield f"             rehearsed {when}: {one.rehearsed.verdict} ({one.rehearsed.kind}{failed})"


def _plain(path: str) -> str:
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
