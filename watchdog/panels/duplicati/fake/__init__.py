"""A loopback Duplicati server: releases 2.1.0.3 to 2.3.0.4 as one state machine, with what each forgets at a restart.

``DuplicatiWorld`` is the state and what happens to it by itself on a clock, real or simulated; its jobs write real volumes.
``FakeDuplicati`` speaks HTTP over it on one port and has the real one's manners when stopped. Shipped for the demo and for tests; held to
tests/recordings/duplicati.
"""

from watchdog.panels.duplicati.fake.releases import RECORDED, RELEASES, Release
from watchdog.panels.duplicati.fake.rows import Job, Run, Schedule
from watchdog.panels.duplicati.fake.server import FakeDuplicati
from watchdog.panels.duplicati.fake.state import AUTH_PASSWORD, PASSPHRASE, PASSWORD, PREAUTH, SEND_TOKEN, DuplicatiWorld
from watchdog.panels.duplicati.fake.switches import Switches

__all__ = [
    "AUTH_PASSWORD",
    "PASSPHRASE",
    "PASSWORD",
    "PREAUTH",
    "RECORDED",
    "RELEASES",
    "SEND_TOKEN",
    "DuplicatiWorld",
    "FakeDuplicati",
    "Job",
    "Release",
    "Run",
    "Schedule",
    "Switches",
]
