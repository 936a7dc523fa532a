"""The protocol of a panel: what the house asks of each flat, and what it lends to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from watchdog.model.archives import VerifyArchive
from watchdog.model.clues import Clues, Found
from watchdog.model.drifts import DriftKind, Judgement
from watchdog.model.engines import EngineAct, EngineRead
from watchdog.model.holdings import Holdings
from watchdog.model.hooks import HookRunner
from watchdog.model.metrics import Instruments, Metric, MetricSpec
from watchdog.model.moments import Clock, Moment
from watchdog.model.needs import Needs
from watchdog.model.places import Place
from watchdog.model.repairs import Act, LedgerFacts, Outcome, PlannedRepair, Remedy
from watchdog.model.snapshots import Actual
from watchdog.model.wireguard import NoPeerNames, PeerNames


def nobody() -> None:
    """Wake nobody."""


@dataclass(frozen=True, slots=True)
class Ports:
    """What the house lends to a connected target.

    ``peer_names`` is where a panel that makes WireGuard peers says what it calls them, after each view of its:
    ``offer(name of the target, {(netns, device, public key): name})``. ``archives`` verifies a file now; None in tests without it.
    ``holdings`` is the record of this target's changes that outlive us, for a loop of its own (``model.holdings.Tend``); None where there
    is no ledger: then nothing may be held. ``wake`` asks for a pass of this target at once, from any thread.
    """

    clock: Clock
    instruments: Instruments
    hooks: HookRunner
    engine_read: EngineRead | None = None
    engine_act: EngineAct | None = None
    peer_names: PeerNames = field(default_factory=NoPeerNames)
    archives: VerifyArchive | None = None
    holdings: Holdings | None = None
    wake: Callable[[], None] = nobody


class Target(Protocol):
    """One configured panel of one kind, connected.

    ``view`` and ``evidence`` are opaque to the house: only ``detect`` and ``metrics`` of
    the same panel read them.
    """

    name: str

    def view(self) -> Any:
        """Read what the panel believes. Raises Temporary, Permanent or Unknown; never returns half a view."""
        ...

    def evidence(self, actual: Actual) -> Any:
        """Read truth that only this panel has (None if it has none). Raises like ``view``."""
        ...

    def detect(self, actual: Actual, view: Any, evidence: Any, facts: LedgerFacts, now: Moment) -> Judgement:
        """Compare, purely."""
        ...

    def place(self, actual: Actual, view: Any) -> Place:
        """Return where this target's own subjects are, and the proof."""
        ...

    def repair(self, repair: PlannedRepair, act: Act) -> Outcome:
        """Carry out one planned repair. May raise the house's errors; the repair runner turns them into outcomes."""
        ...

    def describe(self, repair: PlannedRepair) -> tuple[str, ...]:
        """Return, in order, exactly what ``repair`` would send, one line each."""
        ...

    def close(self) -> None:
        """Give back connections."""
        ...


class Panel(Protocol):
    """One kind of panel: the object that each ``watchdog/panels/<name>`` exports as PANEL.

    ``settings`` is its pydantic model of one target (fields ``name`` and ``mode`` are common to all).
    """

    name: str
    settings: type[Any]
    kinds: tuple[DriftKind, ...]
    remedies: tuple[Remedy, ...]
    metrics: tuple[MetricSpec, ...]

    def needs(self, settings: Any) -> Needs:
        """Return what one target wants watched."""
        ...

    def connect(self, settings: Any, ports: Ports) -> Target:
        """Build one connected target; no I/O yet."""
        ...

    def probe(self, settings: Any, ports: Ports) -> tuple[Probe, ...]:
        """For ``doctor``: try each permission and credential without side effects."""
        ...

    def find(self, clues: Clues) -> tuple[Found, ...]:
        """For ``init``: recognise targets of this kind among the traces on this host. Pure."""
        ...


@dataclass(frozen=True, slots=True)
class Probe:
    """One line of ``doctor``: what was tried, whether it works (None = cannot tell), and the way out."""

    name: str
    ok: bool | None
    message: str = ""


DiscoverPanels = Callable[[], Mapping[str, Panel]]

REQUESTS = Metric(
    "watchdog_panel_requests_total",
    "counter",
    "Requests to a panel by operation and result; counted by its client. Born at 0 when the target is connected.",
    ("panel", "target", "operation", "result"),
)
"""Every panel's client counts its exchanges here; ``result`` is one of runtime/http's RESULTS."""
RUN_RECEIVED = Metric(
    "watchdog_panel_run_received_bytes",
    "gauge",
    "Bytes that the backup which we are making of a panel has brought so far; there while one is being made.",
    ("panel", "target"),
)
RUN_EXPECTED = Metric(
    "watchdog_panel_run_expected_bytes",
    "gauge",
    "Size to be expected of the backup which we are making of a panel, such as that of the last good one; there while one is being made.",
    ("panel", "target"),
)
GUARD_WORKS = Metric(
    "watchdog_panel_guard_works",
    "gauge",
    "Whether the continuous guard of a panel's archives holds new ones; there where it is switched on.",
    ("panel", "target"),
)
HELD_FILES = Metric(
    "watchdog_panel_held_files",
    "gauge",
    "Archives of a panel that we hold by a hard link of ours, so that no deletion is the last.",
    ("panel", "target"),
)
HELD_BYTES = Metric(
    "watchdog_panel_held_bytes",
    "gauge",
    "Bytes of those held archives that have no other name any more: what our holding costs.",
    ("panel", "target"),
)
HELD_DROPS = Metric(
    "watchdog_panel_held_drops_total",
    "counter",
    "Held archives that were let go of, by reason; max_age, max_bytes and disk_full may have been the last name of one.",
    ("panel", "target", "reason"),
)
HELD_MISSES = Metric(
    "watchdog_panel_held_misses_total",
    "counter",
    "Archives that could not be held, by reason; slipped = gone before we came.",
    ("panel", "target", "reason"),
)
METRICS: tuple[Metric, ...] = (REQUESTS, RUN_RECEIVED, RUN_EXPECTED, GUARD_WORKS, HELD_FILES, HELD_BYTES, HELD_DROPS, HELD_MISSES)
