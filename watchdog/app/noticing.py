"""From a world to its notices: who is watched, how far each target can be judged, and how severe each kind of drift is."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Final

from watchdog.errors import BadSettings
from watchdog.ledger.open import Ledger
from watchdog.model.alarms import Alarm
from watchdog.model.drifts import Severity
from watchdog.model.metrics import Instruments
from watchdog.model.moments import Clock
from watchdog.model.pauses import pausable
from watchdog.model.repairs import RepairRecord
from watchdog.notify.notices import Notices
from watchdog.notify.watch import Sight
from watchdog.panels import discover
from watchdog.reconciler.loop import Reconciler
from watchdog.reconciler.pausing import Pauses
from watchdog.reconciler.status import TargetStatus
from watchdog.settings import SettingsBase

STALE_PASSES: Final = 3
STALE_SECONDS: Final = 180.0
"""A look counts as the newest for so many intervals, and at least for so long."""


def severities() -> dict[tuple[str, str], Severity]:
    """Return how severe each kind of drift is, by (panel, kind)."""
    return {(name, kind.name): kind.severity for name, panel in discover().items() for kind in panel.kinds}


def sight_of(status: TargetStatus, interval: float, began: float, now: float) -> Sight:
    """Given a target's status, the interval of its passes, when its world began and the time, return how far it can be judged."""
    last = began if status.last_judged_at is None else status.last_judged_at
    if now - last > max(STALE_SECONDS, STALE_PASSES * interval):
        return Sight(status.target, last, 0, status.message or "no pass over it has ended for long")
    if status.unknown_since:
        oldest = min(status.unknown_since.values())
        why = next((each.message or each.reason for each in status.unknown), "")
        return Sight(status.target, oldest, len(status.unknown_since), why)
    return Sight(status.target, None)


def notices_of(
    settings: SettingsBase,
    ledger: Ledger,
    clock: Clock,
    instruments: Instruments,
    reconcilers: Mapping[str, Reconciler],
    pauses: Pauses,
    holder: str,
    healthy: Callable[[], bool],
    wake: Callable[[str], None],
    asking: Callable[[RepairRecord], Collection[Alarm]],
) -> Notices:
    """Put the notices of one world together. Raises BadSettings when the Alertmanager's address cannot be used."""
    began = clock.now().wall

    def sights() -> tuple[Sight, ...]:
        now = clock.now().wall
        return tuple(sight_of(each.status, each.policy.timing.interval, began, now) for each in reconcilers.values())

    def longest(record: RepairRecord) -> float:
        """Return the seconds of a repair and of its proof at most."""
        found = reconcilers.get(record.object.target)
        remedy = next((each for each in found.status.remedies if each.name == record.remedy), None) if found else None
        return 0.0 if remedy is None else remedy.deadline + remedy.settle.max

    # a panel that is itself held paused must be heard of while it is: its alerts are about that pause
    watched = {name: each.status.panel for name, each in reconcilers.items() if pausable(each.target) is None}
    try:
        return Notices(
            settings.notify, settings.alertmanager, ledger, clock, instruments, host=settings.host, holder=holder, severities=severities(),
            targets=reconcilers.keys(), panels=watched, standing=pauses.standing,
            subjects=lambda name: tuple(reconcilers[name].status.subjects), sights=sights, healthy=healthy, wake=wake,
            asking=asking, longest=longest,
        )  # fmt: skip
    except BadSettings as error:
        raise BadSettings(f"alertmanager.url: {error}") from None
