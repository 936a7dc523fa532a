"""Each kind of a broken pause, brought about on the fake server, and told by the real reconciler; and what the others say meanwhile.

Simulated time. The rulings themselves are tables in test_what_a_pause_needs.py.
"""

from __future__ import annotations

import pytest

from tests.support.duplicati_stage import DAY, HOUR, TARGET, stage
from watchdog.model.repairs import Mode
from watchdog.panels.duplicati.kinds_pause import PAUSE_KINDS


def told(on):
    """Every kind that was ever confirmed, open or closed."""
    return {episode.drift.kind for episode in on.life.ledger.episodes(TARGET, closed=True) if episode.opened_at is not None}


def job(on, due=HOUR, **more):
    return on.world.add_job("photos", time=on.clock.now().wall + due, **more)


def ordered(on, length=2 * HOUR, **more):
    """A pause that stands on the server."""
    on.life.live(5.0)
    made = on.life.order(length=length, **more)
    on.life.live(20.0)
    return made


def a_new_order(on):
    ordered(on)


def a_restart(on):
    ordered(on)
    on.fake.restart(killed=True)
    on.life.live(10.0)


def a_restored_pause(on):
    ordered(on)
    on.fake.restart()
    on.life.live(10.0)


def a_lease_that_ran_out(on):
    ordered(on, 20 * HOUR)
    on.clock.advance(13 * HOUR)  # nobody looked: the machine slept
    on.world.catch_up()
    on.life.live(10.0)


def a_lease_half_over(on):
    ordered(on, 20 * HOUR)
    on.clock.advance(7 * HOUR)
    on.life.live(10.0)


def a_start_of_ours(on):
    ordered(on)
    on.end()
    on.begin()
    on.life.live(10.0)


def an_order_that_ended_early(on):
    made = ordered(on)
    on.life.pauses.resume(made.id, "me")
    on.life.live(10.0)


def an_order_that_ran_out(on):
    ordered(on, 100.0)
    on.life.live(120.0)


def a_pause_of_nobody(on):
    on.life.live(5.0)
    on.world.pause()
    on.life.live(20.0)


def a_resume_of_a_person(on):
    ordered(on)
    on.world.resume()
    on.life.live(20.0)


def a_run_that_had_begun(on):
    on.world.run(job(on, DAY, seconds=500.0))
    ordered(on)


def a_pause_of_a_job_that_is_not_there(on):
    job(on)
    ordered(on, task="phots")


def a_pause_of_a_job(on):
    job(on)
    ordered(on, 5 * HOUR, task="photos")


def a_pause_of_a_job_that_ended_early(on):
    job(on)
    made = ordered(on, 5 * HOUR, task="photos")
    on.life.pauses.resume(made.id, "me")
    on.life.live(20.0)


def a_pause_of_a_job_that_ended_behind_its_slot(on):
    job(on, HOUR)
    made = ordered(on, 30 * 60.0, task="photos")  # its own slot comes after it: nothing was moved, and nothing is recorded
    on.life.pauses.resume(made.id, "me")
    on.life.live(20.0)
    kept = ordered(on, 5 * HOUR, task="photos")
    on.world.jobs["1"].schedule.time = int(on.clock.now().wall + 3 * HOUR)
    on.life.live(120.0)
    on.life.pauses.resume(kept.id, "me")
    on.life.live(120.0)


def an_edit_inside_the_pause(on):
    a_pause_of_a_job(on)
    on.world.jobs["1"].schedule.time = int(on.clock.now().wall + 1800)
    on.life.live(120.0)


def a_job_that_runs_already(on):
    on.world.run(job(on, seconds=500.0))
    ordered(on, 5 * HOUR, task="photos")


def a_delay_that_is_wanted(on):
    on.life.live(60.0)


def a_delay_that_nobody_wants_any_more(on):
    on.life.live(60.0)
    on.settings = on.settings.model_copy(update={"startup_delay": ""})
    on.end()
    on.begin()
    on.life.live(60.0)


ROWS = [
    ("pause_missing", a_new_order, "2.3.0.4", {}),
    ("pause_lost", a_restart, "2.1.0.5", {}),
    ("pause_lost", a_restart, "2.3.0.4", {}),
    ("pause_on_paper", a_restored_pause, "2.2.0.1", {}),
    ("pause_cut", a_lease_that_ran_out, "2.3.0.4", {}),
    ("pause_lease_due", a_lease_half_over, "2.2.0.3", {}),
    ("pause_unwatched", a_start_of_ours, "2.3.0.4", {}),
    ("pause_outlived", an_order_that_ended_early, "2.1.0.5", {}),
    ("pause_over", an_order_that_ran_out, "2.3.0.4", {}),
    ("pause_unowned", a_pause_of_nobody, "2.3.0.4", {}),
    ("pause_resumed_by_person", a_resume_of_a_person, "2.1.0.5", {}),
    ("run_under_pause", a_run_that_had_begun, "2.1.0.5", {}),
    ("pause_of_no_job", a_pause_of_a_job_that_is_not_there, "2.3.0.4", {}),
    ("task_pause_missing", a_pause_of_a_job, "2.1.0.5", {}),
    ("task_pause_outlived", a_pause_of_a_job_that_ended_early, "2.3.0.4", {}),
    ("task_pause_over", a_pause_of_a_job_that_ended_behind_its_slot, "2.3.0.4", {}),
    ("task_pause_edited", an_edit_inside_the_pause, "2.3.0.4", {}),
    ("task_run_queued", a_job_that_runs_already, "2.1.0.5", {}),
    ("startup_delay_missing", a_delay_that_is_wanted, "2.1.0.5", {"startup_delay": "2m"}),
    ("startup_delay_left", a_delay_that_nobody_wants_any_more, "2.1.0.5", {"startup_delay": "2m"}),
]


@pytest.mark.parametrize(("kind", "happens", "release", "settings"), ROWS, ids=[f"{row[0]}-{row[2]}" for row in ROWS])
def test_each_kind_is_told_when_it_happens(tmp_path, kind, happens, release, settings):
    with stage(tmp_path, release, interval=60.0, pulse="10s", **settings) as on:
        happens(on)
        assert kind in told(on), told(on)


def test_each_kind_of_the_table_has_a_row():
    assert {row[0] for row in ROWS} == {kind.name for kind in PAUSE_KINDS}


@pytest.mark.parametrize("release", ["2.1.0.3", "2.1.0.5", "2.2.0.1", "2.2.0.3", "2.3.0.4"])
def test_a_server_left_alone_has_none(tmp_path, release):
    with stage(tmp_path, release, interval=60.0, pulse="10s") as on:
        job(on, 100.0)
        on.life.live(200.0)
        on.fake.restart()
        on.life.live(40.0)
        assert len(on.ran("photos")) == 1
        assert told(on) & {kind.name for kind in PAUSE_KINDS} == set()
        assert on.posts() == []
        assert on.resumes() == 0


@pytest.mark.parametrize("happens", [a_new_order, a_restored_pause], ids=["a new order", "a restored pause"])
def test_in_observe_it_is_told_and_nothing_is_sent(tmp_path, happens):
    with stage(tmp_path, "2.2.0.1", mode=Mode.OBSERVE, interval=60.0, pulse="10s") as on:
        happens(on)
        assert "pause_missing" in told(on)
        assert (on.posts(), on.resumes(), on.life.held()) == ([], 0, [])
