"""A loopback MCSManager: panel and daemons of 10.4.0, 10.6.1 and 10.18.2, with their bugs, over somebody else's world of containers.

``FakePanel`` speaks HTTP; behind it stand ``FakeDaemon`` objects, each with its own ``ContainerWorld`` (a second world makes a remote
daemon). The bugs need no script of lies: the daemon keeps its state in memory and asks Docker only at a start, exactly like the real one,
so the states of the contract (A stuck starting, B failed autostart, C ghost, C2 dead stream, D orphan) arise from what happens to the
world. Shipped for the demo and for tests; checked against recordings in tests/recordings/mcsmanager.
"""

from watchdog.panels.mcsmanager.fake.daemon import FakeDaemon
from watchdog.panels.mcsmanager.fake.engine import EngineWorld
from watchdog.panels.mcsmanager.fake.instances import FakeInstance
from watchdog.panels.mcsmanager.fake.panel import FakePanel, Switches
from watchdog.panels.mcsmanager.fake.releases import RELEASES, Release
from watchdog.panels.mcsmanager.fake.world import ContainerWorld, MemoryWorld, NameTaken, WorldContainer, WorldDown, WorldSilent

__all__ = [
    "RELEASES",
    "ContainerWorld",
    "EngineWorld",
    "FakeDaemon",
    "FakeInstance",
    "FakePanel",
    "MemoryWorld",
    "NameTaken",
    "Release",
    "Switches",
    "WorldContainer",
    "WorldDown",
    "WorldSilent",
]
