"""Rehearsing a restore: what a panel does with one proven backup of its own, and what it says about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal, Protocol

from watchdog.model.drifts import Scalar
from watchdog.model.engines import EngineBuild, EngineRead
from watchdog.model.transfers import Alive

Say = Callable[[str], None]
"""Takes one line of how far it is, for a person who waits."""
RehearsalKind = Literal["content", "full"]
"""``content``: we loaded and compared it ourselves, the deepest there is without the panel; ``full``: the panel itself restored it."""
LEVELS: dict[RehearsalKind, int] = {"content": 3, "full": 5}
"""The level of verification that each kind is worth: only a restore by the panel is level 5."""


@dataclass(frozen=True, slots=True)
class RehearsalStep:
    """One thing that was tried. ``ok`` None = it proves nothing either way, and somebody should know of it."""

    name: str
    ok: bool | None
    message: str


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What came of it, step by step; ``facts`` are counts. ``cut``: room or disk did not allow it to come to its end."""

    kind: RehearsalKind
    steps: tuple[RehearsalStep, ...]
    facts: tuple[tuple[str, Scalar], ...] = ()
    cut: bool = False

    @property
    def good(self) -> bool:
        """Whether nothing failed."""
        return bool(self.steps) and all(step.ok is not False for step in self.steps)


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """One rehearsal of a restore (``panel-watchdog rehearse``) that has been: ``at`` is UNIX seconds, ``failed`` names steps that failed.

    ``level`` is what a good one is worth by its kind (LEVELS), 0 for any other.
    """

    at: float
    kind: RehearsalKind
    verdict: Literal["good", "bad", "unverifiable"]
    level: int = 0
    failed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RehearsalState:
    """How one watched directory stands: its ``newest`` rehearsal that told anything, the newest ``good`` one, also of archives long gone.

    ``every`` is how often one is wanted (seconds, None = nobody said), ``overdue`` whether the good one is older or there is none; None =
    it cannot be known now, or none is wanted.
    """

    directory: str
    newest: Rehearsed | None = None
    good: Rehearsed | None = None
    every: float | None = None
    overdue: bool | None = None


@dataclass(frozen=True, slots=True)
class ThrowAway:
    """The plan of a full rehearsal: every name it would use, what it would run in order, and why it is refused (none = it may be run)."""

    names: tuple[str, ...]
    commands: tuple[str, ...]
    refusals: tuple[str, ...]


class Rehearsing(Protocol):
    """What a panel offers that can rehearse: three more methods of ``Panel``."""

    def in_use(self, settings: Any, engine: EngineRead | None) -> tuple[Path, ...]:
        """Return the directories in which people's files lie: no scratch in or above them. Raises what the engine raises."""
        ...

    def rehearse(self, settings: Any, archive: BinaryIO, scratch: Path, room: int, alive: Alive) -> Rehearsal:
        """Load the content of ``archive`` (proven, decrypted, seekable) into ``scratch``, at most ``room`` bytes of it, and compare.

        Nothing is written outside ``scratch``, which the caller removes; ``alive`` is asked between pieces and may raise.
        """
        ...

    def throw_away(self, settings: Any, archive: BinaryIO, engine: EngineRead | None) -> ThrowAway:
        """Plan a restore by the panel itself into an environment of its own; runs nothing."""
        ...


class Restoring(Protocol):
    """What a panel offers beside ``Rehearsing`` whose own restore can be carried out in an environment of its own."""

    def restore(
        self, settings: Any, archive: BinaryIO, facts: Mapping[str, Scalar], build: EngineBuild, say: Say, alive: Alive
    ) -> Rehearsal:  # fmt: skip
        """Build an environment, let the panel restore ``archive`` (proven, decrypted), hold it to the ``facts`` of level 3, remove it.

        Raises Refused, with everything removed, when it may not be done here; what else goes wrong on this host is a step that proves
        nothing. The environment is removed after any exception, KeyboardInterrupt included.
        """
        ...
