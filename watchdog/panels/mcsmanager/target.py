"""One connected MCSManager: what the house asks of a panel, put together from the other modules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from watchdog.errors import Refused
from watchdog.model.drifts import Judgement
from watchdog.model.hooks import Hook
from watchdog.model.moments import Moment
from watchdog.model.panels import Ports
from watchdog.model.places import Place
from watchdog.model.repairs import Act, LedgerFacts, Outcome, PlannedRepair
from watchdog.model.snapshots import Actual
from watchdog.model.trails import Trail
from watchdog.panels.mcsmanager import client, drift, repairs, sends, trail
from watchdog.panels.mcsmanager.hands import Hands
from watchdog.panels.mcsmanager.settings import McsmanagerSettings
from watchdog.panels.mcsmanager.view import McsmanagerView
from watchdog.runtime.hands import carry_out

REPAIRS: Final[Mapping[str, Callable[[Hands], Outcome]]] = {
    "open_instance": repairs.open_instance,
    "stop_container_then_open": repairs.stop_container_then_open,
    "remove_leftover": repairs.remove_leftover,
    "relink_daemon": repairs.relink_daemon,
}


class McsmanagerTarget:
    """Satisfies ``model.panels.Target``. Keeps nothing but the newest facts (to know a proven place again) and view (to know a hook)."""

    def __init__(self, settings: McsmanagerSettings, ports: Ports) -> None:
        self.name = settings.name
        self._settings = settings
        self._ports = ports
        self._client = client.connect(settings, ports.clock, ports.instruments)
        self._facts = LedgerFacts()

    def view(self) -> McsmanagerView:
        """Read what the panel believes."""
        return self._client.view()

    def evidence(self, actual: Actual) -> None:
        """Return nothing: the daemons' own Docker is part of the view."""
        del actual

    def detect(self, actual: Actual, view: McsmanagerView, evidence: object, facts: LedgerFacts, now: Moment) -> Judgement:
        """Compare, purely."""
        del evidence
        self._facts = facts
        return drift.detect(self._settings, actual, view, facts, now)

    def place(self, actual: Actual, view: McsmanagerView) -> Place:
        """Return where this target's subjects are: proven once any daemon is here, or when we own the daemons elsewhere too."""
        engine = actual.docker.facts.engine_id if actual.docker and actual.docker.facts else ""
        now = self._ports.clock.now()
        for daemon in view.daemons:
            sight = drift.sight_of(self._settings, actual, view, daemon, self._facts, now)
            if sight.place == "local":
                return Place(engine_id=engine, proof=f"daemon '{daemon.name}': {sight.proof}")
        return Place(
            engine_id=engine, proof="owner: true: daemons on other hosts are mended through the panel" if self._settings.owner else ""
        )

    def trail(self, actual: Actual, view: McsmanagerView, now: Moment) -> Trail | None:
        """Return who acted on the instances that this agent may act on; None = the operation log could not be read."""
        mine = {
            daemon.uuid
            for daemon in view.daemons
            if self._settings.owner or drift.sight_of(self._settings, actual, view, daemon, self._facts, now).place == "local"
        }
        return trail.trail(self._settings, view, mine)

    def repair(self, repair: PlannedRepair, act: Act) -> Outcome:
        """Carry out one planned repair."""
        ports = self._ports
        hands = Hands(ports.hooks, act, repair, self._settings, self._client, ports.engine_read, ports.engine_act)
        return carry_out(hands, self._carry_out)

    def describe(self, repair: PlannedRepair) -> tuple[str, ...]:
        """Return exactly what ``repair`` would send."""
        return sends.lines(self._settings, repair)

    def close(self) -> None:
        """Give back connections."""
        self._client.close()

    def _carry_out(self, hands: Hands) -> Outcome:
        name = hands.repair.proposal.remedy
        if name == "restart_daemon":
            return repairs.restart_daemon(hands, self._hook(hands.daemon))
        remedy = REPAIRS.get(name)
        if remedy is None:
            raise Refused(f"MCSManager has no remedy called {name}")
        return remedy(hands)

    def _hook(self, daemon: str) -> Hook | None:
        """Return the hook for a daemon; its text must match the plan's, so the general one never reaches a daemon elsewhere."""
        listed = {item.uuid: item.remarks for item in self._client.services()}
        remarks = listed.get(daemon, "")
        unique = remarks if list(listed.values()).count(remarks) == 1 else ""
        entry = self._settings.of_daemon(daemon, unique)
        return (entry.restart_daemon if entry else None) or self._settings.hooks.restart_daemon
