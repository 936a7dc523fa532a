"""``rehearse``: one backup restored for trial, as deep as it honestly goes here. Nothing that people use is touched."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from watchdog import settings
from watchdog.cli import rehearse_full
from watchdog.cli.options import ConfigOption, JsonOption, default_path, spoken
from watchdog.collectors.archives.check import MEMORY
from watchdog.collectors.archives.keys import read_key
from watchdog.collectors.archives.notes import SUFFIX
from watchdog.collectors.archives.plain import open_plain
from watchdog.collectors.archives.rehearsals import noted, write_note
from watchdog.collectors.archives.single import VerifyNow
from watchdog.errors import NotFound, Refused
from watchdog.model.archives import Identity, Verification
from watchdog.model.needs import DirectoryNeed
from watchdog.model.rehearsals import Rehearsal, RehearsalStep, Rehearsing
from watchdog.model.transfers import always
from watchdog.panels import discover
from watchdog.runtime.clock import SystemClock
from watchdog.runtime.engine import Builder
from watchdog.runtime.log import configure
from watchdog.runtime.partfile import free_bytes

GOOD, BAD, UNVERIFIABLE, USAGE = 0, 1, 2, 3
NOTE_SUFFIX = SUFFIX
"""What it leaves beside the archive."""
KINDS = {
    "content": "a rehearsal of the content (level 3): we loaded and compared it ourselves; the panel restored nothing",
    "full": "a full rehearsal (level 5 when it is good): the panel itself restores it, in an environment of its own",
}


@spoken
def rehearse(
    target: Annotated[str, typer.Argument(metavar="TARGET", help="The name of the panel in the configuration.", show_default=False)] = "",
    archive: Annotated[Path | None, typer.Argument(help="The backup. Default: the newest.", show_default=False)] = None,
    full: Annotated[bool, typer.Option("--full", help="A restore by the panel itself, in an environment of its own: the plan.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --full: carry the plan out without asking.")] = False,
    clean: Annotated[bool, typer.Option("--clean", help="Only remove what killed full rehearsals have left.")] = False,
    directory: Annotated[
        Path | None, typer.Option(help="Where the scratch files go. Default: the place of temporary files.", show_default=False)
    ] = None,
    room: Annotated[int, typer.Option(min=0, help="MiB that the scratch files may take. 0 = half of what is free.")] = 0,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Rehearse a restore. Ends with 0 it went well, 1 it did not, 2 it cannot be told, 3 it was refused or the words are wrong."""
    configure("error", "console")
    try:
        loaded = settings.load(config or default_path())
        if clean:
            raise typer.Exit(rehearse_full.clean(rehearse_full.builder(loaded)))
        _rehearse(loaded, target, archive, directory, room, full=full, as_json=as_json, yes=yes)
    except (Refused, NotFound) as error:
        print(f"panel-watchdog: refused: {error}", file=sys.stderr)
        raise typer.Exit(USAGE) from None


def _rehearse(
    loaded: settings.SettingsBase, target: str, archive: Path | None, directory: Path | None, room: int, *,
    full: bool, as_json: bool, yes: bool = False,
) -> None:  # fmt: skip
    if not target:
        raise Refused("name the panel that is to be rehearsed")
    panel, own = _target(loaded, target)
    directories = panel.needs(own).directories
    if not directories:
        raise Refused(f"'{target}' has no archives on this host")
    need = directories[0]
    path = archive or _newest(need)
    if not path.is_file():
        raise Refused(f"there is no file '{path}'")
    build = rehearse_full.builder(loaded)
    if full:
        _settle(panel, own, path, need, build, yes=yes, as_json=as_json)
    clock = SystemClock()
    began = clock.now()
    place = None if full else _place(directory, own, cast(Rehearsing, panel).in_use(own, build))
    found = VerifyNow(MEMORY, clock)(str(path), level=3, meaning=need.meaning, key_file=need.key_file, alive=always)
    if place is None:
        done = _restored(panel, own, path, need, found, build)
    else:
        done = _rehearsed(cast(Rehearsing, panel), own, path, need, found, place, room)
    told = noted(str(path), done, found, clock.now().wall, clock.now().since(began))
    _keep(path, told)
    _show(told, as_json=as_json)
    raise typer.Exit({"good": GOOD, "bad": BAD}.get(told["verdict"], UNVERIFIABLE))


