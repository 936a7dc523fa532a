"""Pauses of the real process over a fake Duplicati: the server dies and comes back, the program dies and comes back, and each ends once.

What each moment of a restart does is in tests/panels/duplicati, on a simulated clock; here it is the process, its loops, and real sockets.
"""

from __future__ import annotations

import time

import pytest

from tests.support.duplicati_program import TARGET, Household

pytestmark = pytest.mark.timeout(600)
DAY = 86_400


def pauses(running):
    return running.api("pauses?history=true")["pauses"]


def paused(home, running, *more):
    """Order a pause of the server and wait until it stands in peace; return how often it was sent."""
    home.command("pause", TARGET, "--reason", "moving the disks", *(more or ("--for", "1h")))
    running.wait_for("the pause", lambda: home.world.really_paused)
    running.wait_for("peace", lambda: not running.open_drifts())
    return home.sent("pause")


def dies_and_comes_back(home, running):
    """Kill the server, start it, and wait until the pause has been posted again and counts."""
    before = home.sent("pause")
    home.server.kill()
    running.wait_for("a look that fails", lambda: not running.target(TARGET)["up"])
    home.server.start()
    running.wait_for("the pause posted again, whatever the server showed", lambda: home.sent("pause") > before)
    running.wait_for("the pause", lambda: home.world.really_paused)
    running.wait_for("peace", lambda: running.target(TARGET)["up"] and not running.open_drifts())


def given_back(running):
    running.wait_for("its record to be given back", lambda: not running.api("holdings")["holdings"])


def stays_paused(home, running):
    """Assert that nothing more is sent."""
    ordered = home.sent("pause")
    running.wait_for_passes(TARGET, 2)
    assert (home.sent("pause"), home.sent("resume"), home.world.program) == (ordered, 0, "Paused")


def test_the_server_that_forgets_its_pause_has_it_again_stops_fast_and_obeys_a_person():
    with Household("2.1.0.5") as home:
        photos = home.world.add_job("photos", time=time.time() + DAY)
        alone = home.server.stop()
        home.server.start()
        with home.program() as running:
            paused(home, running)
            dies_and_comes_back(home, running)
            stays_paused(home, running)
            assert [run for run in home.world.runs if run.backup == photos.id] == []

            # a server that is watched stops as fast as one that is not: nothing of ours is held
            watched = home.server.stop()
            home.server.start()
            assert home.server.grace_seconds >= 30
            assert max(alone, watched) < 10
            assert [each for each in home.server.seen if "upgrade" in each.headers or "longpoll" in each.query] == []
            running.wait_for("the pause", lambda: home.world.really_paused)
            running.wait_for("peace", lambda: running.target(TARGET)["up"] and not running.open_drifts())
            running.wait_for_passes(TARGET, 1)

            # the same over an uncut connection is a person
            ordered = home.sent("pause")
            home.world.resume()
            found = running.wait_for("the record", running.open_drifts)
            assert [each["kind"] for each in found] == ["pause_resumed_by_person"]
            running.wait_for_passes(TARGET, 2)
            assert (home.sent("pause"), home.world.program) == (ordered, "Running")
            assert "somebody pressed Resume" in home.command("pauses", "check", TARGET, code=1)
            home.command("resume", TARGET)
            given_back(running)
            assert home.sent("resume") == 0
            assert not running.errors()


@pytest.mark.parametrize("release", ["2.2.0.1", pytest.param("2.3.0.4", marks=pytest.mark.soak)])
def test_the_server_that_only_shows_its_pause_is_made_to_keep_it(release):
    with Household(release) as home:
        home.world.add_job("photos", time=time.time() + DAY)
        with home.program() as running:
            paused(home, running)
            dies_and_comes_back(home, running)
            stays_paused(home, running)
            home.command("resume", TARGET)
            running.wait_for("the end", lambda: home.world.program == "Running")
            given_back(running)
            assert home.sent("resume") == 1
            assert not running.errors()


def test_the_program_is_killed_inside_a_pause_and_ends_it_once_after_its_time():
    with Household("2.3.0.4") as home:
        home.world.add_job("photos", time=time.time() + DAY)
        with home.program("first.log") as running:
            paused(home, running, "--for", "30s")
            ends = pauses(running)[0]["until"]["unix"]
            running.kill()
        assert home.world.program == "Paused" or time.time() > ends, "nobody watches, and it holds"
        with home.program("second.log") as running:
            running.wait_for("the end", lambda: home.world.program == "Running")
            assert time.time() >= ends - 1.0, "not before its time"
            given_back(running)
            assert [(each["end"], each["ended_by"]) for each in pauses(running)] == [("expired", "time")]
            running.wait_for_passes(TARGET, 2)
            assert home.sent("resume") <= 1
            assert home.world.program == "Running"
            assert not running.errors()


def test_one_job_is_held_by_its_schedule_and_released_to_its_own_slot():
    with Household("2.1.0.5") as home:
        slot = int(time.time()) + 3600
        photos = home.world.add_job("photos", time=slot, passphrase="a-passphrase-to-keep")
        other = home.world.add_job("music", time=slot)
        stored = (photos.target_url, photos.settings, photos.sources, photos.filters, photos.metadata)
        with home.program() as running:
            home.command("pause", TARGET, "--task", "photos", "--for", "5h", "--reason", "the disk is full")
            running.wait_for("the move to its own next slot", lambda: photos.schedule.time == slot + DAY)
            assert (other.schedule.time, home.world.program) == (slot, "Running")
            running.wait_for("its record", lambda: running.api("holdings")["holdings"])
            home.command("resume", TARGET, "--task", "photos")
            running.wait_for("its own slot", lambda: photos.schedule.time == slot)
            given_back(running)
            assert (photos.target_url, photos.settings, photos.sources, photos.filters, photos.metadata) == stored
            assert not running.errors()
