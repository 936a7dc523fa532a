"""One connected SysReptor: what the house asks of a panel, put together from the other modules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from watchdog.errors import Refused
from watchdog.model.drifts import Judgement
from watchdog.model.moments import Moment
from watchdog.model.panels import Ports
from watchdog.model.places import Place
from watchdog.model.repairs import Act, LedgerFacts, Outcome, PlannedRepair
from watchdog.model.snapshots import Actual
from watchdog.panels.sysreptor import client, drift, remedies, repairs, sends
from watchdog.panels.sysreptor.evidence import EvidenceReader
from watchdog.panels.sysreptor.hands import Hands
from watchdog.panels.sysreptor.settings import SysreptorSettings
from watchdog.panels.sysreptor.traces import Evidence
from watchdog.panels.sysreptor.view import SysreptorView
from watchdog.runtime.hands import carry_out

REPAIRS: Final[Mapping[str, Callable[[Hands], Outcome]]] = {
    remedies.RUN: repairs.run_backup,
    remedies.QUARANTINE: repairs.quarantine,
    remedies.POKE: repairs.poke_healthcheck,
    remedies.REMOVE: repairs.remove_part,
}


class SysreptorTarget:
    """Satisfies ``model.panels.Target``. Keeps nothing between two calls but its client."""

    def __init__(self, settings: SysreptorSettings, ports: Ports) -> None:
        self.name = settings.name
        self._settings = settings
        self._ports = ports
        self._client = client.connect(settings, ports.clock, ports.instruments)
        self._evidence = EvidenceReader(settings, ports.engine_read)

    def view(self) -> SysreptorView:
        """Read what the panel believes."""
        return self._client.view()

    def evidence(self, actual: Actual) -> Evidence:
        """Read which backups run in its container, and what the newest of ours took."""
        del actual
        return self._evidence.read()

    def detect(self, actual: Actual, view: SysreptorView, evidence: Evidence, facts: LedgerFacts, now: Moment) -> Judgement:
        """Compare, purely."""
        return drift.detect(self._settings, actual, view, evidence, facts, now)

    def place(self, actual: Actual, view: SysreptorView) -> Place:
        """Return where this target's subjects are."""
        del view
        return drift.place_of(self._settings, actual)

    def repair(self, repair: PlannedRepair, act: Act) -> Outcome:
        """Carry out one planned repair."""
        remedy = REPAIRS.get(repair.proposal.remedy)
        if remedy is None:
            raise Refused(f"SysReptor has no remedy called {repair.proposal.remedy}")
        return carry_out(Hands(self._ports.hooks, act, repair, self._settings, self._client, self._ports, self._client.view), remedy)

    def describe(self, repair: PlannedRepair) -> tuple[str, ...]:
        """Return exactly what ``repair`` would send."""
        return sends.lines(self._settings, repair)

    def close(self) -> None:
        """Give back connections."""
        self._client.close()
