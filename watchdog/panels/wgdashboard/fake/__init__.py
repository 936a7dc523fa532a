"""A loopback WGDashboard: v4.2.3 and v4.3.3, with their bugs, over somebody else's world of WireGuard devices.

``FakePanel`` speaks HTTP; behind it stands a ``FakeWorker`` whose background thread samples the world into a real sqlite file, as the
real one does. The bugs need no script of lies: the v4.2.3 worker really walks over a dictionary that a request may change (it dies of
Python's own RuntimeError), the v4.3.3 one really stops at the first configuration that fails, and a worker forked anew really has the
settings of the master's start. Shipped for the demo and for tests; checked against the recordings in tests/panels/wgdashboard/recordings.
"""

from watchdog.panels.wgdashboard.fake.dump import DumpWorld
from watchdog.panels.wgdashboard.fake.jobs import FakeJob
from watchdog.panels.wgdashboard.fake.master import Switches
from watchdog.panels.wgdashboard.fake.panel import KEY, FakePanel
from watchdog.panels.wgdashboard.fake.releases import RELEASES, Release
from watchdog.panels.wgdashboard.fake.uapi import UapiWorld
from watchdog.panels.wgdashboard.fake.world import MemoryWorld, WgFailed, World, WorldPeer

__all__ = [
    "KEY",
    "RELEASES",
    "DumpWorld",
    "FakeJob",
    "FakePanel",
    "MemoryWorld",
    "Release",
    "Switches",
    "UapiWorld",
    "WgFailed",
    "World",
    "WorldPeer",
]
