"""The environment of one full rehearsal: two boxes and what is run in them. Plans are printed from it, and it is what is carried out. Pure.

No S3 settings and no volume of anybody (a restore deletes every file in the storages that are configured), nothing that sends anything, no
health check (it would run periodic tasks): contract section 3. The licence comes in by stdin: whoever may ask the engine reads the rest.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from watchdog.model.engines import OUR_LABEL, Box
from watchdog.panels.sysreptor.settings import SysreptorSettings

MEDIA: Final = "/data"
TABLES: Final = "/var/lib/postgresql/data"
RESTORE: Final = ("sh", "-c", "read -r LICENSE && export LICENSE && exec python3 manage.py restorebackup -")
"""Takes the licence as the first line of its stdin, and the archive as the rest."""
INSTALL: Final = ("python3", "manage.py", "migrate", "--no-input")
"""Makes the tables of a fresh panel, as its start would: commands read settings from them, and a restore drops them."""
MIGRATED: Final = ("python3", "manage.py", "migrate", "--check")
READY: Final = ("pg_isready", "-h", "127.0.0.1", "-U", "reptor", "-d", "reptor")
"""By TCP: while the image sets the database up, it listens on its own socket only."""
TOLD: Final = "watchdog-rehearsal-counts "
COUNT: Final = (
    "python3", "manage.py", "shell", "-c",
    f"""import json, os
from django.apps import apps
rows = {{m._meta.label_lower: m._base_manager.count() for m in apps.get_models() if m._meta.managed and not m._meta.proxy}}
files = sum(len(found) for _, _, found in os.walk("{MEDIA}"))
log = apps.get_model("api_utils", "BackupLog").objects.order_by("-created").first()
print("\\n{TOLD}" + json.dumps({{"rows": rows, "files": files, "newest": str(log.type) if log else None}}))""",
)  # fmt: skip
"""Says in one line, after TOLD, how many rows of each kind and how many files there are, and the type of the newest row of the log."""
BY_HAND: Final = f"{OUR_LABEL}=by-hand"
_MARGIN: Final = 600.0


@dataclass(frozen=True, slots=True)
class Blueprint:
    """What is to be made. ``network`` is the name of a network to be made, "" = none: the boxes then share a space without any line."""

    network: str
    database: Box
    app: Box


def names_of(settings: SysreptorSettings, prefix: str) -> tuple[str, ...]:
    """Return our names of the network, the database and the app, with whatever an engine takes no names of replaced."""
    plain = "".join(each if each.isascii() and (each.isalnum() or each in "_.-") else "-" for each in settings.name)[:80]
    return tuple(f"{prefix}-{plain}-{part}" for part in ("network", "database", "app"))


def image_of(settings: SysreptorSettings, version: str) -> str:
    """Return the image that restores what was made by ``version``."""
    return settings.restore.image.replace("{version}", version)


def draw(
    settings: SysreptorSettings, version: str, names: tuple[str, ...], labels: Mapping[str, str], volumes: Mapping[str, tuple[str, ...]]
) -> Blueprint:  # fmt: skip
    """Draw it. ``volumes`` are the paths for which each image would make a volume: they lie in memory, too."""
    network, database, app = names
    own, memory, apart = settings.restore, settings.restore.memory, settings.restore.network == "none"
    image = image_of(settings, version)
    environment = {
        "MEDIA_ROOT": MEDIA, "DATABASE_HOST": "127.0.0.1" if apart else database, "DATABASE_NAME": "reptor", "DATABASE_USER": "reptor",
        "DATABASE_PASSWORD": "reptor", "SECRET_KEY": "rehearsal", "DEFAULT_STORAGE": "filesystem", "NOTIFICATION_IMPORT_URL": "",
    }  # fmt: skip
    return Blueprint(
        "" if apart else network,
        Box(
            database, own.database_image, "none" if apart else network, memory, labels,
            environment=("POSTGRES_DB=reptor", "POSTGRES_USER=reptor", "POSTGRES_PASSWORD=reptor"),
            tmpfs=dict.fromkeys((TABLES, *volumes.get(own.database_image, ())), ""),
        ),
        Box(
            app, image, f"container:{database}" if apart else network, memory, labels,
            # ends by itself, should nobody be left to end it
            argv=("sleep", f"{own.timeout + _MARGIN:.0f}"),
            environment=tuple(f"{name}={value}" for name, value in environment.items()),
            tmpfs={**dict.fromkeys(volumes.get(image, ()), ""), MEDIA: "uid=1000,mode=0770"},
        ),
    )  # fmt: skip


def shown(print_: Blueprint, licence: str) -> Iterator[str]:
    """Yield the commands that do the same by hand; ``licence`` is the path of its file."""
    if print_.network:
        yield f"docker network create --internal --label {BY_HAND} {print_.network}"
    for box in (print_.database, print_.app):
        yield _run(box)
    app = print_.app.name
    yield f"docker exec {app} {shlex.join(INSTALL)}"
    yield f"{{ printf '%s\\n' \"$(cat {shlex.quote(licence)})\"; cat ARCHIVE; }} | docker exec -i {app} {shlex.join(RESTORE)}"
    yield f"docker exec {app} {shlex.join(MIGRATED)}"
    yield f"docker exec {app} {shlex.join(COUNT)}"
    gone = f"docker rm -f -v {app} {print_.database.name}"
    yield gone + (f" && docker network rm {print_.network}" if print_.network else "")


def _run(box: Box) -> str:
    words = ["docker", "run", "-d", "--pull", "never", "--name", box.name, "--network", box.network, "--label", BY_HAND]
    words += ["--restart", "no", "--no-healthcheck", "--memory", str(box.memory), "--memory-swap", str(box.memory)]
    words += ["--security-opt", "no-new-privileges"]
    for path, options in box.tmpfs.items():
        words += ["--tmpfs", f"{path}:{options}" if options else path]
    for each in box.environment:
        words += ["-e", each]
    return shlex.join([*words, *(("--entrypoint", box.argv[0]) if box.argv else ()), box.image, *box.argv[1:]])
