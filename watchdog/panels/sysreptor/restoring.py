"""A full rehearsal carried out: an environment of its own is built, the panel restores into it, what came of it is counted, all is removed.

What speaks of the backup (the restore fails, rows are missing) is a failed step; what speaks of this host (no memory, a hang, the engine
gone, no licence) proves nothing either way. Removed is whatever bears this rehearsal's label, however it ended.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, Final

from watchdog.errors import NotFound, Permanent, Refused, WatchdogError
from watchdog.model.drifts import Scalar
from watchdog.model.engines import OUR_LABEL, OWNER_LABEL, Box, EngineBuild
from watchdog.model.rehearsals import Rehearsal, RehearsalStep, Say
from watchdog.model.transfers import Alive, Patience
from watchdog.panels.sysreptor import counts, throwaway
from watchdog.panels.sysreptor.blueprint import COUNT, INSTALL, MIGRATED, READY, RESTORE, Blueprint, draw, image_of
from watchdog.panels.sysreptor.making import Tail
from watchdog.panels.sysreptor.settings import SysreptorSettings
from watchdog.runtime.engine.leftovers import leftovers, owner, sweep
from watchdog.runtime.engine.streaming import until

QUICK: Final = 30.0
SLOW: Final = 120.0
"""Seconds for a call to the engine that answers at once, and for one that makes or removes something."""
_PIECE: Final = 256 << 10
_ROUNDS: Final = 3
_KILLED: Final = 137
_TENTHS: Final = 10


class _Stopped(Exception):
    """A step ended it; what is said stands in the steps already."""


def restore(
    settings: SysreptorSettings, archive: BinaryIO, facts: Mapping[str, Scalar], build: EngineBuild, say: Say, alive: Alive
) -> Rehearsal:  # fmt: skip
    """Carry it out; see ``model.rehearsals.Restoring``."""
    refusals = throwaway.plan(settings, archive, build).refusals
    if refusals:
        raise Refused("; ".join(refusals))
    run = _Run(settings, archive, facts, build, say, alive)
    cut = True
    try:
        run.clear_old()
        run.build_up()
        cut = run.fill_and_look()
    except _Stopped:
        pass
    except WatchdogError as error:
        if isinstance(error, Permanent) and not run.stands:
            raise
        run.step("engine", None, f"it could not be carried out: {error}")
    finally:
        try:
            left = run.tear_down()
        except KeyboardInterrupt:  # the signal came while it was being removed
            run.tear_down()
            raise
    run.step(
        "clean up",
        None if left else True,
        f"left behind: {'; '.join(left)}: panel-watchdog rehearse --clean" if left else "nothing is left",
    )
    return Rehearsal("full", tuple(run.steps), tuple(sorted(run.facts.items())), cut)


class _Run:
    """One rehearsal at work; ``facts`` are counts of what was restored. ``stands``: from then on what the engine refuses is no guard."""

    def __init__(
        self, settings: SysreptorSettings, archive: BinaryIO, facts: Mapping[str, Scalar], build: EngineBuild, say: Say, alive: Alive
    ) -> None:
        self.steps: list[RehearsalStep] = []
        self.facts: dict[str, Scalar] = {}
        self.stands = False
        self._settings, self._archive, self._told, self._build, self._say, self._alive = settings, archive, facts, build, say, alive
        self._id = uuid.uuid4().hex[:12]
        self._version = throwaway.version_of(archive)
        self._names = throwaway.names_of(settings)
        self._labels = {OUR_LABEL: self._id, OWNER_LABEL: owner()}

    def step(self, name: str, ok: bool | None, message: str) -> None:
        """Take note of a step, and say it."""
        self.steps.append(RehearsalStep(name, ok, message))
        self._say(f"{name}: {message}")

    def clear_old(self) -> None:
        """Remove what a killed rehearsal left. Raises Refused when its program lives, may live, or when something stays."""
        old = leftovers(self._build, QUICK)
        for each in old:
            if each.alive is not False:
                word = "is at work" if each.alive else "may be at work elsewhere (panel-watchdog rehearse --clean removes it)"
                raise Refused(f"rehearsal {each.rehearsal} {word}: '{each.name}' is its")
        left = sweep(self._build, old, SLOW)
        if left:
            raise Refused(f"what an earlier rehearsal left cannot be removed: {'; '.join(left)}")
        if old:
            self.step("leftovers", None, f"removed what a killed rehearsal had left: {', '.join(each.name for each in old)}")

    def build_up(self) -> None:
        """Make the network and both boxes, and start them. Raises Refused for an image that is not here and a name that is taken."""
        plan = draw(self._settings, self._version, self._names, self._labels, self._volumes())
        self._hold_names()
        if plan.network:
            self._build.create_network(plan.network, self._labels, SLOW)
        for box in (plan.database, plan.app):
            self._start(box)
        line = "a network of its own without a way out" if plan.network else "no network at all"
        self.stands = True
        self.step("environment", True, f"{plan.database.image} and {plan.app.image}, {line}")
        self._await_database(plan)

    def fill_and_look(self) -> bool:
        """Let the panel restore, then count. Return whether it was cut short."""
        backup = counts.held(self._archive)
        code, said = self._exec(INSTALL)
        if code != 0:
            self.step("install", None, f"a fresh panel could not be set up (exit {code}): {_short(said)}")
            return True
        self.step("install", True, "a fresh panel was set up")
        self._restore()
        code, said = self._exec(MIGRATED)
        self.step("migrations", code == 0, "none is pending" if code == 0 else f"migrate --check ended with {code}: {_short(said)}")
        code, said = self._exec(COUNT)
        panel = counts.told(said)
        if panel is None:
            self.step("counts", None, f"the restored panel could not be counted (exit {code}): {_short(said)}")
            return True
        self.facts |= {"rows": sum(panel.rows.get(kind, 0) for kind in backup.rows), "models": len(backup.rows), "files": panel.files}
        self.steps += counts.compare(backup, self._told, panel)
        return False

    def tear_down(self) -> tuple[str, ...]:
        """Remove whatever bears the label of this rehearsal; return what could not be removed, in words."""
        self._say("removing the environment")
        left: tuple[str, ...] = ()
        for _ in range(_ROUNDS):  # what the engine was just making may come late
            try:
                mine = tuple(each for each in leftovers(self._build, QUICK) if each.rehearsal == self._id)
                if not mine:
                    return ()
                left = sweep(self._build, mine, SLOW)
            except WatchdogError as error:
                left = (f"what is labelled {OUR_LABEL}={self._id}: {error}",)
        return left

    def _volumes(self) -> dict[str, tuple[str, ...]]:
        """Return the volumes that each image would make. Raises Refused when it is not here or brings settings of a storage."""
        found, major = {}, {}
        own = self._settings.restore.database_image
        for name in (own, image_of(self._settings, self._version)):
            try:
                config = self._build.image(name, QUICK).get("Config")
            except NotFound:
                raise Refused(f"the image {name} is not on this host, and none is pulled from here: docker pull {name}") from None
            config = config if isinstance(config, dict) else {}
            variables = dict(str(line).partition("=")[::2] for line in config.get("Env") or ())
            bad = sorted(each for each in variables if "S3" in each or each.endswith("_STORAGE") or each == "DEFAULT_STORAGE")
            if bad:
                raise Refused(f"the image {name} has settings of a storage ({', '.join(bad)}): a restore deletes every file in it")
            found[name], major[name] = tuple(config.get("Volumes") or ()), variables.get("PG_MAJOR")
        theirs = throwaway.database_major(self._settings, self._build)
        if theirs and major[own] and theirs != major[own]:
            raise Refused(f"the panel's database is PostgreSQL {theirs}, {own} is {major[own]}: set restore.database_image")
        return found

    def _hold_names(self) -> None:
        """Look once more, right before anything is made."""
        used = throwaway.production(self._settings, self._build) | {str(row.get("Name")) for row in self._build.networks(QUICK)}
        taken = list(throwaway.clashes(self._names, used))
        if taken:
            raise Refused("; ".join(taken))

    def _start(self, box: Box) -> None:
        made = self._build.create(box, SLOW)
        wrong = _strange(made, box)
        if wrong:
            raise Refused(f"the engine made '{box.name}' with {wrong}: it is not started")
        self._build.start(box.name, SLOW)
        networks = set((_part(self._build.inspect(box.name, QUICK), "NetworkSettings").get("Networks")) or {})
        if not networks <= {box.network}:
            raise Refused(f"'{box.name}' is connected to {', '.join(sorted(networks))}")

    def _await_database(self, plan: Blueprint) -> None:
        name, last = plan.database.name, ""

        def look() -> int | None:
            nonlocal last
            self._alive()
            state = _part(self._build.inspect(name, QUICK), "State")
            if state.get("Running") is not True:
                last = f"it ended with {state.get('ExitCode')}"
                return 1
            code, last = self._build.exec(name, READY, QUICK)
            return 0 if code == 0 else None

        if until(look, self._settings.restore.start_timeout, 0.5) != 0:
            self.step("database", None, f"it did not become ready within {self._settings.restore.start_timeout:g} s: {_short(last)}")
            raise _Stopped

    def _restore(self) -> None:
        said, longest = Tail(), self._settings.restore.timeout
        patience = Patience(QUICK, longest, longest, longest, longest, 0)
        app = self._names[2]
        code = self._build.exec_fill(app, RESTORE, self._source(), said.add, said.add, patience=patience, alive=self._alive)
        if code == 0:
            self.step("restore", True, f"the panel restored it: {image_of(self._settings, self._version)}")
            return
        if code == _KILLED or _part(self._build.inspect(app, QUICK), "State").get("Running") is not True:
            self.step(
                "restore", None, f"it was killed half way (exit {code}); it has {self._settings.restore.memory >> 20} MiB (restore.memory)"
            )
        elif "license" in said.text.lower():
            self.step("restore", None, f"the panel does not take the licence: {said.text}")
        else:
            self.step("restore", False, f"the panel's restore ended with {code}: {said.text}")
        raise _Stopped

    def _source(self) -> Iterator[bytes]:
        """Yield the licence as a line, then the archive, saying how far it is."""
        yield throwaway.licence_of(self._settings).encode() + b"\n"
        size = self._archive.seek(0, os.SEEK_END)
        self._archive.seek(0)
        sent = tenth = 0
        while piece := self._archive.read(_PIECE):
            yield piece
            sent += len(piece)
            if sent * _TENTHS // max(size, 1) > tenth:
                tenth = sent * _TENTHS // max(size, 1)
                self._say(f"restore: {sent} of {size} bytes are in ({tenth * _TENTHS} %)")

    def _exec(self, argv: tuple[str, ...]) -> tuple[int, str]:
        self._alive()
        return self._build.exec(self._names[2], argv, self._settings.restore.start_timeout)


def _strange(made: Mapping[str, Any], box: Box) -> str:
    """Return what of a container is not as it was asked for; "" = nothing."""
    host = _part(made, "HostConfig")
    if made.get("Mounts"):
        return "mounts"
    if host.get("PortBindings") or host.get("Privileged"):
        return "open ports or privileges"
    if _part(host, "RestartPolicy").get("Name") not in {"no", ""}:
        return "a restart policy"
    mode = str(host.get("NetworkMode"))
    # the engine turns container:NAME into container:ID
    same = mode == box.network or (box.network.startswith("container:") and mode.startswith("container:"))
    return "" if same else f"the network {mode}"


def _part(told: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = told.get(name)
    return found if isinstance(found, dict) else {}


def _short(text: str) -> str:
    tail = Tail()
    tail.add(text.encode())
    return tail.text
