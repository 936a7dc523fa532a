"""One job held by its own schedule: moved behind the pause, back at its own slot, and nothing else of the job ever changed.

Byte by byte over what the server has stored, secrets included, on every release (issue 11, Shown by 5).
"""

import copy
import dataclasses
import json
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from tests.support.duplicati_stage import DAY, HOUR, START, TARGET, stage
from watchdog.errors import Refused
from watchdog.model.pauses import PauseOrder
from watchdog.panels.duplicati.fake import PASSPHRASE

RELEASES = ("2.1.0.5", "2.2.0.1", "2.3.0.4")
DERIVED = tuple(pytest.param(each, marks=pytest.mark.soak) for each in ("2.1.0.3", "2.2.0.3"))
every_release = pytest.mark.parametrize("release", [*RELEASES, *DERIVED])
DUE = START + 2 * HOUR


def stored(job):
    """All that the server keeps of a job but its slot, as bytes."""
    kept = dataclasses.asdict(job)
    rhythm = kept.pop("schedule")
    rhythm.pop("time")
    return json.dumps([kept, rhythm], default=str, sort_keys=True).encode()


def with_jobs(on, **more):
    """A job with secrets, Mondays and Fridays excluded from nothing, and another one beside it."""
    job = on.world.add_job("photos", time=DUE, passphrase=PASSPHRASE, target_query="auth-username=u&auth-password=s3cret", **more)
    other = on.world.add_job("papers", time=DUE + HOUR)
    job.metadata.update({"LastBackupDate": "20260104T020000Z", "BackupListCount": "3"})
    on.life.live(20.0)
    return job, other


@every_release
def test_only_that_job_is_held_and_comes_back_to_its_own_slot(tmp_path, release):
    with stage(tmp_path, release, interval=HOUR, pulse="60s") as on:
        job, other = with_jobs(on)
        before = stored(job)
        end = on.life.order(task="photos", length=5 * HOUR).until
        on.life.live(10.0)
        assert job.schedule.time == DUE + DAY and other.schedule.time == DUE + HOUR
        assert stored(job) == before
        assert on.world.program == "Running" and on.posts() == []
        assert on.life.held() == ["schedule"] and on.life.kinds() == set()
        check = on.life.pauses.check(TARGET, on.life.reconciler.pause_says)
        assert check.wrong == () and any("photos" in each for each in check.well)
        on.life.live(end - on.clock.now().wall + 30.0, beat=False)
        assert on.ran("photos") == [] and len(on.ran("papers")) == 1
        assert on.life.held() == [] and on.life.kinds() == set()
        on.life.live(DUE + DAY + 60.0 - on.clock.now().wall, beat=False)
        assert [round(each - (DUE + DAY)) for each in on.ran("photos")] == [0]


@every_release
def test_an_early_end_puts_the_very_slot_back(tmp_path, release):
    with stage(tmp_path, release, interval=HOUR, pulse="60s") as on:
        job, _ = with_jobs(on)
        before, schedule = stored(job), copy.copy(job.schedule)
        order = on.life.order(task="photos")
        on.life.live(10.0)
        assert job.schedule.time > START + 10 * DAY, "until further notice is far away, not for ever"
        on.life.pauses.resume(order.id, "me")
        on.life.live(10.0)
        assert job.schedule == schedule and stored(job) == before
        assert on.life.held() == [] and on.life.kinds() == set()


def test_a_slot_that_passed_meanwhile_is_not_run_at_once(tmp_path):
    with stage(tmp_path, interval=HOUR, pulse="60s") as on:
        job, _ = with_jobs(on)
        order = on.life.order(task="1")
        on.life.live(4 * HOUR, beat=False)
        on.life.pauses.resume(order.id, "me")
        on.life.live(30.0)
        assert job.schedule.time == DUE + DAY and on.ran("photos") == []


def test_until_further_notice_is_renewed_at_half(tmp_path):
    with stage(tmp_path, interval=12 * HOUR, pulse="60s") as on:
        job, _ = with_jobs(on)
        on.life.order(task="photos")
        on.life.live(20 * DAY, beat=False)
        assert on.ran("photos") == [] and job.schedule.time - on.clock.now().wall > 6 * DAY
        puts = [asked for asked in on.fake.seen if asked.method == "PUT"]
        assert 2 <= len(puts) <= 4


