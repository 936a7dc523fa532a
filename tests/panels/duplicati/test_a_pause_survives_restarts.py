"""A pause of two hours, a restart of the server at any moment of any release: held where that can be, back at once, over once and on time.

Simulated time, the fake server over HTTP, the real target, ledger and reconciler (issue 11, Shown by 1).
"""

import pytest

from tests.support.duplicati_stage import HOUR, RESUME, stage
from watchdog.model.repairs import Mode
from watchdog.panels.duplicati.fake.releases import Counts


def releases(*usual):
    """All releases as parameters; those that are not ``usual`` run in the soak."""
    every = ("2.1.0.3", "2.1.0.5", "2.2.0.1", "2.2.0.3", "2.3.0.4")
    return pytest.mark.parametrize("release", [pytest.param(each, marks=() if each in usual else pytest.mark.soak) for each in every])


RECORDED = ("2.1.0.5", "2.2.0.1", "2.3.0.4")
KEEPS = ("2.1.0.3", "2.2.0.3", "2.3.0.4")
LENGTH = 400.0
BEGIN = 20.0
INTERVAL = 60.0


def restart(stage, down=0.0, killed=False, hidden=False):
    """Stop the server, let time pass, start it; return when it answered first (monotonic seconds)."""
    if killed:
        stage.fake.kill()
    else:
        assert stage.fake.stop() < 0.2
    stage.life.turn()
    if down:
        stage.life.live(down)
    stage.fake.start()
    if hidden:  # restart-hidden-by-counters: every counter has grown by the first reading
        with stage.world.lock:
            stage.world.memory.count(Counts(200, 200, 200))
    return stage.clock.now().mono


def held_again(stage, since, limit=5.0):
    """Wait until the server is really paused; return how many seconds after ``since``."""
    stage.life.live(limit + 5.0, lambda: stage.world.really_paused, beat=True)
    assert stage.world.really_paused, (stage.posts(), stage.life.ends())
    return stage.clock.now().mono - since


def ends_once(stage, order_end):
    """Let the pause end; assert that it ended once, on time, and left nothing behind."""
    left = order_end - stage.clock.now().wall
    stage.life.live(left - 1.0)
    assert stage.world.program == "Paused" and stage.world.really_paused
    stage.life.live(4.0, lambda: stage.world.program == "Running")
    late = stage.clock.now().wall - order_end
    assert -0.06 <= late <= 2.0, late
    stage.life.live(15.0)
    assert stage.world.program == "Running"
    assert len(stage.sent(RESUME)) <= 1 and stage.life.resumed() == 1
    assert stage.life.kinds() == set() and stage.life.held() == []


MOMENTS = {
    # after the order in seconds, seconds down, killed, with counters that do not fall
    "right after the order": (0.3, 0.0, False, False),
    "between two readings": (63.7, 3.0, False, False),
    "between two readings, counters grown": (63.7, 0.0, False, True),
    "killed, counters grown": (87.2, 2.0, True, True),
    "long gone": (100.0, 200.0, True, False),
}


@releases(*RECORDED)
@pytest.mark.parametrize("moment", MOMENTS.values(), ids=MOMENTS.keys())
def test_a_restart_at_any_moment_does_not_end_it(tmp_path, release, moment):
    after, down, killed, hidden = moment
    with stage(tmp_path, release, interval=INTERVAL, pulse="10s") as on:
        on.world.add_job("photos", time=on.clock.now().wall + BEGIN + 350.0, repeat="1D")
        on.life.live(BEGIN)
        end = on.life.order(length=LENGTH).until
        on.life.live(after)
        assert on.world.really_paused
        first = restart(on, down, killed, hidden)
        assert held_again(on, first) <= 5.0
        assert on.posts()[0] == "400s" and len(on.posts()) == 2, "posted again, once, whatever the server showed"
        ends_once(on, end)
        on.life.live(30.0)
        began = on.ran("photos")
        assert len(began) == 1 and began[0] >= end - 0.1, "no job began inside the pause, and the one that was due began after it"


@releases("2.1.0.5")
def test_two_restarts_within_seconds_are_two(tmp_path, release):
    with stage(tmp_path, release, interval=INTERVAL) as on:
        on.life.live(BEGIN)
        end = on.life.order(length=600.0).until
        on.life.live(30.0)
        assert held_again(on, restart(on)) <= 5.0
        on.life.live(1.5)
        assert held_again(on, restart(on, hidden=True)) <= 5.0
        on.life.live(5.0)
        assert len(on.posts()) == 3
        ends_once(on, end)


@releases(*RECORDED)
@pytest.mark.parametrize("delayed", [False, True])
def test_a_job_that_falls_due_while_the_server_is_down(tmp_path, release, delayed):
    settings = {"startup_delay": "2m"} if delayed else {}
    with stage(tmp_path, release, interval=INTERVAL, **settings) as on:
        on.world.add_job("photos", time=on.clock.now().wall + BEGIN + 110.0, repeat="1D")
        on.life.live(BEGIN)
        end = on.life.order(length=600.0).until
        on.life.live(60.0)
        first = restart(on, down=100.0)
        assert held_again(on, first) <= 5.0
        on.life.live(max(0.0, end - on.clock.now().wall) + 40.0)
        inside = [each for each in on.ran("photos") if each < end - 0.1]
        prevented = release in KEEPS or (delayed and release == "2.1.0.5")
        # 2.1.0.5 runs it before the first possible reading, 2.2.0.1 shows Paused and runs it: contract section 4, Boot race
        assert inside == [] if prevented else len(inside) == 1
        if delayed:
            assert ("startup_delay" in on.life.held()) == (release != "2.2.0.1")


