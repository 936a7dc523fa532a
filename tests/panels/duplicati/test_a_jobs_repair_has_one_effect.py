"""A run, a repair of a database, an abort: each run twice has one effect, and none is sent where it would do harm."""

from contextlib import contextmanager
from dataclasses import replace

import pytest

from tests.support.duplicati_stage import HOUR, START, stage
from tests.support.hand import Counting
from watchdog.errors import LeaseLost
from watchdog.model.drifts import Proposal
from watchdog.model.repairs import LedgerFacts, Mode, PlannedRepair, Risk
from watchdog.model.snapshots import Actual
from watchdog.panels.duplicati import remedies
from watchdog.panels.duplicati.notes import Notes
from watchdog.panels.duplicati.offers import mark_of
from watchdog.panels.duplicati.rules_tasks import still_since

TARGET = "nas"
RELEASES = ("2.1.0.5", "2.2.0.1", "2.3.0.4")


class Hand(Counting):
    """An Act whose sleep is the stage's time."""

    def __init__(self, clock):
        super().__init__(left=300.0)
        self.clock = clock

    def sleep(self, seconds):
        self.spend(seconds)
        self.clock.advance(seconds)

    def actual(self):
        return Actual()


class Ward:
    """One job on one fake server, and the target that mends it."""

    def __init__(self, made, **job):
        self.stage, self.world, self.target = made, made.world, made.life.target
        self.job = made.world.add_job("photos", **job)
        self.memory = {}

    def look(self):
        view = self.target.view()
        facts = LedgerFacts(memory=self.memory)
        judged = self.target.detect(Actual(), view, self.target.evidence(Actual()), facts, self.stage.clock.now())
        self.memory = dict(judged.memory)
        return view.backup(self.job.id)

    def planned(self, remedy, **facts):
        """What would have been planned at this moment."""
        backup = self.look()
        given = {"version_known": True, "ended": mark_of(backup)} if remedy == "run" else {}
        active = self.world.memory.active
        parameters = {"backup": self.job.id} | ({"task": active.id} if remedy == "abort" and active else {})
        proposal = Proposal(remedy, remedies.backup_object(TARGET, self.job.id), parameters, given | facts)
        return PlannedRepair(proposal, Risk.DESTRUCTIVE, ("drift",))

    def mend(self, planned, hand=None):
        outcome = self.target.repair(planned, hand or Hand(self.stage.clock))
        assert outcome.sent in {(), self.target.describe(planned)}, outcome
        return outcome

    def passes(self, seconds):
        self.stage.clock.advance(seconds)
        self.world.catch_up()

    def asked(self, word):
        return [each for each in self.stage.fake.seen if each.method == "POST" and each.path.endswith(f"/{word}")]

    def has_run(self):
        """Let a first run come to its end."""
        self.world.run(self.job)
        self.passes(self.job.seconds + 5)
        assert self.job.db_path.exists() and self.look().metadata.finished is not None


@pytest.fixture(params=RELEASES)
def ward(request, tmp_path):
    """On each release."""
    with stage(tmp_path, request.param) as made:
        yield Ward(made, seconds=30.0)


@pytest.fixture
def one(tmp_path):
    """On the release that fails when two runs begin in one second, and says least."""
    with stage(tmp_path, "2.1.0.5") as made:
        yield Ward(made, seconds=30.0)


# ---- run ---------------------------------------------------------------------------------------------------------------------


def test_run_twice_is_one_run(ward):
    planned = ward.planned("run")
    first, second = ward.mend(planned), ward.mend(planned)
    assert (first.end, second.end) == ("done", "done") and second.sent == ()
    ward.passes(60)
    assert ward.mend(planned).message == "it has run since this was planned"
    assert len(ward.world.runs) == 1 and len(ward.asked("run")) == 1


def test_a_run_whose_answer_was_lost_is_seen_and_not_asked_for_again(one):
    one.world.switches.lost = frozenset({f"POST /api/v1/backup/{one.job.id}/run"})
    planned = one.planned("run")
    assert (one.mend(planned).end, one.mend(planned).end) == ("done", "done")
    assert len(one.world.runs) == 1


def test_a_run_never_begins_within_the_second_of_the_one_before(one):
    one.has_run()
    one.world.run(one.job)
    one.passes(one.job.seconds + 0.5)
    assert one.mend(one.planned("run")).end == "done"
    began = [run.began for run in one.world.runs]
    assert began[-1] - (began[-2] + 30.0) >= 2.0


