"""What is ordinary on a host: a year of it over the small worlds of ``houses``, each deed as often as it happens in a year.

A ``Life`` is one house and what befalls it. Quiet time is let pass without passes, for in it nothing changes; before each deed the program
looks for some minutes, so that no rule takes the quiet for a gap of its own. From then on every pass is played until all has been calm.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from typing import Any, ClassVar

from tests.support.firing import Pages
from tests.support.houses import Boxes, Games
from tests.support.keeper import House, Keeper
from watchdog import errors
from watchdog.panels.mcsmanager.view import Status

YEAR = 365 * 86_400.0
AWAKE = 200.0
"""Seconds of looks before each deed."""
CALM = 150.0
"""Seconds of looks after the last change of a deed, in which nothing may be found."""


class Life:
    """One house over a year. Deeds are methods; ``in_a_year`` says how often each is done."""

    in_a_year: ClassVar[Mapping[str, int]] = {}

    def __init__(self, ledger: Any, clock: Any, house: House, seed: int) -> None:
        self.clock, self.house = clock, house
        self.chance = random.Random(seed)
        self.keeper = Keeper(ledger, clock)
        self.pages = Pages()
        self.opened: Counter[str] = Counter()
        self.keeper.each_pass = self.look
        self.keeper.add(house)
        self.view = house.target.view
        self.done: Counter[str] = Counter()
        self.keeper.play(house, AWAKE)

    def look(self, house: House) -> None:
        self.pages.look(house)
        for episode, _ in house.reconciler.status.episodes:
            if episode.opened_at == house.reconciler.status.last_judged_at:
                self.opened[episode.drift.kind] += 1

    def between(self, least: float, most: float) -> float:
        return self.chance.uniform(least, most)

    def awake(self, seconds: float) -> None:
        """Let the program look for so long."""
        self.keeper.play(self.house, seconds)

    def asleep(self, seconds: float) -> None:
        """Let the host sleep or be off: nobody looks and nobody scrapes."""
        self.pages.forget(self.house)
        self.clock.advance(seconds)

    def live(self, share: float = 1.0) -> None:
        """Live a year in this share of its deeds, each at least twice."""
        deeds = [word for word, times in self.in_a_year.items() for _ in range(max(2, round(times * share)))]
        self.chance.shuffle(deeds)
        for word in deeds:
            self.asleep(self.between(0.2, 1.8) * YEAR / len(deeds))
            self.morning()
            self.awake(AWAKE + self.between(0.0, 15.0))
            getattr(self, word)()
            self.done[word] += 1
            self.awake(CALM)
            assert not self.keeper.repairs(), (word, self.keeper.repairs()[0])
            assert not self.pages.fired, (word, self.pages.fired[0])
            assert not self.house.reconciler.status.episodes, (word, self.house.reconciler.status.episodes[0])

    def morning(self) -> None:
        """Let what happens each day have happened while time passed."""

    # --- what any panel bears ---

    def out_of_reach(self, seconds: float, error: type[errors.WatchdogError] = errors.Unreachable) -> None:
        """Let nobody answer for so long."""

        def nobody() -> Any:
            raise error("it does not answer")

        self.house.target.view = nobody
        self.awake(seconds)
        self.house.target.view = self.house.view

    def panel_restart(self) -> None:
        self.out_of_reach(self.between(5.0, 90.0))

    def slow_night(self) -> None:
        """A backup of the host itself makes everything slow: now and then a look takes too long."""
        for _ in range(8):
            self.out_of_reach(self.between(1.0, 60.0), errors.DeadlinePassed)
            self.awake(self.between(10.0, 90.0))

    def certificate_renewal(self) -> None:
        self.out_of_reach(self.between(1.0, 10.0), errors.Unreachable)

    def suspended(self) -> None:
        """A laptop sleeps: CLOCK_BOOTTIME goes on, nobody looks."""
        self.asleep(self.between(600.0, 40_000.0))

    def clock_set(self) -> None:
        """NTP steps the wall clock, to and fro."""
        self.clock.jump(self.chance.choice([-1, 1]) * self.between(0.5, 3600.0))

    def we_are_restarted(self) -> None:
        self.asleep(self.between(1.0, 30.0))
        self.keeper.reborn(self.house)


class GamesLife(Life):
    """Game servers behind MCSManager: what an administrator does in the panel, and what is done to the host."""

    house: Games
    in_a_year: ClassVar[Mapping[str, int]] = {
        "admin_stops": 100, "admin_restarts": 60, "server_is_updated": 30, "reboot": 12, "engine_upgrade": 6, "daemon_upgrade": 12,
        "panel_restart": 24, "slow_night": 10, "certificate_renewal": 6, "suspended": 30, "clock_set": 6, "we_are_restarted": 12,
    }  # fmt: skip

    def some(self) -> str:
        return self.chance.choice(self.house.scene.instances).uuid

    def admin_stops(self) -> None:
        uuid = self.some()
        self.house.stop(uuid)
        self.awake(self.between(10.0, 1500.0))
        self.house.start(uuid)

    def admin_restarts(self) -> None:
        uuid = self.some()
        self.house.log("instance_restart", uuid)
        self.house.stop(uuid, by="")
        self.awake(self.between(0.0, 20.0))
        self.house.start(uuid, by="")

    def server_is_updated(self) -> None:
        uuid = self.some()
        self.house.stop(uuid)
        self.house.change(uuid, status=Status.BUSY)
        self.awake(self.between(30.0, 1200.0))
        self.house.change(uuid, status=Status.STOPPED)
        self.awake(self.between(0.0, 60.0))
        self.house.start(uuid)

    def reboot(self) -> None:
        self.house.lose_docker()
        self.asleep(self.between(40.0, 240.0))
        self.keeper.reborn(self.house)
        self.house.find_docker()
        self.out_of_reach(self.between(1.0, 40.0))
        self.house.daemon_boots()
        for item in list(self.house.scene.instances):
            self.awake(5.0)
            self.house.start(item.uuid, by="")

    def engine_upgrade(self) -> None:
        """An administrator stops all, upgrades Docker, and starts the daemon and all anew."""
        for item in list(self.house.scene.instances):
            self.house.stop(item.uuid)
            self.awake(self.between(1.0, 20.0))
        self.house.lose_docker()
        self.awake(self.between(20.0, 150.0))
        self.house.find_docker()
        self.awake(self.between(1.0, 30.0))
        for item in list(self.house.scene.instances):
            self.house.start(item.uuid)
            self.awake(self.between(1.0, 10.0))

    def daemon_upgrade(self) -> None:
        """Panel and daemon begin anew; from 10.13 on the game servers live on and are taken over."""
        self.out_of_reach(self.between(20.0, 200.0))
        self.house.daemon_restarts()


class BoxesLife(Life):
    """Plain containers of a Compose project."""

    house: Boxes
    in_a_year: ClassVar[Mapping[str, int]] = {
        "compose_pull_and_up": 52, "person_stops": 80, "person_restarts": 60, "person_pauses": 12, "slow_stop": 12,
        "certificate_renewal": 6,
        "reboot": 12, "engine_upgrade": 6, "suspended": 30, "clock_set": 6, "we_are_restarted": 12,
    }  # fmt: skip

    def some(self) -> str:
        return self.chance.choice(self.house.names())

    def person_stops(self) -> None:
        name = self.some()
        self.house.stop(name)
        self.awake(self.between(1.0, 2000.0))
        self.house.put_right(name)

    def person_restarts(self) -> None:
        name = self.some()
        self.house.stop(name)
        self.awake(self.between(0.0, 12.0))
        self.wakes_slowly(name)

    certificate_renewal = person_restarts

    def person_pauses(self) -> None:
        name = self.some()
        self.house.change(name, state="paused")
        self.house.tell("pause", name)
        self.awake(self.between(1.0, 2000.0))
        self.house.change(name, state="running")
        self.house.tell("unpause", name)

    def slow_stop(self) -> None:
        """Somebody sends SIGTERM, and it takes minutes to end."""
        name = self.some()
        self.house.tell("kill", name)
        self.awake(self.between(30.0, 500.0))
        self.house.ends(name, 143)
        self.awake(self.between(1.0, 300.0))
        self.house.put_right(name)

    def compose_pull_and_up(self) -> None:
        for name in self.chance.sample(self.house.names(), 3):
            self.house.made_anew(name)
            self.awake(self.between(0.5, 10.0))
            self.wakes_slowly(name)

    def wakes_slowly(self, name: str) -> None:
        """Start it; its first health checks may fail."""
        self.house.put_right(name)
        self.house.change(name, health="starting")
        self.awake(self.between(1.0, 30.0))
        if self.chance.random() < 0.5:
            self.house.change(name, health="unhealthy")
            self.awake(self.between(1.0, 60.0))
        self.house.change(name, health="healthy")

    def reboot(self) -> None:
        for name in self.house.names():
            self.house.stop(name)
        self.asleep(self.between(40.0, 240.0))
        self.house.docker_begins()
        self.keeper.reborn(self.house)
        self.all_come_up()

    def engine_upgrade(self) -> None:
        for name in self.house.names():
            self.house.stop(name)
            self.awake(self.between(0.0, 3.0))
        self.house.engine_up = False
        self.awake(self.between(5.0, 150.0))
        self.house.engine_up = True
        self.house.docker_begins()
        self.all_come_up()

    def all_come_up(self) -> None:
        for name in self.house.names():
            self.awake(self.between(0.0, 4.0))
            self.house.put_right(name)
            self.house.change(name, health="starting")
        self.awake(self.between(1.0, 60.0))
        for name in self.house.names():
            self.house.change(name, health="healthy")