@releases("2.1.0.5", "2.3.0.4")
def test_resume_in_the_servers_own_page_is_respected(tmp_path, release):
    with stage(tmp_path, release, interval=INTERVAL) as on:
        on.life.live(BEGIN)
        end = on.life.order(length=500.0).until
        on.life.live(100.0)
        on.world.resume()
        on.life.live(120.0)
        assert on.world.program == "Running" and len(on.posts()) == 1
        assert on.life.kinds() == {"pause_resumed_by_person"}
        # neither a restart of the server nor one of ours makes us forget that
        restart(on, 2.0)
        on.life.live(60.0)
        on.end()
        on.begin()
        on.life.live(60.0)
        assert on.world.program == "Running" and len(on.posts()) == 1
        assert on.life.kinds() == {"pause_resumed_by_person"}
        check = on.life.pauses.check("nas", on.life.reconciler.pause_says)
        assert any("somebody pressed Resume" in each for each in check.wrong)
        on.life.live(end - on.clock.now().wall + 30.0)
        assert on.world.program == "Running" and on.life.kinds() == set() and on.life.held() == [] and on.resumes() == 0


def test_resume_in_the_servers_own_page_is_undone_where_that_is_asked_for(tmp_path):
    with stage(tmp_path, interval=INTERVAL, enforce=True) as on:
        on.life.live(BEGIN)
        end = on.life.order(length=500.0).until
        on.life.live(100.0)
        on.world.resume()
        on.life.live(15.0)
        assert on.world.really_paused and len(on.posts()) == 2
        ends_once(on, end)


def test_a_new_order_after_a_respected_resume_counts(tmp_path):
    with stage(tmp_path, interval=INTERVAL) as on:
        on.life.live(BEGIN)
        order = on.life.order(length=500.0)
        on.life.live(100.0)
        on.world.resume()
        on.life.live(60.0)
        on.life.pauses.resume(order.id, "me")
        end = on.life.order(length=300.0).until
        on.life.live(3.0)
        assert on.world.really_paused
        on.life.live(end - on.clock.now().wall + 5.0)
        assert on.world.program == "Running"


def test_our_own_end_loses_nothing_and_resumes_on_time(tmp_path):
    with stage(tmp_path, "2.2.0.1", interval=INTERVAL) as on:
        on.life.live(BEGIN)
        end = on.life.order(length=500.0).until
        on.life.live(100.0)
        on.end()
        on.fake.restart()  # unseen by anybody
        on.clock.advance(60.0)
        assert not on.world.really_paused
        on.begin()
        on.life.live(5.0)
        assert on.world.really_paused, "posted again, for nobody watched"
        on.end()
        on.clock.advance(end - on.clock.now().wall + 100.0)
        assert on.world.program == "Running", "the lease ended without us"
        on.begin()
        on.life.live(20.0)
        assert on.life.held() == [] and on.life.kinds() == set() and on.resumes() == 0


def test_an_order_that_ended_while_we_were_gone_is_resumed_once(tmp_path):
    with stage(tmp_path, interval=INTERVAL) as on:
        on.life.live(BEGIN)
        order = on.life.order(length=None, until=on.clock.now().wall + 20 * HOUR)
        on.life.live(10.0)
        on.life.pauses.resume(order.id, "me")
        on.end()  # ended in the ledger, and we died before the server heard of it
        assert on.world.program == "Paused"
        on.clock.advance(600.0)
        on.begin()
        on.life.live(10.0)
        assert on.world.program == "Running" and on.resumes() == 1 and on.life.held() == []


@releases("2.2.0.1")
def test_a_person_ends_it_early(tmp_path, release):
    with stage(tmp_path, release, interval=INTERVAL) as on:
        on.life.live(BEGIN)
        order = on.life.order()
        on.life.live(100.0)
        assert on.posts() == ["43200s"], "until further notice is told in leases"
        on.life.pauses.resume(order.id, "me")
        took = on.life.live(5.0, lambda: on.world.program == "Running")
        assert took <= 2.0 and on.resumes() == 1
        on.life.live(60.0)
        assert on.resumes() == 1 and on.life.held() == [] and on.life.kinds() == set()


def test_nothing_is_sent_in_observe(tmp_path):
    with stage(tmp_path, mode=Mode.OBSERVE, interval=INTERVAL) as on:
        on.life.live(BEGIN)
        on.life.order(length=300.0)
        on.life.live(60.0)
        assert on.posts() == [] and on.life.kinds() == {"pause_missing"}
        check = on.life.pauses.check("nas", on.life.reconciler.pause_says)
        assert any("observe" in each for each in check.wrong)


def test_somebody_elses_pause_is_left_when_ours_is_over(tmp_path):
    with stage(tmp_path, interval=INTERVAL) as on:
        on.life.live(BEGIN)
        end = on.life.order(length=600.0).until
        on.life.live(60.0)
        on.world.pause("5h")
        on.life.live(end - on.clock.now().wall + 60.0)
        assert on.world.program == "Paused" and on.posts() == ["600s"] and on.resumes() == 0
        assert on.life.held() == [] and on.life.kinds() == set()
        on.world.pause()
        on.life.live(60.0)
        assert on.life.kinds() == {"pause_unowned"} and on.resumes() == 0
