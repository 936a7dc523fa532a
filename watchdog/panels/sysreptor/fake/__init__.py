"""A loopback SysReptor: 2025.12, 2025.69, 2026.12 and 2026.61, with the bugs by which their backups fail and nobody notices.

``SysreptorWorld`` holds rows, files, licence and log, and streams real archives in the panel's own zip dialect; ``FakePanel`` speaks HTTP
over it; ``ManagePy`` is ``manage.py backup`` for the fake engine's containers. The switches of the world are the bugs: a recycled worker
cuts the stream, a command ends before the archive does, the kernel kills for want of memory, files cannot be read, the licence is lost,
the database is away. ``FakeBucket`` is an S3 server that lists one bucket.
Shipped for the demo and for tests; checked against tests/recordings/sysreptor.
"""

from watchdog.panels.sysreptor.fake.bucket import ACCESS_KEY, SECRET_KEY, BucketWorld, FakeBucket
from watchdog.panels.sysreptor.fake.bucket_pages import Stored, Upload
from watchdog.panels.sysreptor.fake.command import ManagePy
from watchdog.panels.sysreptor.fake.dialect import Entry, stream
from watchdog.panels.sysreptor.fake.panel import FakePanel
from watchdog.panels.sysreptor.fake.releases import RELEASES, Release
from watchdog.panels.sysreptor.fake.sealed import sealed
from watchdog.panels.sysreptor.fake.world import ADMIN_TOKEN, BACKUP_KEY, USER_TOKEN, Switches, SysreptorWorld, Task, limited, mangled

__all__ = [
    "ACCESS_KEY",
    "ADMIN_TOKEN",
    "BACKUP_KEY",
    "RELEASES",
    "SECRET_KEY",
    "USER_TOKEN",
    "BucketWorld",
    "Entry",
    "FakeBucket",
    "FakePanel",
    "ManagePy",
    "Release",
    "Stored",
    "Switches",
    "SysreptorWorld",
    "Task",
    "Upload",
    "limited",
    "mangled",
    "sealed",
    "stream",
]