def _target(loaded: settings.SettingsBase, name: str) -> tuple[Any, Any]:
    panels = discover()
    for panel, own in loaded.targets():
        if own.name != name:
            continue
        if not hasattr(panels[panel], "rehearse"):
            raise Refused(f"{panel} has no rehearsal")
        return panels[panel], own
    raise Refused(f"the configuration has no target '{name}'; it has: {', '.join(own.name for _, own in loaded.targets()) or 'none'}")


def _newest(need: DirectoryNeed) -> Path:
    folder = Path(need.path)
    inside = folder.glob(need.pattern)
    found = [path for path in inside if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)]
    if not found:
        raise Refused(f"there is no {need.pattern} in {folder}: name the archive")
    return max(found, key=lambda path: path.stat().st_mtime)


def _place(directory: Path | None, own: Any, in_use: tuple[Path, ...]) -> Path:
    """Return where the scratch may be made; never in a place where people's files lie, nor right above one when it was named."""
    wished = directory or getattr(getattr(own, "restore", None), "directory", None)
    place = Path(wished or tempfile.gettempdir()).resolve()
    for kept in (each.resolve() for each in in_use):
        if place == kept or kept in place.parents or (place in kept.parents and wished is not None):
            raise Refused(f"the scratch directory {place} and {kept}, which is in use, lie in one another: name another --directory")
    if not place.is_dir():
        raise Refused(f"there is no directory {place} for the scratch files")
    return place


def _rehearsed(
    panel: Rehearsing, own: Any, path: Path, need: DirectoryNeed, found: Verification, place: Path, room: int
) -> Rehearsal:  # fmt: skip
    first = _verified(found)
    if found.verdict != "good":
        return Rehearsal("content", (first,))
    free = free_bytes(place)
    most = room << 20 or free // 2
    if most > free:
        raise Refused(f"{room} MiB are more than the {free >> 20} MiB that are free on {place}")
    with _opened(path, need.key_file, found.identity) as archive, _scratch(place) as scratch:
        done = panel.rehearse(own, archive, scratch, most, always)
    return Rehearsal(done.kind, (first, *done.steps), done.facts, done.cut)


def _restored(panel: Rehearsing, own: Any, path: Path, need: DirectoryNeed, found: Verification, build: Builder | None) -> Rehearsal:
    first = _verified(found)
    if found.verdict != "good":
        return Rehearsal("full", (first,))
    with _opened(path, need.key_file, found.identity) as archive:
        done = rehearse_full.carried_out(panel, own, archive, dict(found.facts), build)
    return Rehearsal(done.kind, (first, *done.steps), done.facts, done.cut)


def _verified(found: Verification) -> RehearsalStep:
    return RehearsalStep(
        "verify", found.verdict == "good" if found.verdict != "unverifiable" else None,
        f"{found.verdict}, level {found.level}" + (f": {found.reason}: {found.message}" if found.reason else ""),
    )  # fmt: skip


@contextmanager
def _scratch(place: Path) -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="watchdog-rehearsal-", dir=place))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


@contextmanager
def _opened(path: Path, key_file: str, identity: Identity | None) -> Iterator[Any]:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        if identity is not None and identity != Identity.of(os.fstat(descriptor)):
            raise Refused(f"{path.name} has changed since it was verified")
        yield open_plain(descriptor, read_key(key_file) if key_file else b"")
    finally:
        os.close(descriptor)


def _settle(panel: Rehearsing, own: Any, path: Path, need: DirectoryNeed, build: Builder | None, *, yes: bool, as_json: bool) -> None:
    """Show the plan of a full rehearsal and end, unless it is to be carried out."""
    with _opened(path, need.key_file, None) as archive:
        plan = panel.throw_away(own, archive, build)
    if not rehearse_full.wished(path, plan, yes=yes, as_json=as_json):
        raise typer.Exit(USAGE if plan.refusals else UNVERIFIABLE)


def _keep(path: Path, told: dict[str, Any]) -> None:
    """Leave the result beside the backup; where nobody may write, it is only shown."""
    try:
        write_note(path, told)
    except OSError as error:
        print(f"panel-watchdog: the result cannot be kept beside the backup: {error.strerror}", file=sys.stderr)


def _show(told: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(told, indent=2))
        return
    print(told["path"])
    for step in told["steps"]:
        word = {True: "ok", False: "FAILED", None: "note"}[step["ok"]]
        print(f"  {word:<7} {step['name']}: {step['message']}")
    print(f"{told['verdict']}: {KINDS[told['kind']]}")
