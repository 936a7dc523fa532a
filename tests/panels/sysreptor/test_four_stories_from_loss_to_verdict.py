"""The real program over a fake engine and a fake panel: each way to lose a backup is found, mended, and proved by a fresh look.

The web cut, the command's cut, the lost licence with its empty file, the file that went through a terminal. Backups are made by exec. One
program sees them one after the other, so each story ends with everything in order again.
"""

from __future__ import annotations

import io
import json
import os
import time
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.program import Running, start_program
from watchdog.collectors.docker.fake import FakeEngine, FakeEngineWorld
from watchdog.panels.sysreptor.fake import ADMIN_TOKEN, BACKUP_KEY, FakePanel, ManagePy, SysreptorWorld, limited, mangled
from watchdog.runtime import yaml

pytestmark = [pytest.mark.timeout(600), pytest.mark.xdist_group("sysreptor_stories")]
TARGET, APP = "reports", "sysreptor-app"
HOUR = 3600.0
COMMAND = ["python3", "manage.py", "backup", "-"]


class Output:
    """What a shell's redirection catches of the command."""

    def __init__(self) -> None:
        self.stdin, self.content = io.BytesIO(), b""

    def out(self, piece: bytes) -> None:
        self.content += piece

    def err(self, piece: bytes) -> None:
        assert b"Traceback" not in piece


