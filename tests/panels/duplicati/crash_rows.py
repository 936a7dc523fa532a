"""Duplicati's rows of the crash table: the fake server lives in the parent, a life of the program in each child.

What a row is about was brought about by a former life of the program, in simulated time that ends at this moment; from then on server and
program share one quick clock.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.crash import Rig, Row, Unhurried, clock_of
from tests.support.duplicati_stage import HOUR, PAUSE, RESUME, TARGET, Life, Stage
from watchdog.model.repairs import Mode, RepairState
from watchdog.model.snapshots import Actual
from watchdog.panels.duplicati import PANEL
from watchdog.panels.duplicati.fake import PASSWORD, FakeDuplicati
from watchdog.panels.duplicati.settings import DuplicatiSettings
from watchdog.reconciler.policy import Policy, Timing
from watchdog.runtime.clock import SimulatedClock, SystemClock

SPEED = 20.0
RELEASE = "2.3.0.4"
ASKED = Policy(mode=Mode.APPROVE, baseline="repair", timing=Timing(interval=15.0))
"""Of the life before: it carries out what a person ordered, and nothing else."""
LEFT = frozenset({"backup_stopped"})
"""An abort leaves a run that was stopped."""
ALONE = Policy(mode=Mode.REPAIR, allow=frozenset({"run"}), baseline="repair", timing=Timing(interval=15.0))


class Turned:
    """The clock of the server: simulated and behind by ``ago`` seconds, until ``turn`` makes it the quick one of the directory."""

    def __init__(self, ago: float) -> None:
        now = SystemClock().now()
        self._clock: Any = SimulatedClock(now.wall - ago, now.mono - ago)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._clock, name)

    def turn(self, directory: Path, speed: float) -> None:
        """Let what is left of the past pass, and the quick time begin."""
        left = SystemClock().now().mono - self._clock.now().mono
        assert left >= 0, "the past was too short"
        self._clock.advance(left)
        now = self._clock.now()
        (directory / "clock").write_text(json.dumps([now.wall, now.mono]))
        self._clock = clock_of(directory, speed)


def rig(directory: Path) -> Rig:
    """Build one life: the real client, pulse, pauses and remedies."""
    told = json.loads((directory / "told").read_text())
    own = DuplicatiSettings.model_validate(told["settings"])
    server: Any = None
    stage = Stage(server, clock_of(directory, told["speed"]), own, ALONE, directory, panel=Unhurried(PANEL))

    def rests(status: Any) -> bool:
        unfinished = [record for record in status.in_flight if record.state is not RepairState.VERIFIED]
        about = [episode for episode, _ in status.episodes if episode.drift.kind not in LEFT]
        return (
            status.passes >= told["passes"] and status.last_result == "judged" and not unfinished and not status.plan.repairs and not about
        )

    return Rig(
        PANEL, None, lambda _: Actual(), ALONE, PANEL.needs(own), told["speed"], rests, approves=True,
        life=lambda ledger, on_step: Life(stage, ledger, on_step=on_step),
    )  # fmt: skip


class Outside:
    """What the parent keeps alive over all lives of one directory."""

    def __init__(self, made: Stage) -> None:
        self.made, self.before, self.paused = made, len(made.fake.seen), made.world.program == "Paused"

    def effects(self) -> list[str]:
        """Return everything that was sent since and changes something; a pause that stands already is only given its end again."""
        paused, found = self.paused, []
        for asked in self.made.fake.seen[self.before :]:
            if asked.method != "GET" and not HARMLESS.search(asked.path) and not (asked.path == PAUSE and paused):
                found.append(f"{asked.method} {asked.path}")
            paused = asked.path == PAUSE or (paused and asked.path != RESUME)
        return found


OUTSIDES: dict[Path, Outside] = {}
HARMLESS = re.compile("/auth/|/filesystem/")
"""A sign-in, and a question about a path."""


def _row(
    name: str, prepare: Callable[[Stage], None], check: Callable[[Stage], bool], *, ago: float = HOUR, speed: float = SPEED,
    passes: int = 0, **settings: Any,
) -> Row:  # fmt: skip
    @contextmanager
    def outside(directory: Path) -> Iterator[None]:
        secret, clock = directory / "password", Turned(ago)
        secret.write_text(PASSWORD)
        simulated: Any = clock
        with FakeDuplicati(directory / "server", simulated, RELEASE, zone="UTC") as fake:
            own = {"name": TARGET, "url": fake.url, "password_file": str(secret), "mode": "repair", "pulse": "30s", **settings}
            (directory / "told").write_text(json.dumps({"settings": own, "speed": speed, "passes": passes}))
            made = Stage(fake, simulated, DuplicatiSettings.model_validate(own), ASKED, directory)
            made.begin()
            prepare(made)
            made.end()
            clock.turn(directory, speed)
            fake.tick()
            OUTSIDES[directory] = Outside(made)
            yield

    def ends_well(directory: Path) -> None:
        one, patience = OUTSIDES[directory], 1200
        while not check(one.made) and patience:
            threading.Event().wait(0.05)
            patience -= 1
        assert check(one.made), (one.made.world.program, one.effects())

    return Row(
        name, "tests.panels.duplicati.crash_rows:rig", outside, lambda directory: OUTSIDES[directory].effects(), ends_well
    )  # fmt: skip


def _job(made: Stage) -> Any:
    job = made.world.add_job("photos", time=made.clock.now().wall + 10 * HOUR)
    made.life.live(20.0)
    return job


def _order(task: str = "", *, lives: bool, ends: bool = False) -> Callable[[Stage], None]:
    def prepare(made: Stage) -> None:
        if task:
            _job(made)
        made.life.live(20.0)
        order = made.life.order(task=task, length=20 * HOUR)
        if lives:
            made.life.live(30.0)
            assert made.world.really_paused or made.life.held() == ["schedule"]
        if ends:
            made.life.pauses.resume(order.id, "me")

    return prepare


def _ran_once(made: Stage) -> Any:
    job = made.world.add_job("photos", seconds=20.0)
    made.world.run(job)
    made.life.live(60.0)
    return job


def _cut(made: Stage) -> None:
    job = _ran_once(made)
    job.seconds = 5000.0
    made.world.run(job)
    made.life.live(30.0)
    made.fake.kill()
    made.fake.start()
    job.seconds = 20.0


def _without_database(made: Stage) -> None:
    _ran_once(made).db_path.unlink()


def _stands_still(made: Stage) -> None:
    job = _ran_once(made)
    job.stuck = True
    made.world.run(job)
    made.life.live(60.0)
    made.clock.advance(HOUR)


def _runs(made: Stage) -> list[str]:
    return [run.ending for run in made.world.runs]


def _slot(made: Stage) -> float:
    """Return in how many seconds the job's next slot is."""
    return float(made.world.jobs["1"].schedule.time - made.clock.now().wall)


ROWS = (
    _row("pause", _order(lives=False), lambda made: made.world.really_paused),
    _row(
        "renew",
        _order(lives=False),
        lambda made: made.world.really_paused and len(made.sent(PAUSE)) > 1,
        speed=40.0,
        passes=30,
        lease="10m",
    ),
    _row("resume", _order(lives=True, ends=True), lambda made: made.world.program == "Running"),
    _row("move_schedule", _order("photos", lives=False), lambda made: _slot(made) > 20 * HOUR),
    _row("put_schedule_back", _order("photos", lives=True, ends=True), lambda made: _slot(made) < 12 * HOUR),
    _row("set_startup_delay", lambda made: None, lambda made: made.world.settings["startup-delay"] == "2m", startup_delay="2m"),
    _row("run", _cut, lambda made: _runs(made) == ["success", "", "success"]),
    _row("repair_database", _without_database, lambda made: made.world.jobs["1"].db_path.exists(), speed=60.0),
    _row("abort", _stands_still, lambda made: made.world.memory.active is None, ago=2 * HOUR, speed=40.0),
)
