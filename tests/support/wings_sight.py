"""A node's folder, and a look at it by whoever runs this.

``python -m tests.support.wings_sight FOLDER PROC...`` prints what it sees in each as JSON.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from watchdog.model.archives import Identity
from watchdog.model.moments import Clock
from watchdog.model.snapshots import Actual
from watchdog.panels.pterodactyl.evidence import EvidenceReader
from watchdog.panels.pterodactyl.linking import identity_at
from watchdog.panels.pterodactyl.refusing import Reads, silent
from watchdog.panels.pterodactyl.settings import NodeSettings, PterodactylSettings
from watchdog.panels.pterodactyl.traces import Evidence
from watchdog.panels.pterodactyl.view import Backup, Server
from watchdog.runtime.clock import SystemClock

UUID = "1046d1d1-b8ef-4771-82b1-2b5946d33397"
SECRET = "aTokenThatMustNotLeave0123456789abcdefghijklmnop"  # it opens nothing
CONFIG = """debug: false
uuid: {uuid}
token_id: {secret}
token: {secret}
api:
  port: 18080
system:
  root_directory: {folder}/lib
  log_directory: {folder}/log
  data: {folder}/lib/volumes
  backup_directory: {folder}/lib/backups
remote: https://panel.example.test
"""


def lay_out(folder: Path) -> None:
    """Make what a node has on disk before its Wings starts."""
    for name in ("lib/backups", "lib/volumes", "log", "etc"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    config = folder / "etc/config.yml"
    config.write_text(CONFIG.format(folder=folder, uuid=UUID, secret=SECRET))
    config.chmod(0o600)
    (folder / "lib/backups").chmod(0o700)
    (folder / "log").chmod(0o700)
    (folder / "log/wings.log").touch()
    (folder / "lib/states.json").write_text("{}")


def settings(folder: Path, **node: str) -> PterodactylSettings:
    """Return the settings that fit a folder of ``lay_out``."""
    lib = folder / "lib"
    paths = {"config": folder / "etc/config.yml", "log": folder / "log/wings.log", "states": lib / "states.json"}
    whole = NodeSettings.model_validate({**paths, "backups": lib / "backups", "volumes": lib / "volumes", **node})
    return PterodactylSettings(name="panel", url="https://panel.example.test", token_file=folder / "token", node=whole)


def narrow(folder: Path, *pids: int) -> Path:
    """Return a /proc that has some processes and ourselves: the kernel's own words, without what else may run on this machine."""
    proc = folder / f"proc-{'-'.join(map(str, pids))}"
    proc.mkdir(exist_ok=True)
    for pid in (*pids, os.getpid()):
        if not (proc / str(pid)).is_symlink():
            (proc / str(pid)).symlink_to(f"/proc/{pid}")
    if not (proc / "self").is_symlink():
        (proc / "self").symlink_to(str(os.getpid()))
    return proc


def reader(folder: Path, *pids: int, clock: Clock | None = None, **node: str) -> EvidenceReader:
    """Return who looks at a folder of ``lay_out`` and at some processes."""
    return EvidenceReader(settings(folder, **node), clock or SystemClock(), narrow(folder, *pids))


def refusal(seen: Evidence, file: Identity | None) -> str:
    """Return why guard 4 refuses a report about a backup that has just begun, "" = it does not."""
    now = SystemClock().now().wall
    record = Backup("b", "nightly", "s", successful=False, locked=False, checksum=None, bytes=0, created_at=now, completed_at=None)
    reads = Reads(now, record, Server("s", "s", "Paper", UUID), seen, file, closed_since=now - 3600.0)
    found = silent(PterodactylSettings(name="p", url="https://panel.example.test", token_file=Path("/nowhere")), reads)
    return found.word if found is not None else ""


def told(folder: Path, proc: Path) -> dict[str, Any]:
    """Look once and return what is seen."""
    seen = EvidenceReader(settings(folder), SystemClock(), proc).read(Actual())
    process = seen.process
    archive = next((folder / "lib/backups").glob("*.tar.gz"), None) if seen.local is not None else None
    return {
        "present": refusal(seen, identity_at(archive) if archive is not None else None),
        "absent": refusal(seen, None),
        "error": seen.error,
        "process_error": seen.process_error,
        "sighted": process is not None and process.sighted,
        "why": process.why if process else "",
        "proof": process.proof if process else "",
        "open": sorted(process.open) if process else [],
        "hidden": process.hidden if process else 0,
        "word": seen.process_word,
    }


if __name__ == "__main__":
    print(json.dumps([told(Path(sys.argv[1]), Path(proc)) for proc in sys.argv[2:]]))
