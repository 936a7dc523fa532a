"""``rehearse --full`` and ``--clean``: the panel's own restore carried out in an environment of its own, and what is left of one."""

from __future__ import annotations

import json
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import Any, BinaryIO, cast

import typer

from watchdog import settings
from watchdog.errors import Refused
from watchdog.model.drifts import Scalar
from watchdog.model.rehearsals import Rehearsal, Rehearsing, Restoring, ThrowAway
from watchdog.model.transfers import always
from watchdog.runtime.engine import Builder
from watchdog.runtime.engine.leftovers import leftovers, sweep

SECONDS = 60.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def builder(loaded: settings.SettingsBase) -> Builder | None:
    """Return the engine of the configuration, to be built on; None = there is none on this host."""
    docker = loaded.collectors.docker
    return Builder(docker.url) if docker.enabled is not False and docker.url.startswith("unix://") else None


def wished(path: Path, plan: ThrowAway, *, yes: bool, as_json: bool) -> bool:
    """Show the plan; return whether it is to be carried out: by ``--yes``, or by an answer at a terminal."""
    if plan.refusals or not yes:
        show_plan(path, plan, as_json=as_json)
    if plan.refusals:
        return False
    return yes or (not as_json and sys.stdin.isatty() and typer.confirm("Carry it out now?"))


def show_plan(path: Path, plan: ThrowAway, *, as_json: bool) -> None:
    """Print what it would run, or why it is refused."""
    if as_json:
        print(json.dumps({"path": str(path), "kind": "full", **asdict(plan), "carried_out": False}, indent=2))
        return
    for line in (*(f"refused: {why}" for why in plan.refusals), *plan.commands):
        print(line)
    print(
        "This is a plan; nothing of it was run. --yes carries it out. Without --full the content is rehearsed, as deep as it goes without"
    )
    print("the panel.")


def carried_out(panel: Rehearsing, own: Any, archive: BinaryIO, facts: Mapping[str, Scalar], build: Builder | None) -> Rehearsal:
    """Carry it out, saying on stderr how far it is. Raises Refused, and KeyboardInterrupt after everything was removed."""
    if build is None or not hasattr(panel, "restore"):
        raise Refused("a full rehearsal needs a panel that can restore by itself, and a Docker engine on this host")
    restoring = cast(Restoring, panel)
    with _interruptible_once():
        return restoring.restore(own, archive, facts, build, _say, always)


def clean(build: Builder | None) -> int:
    """Remove what killed rehearsals left; return 0, or 1 when something stays. One whose program lives here is left alone."""
    if build is None:
        raise Refused("there is no Docker engine on this host")
    found = leftovers(build, SECONDS)
    for each in found:
        word = "is left alone: its rehearsal is at work" if each.alive else "is removed"
        print(f"{'network' if each.network else 'container'} {each.name} ({each.rehearsal}) {word}")
    left = sweep(build, tuple(each for each in found if not each.alive), SECONDS)
    for text in left:
        print(f"panel-watchdog: not removed: {text}", file=sys.stderr)
    if not found:
        print("no rehearsal has left anything")
    return 1 if left else 0


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


@contextmanager
def _interruptible_once() -> Iterator[None]:
    """Let the first signal end the rehearsal, and none the cleaning up after it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(_number: int, _frame: FrameType | None) -> None:
        for each in _SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        _say("ended by a signal: what was made is being removed")
        raise KeyboardInterrupt

    before: dict[signal.Signals, Callable[..., Any] | int | None] = {each: signal.signal(each, end) for each in _SIGNALS}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