@pytest.mark.parametrize("trouble", ["paused", "no source", "old plan", "gone", "fence"])
def test_a_run_that_would_do_harm_is_not_sent(one, trouble):
    planned, hand = one.planned("run"), Hand(one.stage.clock)
    if trouble == "paused":
        one.world.pause("3600s")
    elif trouble == "no source":
        for path in one.job.sources:
            (one.stage.directory / "elsewhere").mkdir()
            one.job.sources = [path.rstrip("/") + "-gone/"]
    elif trouble == "old plan":
        one.has_run()
        one.world.runs.clear()
    elif trouble == "gone":
        del one.world.jobs[one.job.id]
    else:
        hand.lost = True
    if trouble == "fence":
        with pytest.raises(LeaseLost):
            one.mend(planned, hand)
    else:
        ends = {"paused": "later", "no source": "later", "old plan": "done", "gone": "gave_up"}
        assert one.mend(planned, hand).end == ends[trouble]
    assert one.asked("run") == [] and one.world.runs == []


def test_a_source_that_is_empty_on_this_host_holds_a_run_back(tmp_path):
    mount = tmp_path / "mount"
    mount.mkdir()
    with stage(tmp_path, sources={"photos": (str(mount),)}) as made:
        ward = Ward(made)
        held = ward.mend(ward.planned("run"))
        assert held.end == "later" and "empty" in held.message and ward.asked("run") == []
        (mount / "photo").write_text("x")
        assert ward.mend(ward.planned("run")).end == "done" and len(ward.world.runs) == 1


def test_a_run_waits_for_its_window(tmp_path):
    with stage(tmp_path, run_window={"cron": "0 3 * * *", "length": "1h", "zone": "UTC"}, start=START) as made:
        ward = Ward(made)
        assert "2026-01-05T03:00" in ward.mend(ward.planned("run")).message and ward.asked("run") == []
        ward.passes(3.5 * HOUR)
        assert ward.mend(ward.planned("run")).end == "done"


# ---- repair_database -----------------------------------------------------------------------------------------------------------


def test_repair_database_twice_is_one_repair(ward):
    ward.has_run()
    ward.job.db_path.unlink()
    ward.passes(600)
    planned = ward.planned("repair_database")
    first, second = ward.mend(planned), ward.mend(planned)
    assert (first.end, second.end, second.sent) == ("done", "done", ())
    ward.passes(60)
    third = ward.mend(planned)
    assert third.message == "its database is there again" and len(ward.asked("repair")) == 1 and ward.job.db_path.exists()


def test_after_a_run_that_began_an_empty_database_it_is_repaired_once(ward):
    ward.has_run()
    ward.job.db_path.unlink()
    ward.passes(600)
    ward.world.run(ward.job)
    ward.passes(60)
    backup = ward.look()
    assert backup.metadata.error == "unrecorded_files"
    planned = ward.planned("repair_database")
    assert [ward.mend(planned).sent == () for _ in range(2)] == [False, True]
    ward.passes(60)
    assert ward.mend(planned).sent == () and len(ward.asked("repair")) == 1
    ward.world.run(ward.job)
    ward.passes(60)
    assert [run.ending for run in ward.world.runs if run.backup == ward.job.id][-1] == "success"


def test_a_database_that_is_there_is_left_alone(one):
    one.has_run()
    assert one.mend(one.planned("repair_database")).message == "its database is there again" and one.asked("repair") == []


# ---- abort ---------------------------------------------------------------------------------------------------------------------


def test_abort_twice_is_one_abort(ward):
    ward.job.stuck = True
    ward.world.run(ward.job)
    planned = ward.planned("abort", mark=ward.target.view().progress.mark)
    first, second = ward.mend(planned), ward.mend(planned)
    assert (first.end, second.end, second.sent) == ("done", "done", ()) and ward.world.memory.active is None
    assert len(ward.asked("abort")) == 1


def test_what_moves_again_is_not_aborted(one):
    one.world.run(one.job)
    planned = one.planned("abort", mark="where it stood")
    assert one.mend(planned).message == "it moves again" and one.asked("abort") == []


