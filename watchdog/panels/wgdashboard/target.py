"""One connected WGDashboard: what the house asks of a panel, put together from the other modules."""

from __future__ import annotations

from pathlib import Path

from watchdog.errors import Refused
from watchdog.model.drifts import Judgement
from watchdog.model.moments import Moment
from watchdog.model.panels import Ports
from watchdog.model.places import Place
from watchdog.model.repairs import Act, LedgerFacts, Outcome, PlannedRepair
from watchdog.model.snapshots import Actual
from watchdog.panels.wgdashboard import client, dangers, drift, memory, remedies, repairs, sends
from watchdog.panels.wgdashboard.evidence import EvidenceReader
from watchdog.panels.wgdashboard.hands import Hands
from watchdog.panels.wgdashboard.repairs import Fresh
from watchdog.panels.wgdashboard.settings import WgdashboardSettings
from watchdog.panels.wgdashboard.traces import NOTHING, Evidence
from watchdog.panels.wgdashboard.view import WgdashboardView
from watchdog.runtime.hands import carry_out


class WgdashboardTarget:
    """Satisfies ``model.panels.Target``. Keeps the newest facts and evidence (to know a proven place again), and when it was born."""

    def __init__(self, settings: WgdashboardSettings, ports: Ports, proc: Path = Path("/proc")) -> None:
        self.name = settings.name
        self._settings = settings
        self._ports = ports
        self._client = client.connect(settings, ports.clock, ports.instruments)
        self._proc = proc
        self._reader = EvidenceReader(settings, ports.clock, proc, ports.hooks)
        self._born = ports.clock.now().mono
        self._facts = LedgerFacts()
        self._evidence: Evidence = NOTHING
        self._worker: tuple[int, float] | None = None

    def view(self) -> WgdashboardView:
        """Read what the panel believes."""
        return self._client.view()

    def evidence(self, actual: Actual) -> Evidence:
        """Read the panel's files and processes; what cannot be seen stands in it. Another worker than before has its key tried at once."""
        evidence = self._reader.read(actual)
        if evidence.process is not None:
            if self._worker is not None and evidence.process.began != self._worker:
                self._client.doubt_the_key()
            self._worker = evidence.process.began
        return evidence

    def detect(self, actual: Actual, view: WgdashboardView, evidence: Evidence, facts: LedgerFacts, now: Moment) -> Judgement:
        """Compare, purely; and tell the WireGuard collector what the panel calls its peers, once it is known where they are."""
        self._facts, self._evidence = facts, evidence
        judgement = drift.detect(self._settings, actual, view, evidence, facts, now, self._born)
        netns = memory.netns_of(judgement.memory)
        if netns is not None and view.configurations is not None:
            self._ports.peer_names.offer(self.name, view.names_in(netns))
        return judgement

    def place(self, actual: Actual, view: WgdashboardView) -> Place:
        """Return where this panel's devices are, and the proof: keys that it and they share."""
        seen = drift.sight_of(self._settings, actual, view, self._evidence, self._facts, self._ports.clock.now())
        proof = seen.proof if seen.netns is not None else ""
        if not proof and self._settings.owner:
            proof = "owner: true: this agent also mends a panel that is not proven to be on this host"
        return Place(netns=seen.netns or "", proof=proof)

    def repair(self, repair: PlannedRepair, act: Act) -> Outcome:
        """Carry out one planned repair."""
        # a thread of its own: it shares nothing with the looks
        reader = EvidenceReader(self._settings, self._ports.clock, self._proc, self._ports.hooks)
        hands = Hands(self._ports.hooks, act, repair, self._settings, self._client, lambda: reader.read(act.actual()))
        return carry_out(hands, self._carry_out)

    def describe(self, repair: PlannedRepair) -> tuple[str, ...]:
        """Return exactly what ``repair`` would send."""
        return sends.lines(self._settings, repair)

    def close(self) -> None:
        """Give back connections."""
        self._client.close()
        self._ports.peer_names.offer(self.name, {})

    def _carry_out(self, hands: Hands) -> Outcome:
        match hands.repair.proposal.remedy:
            case remedies.RESTART:
                return repairs.restart_panel(hands, self._settings.hooks.restart_panel, lambda: self._fresh(hands))
            case remedies.REREAD:
                return repairs.reread(hands)
        raise Refused(f"WGDashboard has no remedy called {hands.repair.proposal.remedy}")

    def _fresh(self, hands: Hands) -> Fresh:
        view, evidence, actual = self._client.view(), hands.evidence(), hands.act.actual()
        case, patients = drift.prepare(self._settings, actual, view, evidence, self._facts, self._ports.clock.now(), self._born)
        hook = self._settings.hooks.restart_panel
        return Fresh(view, evidence, dangers.of_a_restart(case, patients, hook) if hook is not None else {})
