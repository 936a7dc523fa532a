"""Where the schedule of one job must stand for its pause, by what is stored and what we moved. Pure. Contract section 3, variant A.

No release pauses one job. Its next slot is moved to its first regular one after the pause, so that the job comes back by itself if we are
gone; until further notice it is moved far away, again and again. What somebody else moved meanwhile is theirs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import tzinfo
from typing import Final

from watchdog.model.approvals import Holding
from watchdog.panels.duplicati.schedules import DAY, due_slot, first_slot, on_grid
from watchdog.panels.duplicati.view import Schedule

FAR: Final = 14 * DAY
"""How far a job that is paused until further notice is moved; renewed at half of it."""
LEEWAY: Final = 1.0
"""Seconds by which the end of a pause may seem to move from look to look."""
SAME: Final = 1.0


@dataclass(frozen=True, slots=True)
class TaskScene:
    """All that the ruling on one job depends on. Times are UNIX seconds of the server.

    ``left``: seconds left of its pause, None = until further notice; ``paused``: whether one stands. ``schedule`` is as stored now, None =
    there is none. ``held`` is our record of having moved it: its parameter ``time`` is the slot that it had, its expiry the slot that it
    was moved to. ``seen`` is where we last saw it moved to, ``seen_run`` its last run then (None = not seen).
    """

    schedule: Schedule | None
    zone: tzinfo
    now: float
    paused: bool = False
    left: float | None = None
    held: Holding | None = None
    seen: float | None = None
    seen_run: float | None = None

    @property
    def own(self) -> Schedule | None:
        """Return its schedule with the slot that it had before we moved it."""
        time = self.held.parameters.get("time") if self.held is not None else None
        if self.schedule is None or not isinstance(time, int | float):
            return self.schedule
        return replace(self.schedule, time=float(time), last_run=None)

    @property
    def moved(self) -> bool:
        """Whether it stands where we moved it."""
        told = self.held.expires_at if self.held is not None else None
        return self.schedule is not None and told is not None and _same(self.schedule.time, told)

    @property
    def edited(self) -> bool:
        """Whether somebody else changed the slot that we had moved, or took the schedule away."""
        own = self.own
        if self.held is None or self.moved:
            return False
        if self.schedule is None or own is None or self.schedule.time is None:
            return True
        if self.schedule.last_run != self.seen_run and self.seen is not None:
            return False  # a run has ended and took its slot on: that is the server's doing
        if self.seen is not None:
            return not _same(self.schedule.time, self.seen)
        return not on_grid(own, self.zone, self.schedule.time)


@dataclass(frozen=True, slots=True)
class TaskRuling:
    """What stands against a job's pause: ``kind`` of drift ("" = all is well), the slot ``to`` put, whether to give our record back."""

    kind: str = ""
    truth: str = ""
    to: float | None = None
    release: bool = False
    again: float | None = None


def rule_task(scene: TaskScene) -> TaskRuling:
    """Return what must be done now, and in how many seconds to look again."""
    return _paused(scene) if scene.paused else _free(scene)


def _paused(scene: TaskScene) -> TaskRuling:
    due = due_slot(scene.schedule, scene.zone) if scene.schedule is not None else None
    end = scene.now + (FAR / 2 if scene.left is None else scene.left)
    if scene.edited:
        if due is not None and due < end - 2 * LEEWAY:
            return TaskRuling("task_pause_edited", "somebody else set its slot inside the pause", again=scene.left)
        return TaskRuling(again=scene.left)
    if due is None:
        return TaskRuling(again=scene.left)  # nothing is planned: it does not start by itself
    anchor = scene.own or scene.schedule
    assert anchor is not None
    if due < end - 2 * LEEWAY:
        to = first_slot(anchor, scene.zone, end - LEEWAY if scene.left is not None else scene.now + FAR)
        return TaskRuling("task_pause_missing", "its slot comes before the end", to) if to is not None else TaskRuling(again=scene.left)
    latest = first_slot(anchor, scene.zone, end + 2 * LEEWAY) if scene.left is not None else None
    if scene.moved and latest is not None and due > latest + SAME:
        return TaskRuling(
            "task_pause_missing", "its slot is later than the pause by now needs", first_slot(anchor, scene.zone, end - LEEWAY)
        )
    return TaskRuling(again=max(LEEWAY, due - end) if scene.left is None else scene.left)


def _free(scene: TaskScene) -> TaskRuling:
    if scene.held is None:
        return TaskRuling()
    own = scene.own
    if scene.edited or own is None or own.time is None or scene.schedule is None or scene.schedule.time is None:
        return TaskRuling("task_pause_over", "somebody else changed its schedule meanwhile: that is left", release=True)
    back = own.time if own.time > scene.now else first_slot(own, scene.zone, scene.now + LEEWAY)
    if back is None or scene.schedule.time <= back + SAME:
        return TaskRuling("task_pause_over", "its schedule is at its own slot", release=True)
    return TaskRuling("task_pause_outlived", "its schedule is not at its own slot", back, release=True)


def _same(time: float | None, other: float) -> bool:
    return time is not None and abs(time - other) <= SAME
