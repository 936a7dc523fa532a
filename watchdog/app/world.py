"""Everything that depends on the configuration: collectors, targets, reconcilers, exposition, and the loops that drive them.

A reload builds a second world beside the first, ends the first and starts the second; ledger and web server stay.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from watchdog.app.inbound import LOOP as INBOUND_LOOP
from watchdog.app.inbound import METRICS as INBOUND_METRICS
from watchdog.app.inbound import Inlets, doors_of
from watchdog.app.news import News
from watchdog.app.noticing import notices_of
from watchdog.app.policies import TimedPanel, policy_of
from watchdog.app.rooms import Rooms, build_rooms
from watchdog.app.ruling import build_rules, needs_of
from watchdog.collectors import runner
from watchdog.collectors.runner import CollectorRunner
from watchdog.exposition import pages
from watchdog.exposition.instruments import Book
from watchdog.exposition.pages import Exposition
from watchdog.ledger.open import Ledger
from watchdog.model import panels as panel_ports
from watchdog.model.alarms import Alarm
from watchdog.model.archives import ArchiveFacts, ArchiveProgress
from watchdog.model.holdings import tends_of
from watchdog.model.metrics import borrowed_of, families, families_of
from watchdog.model.moments import Clock
from watchdog.model.panels import Ports
from watchdog.model.repairs import RepairRecord
from watchdog.model.snapshots import Actual
from watchdog.notify.metrics import METRICS as NOTIFY_METRICS
from watchdog.panels import discover
from watchdog.reconciler.act import OnStep, no_step
from watchdog.reconciler.adopt import holder_name
from watchdog.reconciler.alarms import METRICS as ALARM_METRICS
from watchdog.reconciler.commands import Commands
from watchdog.reconciler.counts import RepairCounts
from watchdog.reconciler.holding import TargetHoldings
from watchdog.reconciler.loop import Reconciler
from watchdog.reconciler.metrics import METRICS, SPECS
from watchdog.reconciler.pausing import METRICS as PAUSE_METRICS
from watchdog.reconciler.pausing import Pauses
from watchdog.reconciler.ruling import METRICS as RULE_METRICS
from watchdog.reconciler.runner import RepairRunner
from watchdog.runtime import supervision
from watchdog.runtime.clock import boot_id
from watchdog.runtime.hooks import Hooks
from watchdog.runtime.log import get_logger
from watchdog.runtime.schedule import TickSchedule
from watchdog.runtime.supervision import LoopSpec, Supervisor
from watchdog.settings import SettingsBase
from watchdog.snapshots import SnapshotStore

log = get_logger(__name__)

RECONCILER_SOURCE = "reconciler"
PROCESS_SECONDS = 15.0
STEP_DEADLINE = 300.0
"""Seconds after which a target's pass is left behind; looks and repairs have deadlines of their own far below it."""


@dataclass(frozen=True, slots=True)
class Shared:
    """What outlives a world: clock, ledger, the book of own deeds, the counts of repairs, and the boundary hook of the crash tests."""

    clock: Clock
    ledger: Ledger
    book: Book
    counts: RepairCounts
    on_step: OnStep = no_step


