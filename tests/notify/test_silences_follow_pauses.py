"""Silences are made with pauses, moved and ended with them: through restarts, crashes, lost answers and an Alertmanager that is away."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import require
from tests.notify.silencing import NOW, Died, Dying
from tests.support.alertmanager import PROGRAM, FakeAlertmanager, ask, real_alertmanager, seconds
from tests.support.instruments import Noted
from tests.support.ledger import HOST
from watchdog.errors import Unreachable, WatchdogError
from watchdog.model.drifts import Subject
from watchdog.model.moments import Clock
from watchdog.model.pauses import Pause, PauseOrder
from watchdog.notify.alertmanager import Alertmanager
from watchdog.notify.metrics import METRICS
from watchdog.notify.settings import AlertmanagerSettings
from watchdog.notify.silences import Silences
from watchdog.runtime.clock import SimulatedClock, SystemClock


class Host(Dying):
    """One host with its ledger and its pauses; ``silences`` may be made anew, as by a restart."""

    def __init__(self, folder: Path, url: str, clock: Clock) -> None:
        super().__init__(folder, clock)
        self.noted = Noted(METRICS)
        self.settings = AlertmanagerSettings.model_validate({"url": url, "matchers": {"job": "panel-watchdog"}})
        self.subjects: tuple[Subject, ...] = ()
        self.restart()

    def restart(self, **settings: Any) -> None:
        chosen = AlertmanagerSettings.model_validate({**self.settings.model_dump(), **settings})
        self.silences = Silences(
            chosen, Alertmanager(chosen, self.clock), self.ledger, self.clock, self.noted, HOST, {"games": "mcsmanager"},
            lambda target: tuple(each for each in self.ledger.pauses(target)), lambda _target: self.subjects, self._on_step,
        )  # fmt: skip

    def pause(self, until: float | None = 3600.0, task: str = "", target: str = "games") -> Pause:
        now = self.clock.now().wall
        made = self.ledger.begin_pause(
            PauseOrder(target, "moving disks", "anna", task), None if until is None else now + until, "boot", None, now
        )
        assert made is not None
        return made

    def resume(self, pause: Pause) -> None:
        assert self.ledger.end_pause(pause.id, None, "resumed", "anna", self.clock.now().wall) is not None


@pytest.fixture
def host(tmp_path: Path, fake: FakeAlertmanager, clock: SimulatedClock) -> Iterator[Host]:
    made = Host(tmp_path, fake.url, clock)
    yield made
    made.ledger.close()


def test_a_silence_comes_and_goes_with_its_pause_and_is_held_meanwhile(host: Host, fake: FakeAlertmanager) -> None:
    for _ in range(3):
        host.silences.step()
    assert fake.requests == ["GET"], "without a pause it is only tried now and then"
    pause = host.pause()
    host.silences.step()
    (silence,) = fake.live()
    assert {(each["name"], each["value"], each["isRegex"]) for each in silence["matchers"]} == {
        ("target", "games", False), ("job", "panel-watchdog", False),
    }  # fmt: skip
    assert seconds(silence["endsAt"]) == NOW + 3600
    assert silence["comment"].endswith(f"moving disks [panel-watchdog:{HOST}:{pause.id}]")
    assert host.held() == [str(pause.id)]
    host.silences.step()
    assert fake.requests.count("POST") == 1
    host.resume(pause)
    host.silences.step()
    assert (fake.live(), host.held()) == ([], [])
    assert host.noted.values["watchdog_alertmanager_up",] == 1.0


def test_a_pause_of_one_task_silences_alerts_of_that_subject_alone(host: Host, fake: FakeAlertmanager) -> None:
    host.pause(task="lobby (old)")
    host.silences.step()
    (silence,) = fake.live()
    (subject,) = [each for each in silence["matchers"] if each["name"] == "subject"]
    assert (subject["value"], subject["isRegex"]) == (r"(?:[^/]*/)?(?:lobby\ \(old\))", True)


def test_a_task_paused_by_its_name_is_silenced_by_its_id_also_after_a_restart(host: Host, fake: FakeAlertmanager) -> None:
    host.subjects = (Subject("instance", "4f00", "lobby"), Subject("instance", "77aa", "arena"))
    host.pause(task="lobby")
    host.silences.step()
    (silence,) = fake.live()
    assert [each["value"] for each in silence["matchers"] if each["name"] == "subject"] == ["(?:[^/]*/)?(?:4f00|lobby)"]
    host.subjects = ()
    host.restart()
    host.silences.step()
    assert len(fake.silences) == 1, "nothing is known yet, so nothing is made anew"
    host.subjects = (Subject("instance", "4f00", "lobby"), Subject("instance", "9d9d", "lobby"))
    host.silences.step()
    (silence,) = fake.live()
    assert [each["value"] for each in silence["matchers"] if each["name"] == "subject"] == ["(?:[^/]*/)?(?:4f00|9d9d|lobby)"]


def test_a_changed_pause_moves_the_end_of_the_same_silence(host: Host, fake: FakeAlertmanager) -> None:
    pause = host.pause()
    host.silences.step()
    changed = host.ledger.change_pause(pause.id, 1, PauseOrder("games", "longer", "anna"), NOW + 7200, "boot", None)
    assert changed is not None
    host.silences.step()
    (silence,) = fake.silences.values()
    assert seconds(silence["endsAt"]) == NOW + 7200


def test_the_silence_of_a_pause_without_an_end_is_renewed_at_its_half_and_ends_by_itself_without_us(
    host: Host, fake: FakeAlertmanager, clock: SimulatedClock
) -> None:
    host.pause(until=None)
    for _ in range(4 * 24):
        host.silences.step()
        assert len(fake.live()) == 1
        clock.advance(3600)
    assert len(fake.silences) == 1
    assert fake.requests.count("POST") == 1 + 96 // 7
    clock.advance(13 * 3600)
    assert fake.live() == []


@pytest.mark.parametrize("boundary", ["held", "posted", "expired"])
def test_after_a_crash_at_any_step_there_is_one_silence_while_it_stands_and_none_after(
    host: Host, fake: FakeAlertmanager, boundary: str
) -> None:
    pause = host.pause()
    host.dies_at = boundary
    if boundary == "expired":
        host.silences.step()
        host.resume(pause)
    with pytest.raises(Died):
        host.silences.step()
    host.dies_at = ""
    host.restart()
    host.silences.step()
    assert len(fake.live()) == (0 if boundary == "expired" else 1)
    if boundary != "expired":
        host.resume(pause)
        host.silences.step()
    assert (fake.live(), host.held()) == ([], [])
    assert len(fake.silences) == 1


@pytest.mark.parametrize("fault", ["refuse", "lose", "forbid", "malform"])
def test_an_alertmanager_with_faults_makes_no_doubles_and_keeps_nothing(host: Host, fake: FakeAlertmanager, fault: str) -> None:
    pause = host.pause()
    fake.fault = fault
    for _ in range(3):
        host.silences.step()
    assert host.noted.values["watchdog_alertmanager_up",] == 0.0
    fake.fault = ""
    host.silences.step()
    assert len(fake.live()) == 1
    fake.fault = fault
    host.resume(pause)
    host.silences.step()
    assert host.held() == [str(pause.id)], "what is not known to be gone stays held"
    fake.fault = ""
    host.silences.step()
    assert (fake.live(), host.held()) == ([], [])


def test_a_post_whose_answer_was_lost_is_found_by_its_key(host: Host, fake: FakeAlertmanager) -> None:
    host.pause()
    fake.fault = "lose_post"
    host.silences.step()
    assert len(fake.live()) == 1, "it was carried out"
    assert host.noted.values["watchdog_alertmanager_up",] == 0.0, "and nobody knows"
    fake.fault = ""
    host.silences.step()
    assert len(fake.live()) == 1
    assert host.held() != []


def test_a_pause_whose_silence_is_refused_does_not_keep_others_from_theirs(
    host: Host, fake: FakeAlertmanager, clock: SimulatedClock
) -> None:
    host.pause(until=60.0)
    other = host.pause(task="lobby")
    fake.clock = SimulatedClock(NOW + 120.0)  # its clock is ahead of ours: for it the first pause is over, and it refuses such an end
    host.silences.step()
    (silence,) = fake.live()
    assert silence["comment"].endswith(f":{other.id}]")
    assert host.noted.values["watchdog_alertmanager_up",] == 0.0


def test_doubles_are_ended_but_one(host: Host, fake: FakeAlertmanager) -> None:
    pause = host.pause()
    host.silences.step()
    (one,) = fake.live()
    fake._new({key: one[key] for key in ("matchers", "startsAt", "endsAt", "createdBy", "comment")})
    assert len(fake.live()) == 2
    host.silences.step()
    assert len(fake.live()) == 1
    host.resume(pause)
    host.silences.step()
    assert fake.live() == []


def test_silences_of_others_are_never_touched(host: Host, fake: FakeAlertmanager) -> None:
    pause = host.pause()
    key = f"[panel-watchdog:{HOST}:{pause.id}]"
    others = [
        fake.add("an upgrade", "bob"), fake.add(f"copied {key}", "bob"), fake.add(f"{key} said somebody", "panel-watchdog"),
        fake.add(f"of another host [panel-watchdog:other:{pause.id}]", "panel-watchdog"),
    ]  # fmt: skip
    host.silences.step()
    assert len(fake.live()) == 5
    host.resume(pause)
    host.silences.step()
    assert {each["id"] for each in fake.live()} == set(others)


def test_what_a_person_ended_in_alertmanager_stays_ended(host: Host, fake: FakeAlertmanager, clock: SimulatedClock) -> None:
    host.pause()
    host.silences.step()
    clock.advance(600)
    fake._delete(fake.live()[0]["id"])
    clock.advance(30)
    for _ in range(3):
        host.silences.step()
    assert (fake.live(), host.held()) == ([], [])


def test_an_alertmanager_that_lost_its_memory_is_told_again(host: Host, fake: FakeAlertmanager) -> None:
    host.pause()
    host.silences.step()
    fake.silences.clear()
    host.silences.step()
    assert len(fake.live()) == 1


def test_a_release_ends_it_for_good_and_fails_while_it_cannot_be_ended(host: Host, fake: FakeAlertmanager) -> None:
    host.pause()
    host.silences.step()
    (holding,) = host.ledger.holdings()
    fake.fault = "refuse"
    with pytest.raises(WatchdogError):
        host.silences.undo(holding)
    fake.fault = ""
    assert "expired 1 silence" in host.silences.undo(holding)
    assert host.ledger.release_holding(holding.id, NOW)
    host.silences.step()
    assert (fake.live(), host.held()) == ([], []), "the pause stands, but nobody silences it again"


def test_a_target_that_is_held_paused_itself_is_not_silenced(host: Host, fake: FakeAlertmanager) -> None:
    host.pause(target="backups")
    host.silences.step()
    assert fake.silences == {}


@pytest.mark.prometheus
@pytest.mark.xdist_group("notify")
def test_a_real_alertmanager_suppresses_what_is_paused_and_nothing_else(tmp_path: Path) -> None:
    require(PROGRAM is not None and shutil.which("amtool") is not None, "alertmanager and amtool (Debian: prometheus-alertmanager)")
    clock = SystemClock()
    with real_alertmanager(tmp_path) as url:
        host = Host(tmp_path, url, clock)
        try:
            labels = {"alertname": "X", "job": "panel-watchdog"}
            alerts = [
                {**labels, "target": "games", "subject": "instance/lobby"},
                {**labels, "target": "games", "subject": "instance/arena"},
            ]
            alerts += [{**labels, "target": "other", "subject": "instance/lobby"}, {**labels, "target": "games", "job": "other"}]
            ask(f"{url}/api/v2/alerts", "POST", [{"labels": each} for each in alerts])

            def suppressed() -> list[str]:
                """Alertmanager marks alerts when it next looks at them: ask until it says what its silences say."""
                found = ask(f"{url}/api/v2/alerts?silenced=true")
                return sorted(each["labels"].get("subject", "-") for each in found if each["status"]["state"] == "suppressed")

            whole = host.pause()
            host.silences.step()
            until(lambda: suppressed() == ["instance/arena", "instance/lobby"])
            host.silences.step()
            shown = subprocess.run(
                ["amtool", f"--alertmanager.url={url}", "silence", "query", "-q"], capture_output=True, text=True, timeout=60, check=True
            )
            assert len(shown.stdout.split()) == 1
            changed = host.ledger.change_pause(whole.id, 1, PauseOrder("games", "longer", "anna"), clock.now().wall + 9000, "boot", None)
            assert changed is not None and changed.until is not None
            host.silences.step()
            (silence,) = [each for each in ask(f"{url}/api/v2/silences") if each["status"]["state"] == "active"]
            assert abs(seconds(silence["endsAt"]) - changed.until) < 1.0
            assert silence["id"] == shown.stdout.strip(), "changed, not made anew"
            host.resume(whole)
            host.silences.step()
            until(lambda: suppressed() == [])
            host.pause(task="lobby")
            host.silences.step()
            until(lambda: suppressed() == ["instance/lobby"])
            (holding,) = host.ledger.holdings()
            host.silences.undo(holding)
            until(lambda: suppressed() == [])
            host.ledger.release_holding(holding.id, clock.now().wall)
            again = host.pause(until=None, task="arena")
            host.silences.step()
            (mine,) = [each for each in ask(f"{url}/api/v2/silences") if each["status"]["state"] == "active"]
            subprocess.run(["amtool", f"--alertmanager.url={url}", "silence", "expire", mine["id"]], timeout=60, check=True)
            host.silences.step()
            assert str(again.id) not in host.held(), "a person's word"
        finally:
            host.ledger.close()


def until(holds: Any, patience: float = 120.0) -> None:
    end = time.monotonic() + patience
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.2)


def test_nobody_there_is_said_once(tmp_path: Path, clock: SimulatedClock) -> None:
    host = Host(tmp_path, "http://127.0.0.1:1", clock)
    host.pause()
    for _ in range(3):
        host.silences.step()
    with pytest.raises(Unreachable):
        host.silences.undo(host.ledger.holdings(released=True)[0]) if host.held() else host.silences._alertmanager.silences()
    assert host.noted.values["watchdog_alertmanager_up",] == 0.0
    host.ledger.close()
