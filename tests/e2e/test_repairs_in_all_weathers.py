"""The real program over the fake engine: two hundred ghosts, a Docker that is down, hung or failing, and a daemon on another host."""

import time

import pytest

from tests.support.mcsmanager import uuid_of
from tests.support.mcsmanager_on_docker import REMOTE, FakeEngineSide, Installation, Sentinel
from watchdog.panels.mcsmanager.fake.instances import RUNNING

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def engine():
    with FakeEngineSide() as side:
        yield side


def gate(running, value):
    return f"\nwatchdog_docker_gate_open {value:.1f}\n" in running.metrics()


def lose_container(games, item):
    """Let an instance's container go while nobody is connected: the panel goes on saying running."""
    item.stream = False
    games.engine.engine.remove(item.container, force=True)


def test_two_hundred_ghosts_are_one_daemon_restart(engine):
    with Installation(engine, count=200, speed=200.0) as games, games.program() as running, Sentinel(running):
        games.wait_until_judged(running)
        games.engine_crashes()
        drifts = games.wait_until_mended(running, "ghost_running", "restart_daemon", 200, seconds=120)
        assert len(drifts) == 200 and len(running.repairs()[0]["drift_keys"]) == 200
        assert games.hooks_run() == games.daemon.restarts == 1 and not games.sent()
        assert len(games.containers()) == 200
        assert not running.errors()


@pytest.mark.parametrize("weather", ["down", "hung", "broken"])
def test_while_docker_is_away_nothing_is_mended_and_all_comes_back_by_itself(engine, weather):
    with Installation(engine, count=2, speed=20.0) as games, games.program() as running, Sentinel(running) as sentinel:
        games.wait_until_judged(running)
        ghost = games.instances[0]
        lose_container(games, ghost)
        {"down": games.engine_goes, "hung": engine.hang, "broken": engine.engine.answer_500}[weather]()
        running.wait_for("a closed gate", lambda: gate(running, 0))
        looks = len(games.panel.sent("/api/service/remote_service_instances"))
        running.wait_for_passes("games", 4)
        assert gate(running, 0) and running.get("/-/ready")[0] == running.get("/-/healthy")[0] == 200
        assert len(games.panel.sent("/api/service/remote_service_instances")) > looks, "looking goes on"
        assert not running.repairs() and not games.sent() and not games.hooks_run()
        assert running.target("games")["subjects"].get("unknown", 0) >= 2, "what cannot be seen is unknown"
        (engine.start if weather == "down" else engine.heal)()
        running.wait_for("an open gate", lambda: gate(running, 1))
        games.wait_until_mended(running, "ghost_running", "restart_daemon", 2 if weather == "down" else 1)
        assert games.hooks_run() == 1 and not games.sent()
        closed = [line for line in running.log.splitlines() if "the Docker gate closes" in line]
        assert len(closed) == 1 and not running.errors()
        assert len(sentinel.answers) > 5


def test_a_daemon_on_another_host_is_judged_by_its_own_docker_only(engine):
    with Installation(engine, speed=20.0, remote_place="auto") as games, games.program() as running:
        games.wait_until_judged(running)
        with Sentinel(running):
            games.engine_crashes()  # here; there nothing happens
            games.wait_until_mended(running, "ghost_running", "restart_daemon", 1)
        far = games.far.instances[0]
        far.stream = False
        games.far_world.kill(far.container)
        running.wait_for("the far ghost", lambda: [drift for drift in running.drifts() if drift["state"] == "open"])
        running.wait_for_passes("games", 5)
        (drift,) = running.drifts()
        assert (drift["kind"], drift["subject"]["id"]) == ("ghost_running", uuid_of(901))
        assert drift["remedy"] is None and "another host" in drift["hold"]
        assert len(running.repairs()) == games.hooks_run() == 1 and games.far.restarts == 0 and not games.sent()
        assert f'daemon="{REMOTE}",remarks="far away",target="games"}} 1.0' in running.metrics()


def test_an_instance_that_a_person_stopped_stays_stopped(engine):
    with Installation(engine, count=2, speed=20.0) as games, games.program() as running, Sentinel(running):
        games.wait_until_judged(running)
        stopped, other = games.instances
        games.daemon.stop(stopped.uuid)
        games.panel.log_operation("instance_stop", games.daemon, stopped.uuid, stopped.nickname, by="anna")
        running.wait_for("the stop", lambda: games.instances[0].status == 0)
        running.wait_for_passes("games", 3)
        games.engine_crashes()
        running.wait_for("a verified repair", lambda: [each for each in running.repairs() if each["state"] == "verified"])
        # the restart lets the daemon autostart what it is configured to; that is the panel's doing, not ours
        running.wait_for("peace", lambda: other.status == RUNNING and not running.open_drifts())
        running.wait_for_passes("games", 5)
        assert [each["remedy"] for each in running.repairs()] == ["restart_daemon"]
        assert not games.sent() and not running.errors()


def test_a_stop_by_hand_alone_is_never_undone(engine):
    with Installation(engine, count=2, speed=20.0) as games, games.program() as running, Sentinel(running) as sentinel:
        games.wait_until_judged(running)
        games.daemon.stop(games.instances[0].uuid)  # in the game's own console: no record of it
        games.engine.engine.kill(games.instances[1].container)  # a crash of the game, as far as anybody can see
        began = time.time()
        running.wait_for("both stopped", lambda: [item.status for item in games.instances] == [0, 0])
        running.wait_for_passes("games", 7)
        assert time.time() - began > 5
        assert not running.repairs() and not running.open_drifts() and not games.sent() and not sentinel.drifts
