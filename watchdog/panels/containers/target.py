"""The plain containers of one engine, connected: what the house asks of a panel, put together from the other modules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from watchdog.errors import Refused
from watchdog.model.docker import Container, DockerFacts
from watchdog.model.drifts import Judgement
from watchdog.model.moments import Moment
from watchdog.model.panels import Ports
from watchdog.model.places import Place
from watchdog.model.repairs import Act, LedgerFacts, Outcome, PlannedRepair
from watchdog.model.snapshots import Actual
from watchdog.panels.containers import drift, remedies, repairs, sends
from watchdog.panels.containers.checkups import Evidence
from watchdog.panels.containers.client import ContainersClient
from watchdog.panels.containers.hands import Hands
from watchdog.panels.containers.settings import ContainersSettings
from watchdog.panels.containers.view import ContainersView
from watchdog.panels.containers.wards import register
from watchdog.runtime.hands import carry_out

REPAIRS: Final[Mapping[str, Callable[[Hands], Outcome]]] = {
    remedies.RESTART: repairs.restart_container,
    remedies.START: repairs.start_container,
}


class ContainersTarget:
    """Satisfies ``model.panels.Target``. Keeps nothing."""

    def __init__(self, settings: ContainersSettings, ports: Ports) -> None:
        self.name = settings.name
        self._settings = settings
        self._ports = ports
        self._client = ContainersClient(settings, ports.engine_read, ports.engine_act, ports.clock)

    def view(self) -> ContainersView:
        """Return what is wished."""
        return self._client.view()

    def evidence(self, actual: Actual) -> Evidence:
        """Inspect those that are looked after and ill or ended, and see which other healers run beside us."""
        facts = actual.docker.facts if actual.docker is not None else None
        if facts is None or not actual.gate.open:
            return Evidence()
        healers = self._client.healers(facts.containers)
        return Evidence(self._client.checkups(_ill(self.view(), facts)), healers)

    def detect(self, actual: Actual, view: ContainersView, evidence: Evidence, facts: LedgerFacts, now: Moment) -> Judgement:
        """Compare, purely."""
        return drift.detect(self._settings, actual, view, evidence, facts, now)

    def place(self, actual: Actual, view: ContainersView) -> Place:
        """Return where the containers are: by their nature on the engine that we read."""
        del view
        facts = actual.docker.facts if actual.docker is not None else None
        return Place(engine_id=facts.engine_id, proof="they are the containers of the engine that we read") if facts else Place()

    def repair(self, repair: PlannedRepair, act: Act) -> Outcome:
        """Carry out one planned repair."""
        hands = Hands(self._ports.hooks, act, repair, self._settings, self._client, self._ports.engine_act)
        return carry_out(hands, self._carry_out)

    def describe(self, repair: PlannedRepair) -> tuple[str, ...]:
        """Return exactly what ``repair`` would send."""
        return sends.lines(repair)

    def close(self) -> None:
        """Hold nothing: the doors to the engine belong to the house."""

    @staticmethod
    def _carry_out(hands: Hands) -> Outcome:
        name = hands.repair.proposal.remedy
        remedy = REPAIRS.get(name)
        if remedy is None:
            raise Refused(f"plain containers have no remedy called {name}")
        return remedy(hands)


def _ill(view: ContainersView, facts: DockerFacts) -> tuple[Container, ...]:
    """Return those that an inspect can tell more of: unhealthy ones first, then those that have ended."""
    wards = [ward.container for ward in register(view, facts).wards]
    return (*(each for each in wards if each.health == "unhealthy"), *(each for each in wards if each.state == "exited"))
