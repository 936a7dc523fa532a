"""Pauses and their rules over a real ledger, with a clock that moves only when told: what a supervised program would do, step by step."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from tests.support.bench import Recorder
from watchdog.model.host import Filesystem, HostFacts, Pressure
from watchdog.model.snapshots import Actual, Snapshot
from watchdog.reconciler.pausing import LOOK_EVERY, Pauses
from watchdog.reconciler.pressing import FreeGauge, PressureRule, PsiGauge
from watchdog.reconciler.reckoning import left
from watchdog.reconciler.ruling import Ruling
from watchdog.reconciler.windows import WindowRule, next_change, open_now
from watchdog.runtime.clock import SimulatedClock
from watchdog.runtime.cron import Window, parse_cron, zone_of

PANELS = {"games": "mcsmanager", "tunnels": "wgdashboard"}
HOUR, DAY = 3600.0, 86400.0
VIENNA = "Europe/Vienna"


def at(text, zone=VIENNA):
    """UNIX seconds of a local time such as ``2026-03-28 22:00``."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


def window(name="nightly", cron="0 2 * * *", lasts=2 * HOUR, targets=("games",), zone=VIENNA, task="", reason=None):
    return WindowRule(name, targets, Window(parse_cron(cron), lasts, zone_of(zone)), reason or f"{name} works", task)


def pressed(name="disks", targets=("games",), enter=60.0, leave=20.0, minimum=300.0, maximum=HOUR, gauge=None):
    return PressureRule(name, targets, gauge or PsiGauge("io", "some", "avg60"), enter, leave, minimum, maximum, f"{name} are busy")


def clock_at(text, zone=VIENNA):
    return SimulatedClock(wall=at(text, zone))


class Host:
    """What the host collector found last: ``io`` is PSI in percent (None = this kernel has none), ``free`` bytes of /srv."""

    def __init__(self, clock):
        self.clock, self.io, self.free, self.read_at = clock, 0.0, 1 << 40, None
        self.collecting = True

    def actual(self):
        now = self.clock.now()
        if self.collecting:
            self.read_at = now
        lines = () if self.io is None else (Pressure("io", "some", 0.0, self.io, 0.0, 1.0),)
        error = None if self.free is not None else "hung"
        facts = HostFacts(filesystems=(Filesystem("srv", "/srv", free_bytes=self.free or 0, error=error),), pressures=lines)
        return Actual(host=Snapshot("host", facts, now, self.read_at, 15.0)) if self.read_at else Actual()


class Life:
    """One life of the program."""

    def __init__(self, ledger, clock, windows=(), pressures=(), boot="boot-1", host=None):
        self.ledger, self.clock, self.instruments = ledger, clock, Recorder()
        self.host = host or Host(clock)
        self.pauses = Pauses(ledger, clock, self.instruments, PANELS, boot, lambda _target: None)
        self.ruling = Ruling(self.pauses, tuple(windows), tuple(pressures), clock, self.instruments, self.host.actual)
        self.looks = 300.0

    def live(self, seconds):
        """Let both loops turn for ``seconds`` of real time; without pressure rules they need no more looks than there are changes."""
        until = self.clock.now().mono + seconds
        while (now := self.clock.now().mono) < until:
            self.clock.advance(min(self.turn(), until - now + 1e-6))
        self.turn()

    def until(self, text, zone=VIENNA):
        self.live(at(text, zone) - self.clock.now().wall)

    def turn(self):
        """Both loops once; return the seconds to the next turn."""
        self.ruling.step()
        rest = self.pauses.step()
        kept = self.ledger.pauses()
        places = [(each.target, each.task, each.source) for each in kept]
        assert len(places) == len(set(places)), "never two of one source"
        if self.ruling._pressures:
            return min(rest, LOOK_EVERY)
        now = self.clock.now()
        lefts = [left(each, self.pauses._boot, now.wall, now) for each in kept]
        change = next_change(self.ruling._windows, open_now(self.ruling._windows, now.wall), now.wall)
        lefts.append(None if change is None else change - now.wall)
        return max(1e-3, min([self.looks, *(each for each in lefts if each is not None and each > 0)]))

    def standing(self, target="games", source=None):
        return [each for each in self.pauses.standing(target) if source in {None, each.source}]

    def past(self, target="games"):
        """Those that are over, the oldest first."""
        return [each for each in reversed(self.pauses.pauses(target, ended=True)) if each.ended_at is not None]

    def value(self, name, *labels):
        return self.instruments.values.get((name, *labels))


FREE = FreeGauge("/srv")
