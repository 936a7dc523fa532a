"""`rehearse --full --yes` on a real dockerd: what it really builds, that no line leads out of it, and that it is gone, also after a kill.

The images are stand-ins, made from scratch with busybox: the vendor's restore needs a licence, and was never run.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support.dockerd import Dockerd, dockerd, engine, poll
from tests.support.rehearsals import LICENCE
from watchdog.cli import main
from watchdog.collectors.archives.notes import SUFFIX as NOTE_SUFFIX
from watchdog.model.engines import OUR_LABEL
from watchdog.panels.sysreptor.blueprint import TOLD
from watchdog.panels.sysreptor.fake import SysreptorWorld
from watchdog.runtime import yaml

__all__ = ["dockerd", "engine"]
pytestmark = [pytest.mark.docker, pytest.mark.xdist_group("dockerd")]
PANEL, DATABASE = "watchdog-stand-in-panel", "watchdog-stand-in-database"
NAMES = ("watchdog-rehearsal-reports-app", "watchdog-rehearsal-reports-database")
LINE = "watchdog-rehearsal-reports-network"
APPLETS = (
    "sh",
    "cat",
    "echo",
    "find",
    "grep",
    "ls",
    "mkdir",
    "mv",
    "nc",
    "rm",
    "sed",
    "sleep",
    "sort",
    "test",
    "touch",
    "uniq",
    "unzip",
    "wc",
)
PYTHON = f"""#!/bin/sh
case "$2" in
restorebackup)
  test "$LICENSE" = {LICENCE} || {{ echo "CommandError: Professional license required" >&2; exit 1; }}
  cat > /tmp/in.zip
  touch /tmp/waiting
  while test -e /tmp/hold; do sleep 0.1; done
  nc -w 20 "$DATABASE_HOST" 5432 < /dev/null | grep -q ready || {{ echo "no database at $DATABASE_HOST" >&2; exit 1; }}
  cd "$MEDIA_ROOT" && unzip -q -o /tmp/in.zip && mv backup.jsonl /tmp/rows && rm -f VERSION *.json ;;
migrate) exit 0 ;;
shell)
  rows=$(sed 's/^{{"model": *"\\([^"]*\\)".*/\\1/' /tmp/rows | sort | uniq -c | sed 's/^ *\\([0-9]*\\) \\(.*\\)/"\\2": \\1,/')
  echo '{TOLD}{{"rows": {{'$rows' "none": 0}}, "files": '$(find "$MEDIA_ROOT" -type f | wc -l)', "newest": "restore"}}' ;;
