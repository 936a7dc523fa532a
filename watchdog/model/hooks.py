"""Typed hooks: the four ways a person may let us restart something."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class UnitHook:
    """Restart a systemd unit."""

    unit: str


@dataclass(frozen=True, slots=True)
class ContainerHook:
    """Restart a container with its own stop timeout."""

    container: str


@dataclass(frozen=True, slots=True)
class ExecHook:
    """Run ``argv`` inside a container."""

    container: str
    argv: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ArgvHook:
    """Run a program on this host; never through a shell."""

    argv: tuple[str, ...]


Hook = UnitHook | ContainerHook | ExecHook | ArgvHook


def describe(hook: Hook) -> str:
    """Given a hook, return what it would do, as one line for plans and the record (argv may be shown: it holds no secrets)."""
    match hook:
        case UnitHook(unit):
            return f"systemctl restart {unit}"
        case ContainerHook(container):
            return f"restart container {container}"
        case ExecHook(container, argv):
            return f"exec in container {container}: {' '.join(argv)}"
        case ArgvHook(argv):
            return "run " + " ".join(argv)


class HookRunner(Protocol):
    """Runs a hook to its end."""

    def run(self, hook: Hook, seconds: float) -> None:
        """Run ``hook`` within ``seconds``. Raises Temporary (it failed or timed out) or Permanent (it cannot be run at all)."""
        ...

    def kill_mode(self, unit: str, seconds: float) -> str:
        """Return what a restart of ``unit`` ends, as systemd calls it (systemd.kill(5)): control-group, mixed, process, none.

        Asks within ``seconds`` and changes nothing. Raises as ``run`` does.
        """
        ...
