"""A simulated clock, and the fake Alertmanager that lives by it."""

from collections.abc import Iterator

import pytest

from tests.notify.silencing import NOW
from tests.support.alertmanager import FakeAlertmanager, fake_alertmanager
from watchdog.runtime.clock import SimulatedClock


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock(NOW)


@pytest.fixture
def fake(clock: SimulatedClock) -> Iterator[FakeAlertmanager]:
    with fake_alertmanager(clock) as started:
        yield started
