"""What the web asks of the program, declared by the consumer; ``exposition`` and ``reconciler.commands`` satisfy it, app.py wires it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from watchdog.model.alarms import Alarm
from watchdog.model.approvals import Approval, ApprovalState, Holding, Ignore
from watchdog.model.archives import ArchiveFacts, ArchiveProgress
from watchdog.model.drifts import Episode
from watchdog.model.holdings import Release
from watchdog.model.pauses import Pause, PauseCheck, PauseOrder, PauseSays, StandingPause
from watchdog.model.repairs import RepairRecord
from watchdog.reconciler.commands import PlanReport
from watchdog.reconciler.explaining import Explanation
from watchdog.reconciler.status import TargetStatus


@dataclass(frozen=True, slots=True)
class Report:
    """Whether the program is healthy (or ready), and in one sentence each what is missing when it is not."""

    missing: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing is missing."""
        return not self.missing


class Page(Protocol):
    """One answer to a scrape."""

    @property
    def body(self) -> bytes: ...

    @property
    def content_type(self) -> str: ...

    @property
    def encoding(self) -> str | None: ...


class Pages(Protocol):
    """Ready answers to scrapes. Memory only: called in the server's own loop."""

    def page(self, *, openmetrics: bool = False, gzip: bool = False, collect: Collection[str] = (), names: Collection[str] = ()) -> Page:
        """Return one answer. Raises NotFound for an unknown source in ``collect``."""
        ...


class Commands(Protocol):
    """Orders and questions of people, as ``reconciler.commands.Commands`` answers them. May block; called in bounded threads."""

    def statuses(self) -> tuple[TargetStatus, ...]: ...

    def status(self, target: str) -> TargetStatus: ...

    def pause_says(self, target: str, standing: tuple[StandingPause, ...]) -> PauseSays: ...

    def sync(self, target: str, seconds: float = ...) -> TargetStatus: ...

    def plan(self, target: str) -> PlanReport: ...

    def approvals(self, target: str | None = None, states: tuple[ApprovalState, ...] = ...) -> tuple[Approval, ...]: ...

    def approve(self, approval_id: str, by: str) -> Approval: ...

    def reject(self, approval_id: str, by: str) -> Approval: ...

    def retry(self, target: str, drift_key: str, by: str) -> Approval: ...

    def ignore(self, pattern: str, reason: str, until: float | None, by: str) -> Ignore: ...

    def unignore(self, ignore_id: int) -> None: ...

    def ignores(self) -> tuple[Ignore, ...]: ...

    def acknowledge(self, target: str, by: str) -> TargetStatus: ...

    def baseline(self, target: str, what: Literal["accept", "repair"]) -> int: ...

    def holdings(self, *, released: bool = False) -> tuple[Holding, ...]: ...

    def release(self, holding_id: int) -> Release: ...

    def repairs(self, target: str | None = None, limit: int = 100) -> tuple[RepairRecord, ...]: ...

    def history(self, target: str | None = None, limit: int = 100) -> tuple[Episode, ...]: ...

    def explain(self, asked: str) -> Explanation: ...


class Pauses(Protocol):
    """Pauses, as ``reconciler.pausing.Pauses`` keeps them. May block; called in bounded threads."""

    def pause(self, order: PauseOrder) -> Pause: ...

    def change(self, pause_id: int, version: int, order: PauseOrder) -> Pause: ...

    def resume(self, pause_id: int, by: str, version: int | None = None) -> Pause: ...

    def pauses(self, target: str | None = None, *, ended: bool = False, limit: int = 100) -> tuple[Pause, ...]: ...

    def check(self, target: str, says: Callable[[tuple[StandingPause, ...]], PauseSays]) -> PauseCheck: ...


class Archives(Protocol):
    """What is known of backup archives. Memory only."""

    def facts(self) -> ArchiveFacts | None:
        """Return the last look at the watched directories, None before the first."""
        ...

    def progress(self) -> tuple[ArchiveProgress, ...]:
        """Return how far verifications at work have come, now."""
        ...


class Inlet(Protocol):
    """One door for reports."""

    @property
    def limit(self) -> int:
        """Bytes that a report may have."""
        ...


class Inlets(Protocol):
    """The doors for reports. Memory only: called in the server's own loop."""

    def known(self, panel: str, name: str) -> bool:
        """Whether any target opens this door."""
        ...

    def find(self, panel: str, name: str, secret: str) -> Inlet | None:
        """Return the door that ``secret`` opens, in the same time whether it does or not."""
        ...

    def offer(self, door: Any, size: int) -> bool:
        """Keep room for a report of ``size`` bytes, to be handed over soon; False = there is none."""
        ...

    def hand_over(self, door: Any, content_type: str, body: bytes) -> None:
        """Take the report for which room was kept."""
        ...

    def turn_away(self, door: Any) -> None:
        """Count a report that was refused."""
        ...


class Alarms(Protocol):
    """Where alerts go. Memory only: called in the server's own loop."""

    def take(self, alarms: tuple[Alarm, ...]) -> bool:
        """Queue alerts, all or none; False = there is no room."""
        ...


class Backing(Protocol):
    """The program behind the web. ``pages``, ``inlets``, ``alarms``, ``health`` and ``readiness`` touch memory only.

    ``pages``, ``commands``, ``pauses``, ``archives``, ``inlets`` and ``alarms`` are asked for anew at each call: a reload may put
    others in their place.
    """

    @property
    def pages(self) -> Pages: ...

    @property
    def commands(self) -> Commands: ...

    @property
    def pauses(self) -> Pauses: ...

    @property
    def archives(self) -> Archives: ...

    @property
    def inlets(self) -> Inlets: ...

    @property
    def alarms(self) -> Alarms: ...

    def health(self) -> Report:
        """Say whether supervisor, scheduler and web live; never about a target."""
        ...

    def readiness(self) -> Report:
        """Say whether configuration, ledger and loops stand and each collector was tried once."""
        ...

    def reload(self) -> tuple[str, ...]:
        """Read the configuration anew; return what changed, one line each. Raises BadSettings and keeps the old one."""
        ...
