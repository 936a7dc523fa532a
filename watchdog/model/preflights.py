"""Before an upgrade: what a panel looks at, and go or no-go with each reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from watchdog.model.panels import Ports


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. ``ok`` None = it cannot be told, and that is no go. ``note``: information that decides nothing.

    ``name`` is short and stable, so that a person can accept just this one.
    """

    name: str
    ok: bool | None
    message: str
    note: bool = False


@dataclass(frozen=True, slots=True)
class Preflight:
    """All that was looked at before going to ``version``; ``accepted`` are names of checks that a person takes upon himself."""

    version: str
    checks: tuple[Check, ...]
    accepted: frozenset[str] = frozenset()

    @property
    def reasons(self) -> tuple[Check, ...]:
        """Return the checks that speak against it."""
        return tuple(each for each in self.checks if not each.note and each.ok is not True and each.name not in self.accepted)

    @property
    def go(self) -> bool:
        """Whether nothing speaks against it. Nothing looked at is no go."""
        return not self.reasons and any(not each.note for each in self.checks)


class Preflighting(Protocol):
    """What a panel offers that can be looked at before its upgrade: one more method of ``Panel``."""

    def preflight(self, settings: Any, ports: Ports, to: str) -> tuple[Check, ...]:
        """Look at everything, changing nothing. Raises what the panel's client raises when nothing can be looked at."""
        ...
