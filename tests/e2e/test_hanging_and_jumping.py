"""A collector that hangs, a repair that hangs, a clock that is set back: the others go on, and nothing is done twice."""

import re
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.archives import zip_of
from tests.support.crash import QuickClock
from tests.support.mcsmanager_on_docker import FakeEngineSide, Installation, Sentinel
from tests.support.program import Running
from watchdog import settings as program_settings
from watchdog.app import Program
from watchdog.collectors.wireguard.fake import FakeWireguardWorld, fake_key
from watchdog.model.moments import Moment
from watchdog.model.repairs import RepairState
from watchdog.runtime.clock import SystemClock

pytestmark = pytest.mark.timeout(600)


def value(text, sample):
    found = re.search(rf"^{re.escape(sample)} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else None


def last_success(running, collector):
    return value(running.metrics(), f'watchdog_collector_last_success_timestamp_seconds{{collector="{collector}"}}')


class InProcess(Running):
    """A program in this process, asked over its real HTTP server."""

    def __init__(self, program):
        self.program = program
        host, port = program.server.address
        super().__init__(Alive(), Path("/dev/null"), f"http://{host}:{port}")


class Alive:
    """Stands where a process would: it is always there."""

    def poll(self):
        return None


@contextmanager
def inside(games, settings, clock):
    """Run the real program in this process on another clock."""
    path = games.write(settings)
    program = Program(program_settings.load(path, {}), lambda: program_settings.load(path, {}), clock=clock)
    try:
        program.start()
        yield InProcess(program)
    finally:
        program.stop()


def test_a_docker_that_never_answered_holds_up_nobody(tmp_path):
    (tmp_path / "one.zip").write_bytes(zip_of())
    with (
        FakeEngineSide() as engine,
        Installation(engine, speed=20.0) as games,
        FakeWireguardWorld(engine.folder / "wg", SystemClock()) as wg,
    ):
        wg.add_device("wg0")
        wg.add_peer("wg0", fake_key("a"))
        settings = games.settings()
        settings["collectors"]["wireguard"] = {"enabled": True, "sockets": [str(wg.directory)], "interval": "1s"}
        settings["collectors"]["archives"]["directories"] = [{"name": "backups", "path": str(tmp_path)}]
        settings["collectors"]["host"] = {"interval": "1s"}
        engine.hang()
        with games.program(settings) as running, Sentinel(running):
            names = ("wireguard", "archives", "host")
            before = {name: last_success(running, name) for name in names}
            running.wait_for("three looks more", lambda: all(last_success(running, name) > before[name] + 3 for name in names))
            text = running.metrics()
            assert value(text, 'watchdog_collector_success{collector="docker"}') == 0
            assert value(text, "watchdog_docker_gate_open") == 0
            assert 'watchdog_archive_verdict{directory="backups",path="%s",verdict="good"} 1.0' % (tmp_path / "one.zip") in text
            assert not running.repairs() and not games.sent()
            engine.heal()
            running.wait_for("Docker", lambda: value(running.metrics(), 'watchdog_collector_success{collector="docker"}') == 1)
            games.wait_until_judged(running)
            assert not running.errors()


def test_a_hook_that_hangs_past_its_deadline_is_in_doubt_and_the_others_go_on():
    now = SystemClock().now()
    clock = QuickClock(10.0, (now.wall, now.mono))  # the remedy's 240 seconds become 24
    with FakeEngineSide() as engine, Installation(engine, speed=20.0) as games, Installation(engine, speed=20.0) as others:
        settings = slowed(games.hold_hook(games.settings()))
        (target,) = others.settings()["panels"]["mcsmanager"]
        settings["panels"]["mcsmanager"].append(target | {"name": "others", "interval": "10s", "timeout": "150s"})
        with inside(games, settings, clock) as running:
            for name in ("games", "others"):
                running.wait_for("the first look", lambda name=name: running.target(name)["subjects"].get("ok") == 5, 120)
            hung, other = games.instances[0], others.instances[0]
            lose(engine, hung)
            running.wait_for("the hook", lambda: games.hooks_begun == 1)
            clock.run_at(2.0)  # a slow machine must not pass the deadline before the other target has had its turn
            lose(engine, other)
            repairs = running.program.commands.repairs
            running.wait_for("the other repair", lambda: [r.state for r in repairs("others", 10)] == [RepairState.VERIFIED], 110)
            assert others.all_well() and others.hooks_run() == 1
            assert [r.state for r in repairs("games", 10)] == [RepairState.ACTING], "still hanging"
            clock.run_at(10.0)
            running.wait_for("doubt", lambda: [r.state for r in repairs("games", 10)] == [RepairState.IN_DOUBT], 90)
            doubts = 'watchdog_repairs_in_doubt{panel="mcsmanager",target="games"}'
            running.wait_for("the metric", lambda: value(running.metrics(), doubts) == 1)
            passes = {name: running.target(name)["passes"] for name in ("games", "others")}
            running.wait_for("more looks", lambda: all(running.target(name)["passes"] > passes[name] + 5 for name in passes))
            assert games.hooks_begun == 1 and [r.state for r in repairs("games", 10)] == [RepairState.IN_DOUBT], "never replaced"
            running.wait_for("readiness", lambda: running.get("/-/ready")[0] == 200)  # its own patience runs ten times faster, too
            games.let_hook("act", "end")
            running.wait_for("the verdict", lambda: [r.state for r in repairs("games", 10)] == [RepairState.VERIFIED], 120)
            assert games.hooks_begun == games.hooks_run() == 1 and not games.sent() and not others.sent()


def slowed(settings):
    """Give everything ten times longer, for a clock that runs ten times faster."""
    docker = settings["collectors"]["docker"]
    docker |= {"interval": "20s", "deadline": "60s", "gate": {"start_delay": "1s", "retry": "5s", "successes": 2, "timeout": "30s"}}
    settings["collectors"]["archives"]["interval"] = "60s"
    settings["panels"]["mcsmanager"][0] |= {"interval": "10s", "timeout": "150s"}
    settings["reconciler"] |= {"confirm": "15s"}
    return settings


def lose(engine, item):
    item.stream = False
    engine.engine.remove(item.container, force=True)


class SetClock:
    """The real clock, whose wall can be set by ``by`` seconds while it runs."""

    def __init__(self):
        self.by = 0.0
        self._real = SystemClock()

    def now(self):
        now = self._real.now()
        return Moment(now.wall + self.by, now.mono)

    def wait(self, event: threading.Event, seconds: float):
        return self._real.wait(event, seconds)


def set_back(clock, engine):
    """Set the wall clock three hours back, and with it what the kernel says of the boot."""
    clock.by -= 3 * 3600.0
    engine.process.set(-3 * 3600.0)


@pytest.mark.parametrize("moment", ["pending", "acting", "settling"])
def test_a_clock_set_three_hours_back_neither_repeats_nor_delays_a_repair(moment):
    clock = SetClock()
    with FakeEngineSide(clock) as engine, Installation(engine, count=2, speed=20.0) as games:
        settings = games.hold_hook(games.settings())
        settings["reconciler"] |= {"settle": "4s"}
        with inside(games, settings, clock) as running, Sentinel(running):
            games.wait_until_judged(running)
            for item in games.instances:
                lose(engine, item)
            repairs = running.program.commands.repairs
            if moment == "pending":
                running.wait_for("a pending drift", lambda: [drift for drift in running.drifts() if drift["state"] == "pending"])
            if moment != "settling":
                running.wait_for("the hook", lambda: moment == "pending" or games.hooks_begun == 1)
                set_back(clock, engine)
                games.let_hook("act", "end")
            else:
                games.let_hook("act", "end")
                running.wait_for("settling", lambda: [r.state for r in repairs("games", 10)] == [RepairState.SETTLING])
                set_back(clock, engine)
            running.wait_for("the verdict", lambda: [r.state for r in repairs("games", 10)] == [RepairState.VERIFIED])
            running.wait_for("peace", lambda: games.all_well() and not running.open_drifts())
            running.wait_for_passes("games", 4)  # its patience is two minutes: the loops do not wait for the old time to come back
            assert games.hooks_begun == games.hooks_run() == 1 and not games.sent()
            assert last_success(running, "docker") == pytest.approx(clock.now().wall, abs=3600)

            if moment != "acting":
                return
            games.engine_crashes()  # and what happens now is mended as ever
            running.wait_for("the second verdict", lambda: [r.state for r in repairs("games", 10)] == [RepairState.VERIFIED] * 2)
            running.wait_for("peace", lambda: games.all_well() and not running.open_drifts())
            running.wait_for_passes("games", 5)
            assert games.hooks_run() == 2 and not games.sent() and games.all_well()