class World:
    """One configuration, running. ``start`` begins, ``stop`` ends within a bound; nothing is contacted before ``start``.

    ``former`` is the world that this one is to follow: its collectors' last word stands until ours have looked. Raises BadSettings, and
    then leaves nothing open.
    """

    def __init__(self, settings: SettingsBase, shared: Shared, former: World | None = None) -> None:
        self.settings = settings
        self._shared = shared
        # a world has a lease holder's name of its own: what hangs in the former one keeps its objects to itself
        self._holder = holder_name(settings.host)
        self._judged_once: set[str] = set()
        with ExitStack() as undo:
            self._build(undo, frozenset(former.collectors) if former else frozenset())
            self._undo = undo.pop_all()

    def _build(self, undo: ExitStack, going_on: frozenset[str]) -> None:
        settings, shared = self.settings, self._shared
        clock, ledger = shared.clock, shared.ledger
        panels = {name: TimedPanel(panel, settings.reconciler) for name, panel in discover().items()}
        self.book = shared.book
        self.exposition = Exposition(self.book, clock)
        self.store = SnapshotStore()
        self._news = News({target.name: panels[name].needs(target) for name, target in settings.targets()})
        self.schedule = TickSchedule(clock)
        self.supervisor = Supervisor(clock, self.schedule, self.book)
        self.rooms: Rooms = build_rooms(settings, self._needs(panels), ledger, self.store, clock, self.book, self._wake_collector)
        undo.callback(self.rooms.close)
        self._declare(panels)
        self.repairs = RepairRunner(ledger, clock, shared.counts, lambda: self.store.actual, on_step=shared.on_step)
        names = {target.name: panel for panel, target in settings.targets()}
        self.pauses = Pauses(ledger, clock, self.book, names, boot_id(), self._hurry_target, forgetful=settings.ledger.ephemeral)
        self.pauses.waker = self._pauses_changed
        self.reconcilers: dict[str, Reconciler] = {}
        for name, target in settings.targets():
            self.reconcilers[target.name] = self._reconciler(panels[name], target)
            undo.callback(self.reconcilers[target.name].target.close)
        self.commands = Commands(self.reconcilers, ledger, clock)
        self.notices = notices_of(
            settings, ledger, clock, self.book, self.reconcilers, self.pauses, self._holder, self.supervisor.healthy, self.supervisor.wake,
            self._asking,
        )  # fmt: skip
        self.commands.undoer = self.notices.undo
        self.rules = build_rules(
            settings.pauses, names, self.pauses, self.commands.status, self._wake_target, self.supervisor.wake, clock, self.book,
            lambda: self.store.actual,
        )  # fmt: skip
        self.rules.alarms.begun = self.notices.repair_begun
        self.inlets = Inlets(doors_of((panel, self.reconcilers[name].target) for name, panel in names.items()), clock, self.book)
        self.inlets.waker = lambda: self.supervisor.wake(INBOUND_LOOP)
        self.collectors = {
            spec.name: CollectorRunner(spec, self.store, clock, self.book, goes_on=spec.name in going_on) for spec in self.rooms.specs
        }
        self.store.listen(self._published)
        self._published("gate", self.store.actual)  # it was published before anybody listened; it is on the page from the first moment on
        self._add_loops()

    def start(self) -> None:
        """Start the loops."""
        self._shared.ledger.teller = self.notices.begin()
        self.schedule.start()
        self.rooms.start()
        self.supervisor.start()

    def stop(self, seconds: float) -> None:
        """Stop planning, let running repairs end or mark them, and end all loops, within about ``seconds``."""
        self.repairs.stop(seconds / 2)
        late = self.supervisor.stop(seconds / 2)
        self.rules.drain(late)
        self.inlets.drain(late)
        if late:
            log.warning("some loops did not end in time; their threads are left", loops=", ".join(late))
        self.schedule.stop()
        self._undo.close()

    def close(self) -> None:
        """Give back what a world holds that was never started."""
        self._undo.close()

    def keep_own_rows(self) -> None:
        """Let the book forget targets, collectors, loops and sources that this world does not have."""
        keep = self.book.keep
        keep((*METRICS, *PAUSE_METRICS, *INBOUND_METRICS, *ALARM_METRICS, *panel_ports.METRICS), "target", self.reconcilers)
        keep(runner.METRICS, "collector", self.collectors)
        keep(RULE_METRICS, "rule", self.settings.pauses.names())
        keep(supervision.METRICS, "loop", self.supervisor.names)
        keep(NOTIFY_METRICS, "channel", self.notices.channels)
        keep(pages.METRICS, "source", self.exposition.sources)

    def missing(self) -> tuple[str, ...]:
        """Return what readiness still lacks: collectors that were never tried, loops that are not alive. Memory only."""
        lacks = [f"collector {name} has not been tried yet" for name, runner in self.collectors.items() if not runner.tried.is_set()]
        lacks += [f"target {name} has had no pass yet" for name in self.reconcilers if name not in self._judged_once]
        if not self.supervisor.healthy():
            lacks.append(self.supervisor.fatal_reason or "the supervisor or its schedule does not answer")
        return tuple(lacks)

    def facts(self) -> ArchiveFacts | None:
        """Return the last look at the archives."""
        snapshot = self.store.actual.archives
        return None if snapshot is None else snapshot.facts

    def progress(self) -> tuple[ArchiveProgress, ...]:
        """Return how far verifications at work have come."""
        return self.rooms.archive_progress()

    # ---- wiring --------------------------------------------------------------------------------------------------------------------------

    def _needs(self, panels: dict[str, TimedPanel]) -> tuple[Any, ...]:
        own = needs_of(self.settings.pauses)
        return (*(panels[name].needs(target) for name, target in self.settings.targets()), *own)

    def _declare(self, panels: dict[str, TimedPanel]) -> None:
        for source, specs in self.rooms.metrics.items():
            self.exposition.declare(source, [spec.metric for spec in specs])
        self.exposition.declare(RECONCILER_SOURCE, [spec.metric for spec in SPECS])
        for name in {panel for panel, _ in self.settings.targets()}:
            switched = {word for panel, target in self.settings.targets() if panel == name for word in getattr(target, "compat", ())}
            borrowed = [metric for word, metrics in borrowed_of(panels[name]).items() if word in switched for metric in metrics]
            self.exposition.declare(name, [*(spec.metric for spec in panels[name].metrics), *borrowed])

    def _reconciler(self, panel: TimedPanel, target: Any) -> Reconciler:
        rooms = self.rooms
        ports = Ports(
            self._shared.clock, self.book, Hooks(rooms.engine_act), rooms.engine_read, rooms.engine_act, rooms.peer_names, rooms.archives,
            TargetHoldings(self._shared.ledger, target.name, self._shared.clock), lambda: self._hurry_target(target.name),
        )  # fmt: skip
        made = Reconciler(
            panel=panel,
            target=panel.connect(target, ports),
            needs=panel.needs(target),
            policy=policy_of(target, self.settings.reconciler),
            ledger=self._shared.ledger,
            runner=self.repairs,
            counts=self._shared.counts,
            clock=self._shared.clock,
            instruments=self.book,
            actual=lambda: self.store.actual,
            holder=self._holder,
            paused=lambda: self.pauses.standing(target.name),
            pause_facts=lambda: self.pauses.facts(target.name),
        )
        made.waker = lambda: self._wake_target(target.name)
        return made

    def _add_loops(self) -> None:
        for collector in self.collectors.values():
            self.supervisor.add(collector.loop)
        for name, reconciler in self.reconcilers.items():
            interval = reconciler.policy.timing.interval
            self.supervisor.add(LoopSpec(f"target:{name}", self._pass_of(name, reconciler), interval, STEP_DEADLINE, first_delay=1.0))
            for tend in tends_of(reconciler.target):
                # it hears of the world's end like every loop, and of its target's end only after it: close() comes last
                self.supervisor.add(LoopSpec(f"tend:{name}:{tend.name}", tend.step, tend.every, tend.deadline))
        for spec in self.rooms.loops:
            self.supervisor.add(spec)
        self.supervisor.add(LoopSpec("repairs", self.repairs.tend, 5.0, 60.0))
        self.supervisor.add(self.pauses.spec())
        for spec in self.notices.loops():
            self.supervisor.add(spec)
        for spec in (*self.rules.loops(), self.inlets.spec()):
            self.supervisor.add(spec)
        self.supervisor.add(LoopSpec("process", self._process, PROCESS_SECONDS, 30.0))

    def _pass_of(self, name: str, reconciler: Reconciler) -> Callable[[], float]:
        def step() -> float:
            try:
                return reconciler.step()
            finally:
                self._judged(name, reconciler)

        return step

    def _judged(self, name: str, reconciler: Reconciler) -> None:
        self.exposition.update(RECONCILER_SOURCE, lambda: families(SPECS, self.commands.statuses()))
        status = reconciler.status
        if status.up is False:
            # what it believed is not known any more; watchdog_panel_up says so
            self.exposition.forget(status.panel, part=name)
        elif status.look is not None:
            look, specs = status.look, discover()[status.panel].metrics
            told = reconciler.target
            self.exposition.update(
                status.panel, lambda: families_of(told, specs, name, look.actual, look.view, look.evidence), part=name
            )  # fmt: skip
        self._judged_once.add(name)  # after it was rendered: from now on the lines are complete

    def _published(self, name: str, _actual: Actual) -> None:
        """Render what was published (in the publisher's thread), and wake the targets that it concerns."""
        specs = self.rooms.metrics.get(name, ())
        self.exposition.update(name, lambda: families(specs, *self._facts(name)) if self._facts(name) else ())
        for target in self._news.heard(name, self.store.actual):
            self._wake_target(target)

    def _facts(self, name: str) -> tuple[object, ...]:
        actual = self.store.actual
        if name == "gate":
            return (actual.gate,)
        snapshot = getattr(actual, name)
        return () if snapshot is None or snapshot.facts is None else (snapshot.facts,)

    def _wake_collector(self, name: str) -> None:
        self.supervisor.wake(f"collector:{name}")

    def _wake_target(self, name: str) -> None:
        self.supervisor.wake(f"target:{name}")

    def _hurry_target(self, name: str) -> None:
        if name in self.reconcilers:  # a loop of a target's own may speak while the world is being built
            self.reconcilers[name].hurry()

    def _asking(self, record: RepairRecord) -> tuple[Alarm, ...]:
        return self.rules.alarms.asking(record)  # they are built after the notices, and need them

    def _pauses_changed(self) -> None:
        self.supervisor.wake("pauses")
        self.notices.pauses_changed()

    def _process(self) -> None:
        self.exposition.refresh_process()