class House:
    """The world, and the program that watches it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.backups = folder, folder / "backups"
        self.backups.mkdir()
        self.shift = -20 * HOUR
        self.engine = FakeEngineWorld()
        self.world = SysreptorWorld("2026.61", now=lambda: time.time() + self.shift)
        self.land("of-yesterday", b"".join(self.world.backup()), ago=20 * HOUR)
        self.shift = 0.0
        self.engine.run(APP, "syslifters/sysreptor:2026.61", program=ManagePy(self.world))

    def land(self, name: str, content: bytes, ago: float = 0.0) -> Path:
        path = self.backups / f"sysreptor-full-backup-{name}.zip"
        path.touch(0o600)
        path.write_bytes(content)
        os.utime(path, (time.time() - ago,) * 2)
        return path

    def by_command(self) -> bytes:
        output = Output()
        ManagePy(self.world)(COMMAND, output)  # type: ignore[arg-type]
        return output.content

    def config(self, panel: FakePanel) -> Path:
        for name, secret in (("token", ADMIN_TOKEN), ("key", BACKUP_KEY)):
            (self.folder / name).write_text(secret)
        settings: dict[str, Any] = {
            "host": "stories", "server": {"listen": "127.0.0.1:0"}, "log": {"format": "logfmt"},
            "ledger": {"url": f"sqlite:///{self.folder}/ledger.sqlite3", "ephemeral": True},
            "collectors": {
                "docker": {
                    "url": f"unix://{self.folder}/d.sock", "interval": "1s",
                    "gate": {"start_delay": "0", "retry": "200ms", "successes": 1, "timeout": "30s"},
                },
                "archives": {"interval": "1s", "rate": 0, "pressure": 0},
            },
            "reconciler": {"confirm": "1s", "settle": "1s", "cooldown": "1s", "backoff_first": "1s", "budget_per_hour": 60},
            "panels": {"sysreptor": [{
                "name": TARGET, "url": panel.url, "token_file": str(self.folder / "token"), "backup_key_file": str(self.folder / "key"),
                "mode": "repair", "allow": ["run_backup", "quarantine"], "interval": "1s", "preflight_every": "10s",
                "backups": {"path": str(self.backups), "stable_after": "1s"},
                "run": {
                    "method": "exec", "window": "always", "expected_size": "1MiB", "disk_factor": 1, "memory_factor": 1,
                    "memory_least": "1MiB",
                },
            }]},
        }  # fmt: skip
        path = self.folder / "config.yaml"
        path.write_text(yaml.dump(settings))
        return path


Story = tuple[House, Running]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("sr")
    house = House(folder)
    with ExitStack() as stack:
        stack.enter_context(FakeEngine(house.engine, folder / "d.sock"))
        panel = stack.enter_context(FakePanel(house.world))
        program = stack.enter_context(start_program(house.config(panel), folder / "log"))
        program.wait_until_serving()
        program.wait_for("baseline", lambda: program.target(TARGET)["baseline"] == "taken")
        yield house, program
        assert program.errors() == []


def seconds(stamp: dict[str, Any] | None) -> float:
    return stamp["unix"] if stamp else 0.0


def kinds_since(program: Running, at: float) -> set[str]:
    return {each["kind"] for each in program.history() if each["opened"] and seconds(each["last_seen"]) >= at}


def verified_since(program: Running, at: float) -> set[str]:
    return {each["remedy"] for each in program.repairs() if each["state"] == "verified" and seconds(each["intended"]) >= at}


def in_order(program: Running) -> bool:
    return not [drift for drift in program.drifts() if drift["target"] == TARGET]


def told(program: Running, kinds: set[str], remedies: set[str], at: float) -> None:
    """Wait until the drifts were found, the remedies mended them, and a fresh look agrees."""

    def over() -> bool:
        return kinds_since(program, at) >= kinds and verified_since(program, at) >= remedies and in_order(program)

    program.wait_for(f"{kinds} mended by {remedies}", over, 180.0)
    assert verified_since(program, at) <= remedies, "and by nothing else"


def good_since(house: House, at: float) -> list[Path]:
    found = []
    for path in house.backups.glob("*.zip"):
        with zipfile.ZipFile(path) as archive:  # raises for what is none: everything on the shelf is whole
            assert archive.testzip() is None
        found += [path] if path.stat().st_mtime >= at - 1 else []
    return found


def aside(house: House, path: Path, content: bytes) -> None:
    """The file itself lies in quarantine, untouched, with the reason beside it."""
    folder = house.backups / "quarantine"
    kept = [each for each in folder.iterdir() if each.name.startswith(path.stem) and not each.name.endswith(".json")]
    assert [each.read_bytes() for each in kept] == [content]
    reasons = [json.loads(each.read_text()) for each in folder.iterdir() if each.name.startswith(path.stem) and each.name.endswith(".json")]
    assert len(reasons) == 1
    assert not path.exists()


def test_a_cut_download_is_set_aside_and_a_backup_made(story: Story) -> None:
    house, program = story
    begun, at = house.world.now() - timedelta(hours=13), time.time()
    pieces = house.world.backup("admin")
    half = b"".join(limited(pieces, 150_000))
    pieces.close()
    house.world.backdate(begun)
    path = house.land("cut-download", half, ago=13 * HOUR)
    told(program, {"backup_bad", "backup_unfinished"}, {"quarantine", "run_backup"}, at)
    aside(house, path, half)
    (made,) = good_since(house, at)
    assert made.stat().st_mode & 0o777 == 0o600


def test_a_command_that_was_cut_is_found_though_the_log_says_finished(story: Story) -> None:
    house, program = story
    at = time.time()
    house.world.switches.end_command_before_directory = True
    content = house.by_command()
    house.world.switches.end_command_before_directory = False
    path = house.land("cut-command", content)
    told(program, {"backup_bad", "backup_without_file"}, {"quarantine", "run_backup"}, at)
    aside(house, path, content)
    assert len(good_since(house, at)) == 1


def test_a_lost_licence_is_reported_and_no_backup_is_tried(story: Story) -> None:
    house, program = story
    at = time.time()
    house.world.professional, house.world.licence_error = False, "License expired"
    content = house.by_command()
    assert content == b""
    rows = len(house.world.rows)
    path = house.land("without-licence", content)
    program.wait_for("refusal", lambda: "backup_refused" in kinds_since(program, at))
    program.wait_for("empty file set aside", lambda: verified_since(program, at) == {"quarantine"})
    (refused,) = [drift for drift in program.drifts() if drift["kind"] == "backup_refused"]
    assert refused["remedy"] is None and "person" in refused["hold"]
    aside(house, path, content)
    assert len(house.world.rows) == rows, "no attempt that must fail"
    house.world.professional, house.world.licence_error = True, None
    program.wait_for("order", lambda: in_order(program))
    assert verified_since(program, at) == {"quarantine"}


def test_a_backup_that_went_through_a_terminal_is_named_and_set_aside(story: Story) -> None:
    house, program = story
    at = time.time()
    content = mangled(house.by_command())
    path = house.land("through-a-terminal", content)
    program.wait_for("mangled file", lambda: "backup_bad" in kinds_since(program, at))
    (found,) = [each for each in program.history() if each["kind"] == "backup_bad" and "through-a-terminal" in each["subject"]["id"]]
    told(program, {"backup_bad", "backup_without_file"}, {"quarantine", "run_backup"}, at)
    aside(house, path, content)
    assert found["evidence"]["reason"] == "crlf_mangled"
