"""The whole program dies by SIGKILL in the middle of a repair and lives again on the same ledger: one effect, and no record is lost.

Every step boundary of every remedy has its row in tests/panels/mcsmanager; here it is the process, with its real hook and real loops.
"""

import random
import time

import pytest

from tests.support.mcsmanager_on_docker import FakeEngineSide, Installation
from tests.support.program import start_program

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def games():
    with FakeEngineSide() as engine, Installation(engine, count=2, speed=10.0) as made:
        yield made


def held(games, **reconciler):
    settings = games.hold_hook(games.settings())
    settings["reconciler"] |= reconciler
    return settings


def ended(running):
    return [each["state"] for each in reversed(running.repairs())]


def wait_until_mended(games, running, seconds=150.0):
    """Wait until the newest repair is verified and all is well, and then some."""
    running.wait_for("a verified repair", lambda: ended(running)[-1:] == ["verified"], seconds)
    running.wait_for("peace", lambda: games.all_well() and not running.open_drifts())
    running.wait_for_passes("games", 4)
    assert games.all_well() and not running.open_drifts() and not running.api("status")["targets"][0]["in_flight"]


def kill_before_the_effect(games, settings):
    with games.program(settings, "first.log") as running:
        games.wait_until_judged(running)
        games.engine_crashes()
        running.wait_for("the hook", lambda: games.hooks_begun == 1)
        running.kill()
    time.sleep(0.5)
    games.let_hook("act", "end")
    time.sleep(1)
    assert games.hooks_run() == 0, "the hook died with the program that began it"


def test_killed_before_the_effect_it_looks_and_does_not_replace_the_repair(games):
    settings = held(games)
    kill_before_the_effect(games, settings)
    with games.program(settings, "second.log") as running:
        running.wait_for("the record", lambda: ended(running) == ["in_doubt"])
        running.wait_for_passes("games", 6)
        assert ended(running) == ["in_doubt"] and len(running.open_drifts()) == 2
        assert 'watchdog_repairs_in_doubt{panel="mcsmanager",target="games"} 1.0\n' in running.metrics()
        held_back = running.api("plans")["plans"][0]["held"]
        assert [each["reason"] for each in held_back] == ["in_doubt", "in_doubt"]
    assert games.hooks_begun == 1 and games.hooks_run() == games.daemon.restarts == 0 and not games.sent()


@pytest.mark.soak
def test_killed_before_the_effect_it_tries_once_more_when_the_remedys_time_is_over(games):
    settings = held(games)
    kill_before_the_effect(games, settings)
    with games.program(settings, "second.log") as running:
        wait_until_mended(games, running, 240)  # restart_daemon settles for 120 s at most
        assert ended(running) == ["unverified", "verified"]
    assert games.hooks_begun == 2 and games.hooks_run() == games.daemon.restarts == 1 and not games.sent()


def test_killed_after_the_effect_it_only_looks(games):
    settings = held(games)
    with games.program(settings, "first.log") as running:
        games.wait_until_judged(running)
        games.engine_crashes()
        games.let_hook("act")
        running.wait_for("the effect", (games.folder / "acted").exists)
        running.kill()
    games.let_hook("end")
    with games.program(settings, "second.log") as running:
        wait_until_mended(games, running)
        assert ended(running) == ["verified"]
        assert "a repair's process died; looking again" in running.log
    assert games.hooks_begun == games.hooks_run() == games.daemon.restarts == 1 and not games.sent()


def test_killed_before_the_verdict_it_gives_the_verdict(games):
    settings = held(games, settle="8s")
    games.let_hook("act", "end")
    with games.program(settings, "first.log") as running:
        games.wait_until_judged(running)
        games.engine_crashes()
        running.wait_for("a settling repair", lambda: ended(running) == ["settling"])
        running.kill()
    with games.program(settings, "second.log") as running:
        wait_until_mended(games, running)
        assert ended(running) == ["verified"]
    assert games.hooks_begun == games.hooks_run() == games.daemon.restarts == 1 and not games.sent()


def test_killed_while_the_panel_starts_an_instance_it_does_not_ask_twice():
    with FakeEngineSide() as engine, Installation(engine, speed=10.0) as games:
        with games.program(log="first.log") as running:
            games.wait_until_judged(running)
            games.autostart_fails()
            games.engine.start()
            games.daemon.speed = 0.4  # an open takes five seconds now
            running.wait_for("an open", games.sent, 150)
            running.kill()
        with games.program(log="second.log") as running:
            wait_until_mended(games, running)
            assert ended(running)[-1] == "verified"
            assert {each["remedy"] for each in running.repairs()} == {"open_instance"}
        assert games.sent() == ["GET /api/protected_instance/open"]


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(1, 8))
def test_killed_at_any_moment_again_and_again_it_restarts_the_daemon_once(games, seed):
    chance = random.Random(seed)
    settings = games.settings()
    with games.program(settings, "life-0.log") as running:
        games.wait_until_judged(running)
        games.engine_crashes()
        time.sleep(2.0 + 2.5 * chance.random())
        running.kill()
    for life in (1, 2, 3):
        with games.program(settings, f"life-{life}.log") as running:
            time.sleep(4.0 * chance.random())
            running.kill()
    with games.program(settings, "last.log") as running:
        wait_until_mended(games, running, 240)  # long only when a life ended between the intent and the effect
        begun = sum(log.read_text().count('msg="a repair begins"') for log in games.folder.glob("*.log"))
        assert len(running.repairs()) >= begun >= 1, "no record is lost"
        assert set(ended(running)) <= {"verified", "unverified", "later"}
    assert games.hooks_run() == games.daemon.restarts == 1 and not games.sent()


def test_a_second_program_that_waited_takes_the_repair_over(games):
    settings = held(games)
    with games.program(settings, "first.log") as first:
        games.wait_until_judged(first)
        with start_program(games.write(settings), games.folder / "second.log") as second:
            second.wait_for("its turn", lambda: "waiting for it to end" in second.log)
            games.engine_crashes()
            games.let_hook("act")
            first.wait_for("the effect", (games.folder / "acted").exists)
            assert "serving" not in second.log
            first.kill()
            games.let_hook("end")
            second.wait_until_serving(240)
            wait_until_mended(games, second)
            assert ended(second) == ["verified"] and not second.errors()
    assert games.hooks_begun == games.hooks_run() == games.daemon.restarts == 1 and not games.sent()
