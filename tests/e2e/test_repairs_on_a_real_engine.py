"""The real program, real containers, the panel's lies from the fake: each state is found by the second look and mended once."""

import time

import pytest

from tests.conftest import require
from tests.support.dockerd import missing
from tests.support.mcsmanager_on_docker import Installation, RealEngine, Sentinel, until

pytestmark = [pytest.mark.docker, pytest.mark.xdist_group("e2e-dockerd"), pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def mortal():
    """A dockerd whose containers die with it."""
    require(not missing(), missing())
    with RealEngine() as engine:
        yield engine


@pytest.fixture(scope="module")
def survivor():
    """A dockerd whose containers live on when it dies."""
    require(not missing(), missing())
    with RealEngine(survives=True) as engine:
        yield engine


@pytest.mark.parametrize("count", [1, 3])
def test_c_ghosts_after_a_crash_of_dockerd_are_one_daemon_restart(mortal, count):
    with Installation(mortal, count=count) as games, games.program() as running, Sentinel(running):
        games.wait_until_judged(running)
        games.engine_crashes()
        drifts = games.wait_until_mended(running, "ghost_running", "restart_daemon", count)
        assert len(drifts) == count and games.daemon.restarts == 1
        assert not games.sent(), "nothing was asked of the panel"
        assert not running.errors()


def test_b_a_failed_autostart_is_opened_once(mortal):
    with Installation(mortal) as games, games.program() as running, Sentinel(running):
        games.wait_until_judged(running)
        games.autostart_fails()
        games.engine.start()
        games.wait_until_mended(running, "failed_autostart", "open_instance", 1)
        assert games.sent() == ["GET /api/protected_instance/open"]
        assert games.daemon.restarts == 1, "that was the boot itself"
        assert not running.errors()


def test_c2_dead_consoles_are_attached_anew_without_touching_the_games(survivor):
    with Installation(survivor, count=2) as games, games.program() as running, Sentinel(running):
        games.wait_until_judged(running)
        before = games.containers()
        games.engine_crashes()
        games.wait_until_mended(running, "dead_stream", "restart_daemon", 2)
        assert games.containers() == before and len(before) == 2
        assert games.daemon.restarts == 1 and not games.sent()
        assert not [event for event in survivor.events() if event[0] in {"kill", "die", "start"} and event[1] in before.values()]
        assert not running.errors()


def test_d_orphans_are_taken_over_alive(survivor):
    with Installation(survivor, count=2) as games, games.program() as running, Sentinel(running):
        games.wait_until_judged(running)
        before = games.containers()
        games.engine_goes()
        games.daemon.end(crash=True)
        games.daemon.boot()
        until("the autostart failed", lambda: all(item.started == 1 and item.status == 0 for item in games.daemon._instances.values()))
        games.engine.start()
        games.wait_until_mended(running, "orphan", "restart_daemon", 2)
        assert games.containers() == before and len(before) == 2
        assert games.daemon.restarts == 2, "the boot itself and the repair"
        assert not games.sent() and not running.errors()


def test_d_on_an_old_release_an_orphan_is_stopped_gracefully_and_opened(mortal):
    with Installation(mortal, version="10.6.1") as games, games.program() as running, Sentinel(running):
        games.wait_until_judged(running)
        before = games.containers()
        only = games.instances[0]
        games.daemon.end(crash=True)
        only.auto_start = False  # else its own autostart would only run into the 409 meanwhile
        games.daemon.boot()
        only.auto_start = True
        games.wait_until_mended(running, "orphan", "stop_container_then_open", 1)
        after = games.containers()
        assert after.keys() == before.keys() and after != before
        assert games.sent() == ["GET /api/protected_instance/open"] and games.daemon.restarts == 1
        kills = [event for event in mortal.events() if event[0] == "kill" and event[1] in before.values()]
        assert [signal for _, _, signal in kills] == ["15"], "SIGTERM and nothing harder"
        assert not running.errors()


def test_a_a_stuck_start_waits_for_docker_and_then_for_its_own_age(mortal):
    with Installation(mortal, count=2) as games, games.program() as running, Sentinel(running):
        games.wait_until_judged(running)
        stuck = games.instances[0]
        container, stuck.stream, stuck.container, stuck.status = stuck.container, False, "", 2
        games.daemon.world.kill(container)
        games.engine.hang()
        running.wait_for("a closed gate", lambda: "\nwatchdog_docker_gate_open 0.0\n" in running.metrics())
        time.sleep(12)  # longer than stuck_starting_after
        assert not running.repairs() and not games.sent() and not running.open_drifts()
        healed = time.time()
        games.engine.heal()
        games.wait_until_mended(running, "stuck_starting", "restart_daemon", 1)
        assert running.repairs()[0]["intended"]["unix"] >= healed + 10, "its age counts from Docker's return"
        assert games.daemon.restarts == 1 and not games.sent() and not running.errors()


def test_a_a_start_that_only_waits_for_docker_is_left_alone(mortal):
    with Installation(mortal) as games, games.program() as running, Sentinel(running):
        games.wait_until_judged(running)
        only = games.instances[0]
        games.daemon.world.kill(only.container)
        until("the panel has noticed", lambda: games.daemon.instances[0].status == 0)
        games.engine.hang()
        games.open_quietly(only)
        assert only.status == 2
        running.wait_for("a closed gate", lambda: "\nwatchdog_docker_gate_open 0.0\n" in running.metrics())
        time.sleep(5)
        games.engine.heal()
        until("it runs", games.all_well)
        running.wait_for("an open gate", lambda: "\nwatchdog_docker_gate_open 1.0\n" in running.metrics())
        running.wait_for_passes("games", 12)
        assert not running.repairs() and not games.sent() and games.daemon.restarts == 0
        assert not [drift for drift in running.history() if drift["opened"]] and not running.errors()