def test_a_longer_or_shorter_order_moves_it_again(tmp_path):
    with stage(tmp_path, interval=HOUR, pulse="60s") as on:
        job, _ = with_jobs(on)
        order = on.life.order(task="photos", length=3 * HOUR)
        on.life.live(10.0)
        assert job.schedule.time == DUE + DAY
        longer = on.life.pauses.change(order.id, order.version, PauseOrder(TARGET, "more", "me", "photos", length=50 * HOUR))
        on.life.live(10.0)
        assert job.schedule.time == DUE + 3 * DAY
        on.life.pauses.change(order.id, longer.version, PauseOrder(TARGET, "less", "me", "photos", length=HOUR))
        on.life.live(10.0)
        assert job.schedule.time == DUE, "its own slot comes after the end"


@pytest.mark.parametrize("kind", ["other settings", "its slot", "its slot, back to where it was"])
def test_what_a_person_changes_meanwhile_is_never_overwritten(tmp_path, kind):
    with stage(tmp_path, interval=HOUR, pulse="60s") as on:
        job, _ = with_jobs(on)
        on.life.order(task="photos", length=5 * HOUR)
        on.life.live(20.0)
        if kind == "other settings":
            job.settings.append({"Filter": "", "Name": "keep-versions", "Value": "7", "Argument": None})
        else:
            job.schedule.time = int(DUE + 900 if kind == "its slot" else DUE)
        changed = stored(job)
        on.life.live(60.0)
        if kind == "other settings":
            assert on.life.kinds() == set()
        else:
            assert on.life.kinds() == {"task_pause_edited"}
        on.life.live(6 * HOUR, beat=False)
        assert on.life.held() == [] and on.life.kinds() == set()
        if kind == "other settings":
            assert stored(job) == changed and job.schedule.time == DUE + DAY
        else:
            assert len(on.ran("photos")) == 1, "a person's slot counts"


def test_an_edit_within_the_exchange_is_seen_and_left(tmp_path):
    with stage(tmp_path, interval=HOUR, pulse="60s") as on:
        job, _ = with_jobs(on)
        real, once = on.life.target._client.job, []

        def job_then_edit(backup, seconds=None):
            answer = real(backup, seconds)
            if not once:
                once.append(True)
                on.life.target._client.put_job(backup, edited(answer))
            return answer

        def edited(answer):
            body = {"Backup": copy.deepcopy(answer["Backup"]), "Schedule": answer["Schedule"]}
            body["Backup"].pop("Metadata")
            body["Backup"]["Settings"].append({"Filter": "", "Name": "keep-versions", "Value": "7", "Argument": None})
            return body

        on.life.target._client.job = job_then_edit
        on.life.order(task="photos", length=5 * HOUR)
        on.life.live(120.0, lambda: on.life.ends()[-1][1] == "verified")
        assert any(each["Name"] == "keep-versions" for each in job.settings), "the person's change is there"
        assert job.schedule.time == DUE + DAY, "and the pause, by a second exchange"
        assert [state for remedy, state in on.life.ends() if remedy == "move_schedule"] == ["later", "verified"]


@pytest.mark.parametrize("release", RELEASES)
def test_stars_are_never_stored_as_the_passphrase(tmp_path, release):
    with stage(tmp_path, release, interval=HOUR, pulse="60s") as on:
        job, _ = with_jobs(on)
        for row in job.settings:
            if row["Name"] == "passphrase":
                row["Value"] = "*" * 15
        before = stored(job)
        on.life.order(task="photos", length=5 * HOUR)
        on.life.live(30.0)
        puts = [asked for asked in on.fake.seen if asked.method == "PUT"]
        assert stored(job) == before
        if release == "2.3.0.4":
            assert job.schedule.time == DUE + DAY
        else:
            assert puts == [] and job.schedule.time == DUE and on.life.kinds() == {"task_pause_missing"}


