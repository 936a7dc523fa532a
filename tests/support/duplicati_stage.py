"""One life after another of our program over a fake Duplicati server, in simulated time: real target, real ledger, real reconciler.

``live`` lets time pass in the program's own rhythm: the ends of pauses, the pulse over the kept connection, the passes.
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.support.bench import Recorder, inline
from tests.support.ledger import ledger_at
from watchdog.model.drifts import Drift
from watchdog.model.panels import Ports
from watchdog.model.pauses import PauseOrder
from watchdog.model.repairs import Mode
from watchdog.model.snapshots import Actual
from watchdog.panels.duplicati import PANEL
from watchdog.panels.duplicati.fake import PASSWORD, FakeDuplicati
from watchdog.panels.duplicati.settings import DuplicatiSettings
from watchdog.reconciler.adopt import holder_name
from watchdog.reconciler.counts import RepairCounts
from watchdog.reconciler.holding import TargetHoldings
from watchdog.reconciler.loop import Reconciler
from watchdog.reconciler.pausing import LOOK_EVERY, Pauses
from watchdog.reconciler.policy import Policy, Timing
from watchdog.reconciler.runner import RepairRunner
from watchdog.runtime.clock import SimulatedClock

TARGET = "nas"
START = 1_767_571_200.0  # Monday, 5 January 2026, 00:00 UTC
HOUR = 3600.0
DAY = 24 * HOUR
PAUSE = "/api/v1/serverstate/pause"
RESUME = "/api/v1/serverstate/resume"
BOOT = "boot-1"


class Life:
    """One life of our program with this one target."""

    def __init__(self, stage, ledger, holder=None, on_step=None, spawn=inline):
        self.stage, self.ledger, self.clock = stage, ledger, stage.clock
        self.instruments = Recorder()
        self.pauses = Pauses(ledger, self.clock, self.instruments, {TARGET: "duplicati"}, stage.boot, lambda _target: self.hurry())
        ports = Ports(self.clock, self.instruments, None, holdings=TargetHoldings(ledger, TARGET, self.clock), wake=self.hurry)
        self.target = PANEL.connect(stage.settings, ports)
        self.beat = self.target.tends()[0].step.__self__
        self.beat.stretch = 0.0
        counts = RepairCounts(self.instruments)
        steps = {} if on_step is None else {"on_step": on_step}
        self.runner = RepairRunner(ledger, self.clock, counts, self.actual, spawn=spawn, **steps)
        self.reconciler = Reconciler(
            panel=stage.panel, target=self.target, needs=PANEL.needs(stage.settings), policy=stage.policy, ledger=ledger,
            runner=self.runner, counts=counts, clock=self.clock, instruments=self.instruments, actual=self.actual,
            holder=holder or holder_name(), spawn=spawn,
            paused=lambda: tuple(self.pauses.standing(TARGET)), pause_facts=lambda: self.pauses.facts(TARGET),
        )  # fmt: skip

    def actual(self):
        return Actual()

    def hurry(self):
        self.woken = True
        if hasattr(self, "reconciler"):
            self.reconciler.hurry()

    def turn(self, beat=True):
        """Do all that is due at this moment; return the seconds until something is due again.

        The real pulse watches its connection all the time; here it looks when a test has done something (call ``turn`` then).
        """
        rests = []
        for _ in range(12):
            self.woken = False
            rest = self.pauses.step()
            rests = [rest] if rest < LOOK_EVERY else []  # it looks now and then whether a clock has jumped
            if beat:
                rests.append(self.beat.step() or self.stage.settings.pulse)
            rests.append(self.reconciler.step())
            self.runner.tend()
            if not self.woken:
                break
        return min(rests)

    def live(self, seconds, until=None, beat=True, least=0.05):
        """Let ``seconds`` pass, or fewer until ``until()``; return how many did."""
        begun = self.clock.now().mono
        while True:
            rest = self.turn(beat)
            passed = self.clock.now().mono - begun
            if until is not None and until():
                return passed
            if passed >= seconds:
                return passed
            self.clock.advance(min(max(rest, least), seconds - passed + 1e-6))

    def order(self, task="", length=None, until=None, reason="disks"):
        return self.pauses.pause(PauseOrder(TARGET, reason, "me", task, "person", until, length))

    def drifts(self) -> dict[str, Drift]:
        return {episode.drift.kind: episode.drift for episode, _ in self.reconciler.status.episodes}

    def kinds(self):
        """The kinds of drifts of pauses that are open."""
        return {kind for kind in self.drifts() if "pause" in kind or "startup" in kind or kind == "task_run_queued"}

    def ends(self):
        return [(record.remedy, record.state.value) for record in reversed(self.ledger.repairs(TARGET))]

    def sent(self):
        """What our repairs sent, oldest first."""
        return [line for record in reversed(self.ledger.repairs(TARGET)) if record.outcome for line in record.outcome.sent]

    def resumed(self):
        return sum(value for key, value in self.instruments.values.items() if key[0] == "watchdog_pauses_resumed_total")

    def held(self):
        return [each.what for each in self.ledger.holdings() if each.target == TARGET]

    def close(self):
        self.target.close()


@dataclass
class Stage:
    """A fake server, a clock, a ledger on disk; lives come and go."""

    fake: FakeDuplicati
    clock: SimulatedClock
    settings: DuplicatiSettings
    policy: Policy
    directory: object
    boot: str = BOOT
    opened: Callable[[SimulatedClock], Any] | None = None
    """Opens the ledger; None = the stage's own SQLite file."""
    panel: Any = PANEL

    def another(self, **more):
        """Return a life on the ledger of this stage, beside those that are there."""
        ledger = ledger_at(self.directory / "ledger.sqlite3", self.clock) if self.opened is None else self.opened(self.clock)
        return Life(self, ledger, **more)

    def begin(self, **more):
        """Begin the stage's own life."""
        self.life = self.another(**more)
        return self.life

    def end(self):
        """Let the present life die: nothing is said to anybody."""
        self.life.close()
        self.life.ledger.close()

    @property
    def world(self):
        return self.fake.world

    def sent(self, path):
        return [asked for asked in self.fake.seen if asked.path == path and asked.method == "POST"]

    def posts(self):
        """The durations of all pauses that were ever ordered, in order."""
        return [asked.query.get("duration") for asked in self.sent(PAUSE)]

    def resumes(self):
        return len(self.sent(RESUME))

    def ran(self, name):
        """When the job's runs began."""
        job = next(each for each in self.world.jobs.values() if each.name == name)
        return [run.began for run in self.world.runs if run.backup == job.id]


@contextlib.contextmanager
def stage(directory, release="2.3.0.4", mode=Mode.APPROVE, interval=15.0, start=START, zone="UTC", opened=None, **settings):
    """Give a stage with its first life begun."""
    clock = SimulatedClock(start, 10_000.0)
    secret = directory / "password"
    secret.write_text(PASSWORD)
    with FakeDuplicati(directory / "server", clock, release, zone=zone) as fake:
        told = DuplicatiSettings.model_validate({"name": TARGET, "url": fake.url, "password_file": str(secret), "mode": mode, **settings})
        policy = Policy(mode=mode, baseline="repair", timing=Timing(interval=interval))
        made = Stage(fake, clock, told, policy, directory, opened=opened)
        made.begin()
        try:
            yield made
        finally:
            made.end()
