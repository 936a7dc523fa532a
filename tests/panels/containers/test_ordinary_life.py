"""A seeded life of a host with a dozen containers: whatever is ordinary is never a drift, and whatever is a fault is found at once.

Pure rules over the fake engine's world in simulated time; events are heard as the collector hears them: a window of an hour, nothing while
the stream is down, nothing of an engine that was restarted, at most 256 after our own start.
"""

import random
from dataclasses import replace

import pytest

from tests.support.containers import service, settings
from watchdog.collectors.docker.events import parse_event
from watchdog.collectors.docker.fake import FakeEngineWorld, shapes
from watchdog.collectors.docker.inspection import joined, parse_inspect
from watchdog.collectors.docker.listing import parse_container
from watchdog.model.docker import DockerFacts, EventStream, Gate
from watchdog.model.repairs import LedgerFacts
from watchdog.model.snapshots import Actual, Snapshot
from watchdog.panels.containers.checkups import Evidence
from watchdog.panels.containers.drift import detect
from watchdog.panels.containers.fake import PlainHost
from watchdog.panels.containers.view import LABELS, ContainersView
from watchdog.runtime.clock import SimulatedClock

LOOK, WINDOW = 15.0, 3600.0
COUNT = 12


class Host:
    """The world, how we hear of it, and what the rules say of it."""

    def __init__(self, seed):
        self.chance = random.Random(seed)
        self.clock = SimulatedClock()
        self.world = FakeEngineWorld(self.clock)
        self.host = PlainHost(self.world)
        self.settings, self.view, self.facts = settings(), ContainersView(), LedgerFacts()
        self.engine_started = self.clock.now().wall - 100_000
        self.heard, self.cursor, self.stream = [], 0, EventStream()
        self.names = [f"c{number:02}" for number in range(COUNT)]
        for number, name in enumerate(self.names):
            policy = ("no", "unless-stopped")[number % 2]
            self.host.serve(
                name, labels=service(name, f"c{number - 1:02}:service_started:false" if number % 5 else ""), restart_policy=policy
            )
        self.connect()
        self.drifts, self.looks = [], 0
        self.let_pass(600)

    def connect(self):
        """Begin to hear, as after our own start."""
        now = self.clock.now().wall
        self.cursor, past = self.world.replay(now - WINDOW)
        self.heard = [told.event for each in past if (told := parse_event(each, LABELS))]
        self.stream = EventStream(connected=True, connected_at=now)

    def hear(self):
        up = self.world.mode == "up"
        now = self.clock.now().wall
        if up and not self.stream.connected:
            self.stream = replace(self.stream, connected=True, connected_at=now, reconnects=self.stream.reconnects + 1)
        elif not up and self.stream.connected:
            self.stream = replace(self.stream, connected=False, dropped_at=now)
        self.cursor, told = self.world.events_after(self.cursor)
        self.heard += [found.event for each in told if (found := parse_event(each, LABELS))]
        self.heard = [each for each in self.heard if each.at >= now - WINDOW]

    def look(self):
        self.hear()
        now = self.clock.now()
        if self.world.mode != "up":
            return  # the collector fails, the gate closes: all is Unknown, shown elsewhere
        with self.world.changed:
            found = self.world.containers()
            containers = tuple(joined(parse_container(shapes.row(c, now.wall), LABELS), parse_inspect(shapes.inspect(c))) for c in found)
        facts = DockerFacts(
            "E", "20", containers, tuple(self.heard), self.stream, engine_started_at=self.engine_started, events_since=now.wall - WINDOW
        )
        actual = Actual(docker=Snapshot("docker", facts, now, now, LOOK), gate=Gate(open=True))
        judgement = detect(self.settings, actual, self.view, Evidence(), self.facts, now)
        self.facts = replace(self.facts, memory=judgement.memory)
        self.drifts += judgement.drifts
        self.looks += 1

    def let_pass(self, seconds):
        """Let time pass with a look now and then, at any moment between what happens."""
        while seconds > 0:
            nap = min(seconds, self.chance.uniform(0.2, LOOK if seconds < 60.0 else 4 * LOOK))
            self.clock.advance(nap)
            seconds -= nap
            self.look()

    def running(self):
        return [each.name for each in self.world.containers() if each.state == "running"]

    def some(self):
        return self.chance.choice(self.running() or [self.start_one()])

    def start_one(self):
        name = self.chance.choice(self.names)
        self.world.start(name)
        return name

    # --- what is ordinary; each is made of steps with time for a look between them ---

    def person_stops_for_a_while(self):
        name = self.some()
        self.host.person_stops(name)
        self.let_pass(self.chance.uniform(1, 4000))
        self.world.start(name)

    def person_restarts(self):
        self.world.restart(self.some())

    def person_kills(self):
        name = self.some()
        self.world.kill(name)
        self.let_pass(self.chance.uniform(1, 300))
        self.world.start(name)

    def person_pauses(self):
        name = self.some()
        self.world.pause(name)
        self.let_pass(self.chance.uniform(1, 2000))
        self.world.unpause(name)

    def slow_stop(self):
        """Somebody sends SIGTERM, and it takes minutes to end."""
        name = self.some()
        self.world.note(self.world.get(name), "kill", signal="15")
        self.let_pass(self.chance.uniform(60, 500))
        if self.world.get(name).state == "running":
            self.world.die(name, 143)
        self.let_pass(self.chance.uniform(1, 300))
        self.world.start(name)

    def deploys_all(self):
        """``compose pull && up -d`` makes each service anew, one after the other."""
        for name in self.chance.sample(self.running(), min(6, len(self.running()))):
            old = self.world.get(name)
            made = self.world.add(f"{old.id[:12]}_{name}", "bb:2", labels=dict(old.labels), restart_policy=old.restart_policy)
            self.let_pass(self.chance.uniform(0.5, 3))
            self.world.stop(old.id)
            self.let_pass(self.chance.uniform(0.5, 3))
            self.world.remove(old.id)
            self.world.rename(made, name)
            self.let_pass(self.chance.uniform(0.5, 20))
            fresh = self.world.get(made)
            fresh.health = fresh.reviving = "starting"
            self.world.start(made)
            self.let_pass(self.chance.uniform(0.5, 5))
            if self.chance.random() < 0.5:  # its first checks fail: it needs a while
                self.world.set_health(made, "unhealthy")
                self.let_pass(self.chance.uniform(1, 60))
            fresh.reviving = "healthy"
            self.world.set_health(made, "healthy")

    def docker_is_restarted(self):
        """``systemctl restart docker``: it stops all, and starts again what its restart policies name."""
        ran = [(each.name, each.restart_policy) for each in self.world.containers() if each.running]
        for name, _ in ran:
            self.world.stop(name)
            if self.chance.random() < 0.2:
                self.clock.advance(0.4)
                self.look()
        self.back(ran, self.chance.uniform(1, 60))

    def docker_crashes(self):
        self.world.crash_engine()
        self.let_pass(self.chance.uniform(1, 200))
        ran = [(each.name, "no") for each in self.world.containers() if each.running]
        self.back(ran, 0.1)

    def back(self, ran, seconds):
        self.world.crash_engine()
        self.let_pass(seconds)
        self.engine_started = self.clock.now().wall
        self.world.restart_engine()
        for name, policy in ran:
            if policy != "no":
                self.world.start(name)
        self.let_pass(self.chance.uniform(30, 600))
        for name in self.names:  # an admin starts the others by hand
            if not self.world.get(name).running:
                self.world.start(name)

    def we_are_restarted(self):
        self.heard, self.stream = [], EventStream()
        self.clock.advance(self.chance.uniform(1, 100))
        self.connect()

    def a_job_ends_well(self):
        name = self.some()
        self.world.die(name, 0)
        self.let_pass(self.chance.uniform(1, 600))
        self.world.start(name)

    ORDINARY = (
        person_stops_for_a_while, person_restarts, person_kills, person_pauses, slow_stop, deploys_all, docker_is_restarted, docker_crashes,
        we_are_restarted, a_job_ends_well,
    )  # fmt: skip


def live(seed, events):
    host = Host(seed)
    for _ in range(events):
        deed = host.chance.choice(Host.ORDINARY)
        deed(host)
        assert not host.drifts, (deed.__name__, host.drifts[0])
        host.let_pass(host.chance.uniform(1, 900))
        assert not host.drifts, (deed.__name__, host.drifts[0])
    return host


def test_an_ordinary_life_has_no_drift():
    assert live(1, 30).looks > 200


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(100, 130))
def test_many_ordinary_lives_have_no_drift(seed):
    live(seed, 150)


@pytest.mark.parametrize("fault", ["crash", "hang"])
def test_a_fault_in_the_midst_of_it_is_found(fault):
    host = live(7, 5)
    host.let_pass(900)
    for number in range(COUNT // 2):
        name = f"c{number * 2:02}"
        if host.world.get(name).state != "running":
            continue
        getattr(host.host, fault)(name)
        host.let_pass(LOOK)
        kind = {"crash": "container_exited", "hang": "container_unhealthy"}[fault]
        assert {(each.kind, each.subject.id) for each in host.drifts} == {(kind, name)}
        host.world.restart(name)
        host.drifts.clear()
        host.let_pass(300)
        host.drifts.clear()