def test_another_task_than_the_one_that_stood_still_is_not_aborted(one):
    one.job.stuck = True
    one.world.run(one.job)
    planned = one.planned("abort", mark="")
    one.stage.fake.restart()
    one.job.stuck = False
    other = one.world.add_job("films", seconds=100.0)
    one.world.run(other)
    assert one.mend(planned).message == "that task is not at work any more" and one.asked("abort") == []


def test_a_task_of_another_life_with_the_same_number_is_not_aborted(one):
    """Numbers of tasks begin anew with each start of the server: an approval may be an hour old."""
    one.job.stuck = True
    one.world.run(one.job)
    one.look()
    one.look()
    planned = one.planned("abort", mark=one.target.view().progress.mark, since=still_since(Notes(one.memory)))
    task = one.world.memory.active.id
    one.stage.fake.restart()
    one.stage.clock.advance(60)
    one.world.run(one.job)
    assert one.world.memory.active.id == task and one.target.view().progress.mark == planned.proposal.facts["mark"]
    one.look()
    one.look()
    assert one.mend(planned).message == "it moves again" and one.asked("abort") == []


# ---- the whole way -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("release", ["2.1.0.5", "2.3.0.4"])
def test_a_run_that_a_kill_cut_off_is_named_run_again_and_verified(tmp_path, release):
    with stage(tmp_path, release, mode=Mode.REPAIR) as made:
        made.policy = replace(made.policy, allow=frozenset({"run"}))
        made.end()
        made.begin()
        life, job = made.life, made.world.add_job("photos", seconds=20.0)
        made.world.run(job)
        life.live(60)
        job.seconds = 600.0
        made.world.run(job)
        life.live(60)
        made.fake.kill()
        life.live(5)
        made.fake.start()
        life.live(180, until=lambda: ("run", "verified") in life.ends())
        made.clock.advance(600)
        life.live(30)
        assert [run.ending for run in made.world.runs] == ["success", "", "success"] and len(made.sent(f"/api/v1/backup/{job.id}/run")) == 1
        (record,) = life.ledger.repairs(TARGET)
        assert record.drift_keys == (f"duplicati/nas/backup_run_cut/backup/{job.id}",) and "backup_run_cut" not in life.drifts()


class Killed(BaseException):
    """Our process is gone."""


def killer(boundary):
    """Die at a boundary, once."""
    dead = []

    def step(name):
        if name == boundary and not dead:
            dead.append(name)
            raise Killed

    return step


def marks_of(directory):
    """Return the boundaries that a whole repair passes."""
    seen = []
    with cut(directory) as (made, _):
        made.life.runner.on_step = seen.append
        made.life.live(60, until=lambda: "outcome_written" in seen)
    return seen


@contextmanager
def cut(directory):
    """A server whose run was cut off by a kill a moment ago, and our program that will ask for another."""
    directory.mkdir()
    with stage(directory, "2.1.0.5", mode=Mode.REPAIR) as made:
        made.policy = replace(made.policy, allow=frozenset({"run"}))
        made.end()
        made.begin()
        job = made.world.add_job("photos", seconds=20.0)
        made.world.run(job)
        made.life.live(40)
        job.seconds = 5000.0
        made.world.run(job)
        made.life.live(30)
        made.fake.kill()
        made.fake.start()
        yield made, job


def die_at(directory, mark):
    """Die at a boundary, live again, and see one run."""
    with cut(directory) as (made, job):
        made.life.runner.on_step = killer(mark)
        with pytest.raises(Killed):
            made.life.live(120)
        made.end()
        made.begin()
        made.life.live(1500, until=lambda: len(made.world.runs) == 3 and "backup_run_cut" not in made.life.drifts(), least=20.0)
        made.life.live(60)
        assert len(made.world.runs) == 3 and len(made.sent(f"/api/v1/backup/{job.id}/run")) == 1, mark


@pytest.mark.soak
def test_a_run_is_asked_for_once_at_whatever_step_we_die(tmp_path):
    marks = marks_of(tmp_path / "dry")
    assert {"intended", "acted", "outcome_written"} <= set(marks) and any("sent" in mark for mark in marks), marks
    for number, mark in enumerate(dict.fromkeys(marks)):
        die_at(tmp_path / str(number), mark)


def test_a_run_is_asked_for_once_though_we_die_right_after_asking(tmp_path):
    die_at(tmp_path / "server", "acted")
