"""One look at a server: what is read each time, what only when it changed, and what one job's trouble costs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.instruments import Noted
from watchdog.model.panels import REQUESTS
from watchdog.panels.duplicati import client, looking
from watchdog.panels.duplicati.client import DuplicatiClient
from watchdog.panels.duplicati.fake import PASSWORD, FakeDuplicati
from watchdog.panels.duplicati.settings import DuplicatiSettings
from watchdog.panels.duplicati.view import Backup
from watchdog.runtime.clock import SimulatedClock

NOW = 1_795_200_000.0


class Look:
    """A fake, a client of it, and what the last look asked."""

    def __init__(self, server: FakeDuplicati, wire: DuplicatiClient, clock: SimulatedClock) -> None:
        self.server, self.client, self.clock = server, wire, clock

    def asked(self) -> Counter[str]:
        """Look once; return how often each path was asked."""
        before = len(self.server.seen)
        self.view = self.client.view()
        return Counter(each.path.removeprefix("/api/v1/") for each in self.server.seen[before:])

    def job(self, name: str) -> Backup:
        found = self.view.backup(name)
        assert found is not None
        return found

    def runs(self, name: str) -> None:
        """Let a job run to its end."""
        world = self.server.world
        job = next(each for each in world.jobs.values() if each.name == name)
        world.run(job)
        for _ in range(200):
            self.clock.advance(1.0)
            state = self.client.state()
            if state.active is None and not state.queue:
                return
        raise AssertionError("it never ended")


@contextmanager
def looking_at(folder: Path, release: str = "2.3.0.4") -> Iterator[Look]:
    clock = SimulatedClock(NOW)
    (folder / "secret").write_text(PASSWORD)
    with FakeDuplicati(folder / "server", clock, release) as server:
        settings = DuplicatiSettings.model_validate(
            {"name": "nas", "url": server.url, "password_file": str(folder / "secret"), "timeout": "60s"}
        )
        wire = client.connect(settings, clock, Noted((REQUESTS,)))
        try:
            yield Look(server, wire, clock)
        finally:
            wire.close()


ALWAYS = {"serverstate": 1, "serversettings": 1, "backups": 1, "notifications": 1}


def test_a_look_at_a_quiet_server_is_five_short_answers(tmp_path: Path) -> None:
    with looking_at(tmp_path) as look:
        look.server.world.add_job("photos")
        first = look.asked()
        assert first == {**ALWAYS, "tasks": 1, "auth/login": 1, "systeminfo": 1, "backup/1": 1, "backup/1/log": 1}
        look.clock.advance(15.0)
        assert look.asked() == {**ALWAYS, "tasks": 1}


def test_a_run_lets_its_log_be_read_and_its_result_be_known(tmp_path: Path) -> None:
    with looking_at(tmp_path) as look:
        look.server.world.add_job("photos")
        look.server.world.add_job("films")
        look.asked()
        assert look.job("photos").result is None
        look.runs("photos")
        assert look.asked()["backup/1/log"] == 1
        photos = look.job("photos")
        assert photos.result is not None
        assert (photos.result.operation, photos.result.result) == ("Backup", "Success")
        assert photos.last == photos.result
        assert look.job("films").result is None


@pytest.mark.parametrize("release", ["2.1.0.5", "2.3.0.4"])
def test_the_database_of_a_first_run_is_seen_at_the_next_look(tmp_path: Path, release: str) -> None:
    with looking_at(tmp_path, release) as look:
        look.server.world.add_job("photos")
        look.asked()
        assert look.job("photos").db_exists is False
        look.runs("photos")
        look.asked()
        assert look.job("photos").db_exists is True
        assert look.job("photos").metadata.finished is not None


def test_who_the_server_is_is_asked_after_a_restart_and_now_and_then(tmp_path: Path) -> None:
    with looking_at(tmp_path) as look:
        assert look.asked()["systeminfo"] == 1
        look.clock.advance(looking.INFO_EVERY / 2)
        assert look.asked()["systeminfo"] == 0
        look.server.restart()
        assert look.asked()["systeminfo"] == 1
        look.clock.advance(looking.INFO_EVERY)
        assert look.asked()["systeminfo"] == 1


def test_many_jobs_are_read_by_and_by_the_longest_unread_first(tmp_path: Path) -> None:
    with looking_at(tmp_path) as look:
        for number in range(25):
            look.server.world.add_job(f"job {number}")
        read: Counter[str] = Counter()
        for _ in range(3):
            asked = look.asked()
            assert sum(times for path, times in asked.items() if path.endswith("/log")) <= looking.MOST_JOBS
            read += asked
            look.clock.advance(15.0)
        assert all(read[f"backup/{number}/log"] == 1 for number in range(1, 26))
        assert all(each.log_read for each in look.view.backups)


def test_one_jobs_trouble_costs_only_that_job(tmp_path: Path) -> None:
    with looking_at(tmp_path) as look:
        for name in ("photos", "films"):
            look.server.world.add_job(name)
        look.server.world.switches.only = "/api/v1/backup/1"
        look.server.world.switches.status = 500
        look.asked()
        assert (look.job("photos").log_read, look.job("photos").details) == (False, None)
        assert look.job("films").log_read


def test_numbers_of_a_task_that_has_ended_are_no_progress(tmp_path: Path) -> None:
    with looking_at(tmp_path) as look:
        job = look.server.world.add_job("photos", seconds=30.0)
        look.asked()
        assert look.view.progress is None
        look.server.world.run(job)
        look.clock.advance(5.0)
        assert look.asked()["progressstate"] == 1
        assert look.view.progress is not None
        assert look.view.progress.backup == job.id
        look.clock.advance(60.0)
        assert look.asked()["progressstate"] == 0
        assert look.view.progress is None


def test_how_far_its_clock_is_off_is_known(tmp_path: Path) -> None:
    with looking_at(tmp_path) as look:
        ahead = SimulatedClock(NOW - 90.0)
        (tmp_path / "other").write_text(PASSWORD)
        settings = DuplicatiSettings.model_validate({"name": "nas", "url": look.server.url, "password_file": str(tmp_path / "other")})
        ours = client.connect(settings, ahead, Noted((REQUESTS,)))
        assert ours.view().clock_skew == pytest.approx(90.0, abs=1.0)
        ours.close()
        look.asked()
        assert look.view.clock_skew == pytest.approx(0.0, abs=1.0)
        assert look.view.zone == "Etc/UTC"


def test_the_release_that_does_not_say_its_zone_takes_the_settings(tmp_path: Path) -> None:
    with looking_at(tmp_path, "2.1.0.5") as look:
        look.asked()
        assert look.view.zone == ""
        settings = DuplicatiSettings.model_validate(
            {"name": "nas", "url": look.server.url, "password_file": str(tmp_path / "secret"), "zone": "Europe/Vienna"}
        )
        ours = client.connect(settings, look.clock, Noted((REQUESTS,)))
        assert ours.view().zone == "Europe/Vienna"
        ours.close()
