"""Every weather before Alertmanager, the heartbeat's server and a notification's receiver: nothing fails or doubles, all is set right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.notify.test_silences_follow_pauses import Host
from tests.support.alertmanager import FakeAlertmanager
from tests.support.instruments import Noted
from tests.support.notifying import mailbox
from tests.support.weather import Fault, Hits, Weather, acting, every
from tests.support.weather_faults import FAULTS, HUGE
from watchdog.notify.heartbeat import Heartbeat
from watchdog.notify.metrics import METRICS
from watchdog.notify.sending import Message, send
from watchdog.notify.settings import HeartbeatSettings
from watchdog.runtime.clock import SimulatedClock

pytestmark = pytest.mark.timeout(600)

PLAIN = [fault for fault in FAULTS if not fault.tls]
ROWS = [pytest.param(fault, id=fault.name, marks=pytest.mark.soak if fault.slow else ()) for fault in PLAIN]
"""Their deadlines are no settings, so whatever is only slow is for the soak."""
FINE = {"no JSON", "no JSON after commit", "JSON: an empty list", "JSON: an empty object", "JSON: null"}
"""What is a success for whoever reads the status only."""


@pytest.mark.parametrize("hits", [every, acting], ids=["every exchange", "what acts"])
@pytest.mark.parametrize("fault", ROWS)
def test_silences_are_set_right_after_every_weather(
    tmp_path: Path, fake: FakeAlertmanager, clock: SimulatedClock, fault: Fault, hits: Hits
) -> None:  # fmt: skip
    with Weather(fake.url) as weather:
        host = Host(tmp_path, weather.url, clock)
        try:
            host.pause()
            weather.turns(fault, hits)
            host.silences.step()
            # an empty list is a true answer to a look; to what acts it is none
            valid = fault.name == "JSON: an empty list" and hits is every
            assert valid or host.noted.values["watchdog_alertmanager_up",] == 0.0
            if not fault.slow:
                host.silences.step()  # and what was carried out and never answered is found by its key
            weather.clears()
            host.silences.step()
            assert host.noted.values["watchdog_alertmanager_up",] == 1.0
            assert len(fake.live()) == 1, "one pause, one silence"
            weather.turns(fault, hits)
            host.resume(host.ledger.pauses("games")[0])
            host.silences.step()
            weather.clears()
            if valid:
                clock.advance(601.0)  # then there seemed to be none, and without a pause one looks every ten minutes
            host.silences.step()
            assert (fake.live(), host.held()) == ([], [])
            assert fault is not HUGE or weather.poured / max(1, len(weather.hit)) < 24 << 20
        finally:
            host.ledger.close()


@pytest.mark.parametrize("fault", ROWS)
def test_the_heart_beats_again_after_every_weather(tmp_path: Path, fault: Fault, clock: SimulatedClock, caplog: Any) -> None:
    with mailbox() as box, Weather(f"http://127.0.0.1:{box.port}") as weather:
        file = tmp_path / "url"
        file.write_text(f"{weather.url}/ping/the-secret-of-it")
        noted = Noted(METRICS)
        heart = Heartbeat(HeartbeatSettings.model_validate({"url_file": str(file)}), lambda: None, clock, noted)
        weather.turns(fault, every)
        heart.step()
        counted = {row[1] for row in noted.values if row[0] == "watchdog_heartbeats_total"}
        # half of a head without a body is a status all the same
        assert counted == {"ok" if fault.name in {*FINE, "half an answer"} else "failed"}
        weather.clears()
        heart.step()
        assert noted["watchdog_heartbeats_total", "ok"] == (2 if counted == {"ok"} else 1)
    assert "the-secret-of-it" not in caplog.text


@pytest.mark.soak
@pytest.mark.parametrize("fault", PLAIN, ids=lambda fault: fault.name)
def test_a_message_that_meets_a_weather_is_a_word(fault: Fault) -> None:
    message = Message("the-key", "title", "body", "critical")
    with mailbox() as box, Weather(f"http://127.0.0.1:{box.port}") as weather:
        url = lambda: f"json://127.0.0.1:{weather.port}/?rto=90"  # noqa: E731
        weather.turns(fault, every)
        word = send(url, message, 8.0 if fault.slow or fault is HUGE else 60.0)
        assert (word == "ok") == (fault.name in {*FINE, "half an answer", "JSON: nested without end"}), word
        weather.clears()
        assert send(url, message, 60.0) == "ok"
