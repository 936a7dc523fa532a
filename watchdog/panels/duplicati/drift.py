"""The rules of a Duplicati server's drifts: (truth, view, evidence, what is remembered, now) -> judgement. Pure: no I/O, no clock, no log.

Contract section 4. What cannot be seen well is Unknown: a destination that was not looked at since its job ran, slots that we and the
server's scheduler count differently.
"""

from __future__ import annotations

from typing import Final

from watchdog.model.drifts import DriftKind, Judgement
from watchdog.model.moments import Moment
from watchdog.model.parts import joined, judgement
from watchdog.model.repairs import LedgerFacts
from watchdog.model.snapshots import Actual
from watchdog.panels.duplicati import rules_backups, rules_destinations, rules_pause, startup_delay, tasks_pause
from watchdog.panels.duplicati.cases import Case
from watchdog.panels.duplicati.kinds import BACKUP_KINDS
from watchdog.panels.duplicati.kinds_pause import PAUSE_KINDS
from watchdog.panels.duplicati.leases import Posted
from watchdog.panels.duplicati.notes import Notes
from watchdog.panels.duplicati.settings import DuplicatiSettings
from watchdog.panels.duplicati.traces import NOTHING, Evidence
from watchdog.panels.duplicati.view import DuplicatiView

KINDS: Final[tuple[DriftKind, ...]] = (*PAUSE_KINDS, *BACKUP_KINDS)
_RULES: Final = (rules_pause.judge, tasks_pause.judge, startup_delay.judge, rules_backups.judge, rules_destinations.judge)


def detect(
    settings: DuplicatiSettings, actual: Actual, view: DuplicatiView, evidence: Evidence | None, facts: LedgerFacts, now: Moment,
    posted: Posted | None = None,
) -> Judgement:  # fmt: skip
    """Judge one server; ``posted`` is the newest pause that this process sent to it."""
    case = Case(settings, actual, view, evidence or NOTHING, facts, Notes(facts.memory), now, posted)
    every = joined(rule(case) for rule in _RULES)
    drifts = {each.key: each for each in every.drifts}.values()
    ill = {str(each.subject) for each in drifts}
    unknown = {str(each.subject): each for each in every.unknown if str(each.subject) not in ill}
    fine = {str(each): each for each in every.fine if str(each) not in ill and str(each) not in unknown}
    return judgement(drifts, unknown.values(), fine.values(), case.notes.after, every.again)
