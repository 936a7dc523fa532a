"""Every remedy of a Duplicati server with the function that carries it out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from watchdog.model.repairs import Outcome
from watchdog.panels.duplicati import remedies_pause, repairs_backups, repairs_pause, repairs_schedule, startup_delay
from watchdog.panels.duplicati.hands import Hands

REPAIRS: Final[Mapping[str, Callable[[Hands], Outcome]]] = {
    remedies_pause.PAUSE: repairs_pause.pause,
    remedies_pause.RENEW: repairs_pause.pause,
    remedies_pause.RESUME: repairs_pause.resume,
    remedies_pause.MOVE: repairs_schedule.move,
    remedies_pause.PUT_BACK: repairs_schedule.put_back,
    remedies_pause.SET_DELAY: startup_delay.set_delay,
    **repairs_backups.REPAIRS,
}
"""What carries out each remedy: idempotent, and judged by looking again."""
