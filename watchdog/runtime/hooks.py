"""Running a person's typed hooks: a unit, a container, a command in a container, a program on this host. Never a shell.

The unit's restart waits for its job, so success means that systemd says it is up; systemctl needs no terminal and asks nobody.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from watchdog.errors import Refused, Temporary
from watchdog.model.engines import EngineAct
from watchdog.model.hooks import ArgvHook, ContainerHook, ExecHook, Hook, UnitHook
from watchdog.runtime.child import one_line, run
from watchdog.runtime.log import get_logger

log = get_logger(__name__)

_UNIT_MISSING = 5  # LSB: program is not installed; systemctl's exit code for an unknown unit
_SYSTEMCTL = ("systemctl", "--no-ask-password", "--no-pager", "--quiet")


class Hooks:
    """Runs hooks. ``engine_act`` is None when no engine may be acted on: then container and exec hooks are refused."""

    def __init__(self, engine_act: EngineAct | None = None, *, systemctl: Sequence[str] = _SYSTEMCTL) -> None:
        self._engine = engine_act
        self._systemctl = tuple(systemctl)

    def run(self, hook: Hook, seconds: float) -> None:
        """Run ``hook`` within ``seconds``. Raises Temporary (failed, timed out) or Permanent (cannot be run at all)."""
        match hook:
            case UnitHook(unit):
                self._restart_unit(unit, seconds)
            case ContainerHook(container):
                self._act(container).restart(container, None, seconds)
            case ExecHook(container, argv):
                self._exec(container, argv, seconds)
            case ArgvHook(argv):
                self._program(argv, seconds)

    def kill_mode(self, unit: str, seconds: float) -> str:
        """Return systemd's KillMode of ``unit``, and do nothing. Raises Temporary or Permanent."""
        result = run([*self._systemctl, "show", "--property=KillMode", "--value", "--", _named(unit)], seconds=seconds)
        if result.code != 0:
            raise Temporary(f"systemctl show {unit} ended with {result.code}: {result.told()}")
        return result.stdout.decode("utf-8", "replace").strip()

    def _act(self, container: str) -> EngineAct:
        if self._engine is None:
            raise Refused(f"the hook acts on container '{container}', but no Docker Engine is configured to act on")
        return self._engine

    def _restart_unit(self, unit: str, seconds: float) -> None:
        result = run([*self._systemctl, "restart", "--", _named(unit)], seconds=seconds)
        if result.code == _UNIT_MISSING:
            raise Refused(f"systemd knows no unit '{unit}': {result.told()}")
        if result.code != 0:
            raise Temporary(f"systemctl restart {unit} ended with {result.code}: {result.told()}")
        log.info("a hook restarted a unit", unit=unit, seconds=round(result.seconds, 3))

    def _exec(self, container: str, argv: Sequence[str], seconds: float) -> None:
        started = time.monotonic()
        code, output = self._act(container).exec(container, argv, seconds)
        if code != 0:
            raise Temporary(f"'{argv[0]}' in container '{container}' ended with {code}: {one_line(output.encode())}")
        log.info("a hook ran in a container", container=container, program=argv[0], seconds=round(time.monotonic() - started, 3))

    def _program(self, argv: Sequence[str], seconds: float) -> None:
        if not argv:
            raise Refused("a hook's argv names no program")
        result = run(argv, seconds=seconds)
        if result.code != 0:
            raise Temporary(f"'{argv[0]}' {_ending(result.code)}: {result.told()}")
        log.info("a hook ran a program", program=argv[0], seconds=round(result.seconds, 3))


def _named(unit: str) -> str:
    if not unit or unit.startswith("-"):
        raise Refused(f"{unit!r} is not the name of a unit")
    return unit


def _ending(code: int) -> str:
    return f"was ended by signal {-code}" if code < 0 else f"ended with {code}"