def test_a_job_that_runs_is_not_touched_and_that_is_said(tmp_path):
    with stage(tmp_path, "2.1.0.5", interval=30.0, pulse="30s") as on:
        job, _ = with_jobs(on, seconds=100.0)
        on.world.run(job)
        on.life.order(task="photos", length=5 * HOUR)
        on.life.live(60.0)
        assert not [asked for asked in on.fake.seen if asked.method == "PUT"]
        assert on.life.kinds() == {"task_pause_missing", "task_run_queued"}
        on.life.live(120.0)
        assert job.schedule.time == DUE + DAY and on.life.kinds() == set()
        assert job.metadata.get("LastBackupFinished"), "what the run noted is not written over"


def test_a_queued_run_goes_on_its_way_and_the_slot_is_moved_again_after_it(tmp_path):
    with stage(tmp_path, interval=900.0, pulse="60s") as on:
        job, _ = with_jobs(on)
        whole = on.life.order(length=3 * HOUR)
        on.life.live(2.5 * HOUR, beat=False)
        assert on.world.memory.queue, "due inside the server's pause"
        on.life.order(task="photos", length=40 * HOUR)
        on.life.live(60.0)
        assert "task_run_queued" in on.life.kinds()
        on.life.live(HOUR + 900.0, beat=False)
        assert len(on.ran("photos")) == 1 and whole.id
        assert job.schedule.time >= DUE + 2 * DAY and on.life.kinds() == set()


def test_a_person_releases_the_record_only_when_no_pause_stands(tmp_path):
    with stage(tmp_path, interval=HOUR, pulse="60s") as on:
        job, _ = with_jobs(on)
        schedule = copy.copy(job.schedule)
        order = on.life.order(task="photos", length=5 * HOUR)
        on.life.live(10.0)
        holding = next(each for each in on.life.ledger.holdings())
        with pytest.raises(Refused, match="a pause of the job stands"):
            on.life.target.undo(holding)
        on.life.pauses._book.end_pause(order.id, None, "resumed", "me", on.clock.now().wall)  # and nobody looks
        on.life.target._told = on.life.target._told.__class__(holdings=on.life.target._told.holdings)
        assert "its next slot is" in on.life.target.undo(holding)
        assert job.schedule == schedule
        assert on.life.target.undo(holding) == "its schedule is at its own slot"


def test_a_job_that_is_gone_leaves_no_record(tmp_path):
    with stage(tmp_path, interval=60.0, pulse="60s") as on:
        with_jobs(on)
        on.life.order(task="photos", length=5 * HOUR)
        on.life.live(10.0)
        del on.world.jobs["1"]
        on.life.live(130.0)
        assert on.life.kinds() == {"pause_of_no_job"} and on.life.held() == []


def test_a_pause_of_a_job_that_never_was_is_told(tmp_path):
    with stage(tmp_path, interval=60.0, pulse="60s") as on:
        with_jobs(on)
        on.life.order(task="phots", length=5 * HOUR)
        on.life.live(10.0)
        assert on.life.kinds() == {"pause_of_no_job"}
        assert any("no job 'phots'" in each for each in on.life.pauses.check(TARGET, on.life.reconciler.pause_says).wrong)


@pytest.mark.parametrize("night", ["2026-03-29", pytest.param("2026-10-25", marks=pytest.mark.soak)])
def test_the_slot_keeps_its_time_of_day_over_the_night_of_the_change(tmp_path, night):
    zone = ZoneInfo("Europe/Vienna")
    noon = datetime.fromisoformat(f"{night}T12:00").replace(tzinfo=zone).timestamp()
    with stage(tmp_path, interval=HOUR, pulse="60s", start=noon - DAY - 3 * HOUR, zone="Europe/Vienna") as on:
        job = on.world.add_job("photos", time=on.clock.now().wall + HOUR, repeat="1D")
        slot = datetime.fromtimestamp(job.schedule.time, zone)
        on.life.live(20.0)
        on.life.order(task="photos", length=30 * HOUR)
        on.life.live(10.0)
        moved = datetime.fromtimestamp(job.schedule.time, zone)
        assert (moved.hour, moved.minute) == (slot.hour, slot.minute) and (moved.date() - slot.date()).days == 2
        on.life.live(3 * DAY, beat=False)
        ran = [datetime.fromtimestamp(each, zone) for each in on.ran("photos")]
        assert ran and all((each.hour, each.minute) == (slot.hour, slot.minute) for each in ran)
