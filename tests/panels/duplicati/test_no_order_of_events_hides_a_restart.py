"""Whatever happens between readings, in whatever order: a restart is always seen, and never when there was none."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.instruments import Noted
from watchdog.errors import WatchdogError
from watchdog.model.panels import REQUESTS
from watchdog.panels.duplicati import client
from watchdog.panels.duplicati.fake import PASSWORD, FakeDuplicati
from watchdog.panels.duplicati.fake.releases import Counts
from watchdog.panels.duplicati.settings import DuplicatiSettings
from watchdog.panels.duplicati.witness import Restart
from watchdog.runtime.clock import SimulatedClock

NOW: Final = 1_795_200_000.0
HOUR: Final = 3600.0
EVENTS: Final = (
    "read", "stop and start", "kill and start", "down, read, up", "person pauses", "person pauses for days", "person resumes", "we pause",
    "we resume", "counters grow", "an hour passes", "a day passes", "a fault", "a run",
)  # fmt: skip


class Played:
    """One order of events, played; ``restarted`` and the like are since the newest reading that was answered."""

    def __init__(self, folder: Path, release: str) -> None:
        self.clock = SimulatedClock(NOW)
        (folder / "secret").write_text(PASSWORD)
        self.server = FakeDuplicati(folder / "server", self.clock, release)
        self.job = self.server.world.add_job("photos", seconds=30.0)
        told = {"name": "nas", "url": self.server.url, "password_file": str(folder / "secret"), "timeout": "60s"}
        self.client = client.connect(DuplicatiSettings.model_validate(told), self.clock, Noted((REQUESTS,)))
        self.restarts = 0
        self.forget()

    def forget(self) -> None:
        self.restarted = self.resumed_by_person = self.resumed_by_us = self.passed = False

    def play(self, event: str) -> None:
        world = self.server.world
        match event:
            case "stop and start" | "kill and start":
                self.server.restart(killed=event.startswith("kill"))
                self.restarted = True
            case "down, read, up":
                self.server.stop()
                self.fails()
                self.server.start()
                self.restarted = True
            case "person pauses":
                world.pause("2h")
            case "person pauses for days":
                world.pause("3D")
            case "person resumes":
                world.resume()
                self.resumed_by_person = True
            case "we pause":
                self.client.pause(3600)
            case "we resume":
                self.client.resume()
                self.resumed_by_us = True
            case "counters grow":
                with world.lock:
                    assert world.memory is not None
                    world.memory.count(Counts(9, 9, 9))
            case "an hour passes" | "a day passes":
                self.clock.advance(HOUR if "hour" in event else 24 * HOUR)
                self.passed = True
            case "a fault":
                world.switches.status = 500
                self.fails()
                world.switches.status = None
            case "a run":
                world.run(self.job)
        if event == "read":
            self.reads()

    def fails(self) -> None:
        try:
            self.client.state()
        except WatchdogError:
            return
        raise AssertionError("it answered")

    def reads(self) -> None:
        """Read, and hold what the pulse says to what happened."""
        before = self.client.pulse()
        state = self.client.state()
        pulse = self.client.pulse()
        seen = pulse.restarts - before.restarts
        first = before.state is None
        assert seen == int(self.restarted and not first)
        if seen:
            assert pulse.restart is not Restart.NONE
        fell = pulse.fell if pulse.fell is not before.fell else None
        if fell is not None:
            assert not state.paused
            if self.restarted:
                assert fell.by == "restart"
            elif fell.by == "person":
                assert self.resumed_by_person
            elif fell.by == "us":
                assert self.resumed_by_us
            else:
                assert self.passed
        elif before.state is not None and before.state.paused:
            assert state.paused
        self.forget()

    def close(self) -> None:
        self.client.close()
        self.server.close()


@settings(max_examples=30)
@given(st.sampled_from(("2.1.0.3", "2.1.0.5", "2.2.0.1", "2.2.0.3", "2.3.0.4")), st.lists(st.sampled_from(EVENTS), max_size=14))
def test_a_restart_is_seen_whatever_else_happens_and_nothing_else_is_taken_for_one(release: str, events: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        played = Played(Path(folder), release)
        try:
            for event in ("read", *events, "read"):
                played.play(event)
        finally:
            played.close()
