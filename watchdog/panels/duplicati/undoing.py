"""What we hold on a Duplicati server, undone because a person said so: a pause, a moved schedule, a startup delay. Idempotent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from watchdog.errors import NotFound, Refused, Temporary
from watchdog.model.approvals import Holding
from watchdog.model.moments import Clock
from watchdog.model.pauses import StandingPause
from watchdog.model.repairs import LedgerFacts
from watchdog.panels.duplicati import rules_pause, startup_delay, tasks_pause
from watchdog.panels.duplicati.client import DuplicatiClient
from watchdog.panels.duplicati.leases import Posted
from watchdog.panels.duplicati.repairs_schedule import MAY_HAVE_WORKED, Wire, exchange
from watchdog.panels.duplicati.settings import DuplicatiSettings
from watchdog.panels.duplicati.task_ruling import TaskRuling, TaskScene, rule_task
from watchdog.panels.duplicati.view import DuplicatiView, Schedule


@dataclass(frozen=True, slots=True)
class Undoer:
    """Undoes holdings of one target. ``view`` is the newest look, ``standing`` the pauses that stand now, ``posted`` our newest one."""

    settings: DuplicatiSettings
    client: DuplicatiClient
    clock: Clock
    view: DuplicatiView
    told: LedgerFacts
    standing: Callable[[], tuple[StandingPause, ...]]
    posted: Posted | None = None

    def undo(self, holding: Holding) -> str:
        """Undo one, and say in one sentence what was done. Raises Refused while a pause that asked for it stands."""
        match holding.what:
            case rules_pause.HELD:
                return self._resume(holding)
            case tasks_pause.HELD:
                return self._put_back(holding)
            case startup_delay.HELD:
                return startup_delay.undo(self.client, holding)
        raise Refused(f"Duplicati does not know how to undo '{holding.what}'")

    def _resume(self, holding: Holding) -> str:
        if any(not each.pause.task for each in self.standing()):
            raise Refused(f"a pause of the server stands: `panel-watchdog resume {self.settings.name}` ends it")
        view = replace(self.view, state=self.client.state(), pulse=self.client.pulse())
        told = replace(self.told, pauses=(), holdings=(holding,))
        scene = rules_pause.scene_of(self.settings, view, told, self.posted, self.clock.now())
        if not scene.state.paused:
            return "the server runs: nothing was sent"
        if not scene.ours:
            return "the server is paused by somebody else: that is left, and only our record is given back"
        try:
            self.client.resume()
        except MAY_HAVE_WORKED as error:
            if self.client.state().paused:
                raise Temporary(f"the server is still paused (it answered {type(error).__name__})") from None
        return "the server goes on"

    def _put_back(self, holding: Holding) -> str:
        backup = holding.object.id
        if tasks_pause.of_job(self.view, self.standing(), backup):
            raise Refused(f"a pause of the job stands: `panel-watchdog resume {self.settings.name} --task {backup}` ends it")
        wire = Wire(self.client, lambda: self.settings.timeout, self.view.capabilities)
        try:
            put = exchange(wire, backup, lambda schedule: self._ruling(holding, backup, schedule), _nobody, self._send(backup))
        except NotFound:
            return "the job is not there any more: nothing was sent"
        if put.end in {"later", "refused"}:
            raise Temporary(put.message) if put.end == "later" else Refused(put.message)
        return put.message

    def _ruling(self, holding: Holding, backup: str, schedule: Schedule | None) -> TaskRuling:
        known = tasks_pause.scene_of(self.view, self.told, backup, schedule, self.clock.now().wall + (self.view.clock_skew or 0.0))
        return rule_task(TaskScene(known.schedule, known.zone, known.now, held=holding, seen=known.seen, seen_run=known.seen_run))

    def _send(self, backup: str) -> Callable[[Mapping[str, Any], float], str]:
        def send(body: Mapping[str, Any], to: float) -> str:
            del to
            try:
                self.client.put_job(backup, body)
            except MAY_HAVE_WORKED as error:
                return f" (it answered {type(error).__name__})"
            return ""

        return send


def _nobody(schedule: Schedule, to: float) -> None:
    """Record nothing: the holding stands already."""
    del schedule, to
