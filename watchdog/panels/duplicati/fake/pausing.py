"""Pause and resume, their timer, and what of a pause a start brings back (contract section 2; LiveControls of each release)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from watchdog.model.moments import Moment
from watchdog.panels.duplicati.fake import durations, runner
from watchdog.panels.duplicati.fake.stamps import TICKS, ticks_of, wall_of

if TYPE_CHECKING:
    from watchdog.panels.duplicati.fake.memory import Memory
    from watchdog.panels.duplicati.fake.state import DuplicatiWorld

DAY: Final = 86_400.0
TIMER_MOST: Final = 4_294_967.294
"""Seconds a System.Threading.Timer takes: 49.7 days."""
UNTIL: Final = "paused-until"


class BadDurationError(Exception):
    """The duration is no time span: 400."""


class TooLongError(Exception):
    """The timer does not take it: 500, and the announced end stays ahead."""


def pause(world: DuplicatiWorld, memory: Memory, duration: str, now: Moment, *, transfers: bool) -> None:
    """Pause for ``duration`` ("" = without end), replacing a pause that is there."""
    release = world.release
    local = ticks_of(now.wall) + _offset(world, now.wall) * TICKS
    ticks = durations.parse(duration, local, old=release.old_durations)
    if ticks is None:
        raise BadDurationError
    timed = ticks > 0
    if timed:
        memory.end_ticks = ticks_of(now.wall) + ticks
        if not release.day_at_most and ticks / TICKS > TIMER_MOST:
            raise TooLongError
    else:
        memory.end_ticks = 0
    seconds = ticks / TICKS
    memory.timer_at = now.mono + (min(seconds, DAY) if release.day_at_most else seconds) if timed else None
    memory.paused, memory.runner_paused, memory.transfers_paused = True, True, transfers
    _told(world, memory)
    runner.stand_still(world, memory, now)


def resume(world: DuplicatiWorld, memory: Memory, now: Moment) -> None:
    """Resume; nothing happens where nothing is paused."""
    if not memory.paused:
        return
    memory.paused = memory.runner_paused = memory.transfers_paused = False
    memory.end_ticks, memory.timer_at = 0, None
    _told(world, memory)
    runner.go_on(memory, now)
    runner.begin_next(world, memory, now)


def at_start(world: DuplicatiWorld, memory: Memory, now: Moment) -> None:
    """Begin paused for the startup delay or by what was stored, whichever ends later (item 3 of the contract's list)."""
    release = world.release
    delay = durations.parse(world.settings.get("startup-delay", ""), 0, old=release.old_durations) or 0
    end = ticks_of(now.wall) + delay if delay > 0 else 0
    stored = world.settings.get(UNTIL, "") if release.persists else ""
    if stored == "0":
        memory.paused, end = True, 0
    elif stored and int(stored) > max(end, ticks_of(now.wall) + TICKS // 10):
        memory.paused, end = True, int(stored)
    elif end:
        memory.paused = True
    if memory.paused:
        seconds = wall_of(end) - now.wall
        memory.end_ticks = end
        memory.timer_at = now.mono + (min(seconds, DAY) if release.day_at_most else seconds) if end else None
        memory.runner_paused = release.obeys
    if release.clears_past:
        _store(world, memory)


def _told(world: DuplicatiWorld, memory: Memory) -> None:
    memory.count(world.release.pause)
    if world.release.persists:
        _store(world, memory)


def _store(world: DuplicatiWorld, memory: Memory) -> None:
    ticks = memory.end_ticks
    if memory.paused and not ticks and world.release.version == "2.1.0.3":
        # DateTime(0) without a zone goes to UTC by the local offset: west of Greenwich that is a tick of the past, not 0 (item 4)
        ticks = max(0, -_offset(world, world.clock.now().wall)) * TICKS
    world.settings[UNTIL] = str(ticks) if memory.paused else ""


def _offset(world: DuplicatiWorld, wall: float) -> int:
    offset = datetime.fromtimestamp(wall, ZoneInfo(world.zone)).utcoffset()
    return int(offset.total_seconds()) if offset else 0
