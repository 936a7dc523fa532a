"""While a repair runs the alerts that ask for it are silent, exactly these, and no longer; over kills, faults and persons."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import require
from tests.ledger.things import TARGET, intended
from tests.notify.silencing import NOW, Died, Dying
from tests.notify.test_silences_follow_pauses import until
from tests.support.alertmanager import PROGRAM, FakeAlertmanager, ask, real_alertmanager, seconds
from tests.support.ledger import HOST
from tests.support.weather import Weather, acting
from tests.support.weather_faults import FAULTS
from watchdog.model.alarms import Alarm
from watchdog.model.repairs import Outcome, RepairRecord, RepairState
from watchdog.notify.alertmanager import Alertmanager
from watchdog.notify.repair_silences import RepairSilences
from watchdog.notify.settings import AlertmanagerSettings
from watchdog.runtime.clock import SimulatedClock, SystemClock

LONGEST = 300.0
EMPTY = next(fault for fault in FAULTS if fault.name == "JSON: an empty object")
LABELS = {"alertname": "McsmanagerGhost", "panel": "mcsmanager", "target": TARGET, "kind": "ghost", "subject": "instance/one"}


class Host(Dying):
    """One host with its ledger, a repair or two and the alerts that fire; ``restart`` forgets them."""

    def __init__(self, folder: Path, url: str, clock: SimulatedClock) -> None:
        super().__init__(folder, clock)
        self.settings = AlertmanagerSettings.model_validate({"url": url, "silence_repairs": True})
        self.firing: tuple[Alarm, ...] = (Alarm("f1", NOW, True, LABELS),)
        self.restart()

    def restart(self) -> None:
        self.silences = RepairSilences(
            self.settings, Alertmanager(self.settings, self.clock), self.ledger, self.clock, HOST, lambda _record: self.firing,
            lambda _record: LONGEST, self._on_step,
        )  # fmt: skip

    def begin(self) -> RepairRecord:
        made = self.ledger.move(intended(self.ledger, now=self.clock.now().wall), RepairState.ACTING, self.clock.now().wall)
        assert made is not None
        return made

    def end(self, record: RepairRecord) -> None:
        now = self.clock.now().wall
        settling = self.ledger.move(record, RepairState.SETTLING, now, outcome=Outcome.done())
        assert settling is not None and self.ledger.move(settling, RepairState.VERIFIED, now) is not None


@pytest.fixture
def host(tmp_path: Path, fake: FakeAlertmanager, clock: SimulatedClock) -> Iterator[Host]:
    made = Host(tmp_path, fake.url, clock)
    yield made
    made.ledger.close()


def test_a_silence_names_all_labels_of_the_alert_and_lasts_as_long_as_the_repair_may(host: Host, fake: FakeAlertmanager) -> None:
    host.silences.step()
    assert fake.requests == [], "without a repair nobody is asked"
    record = host.begin()
    host.silences.step()
    (silence,) = fake.live()
    assert {(each["name"], each["value"], each["isRegex"]) for each in silence["matchers"]} == {(*pair, False) for pair in LABELS.items()}
    assert seconds(silence["endsAt"]) == NOW + LONGEST
    assert silence["comment"].endswith(f"[panel-watchdog:{HOST}:repair-{record.id}-f1]") and host.held() == [f"{record.id}-f1"]
    host.silences.step()
    assert fake.requests.count("POST") == 1
    host.end(record)
    host.silences.step()
    assert (fake.live(), host.held()) == ([], [])


def test_an_alert_that_begins_meanwhile_is_silenced_too_and_each_alone(host: Host, fake: FakeAlertmanager) -> None:
    record = host.begin()
    host.silences.step()
    host.firing = (*host.firing, Alarm("f2", NOW, True, {**LABELS, "subject": "instance/two"}))
    host.silences.step()
    assert len(fake.live()) == 2 and host.held() == [f"{record.id}-f1", f"{record.id}-f2"]


@pytest.mark.parametrize("step", ["held", "posted", "expired"])
def test_after_a_kill_at_any_step_there_is_one_silence_while_it_runs_and_none_after(host: Host, fake: FakeAlertmanager, step: str) -> None:
    record = host.begin()
    host.dies_at = step
    if step == "expired":
        host.silences.step()
        host.end(record)
    with pytest.raises(Died):
        host.silences.step()
    host.dies_at = ""
    host.restart()
    host.silences.step()
    if step != "expired":
        assert len(fake.live()) == 1
        host.end(record)
        host.silences.step()
    assert (fake.live(), host.held()) == ([], [])


def test_a_restart_that_forgets_the_alert_keeps_the_silence_until_the_repair_has_ended(host: Host, fake: FakeAlertmanager) -> None:
    record = host.begin()
    host.silences.step()
    host.firing = ()
    host.restart()
    host.silences.step()
    assert len(fake.live()) == 1
    host.end(record)
    host.silences.step()
    assert (fake.live(), host.held()) == ([], [])


def test_a_repair_that_never_ends_does_not_keep_its_alert_silent(host: Host, fake: FakeAlertmanager, clock: SimulatedClock) -> None:
    host.begin()
    host.silences.step()
    clock.advance(LONGEST + 1.0)
    for _ in range(2):
        host.silences.step()
    assert (fake.live(), host.held()) == ([], [])
    assert fake.requests.count("POST") == 1, "a hung repair is told of"


def test_what_a_person_released_is_not_made_again(host: Host, fake: FakeAlertmanager) -> None:
    host.begin()
    host.silences.step()
    (holding,) = host.ledger.holdings()
    assert host.silences.undo(holding) == "expired 1 silence in Alertmanager"
    host.ledger.release_holding(holding.id, host.clock.now().wall)
    host.silences.step()
    assert (fake.live(), host.held()) == ([], [])


@pytest.mark.parametrize("fault", ["refuse", "malform", "lose_post"])
def test_an_alertmanager_with_faults_makes_no_doubles_and_keeps_nothing(host: Host, fake: FakeAlertmanager, fault: str) -> None:
    record: Any = host.begin()
    fake.fault = fault
    for _ in range(3):
        host.silences.step()
    fake.fault = ""
    host.silences.step()
    assert len(fake.live()) == 1
    host.end(record)
    host.silences.step()
    assert (fake.live(), host.held()) == ([], [])


def test_silences_of_pauses_and_of_others_are_never_touched(host: Host, fake: FakeAlertmanager) -> None:
    others = {fake.add(f"x [panel-watchdog:{HOST}:1]", "panel-watchdog"), fake.add("x [panel-watchdog:else:repair-1-f1]", "panel-watchdog")}
    others.add(fake.add(f"x [panel-watchdog:{HOST}:repair-1-f1]", "anna"))
    record = host.begin()
    host.silences.step()
    assert len(fake.live()) == 4
    host.end(record)
    host.silences.step()
    assert {each["id"] for each in fake.live()} == others


@pytest.mark.prometheus
@pytest.mark.xdist_group("notify")
def test_a_real_alertmanager_silences_the_alert_of_the_repair_and_nothing_else(tmp_path: Path) -> None:
    require(PROGRAM is not None, "alertmanager (Debian: prometheus-alertmanager)")
    other = {**LABELS, "subject": "instance/two"}
    with real_alertmanager(tmp_path) as url:
        host = Host(tmp_path, url, SystemClock())
        try:
            ask(f"{url}/api/v2/alerts", "POST", [{"labels": LABELS}, {"labels": other}])
            shown = ask(f"{url}/api/v2/alerts")
            mine = next(each for each in shown if each["labels"] == LABELS)
            host.firing = (Alarm(mine["fingerprint"], seconds(mine["startsAt"]), True, mine["labels"]),)

            def suppressed() -> list[str]:
                found = ask(f"{url}/api/v2/alerts?silenced=true")
                return sorted(each["labels"]["subject"] for each in found if each["status"]["state"] == "suppressed")

            record = host.begin()
            host.silences.step()
            until(lambda: suppressed() == ["instance/one"])
            host.end(record)
            host.silences.step()
            until(lambda: suppressed() == [])
            assert host.held() == []
        finally:
            host.ledger.close()


def test_an_end_that_only_seemed_to_be_one_is_tried_again(tmp_path: Path, fake: FakeAlertmanager, clock: SimulatedClock) -> None:
    with Weather(fake.url) as weather:
        host = Host(tmp_path, weather.url, clock)
        record = host.begin()
        host.silences.step()
        host.end(record)
        weather.turns(EMPTY, acting)
        host.silences.step()
        assert len(fake.live()) == 1 and host.held(), "whoever answered with a success was not Alertmanager"
        weather.clears()
        host.silences.step()
        assert (fake.live(), host.held()) == ([], [])
        host.ledger.close()
