"""A loopback Pterodactyl: panels 1.11.5 to 1.11.9 and Pelican's, with the bugs by which backups hang, and Wings, which really loses files.

``PanelWorld`` holds rows, keys and clock work, ``FakePanel`` speaks the three APIs over it, ``FakeWings`` is a node: it writes real
archives and its real log, calls the panel back over real HTTP, and deletes the archive if that fails. So the cases A to L of the contract's
section 0 need no script of lies: they arise from what happens to the world. Shipped for the demo and for tests; checked against
tests/recordings/pterodactyl.
"""

from watchdog.panels.pterodactyl.fake.containers import Containers, EngineContainers, MemoryContainers
from watchdog.panels.pterodactyl.fake.jobs import BackupJob
from watchdog.panels.pterodactyl.fake.panel import FakePanel
from watchdog.panels.pterodactyl.fake.releases import RELEASES, Release
from watchdog.panels.pterodactyl.fake.rows import Backup, Node, Schedule, Server, Task
from watchdog.panels.pterodactyl.fake.switches import Switches, WingsSwitches
from watchdog.panels.pterodactyl.fake.wings import FakeWings
from watchdog.panels.pterodactyl.fake.world import ADMIN_KEY, APPLICATION_KEY, OWNER_KEY, PanelWorld

__all__ = [
    "ADMIN_KEY",
    "APPLICATION_KEY",
    "OWNER_KEY",
    "RELEASES",
    "Backup",
    "BackupJob",
    "Containers",
    "EngineContainers",
    "FakePanel",
    "FakeWings",
    "MemoryContainers",
    "Node",
    "PanelWorld",
    "Release",
    "Schedule",
    "Server",
    "Switches",
    "Task",
    "WingsSwitches",
]