*) exit 2 ;;
esac
"""
SERVE = "touch /tmp/up; while test -e /tmp/up; do echo ready | nc -l -p 5432; done"


def image(engine: Dockerd, name: str, files: dict[str, str], command: str = "") -> None:
    """Import an image from scratch, with busybox and programs of ours."""
    changes = f"CMD {json.dumps(['sh', '-c', command])}" if command else ""
    engine.import_image(name, applets=APPLETS, files=files, changes=changes)


@dataclass
class Place:
    """A configuration with one backup on a real engine."""

    engine: Dockerd
    backup: Path
    config: Path
    codes: list[int] = field(default_factory=list)

    @property
    def argv(self) -> list[str]:
        return ["rehearse", "reports", "--full", "--yes", "--config", str(self.config)]

    @property
    def note(self) -> dict[str, Any]:
        return dict(json.loads(self.backup.with_name(self.backup.name + NOTE_SUFFIX).read_text()))

    def write(self, **restore: Any) -> None:
        licence = self.backup.parent.parent / "licence"
        licence.write_text(LICENCE + "\n")
        own = {
            "name": "reports", "backups": {"path": str(self.backup.parent)},
            "restore": {
                "licence_file": str(licence), "image": PANEL + ":{version}", "database_image": DATABASE + ":14", "memory": "128MiB",
                **restore,
            },
        }  # fmt: skip
        docker = {"url": self.engine.url}
        self.config.write_text(yaml.dump({"host": "here", "panels": {"sysreptor": [own]}, "collectors": {"docker": docker}}))

    def ours(self) -> list[str]:
        """Return what of ours is there."""
        boxes = [name.lstrip("/") for box in self.engine.list() for name in box["Names"]]
        lines = [each["Name"] for each in self.engine.call("GET", "/networks") if each["Labels"].get(OUR_LABEL)]
        return sorted([name for name in boxes if name.startswith("watchdog-")] + lines)

    def waiting(self) -> bool:
        """Whether the stand-in has taken the whole archive and waits."""
        running = [name for box in self.engine.list() if box["State"] == "running" for name in box["Names"]]
        return f"/{NAMES[0]}" in running and self.engine.exec(NAMES[0], "test", "-e", "/tmp/waiting") == 0


@pytest.fixture
def place(engine: Dockerd, tmp_path: Path) -> Iterator[Place]:
    held = {"bin/python3": PYTHON, "tmp/hold": ""}
    image(engine, f"{PANEL}:2026.61", held)
    image(engine, f"{DATABASE}:14", {"bin/pg_isready": "#!/bin/sh\ntest -e /tmp/up\n"}, SERVE)
    panel = SysreptorWorld("2026.61", now=time.time)
    panel.projects = 3
    (tmp_path / "backups").mkdir()
    found = Place(engine, tmp_path / "backups" / "sysreptor-full-backup-a.zip", tmp_path / "config.yaml")
    found.backup.write_bytes(b"".join(panel.backup()))
    engine.run("bystander", "sleep", "1000", labels={OUR_LABEL: "not by our name"})
    yield found
    assert "bystander" in [name.lstrip("/") for box in engine.list() for name in box["Names"]]


def test_it_is_built_apart_and_gone_afterwards(place):
    place.write()
    work = threading.Thread(target=lambda: place.codes.append(main(place.argv)))
    work.start()
    try:
        poll(place.waiting, 120, "the restore waits")
        line = place.engine.call("GET", f"/networks/{LINE}")
        assert line["Internal"] is True and {each["Name"] for each in line["Containers"].values()} == set(NAMES)
        for name in NAMES:
            box = place.engine.inspect(name)
            assert list(box["NetworkSettings"]["Networks"]) == [LINE] and not box["NetworkSettings"]["Ports"]
            host = box["HostConfig"]
            assert (box["Mounts"], host["Memory"], host["MemorySwap"]) == ([], 128 << 20, 128 << 20)
            assert host["RestartPolicy"]["Name"] in {"", "no"} and box["Config"]["Healthcheck"]["Test"] == ["NONE"]
            assert LICENCE not in json.dumps(box) + json.dumps(place.engine.call("GET", f"/containers/{name}/top"))
    finally:
        place.engine.exec(NAMES[0], "rm", "-f", "/tmp/hold")
        work.join(120)
    assert place.codes == [0], place.note["steps"]
    assert (place.note["kind"], place.note["verdict"], place.note["level"]) == ("full", "good", 5)
    assert place.ours() == []


def test_killed_it_leaves_what_the_next_one_removes_and_nothing_leads_out(place):
    place.write(network="none")
    with subprocess.Popen([sys.executable, "-m", "watchdog", *place.argv], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as program:
        try:
            poll(place.waiting, 120, "the restore waits")
            # a space of their own, and no line: without a route there is no way to anywhere
            assert place.engine.exec(NAMES[0], "sh", "-c", "test $(wc -l < /proc/net/route) -le 1") == 0
        finally:
            os.kill(program.pid, signal.SIGKILL)
    assert place.ours() == sorted(NAMES)
    assert main(["rehearse", "--clean", "--config", str(place.config)]) == 0
    assert place.ours() == []


def test_a_licence_that_is_not_taken_proves_nothing(place):
    place.write()
    (place.backup.parent.parent / "licence").write_text("another-licence-0815\n")
    assert main(place.argv) == 2
    (step,) = (step for step in place.note["steps"] if step["name"] == "restore")
    assert step["ok"] is None and "does not take the licence" in step["message"]
    assert place.ours() == []
