"""One connected Pterodactyl: what the house asks of a panel, put together from the other modules."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

from watchdog.errors import Refused
from watchdog.model.approvals import Holding
from watchdog.model.drifts import Drift, Judgement
from watchdog.model.holdings import Tend
from watchdog.model.metrics import Family
from watchdog.model.moments import Moment
from watchdog.model.panels import Ports
from watchdog.model.places import Place
from watchdog.model.repairs import Act, LedgerFacts, Outcome, PlannedRepair
from watchdog.model.snapshots import Actual
from watchdog.model.trails import Trail
from watchdog.panels.pterodactyl import activity, canary, client, drift, metrics, sends
from watchdog.panels.pterodactyl.evidence import EvidenceReader
from watchdog.panels.pterodactyl.guard import Guard
from watchdog.panels.pterodactyl.hands import Hands
from watchdog.panels.pterodactyl.repairs import REPAIRS
from watchdog.panels.pterodactyl.settings import PterodactylSettings
from watchdog.panels.pterodactyl.traces import NOTHING, Evidence
from watchdog.panels.pterodactyl.view import PterodactylView
from watchdog.runtime.hands import carry_out

PROC: Final = Path("/proc")
OF_CONCERN: Final = frozenset({"server_ghost", "server_crash_loop"})
"""Kinds of drifts whose remedy depends on whether a person stopped the server."""


class PterodactylTarget:
    """Satisfies ``model.panels.Target``, ``model.holdings.Tending`` and ``Undoing``. Keeps the newest drifts for its metrics."""

    def __init__(self, settings: PterodactylSettings, ports: Ports, proc: Path | None = None) -> None:
        self.name = settings.name
        self._settings = settings
        self._ports = ports
        self._client = client.connect(settings, ports.clock, ports.instruments)
        self._evidence = EvidenceReader(settings, ports.clock, proc or (settings.node.proc if settings.node else PROC))
        self._guard = Guard(settings, ports, self._client)
        self._canary = canary.Canary(settings, ports, self._client)
        self._drifts: tuple[Drift, ...] = ()

    def view(self) -> PterodactylView:
        """Read what the panel believes."""
        return self._client.view()

    def evidence(self, actual: Actual) -> Evidence:
        """Read Wings' configuration, log, processes and files on this host; what cannot be seen stands in it."""
        return replace(self._evidence.read(actual), let_go=self._guard.let_go(), canary=self._canary.word)

    def detect(self, actual: Actual, view: PterodactylView, evidence: Evidence | None, facts: LedgerFacts, now: Moment) -> Judgement:
        """Compare, purely; and let the guard of archives know what was read."""
        self._guard.saw(view, evidence or NOTHING)
        judgement = drift.detect(self._settings, actual, view, evidence, facts, now)
        self._drifts = judgement.drifts
        self._client.concern(frozenset(each.subject.id for each in judgement.drifts if each.kind in OF_CONCERN))
        return judgement

    def families(self, actual: Actual, view: PterodactylView, evidence: Evidence | None) -> tuple[Family, ...]:
        """Return the metrics of this target, with those of the other exporters that are switched on."""
        return metrics.families(self._settings, actual, view, evidence, self._drifts)

    def place(self, actual: Actual, view: PterodactylView) -> Place:
        """Return where this target's subjects are, and the proof: a node of the panel whose Wings is configured here."""
        return drift.place_of(self._settings, actual, view)

    def trail(self, actual: Actual, view: PterodactylView, now: Moment) -> Trail | None:
        """Return who sent power signals to the servers that this agent may act on; None = of none the activity was read."""
        del actual, now
        here = view.local.uuid if view.local is not None else None
        return activity.trail([each for each in view.servers if self._settings.owner or each.node == here], self._settings.account)

    def repair(self, repair: PlannedRepair, act: Act) -> Outcome:
        """Carry out one planned repair."""
        remedy = REPAIRS.get(repair.proposal.remedy)
        if remedy is None:
            raise Refused(f"Pterodactyl has no remedy called {repair.proposal.remedy}")
        hands = Hands(
            self._ports.hooks, act, repair, self._settings, self._client, self._ports, lambda: self._evidence.read(act.actual())
        )  # fmt: skip
        return carry_out(hands, remedy)

    def describe(self, repair: PlannedRepair) -> tuple[str, ...]:
        """Return exactly what ``repair`` would send."""
        return sends.lines(self._settings, repair)

    def tends(self) -> tuple[Tend, ...]:
        """Return the loops of the guard of archives and of the canary."""
        return (*self._guard.tends(), *self._canary.tends())

    def undo(self, holding: Holding) -> str:
        """Undo one holding outside, and say what was done."""
        return self._canary.undo(holding) if holding.what == canary.WHAT else self._guard.undo(holding)

    def close(self) -> None:
        """Give back connections."""
        self._guard.close()
        self._client.close()
