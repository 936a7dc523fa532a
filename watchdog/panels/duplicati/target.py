"""One connected Duplicati: what the house asks of a panel, put together from the other modules."""

from __future__ import annotations

from dataclasses import replace

from watchdog.errors import Refused
from watchdog.model.approvals import Holding
from watchdog.model.drifts import Judgement, Memory
from watchdog.model.holdings import Tend
from watchdog.model.inbound import Inbound, Received
from watchdog.model.metrics import Family
from watchdog.model.moments import Moment
from watchdog.model.panels import Ports
from watchdog.model.pauses import PauseSays, StandingPause
from watchdog.model.places import Place
from watchdog.model.repairs import Act, LedgerFacts, Outcome, PlannedRepair
from watchdog.model.snapshots import Actual
from watchdog.panels.duplicati import (
    checking,
    client,
    drift,
    leases,
    metrics,
    reports,
    sends_backups,
    sends_pause,
)
from watchdog.panels.duplicati.evidence import EvidenceReader
from watchdog.panels.duplicati.hands import Hands
from watchdog.panels.duplicati.pulse import Beat
from watchdog.panels.duplicati.repairs import REPAIRS
from watchdog.panels.duplicati.reports import Reports
from watchdog.panels.duplicati.settings import DuplicatiSettings
from watchdog.panels.duplicati.traces import Evidence
from watchdog.panels.duplicati.undoing import Undoer
from watchdog.panels.duplicati.view import DuplicatiView
from watchdog.runtime.hands import carry_out


class DuplicatiTarget:
    """Satisfies ``model.panels.Target``, ``holdings.Tending`` and ``Undoing``, ``pauses.Pausable`` and ``inbound.Reporting``.

    Keeps the newest view and facts (a remedy's own look rests on them), the newest pause it sent, and the newest reports.
    """

    def __init__(self, settings: DuplicatiSettings, ports: Ports) -> None:
        self.name = settings.name
        self._settings = settings
        self._ports = ports
        self._client = client.connect(settings, ports.clock, ports.instruments)
        self._beat = Beat(settings, ports.clock, self._client, ports.wake)
        self._evidence = EvidenceReader(settings, ports.clock)
        self._posts = leases.Posts()
        self._reports = Reports()
        self._view: DuplicatiView | None = None
        self._looked: DuplicatiView | None = None
        self._told = LedgerFacts()
        self._told_at = ports.clock.now()
        self._memory: Memory = {}

    def view(self) -> DuplicatiView:
        """Read what the server believes, with the newest reports that it sent."""
        self._looked = replace(self._client.view(), reports=self._reports.newest())
        return self._looked

    def evidence(self, actual: Actual) -> Evidence:
        """Read jobs' databases and sources on this host; what cannot be seen stands in it."""
        del actual
        view = self._looked
        busy = [each for each in view.backups if view.state.busy_with(each.id)] if view is not None else []
        return self._evidence.read({name.casefold() for each in busy for name in (each.id, each.name)})

    def detect(self, actual: Actual, view: DuplicatiView, evidence: Evidence | None, facts: LedgerFacts, now: Moment) -> Judgement:
        """Compare, purely; and remember what was compared, for the remedies."""
        # the pauses were read before the look began
        facts = replace(facts, pauses=leases.aged(facts.pauses, max(0.0, now.since(view.state.at))))
        self._view, self._told, self._told_at = view, facts, now
        judgement = drift.detect(self._settings, actual, view, evidence, facts, now, self._posts.newest)
        self._memory = judgement.memory
        return judgement

    def families(self, actual: Actual, view: DuplicatiView, evidence: Evidence | None) -> tuple[Family, ...]:
        """Return the metrics of this target, with those of the other exporters that are switched on."""
        return metrics.families(self._settings, actual, view, evidence, self._memory)

    def place(self, actual: Actual, view: DuplicatiView) -> Place:
        """Return where the server's subjects are: at its address, which the operator wrote; paths on this host are named one by one."""
        del actual, view
        return Place(proof=f"url: {self._settings.url}")

    def repair(self, repair: PlannedRepair, act: Act) -> Outcome:
        """Carry out one planned repair."""
        remedy = REPAIRS.get(repair.proposal.remedy)
        if remedy is None:
            raise Refused(f"Duplicati has no remedy called {repair.proposal.remedy}")
        view = self._view or self.view()
        hands = Hands(
            self._ports.hooks, act, repair, self._settings, self._client, self._ports.clock, view, self._told, self._standing, self._posts
        )  # fmt: skip
        return carry_out(hands, remedy)

    def describe(self, repair: PlannedRepair) -> tuple[str, ...]:
        """Return exactly what ``repair`` would send."""
        return sends_backups.lines(self._settings, repair) or sends_pause.lines(self._settings, repair, self._standing())

    def check_pauses(self, view: DuplicatiView, standing: tuple[StandingPause, ...]) -> PauseSays:
        """Compare the newest look with the pauses that stand, and say what a restart of the server would do to them."""
        told = replace(self._told, pauses=standing, memory=self._memory)
        return checking.check_pauses(self._settings, view, self._posts.newest, told, self._ports.clock.now())

    def undo(self, holding: Holding) -> str:
        """Undo one of our changes on the server because a person said so."""
        view = self._view or self.view()
        undoer = Undoer(self._settings, self._client, self._ports.clock, view, self._told, self._standing, self._posts.newest)
        return undoer.undo(holding)

    def tends(self) -> tuple[Tend, ...]:
        """Return the loop that watches our connection: the witness of a restart."""
        return (self._beat.tend(),)

    def inbound(self) -> tuple[Inbound, ...]:
        """Return the door for the server's own reports, where one is configured."""
        digests = self._settings.report.secret_sha256
        return (Inbound("report", digests, self._receive),) if digests else ()

    def close(self) -> None:
        """Give back connections."""
        self._client.close()

    def _receive(self, received: Received) -> None:
        """Take one report; a new one brings the next pass forward."""
        if self._reports.take(reports.understood(received.content_type, received.body, received.at)):
            self._ports.wake()

    def _standing(self) -> tuple[StandingPause, ...]:
        """Return the pauses that stand right now: those of the newest look, older by the time since."""
        return leases.aged(self._told.pauses, self._ports.clock.now().since(self._told_at))
