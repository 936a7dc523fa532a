"""`rehearse --full --yes` on the fake engine: what is built and how, what a restore proves, every refusal and failure, nothing left.

The vendor's own restore was never run: it needs a licence. A stand-in counts what it was given.
"""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.rehearsals import DATABASE, LICENCE, PANEL, StandIn, stocked
from watchdog.cli import main
from watchdog.collectors.archives.notes import SUFFIX as NOTE_SUFFIX
from watchdog.collectors.docker.fake import FakeEngine, FakeEngineWorld, Refusal
from watchdog.errors import Refused
from watchdog.model.engines import OUR_LABEL, OWNER_LABEL, Box
from watchdog.model.transfers import Patience, always
from watchdog.panels.sysreptor import PANEL as PANEL_OBJECT
from watchdog.panels.sysreptor.blueprint import TOLD
from watchdog.panels.sysreptor.counts import Counted, compare, told
from watchdog.panels.sysreptor.fake import SysreptorWorld
from watchdog.panels.sysreptor.settings import SysreptorSettings
from watchdog.runtime import yaml
from watchdog.runtime.engine import Builder
from watchdog.runtime.engine.leftovers import leftovers, lives, owner
from watchdog.runtime.memory import available_bytes

NAMES = {f"watchdog-rehearsal-reports-{part}" for part in ("database", "app")}
LINE = "watchdog-rehearsal-reports-network"


@dataclass
class House:
    """One configuration with a backup, beside an engine with people's containers."""

    root: Path
    world: FakeEngineWorld
    engine: FakeEngine
    stand_in: StandIn
    backup: Path
    config: Path

    def rehearse(self, *words: str, **restore: Any) -> int:
        self.write(**restore)
        return main(["rehearse", *words, "--config", str(self.config)])

    def full(self, *words: str, **restore: Any) -> int:
        return self.rehearse("reports", "--full", "--yes", *words, **restore)

    def write(self, **restore: Any) -> None:
        own = {
            "name": "reports", "backups": {"path": str(self.backup.parent)},
            "restore": {"licence_file": str(self.root / "licence"), "memory": "64MiB", **restore},
        }  # fmt: skip
        self.config.write_text(
            yaml.dump({"host": "here", "panels": {"sysreptor": [own]}, "collectors": {"docker": {"url": self.engine.url}}})
        )

    @property
    def note(self) -> dict[str, Any]:
        return dict(json.loads(self.backup.with_name(self.backup.name + NOTE_SUFFIX).read_text()))

    @property
    def steps(self) -> dict[str, Any]:
        return {step["name"]: step for step in self.note["steps"]}

    def untouched(self) -> bool:
        """Whether nothing of ours is there, and all that people use is as it was."""
        return [each.name for each in self.world.containers() if each.running] == ["sysreptor-db", "sysreptor-app"] and (
            not self.world.stock.networks
        )


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    panel = SysreptorWorld("2026.61", now=time.time)
    panel.projects = 3
    (tmp_path / "backups").mkdir()
    backup = tmp_path / "backups" / "sysreptor-full-backup-a.zip"
    backup.write_bytes(b"".join(panel.backup()))
    backup.chmod(0o600)
    (tmp_path / "licence").write_text(LICENCE + "\n")
    world, stand_in = FakeEngineWorld(), StandIn()
    world.run("sysreptor-app", environment=("DATABASE_HOST=sysreptor-db",))
    world.run("sysreptor-db", environment=("PG_MAJOR=14",))
    stocked(world, stand_in)
    with tempfile.TemporaryDirectory(prefix="wdr-") as short, FakeEngine(world, Path(short) / "d.sock") as engine:
        yield House(tmp_path, world, engine, stand_in, backup, tmp_path / "config.yaml")


def test_the_panel_restores_and_everything_is_gone_afterwards(house, capsys):
    made: dict[str, Any] = {}

    def look() -> None:
        made.update({each.name: each for each in house.world.containers() if each.name in NAMES})
        made["networks"] = list(house.world.stock.networks.values())

    house.stand_in.meanwhile = look
    assert house.full() == 0
    said = capsys.readouterr()
    assert "good: a full rehearsal (level 5" in said.out and "(100 %)" in said.err
    assert (house.note["kind"], house.note["verdict"], house.note["level"]) == ("full", "good", 5)
    assert [step["ok"] for step in house.note["steps"]] == [True] * 10, house.note["steps"]
    assert (house.stand_in.licence, house.stand_in.archive) == (LICENCE, house.backup.read_bytes())
    assert house.untouched()

    (line,) = made["networks"]
    assert (line.name, line.internal) == (LINE, True), "no way out"
    for name in NAMES:
        box = made[name]
        assert (box.network_mode, box.restart_policy, box.mounts, box.memory) == (LINE, "no", (), 64 << 20)
        assert box.labels[OUR_LABEL] == line.labels[OUR_LABEL] and lives(box.labels[OWNER_LABEL])
    app = made["watchdog-rehearsal-reports-app"]
    assert app.command[0] == "sleep" and set(app.tmpfs) == {"/data", "/app/data"}, "what the image would make a volume of lies in memory"
    assert "NOTIFICATION_IMPORT_URL=" in app.environment and not any("S3" in each for each in app.environment)
    seen = json.dumps([app.environment, app.command, house.stand_in.argvs, house.note, said.out, said.err, house.world.requests])
    assert LICENCE not in seen, "the licence goes in by stdin only"


def test_without_any_line_both_share_one_space(house):
    made: dict[str, Any] = {}
    house.stand_in.meanwhile = lambda: made.update({each.name: each for each in house.world.containers()})
    assert house.full(network="none") == 0
    assert made["watchdog-rehearsal-reports-database"].network_mode == "none"
    app = made["watchdog-rehearsal-reports-app"]
    assert app.network_mode == "container:watchdog-rehearsal-reports-database" and "DATABASE_HOST=127.0.0.1" in app.environment
    assert house.untouched() and "POST /networks/create" not in house.world.requests


def test_nothing_is_run_without_a_yes(house, capsys):
    before = list(house.world.requests)
    assert house.rehearse("reports", "--full") == 2
    assert "docker network create --internal" in capsys.readouterr().out
    assert not any(each.startswith(("POST", "DELETE")) for each in house.world.requests[len(before) :])
    assert not house.backup.with_name(house.backup.name + NOTE_SUFFIX).exists()


class Terminal(io.StringIO):
    """A person at a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("answer", "code", "runs"), [("n\n", 2, False), ("y\n", 0, True)])
def test_at_a_terminal_a_person_is_asked(house, capsys, monkeypatch, answer, code, runs):
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    assert house.rehearse("reports", "--full") == code
    said = capsys.readouterr().out
    assert "Carry it out now?" in said and "docker network create --internal" in said
    assert bool(house.stand_in.argvs) is runs and house.untouched()


def _no_image(house: House) -> dict[str, Any]:
    del house.world.stock.images[PANEL]
    return {}


def _no_database_image(house: House) -> dict[str, Any]:
    del house.world.stock.images[DATABASE]
    return {}


def _s3(house: House) -> dict[str, Any]:
    house.world.stock.images[PANEL].environment = ("UPLOADED_FILE_S3_BUCKET=real",)
    return {}


def _other_major(house: House) -> dict[str, Any]:
    house.world.stock.images[DATABASE].environment = ("PG_MAJOR=15",)
    return {}


def _name_taken(house: House) -> dict[str, Any]:
    house.world.add("watchdog-rehearsal-reports-app")
    return {}


def _line_taken(house: House) -> dict[str, Any]:
    Builder(house.engine.url).create_network(LINE, {OUR_LABEL: "x"}, 20)
    (line,) = house.world.stock.networks.values()
    line.labels = {}
    return {}


def _taken_meanwhile(house: House) -> dict[str, Any]:
    house.world.stock.refusing["POST /containers/create"] = Refusal(409, "Conflict. The container name is already in use")
    return {}


def _leaky(house: House) -> dict[str, Any]:
    house.world.stock.leaky = True
    return {}


def _small(house: House) -> dict[str, Any]:
    return {"memory": "1KiB"}


def _large(house: House) -> dict[str, Any]:
    return {"memory": "900TiB"}


def _two_lines(house: House) -> dict[str, Any]:
    (house.root / "licence").write_text("one\ntwo\n")
    return {}


@pytest.mark.parametrize(
    ("so", "words"),
    [
        (_no_image, "docker pull syslifters/sysreptor:2026.61"), (_no_database_image, "docker pull postgres:14"), (_s3, "S3_BUCKET"),
        (_other_major, "PostgreSQL 14"), (_name_taken, "is a name that is in use"), (_line_taken, "is a name that is in use"),
        (_taken_meanwhile, "already in use"), (_leaky, "with a way out"), (_small, "restore.memory"),
        (_large, "of memory"), (_two_lines, "one line"),
    ],
)  # fmt: skip
def test_it_is_refused_and_nothing_is_touched(house, capsys, so, words):
    more = so(house)
    before = [each.name for each in house.world.containers()]
    kept = [each.name for each in house.world.stock.networks.values()]
    assert house.full(**more) == 3
    said = capsys.readouterr()
    assert words in said.out + said.err
    assert [each.name for each in house.world.containers()] == before
    assert [each.name for each in house.world.stock.networks.values()] == kept
    assert not house.stand_in.argvs and not house.backup.with_name(house.backup.name + NOTE_SUFFIX).exists()


@pytest.mark.parametrize(
    ("change", "code", "verdict", "step", "ok", "words"),
    [
        ({"ends": 1, "says": b"IntegrityError: duplicate key"}, 1, "bad", "restore", False, "ended with 1: IntegrityError"),
        ({"ends": 1, "reads": 1000, "says": b"no space"}, 1, "bad", "restore", False, "no space"),
        ({"ends": 1, "says": b"CommandError: Professional license required"}, 2, "unverifiable", "restore", None, "the licence"),
        ({"ends": 137}, 2, "unverifiable", "restore", None, "killed half way"),
        ({"lost": "pentests.pentestproject"}, 1, "bad", "rows", False, "pentests.pentestproject"),
        ({"lost_files": 2}, 1, "bad", "files", False, "6 files"),
        ({"installs": 1}, 2, "unverifiable", "install", None, "exit 1"),
        ({"pending": 1}, 1, "bad", "migrations", False, "ended with 1"),
        ({"newest": "backup_started"}, 1, "bad", "log", False, "backup_started"),
    ],
)  # fmt: skip
def test_what_goes_wrong_is_told_apart(house, capsys, change, code, verdict, step, ok, words):
    for name, value in change.items():
        setattr(house.stand_in, name, value)
    assert house.full() == code
    assert house.note["verdict"] == verdict and house.note["level"] != 5
    assert house.steps[step]["ok"] is ok and words in house.steps[step]["message"]
    assert house.untouched()


def test_a_restore_that_hangs_is_ended(house, capsys):
    house.stand_in.hang = True
    assert house.full(timeout="1s") == 2
    assert "within 1 s" in house.steps["engine"]["message"] and house.untouched()


def test_a_database_that_ends_or_never_is_ready_proves_nothing(house, capsys):
    house.stand_in.ready = False
    assert house.full(start_timeout="1s") == 2
    assert "did not become ready" in house.steps["database"]["message"] and house.untouched()
    house.world.stock.images[DATABASE].ends = 1
    assert house.full() == 2
    assert "it ended with 1" in house.steps["database"]["message"] and house.untouched()


def test_a_container_that_is_killed_half_way_proves_nothing(house, capsys):
    house.stand_in.hang = True
    house.stand_in.meanwhile = lambda: house.world.kill("watchdog-rehearsal-reports-app")
    assert house.full() == 2
    assert house.note["verdict"] == "unverifiable" and house.steps["restore"]["ok"] is None
    assert house.untouched()


def test_what_cannot_be_removed_is_named_and_removed_the_next_time(house, capsys):
    house.world.stock.refusing["DELETE /networks/"] = Refusal(403, "has active endpoints")
    assert house.full() == 0
    assert LINE in house.steps["clean up"]["message"] and house.steps["clean up"]["ok"] is None
    (line,) = house.world.stock.networks.values()
    house.world.stock.refusing.clear()
    assert house.full() == 3, "this very program lives: it may be at work"
    line.labels[OWNER_LABEL] = owner().rpartition(":")[0] + ":1"
    assert house.full() == 0
    assert LINE in house.steps["leftovers"]["message"] and house.untouched()


def test_clean_removes_what_is_ours_and_dead_and_nothing_else(house, capsys):
    dead, ours = owner().rpartition(":")[0] + ":1", "watchdog-rehearsal-other"
    house.world.run(f"{ours}-app", labels={OUR_LABEL: "a", OWNER_LABEL: dead})
    house.world.run(f"{ours}-database", labels={OUR_LABEL: "a", OWNER_LABEL: "another:1:2:3"})
    kept = [
        house.world.run("somebodys", labels={OUR_LABEL: "a", OWNER_LABEL: dead}),
        house.world.run(f"{ours}-mine"),
        house.world.run(f"{ours}-alive", labels={OUR_LABEL: "b", OWNER_LABEL: owner()}),
    ]
    assert house.rehearse("--clean") == 0
    assert {each.id for each in house.world.containers() if not each.name.startswith("sysreptor")} == set(kept)
    assert "is left alone" in capsys.readouterr().out
    house.world.remove(kept[2], force=True)
    assert house.rehearse("--clean") == 0 and "has left anything" in capsys.readouterr().out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_ended_in_the_middle_nothing_stays_or_the_next_one_finds_it(house, number):
    house.stand_in.hang = True
    house.write()
    argv = [sys.executable, "-m", "watchdog", "rehearse", "reports", "--full", "--yes", "--config", str(house.config)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as program:
        assert house.stand_in.began.wait(90)
        os.kill(program.pid, number)
        said, _ = program.communicate(timeout=90)
    assert program.returncode != 0
    if number == signal.SIGKILL:
        assert {each.name for each in house.world.containers() if each.running} >= NAMES
        house.stand_in.hang = False
        assert house.full() == 0 and "leftovers" in house.steps
    else:
        assert b"is being removed" in said
    assert house.untouched()


def test_ctrl_c_while_it_is_removed_leaves_nothing_either(house):
    house.write()
    restore = {"licence_file": str(house.root / "licence"), "memory": "64MiB"}
    own = SysreptorSettings.model_validate({"name": "reports", "backups": {"path": str(house.backup.parent)}, "restore": restore})
    said: list[str] = []

    def say(text: str) -> None:
        said.append(text)
        if text == "removing the environment" and said.count(text) == 1:
            raise KeyboardInterrupt

    with house.backup.open("rb") as archive, pytest.raises(KeyboardInterrupt):
        PANEL_OBJECT.restore(own, archive, {}, Builder(house.engine.url), say, always)  # type: ignore[attr-defined]
    assert said.count("removing the environment") == 2 and house.untouched()


def test_a_second_rehearsal_beside_one_is_refused(house, capsys):
    house.stand_in.hang = True
    ended: list[int] = []
    house.write(timeout="120s")
    first = threading.Thread(target=lambda: ended.append(main(["rehearse", "reports", "--full", "--yes", "--config", str(house.config)])))
    first.start()
    try:
        assert house.stand_in.began.wait(90)
        assert house.full(timeout="120s") == 3
        assert "is at work" in capsys.readouterr().err
    finally:
        house.world.kill("watchdog-rehearsal-reports-app")
        first.join(90)
    assert ended == [2] and house.untouched()


def test_the_door_itself_makes_and_removes_only_what_is_ours(house):
    door, labels = Builder(house.engine.url), {OUR_LABEL: "x"}
    for name, mark, network in (("sysreptor-app2", labels, "none"), (f"{LINE}", {}, "none"), (f"{LINE}-a", labels, "bridge")):
        with pytest.raises(Refused):
            door.create(Box(name, DATABASE, network, 1 << 20, mark), 20)
    for name in ("sysreptor-app", "sysreptor-db"):
        with pytest.raises(Refused, match="none of ours"):
            door.discard(name, 20)
    with pytest.raises(Refused):
        door.create_network("bridge2", labels, 20)
    door.discard("watchdog-rehearsal-gone", 20)
    door.discard_network("watchdog-rehearsal-gone", 20)
    assert leftovers(door, 20) == () and house.untouched()


def test_a_long_input_goes_in_whole_and_its_error_comes_out(house):
    got: list[bytes] = []

    def program(argv: Any, streams: Any) -> int:
        while piece := streams.stdin.read(1 << 16):
            got.append(piece)
            streams.out(b"." * 1000)
        return 0

    house.world.run("boxed", program=program)
    door, patience = Builder(house.engine.url), Patience(30, 60, 60, 60, 120, 0)
    pieces = [bytes([number]) * 100_000 for number in range(60)]
    assert door.exec_fill("boxed", ["take"], iter(pieces), got.append, got.append, patience=patience) == 0
    assert sum(map(len, got)) >= 6_000_000

    def broken() -> Iterator[bytes]:
        yield b"x" * 1000
        raise Refused("the archive changed")

    with pytest.raises(Refused, match="the archive changed"):
        door.exec_fill("boxed", ["take"], broken(), got.append, got.append, patience=patience)
    house.world.run("deaf", program=lambda argv, streams: 3)
    assert door.exec_fill("deaf", ["take"], iter(pieces), got.append, got.append, patience=patience) == 3


def test_rows_of_a_plugin_that_is_not_enabled_are_told_and_fail_nothing():
    backup = Counted({"users.pentestuser": 2, "plugin_x.thing": 3, "api_utils.backuplog": 1}, 4)
    facts = {"rows": 6, "models": 3, "files": 4, "rows.users.pentestuser": 2}
    panel = Counted({"users.pentestuser": 3, "api_utils.backuplog": 2}, 5, "restore")
    steps = {step.name: step for step in compare(backup, facts, panel)}
    assert {name for name, step in steps.items() if step.ok is None} == {"plugins", "more rows", "files"}
    assert all(step.ok is not False for step in steps.values()) and "plugin_x.thing" in steps["plugins"].message
    other = {step.name: step for step in compare(backup, {**facts, "files": 5}, panel)}
    assert other["archive"].ok is False and "files" in other["archive"].message
    for output in ("", TOLD, TOLD + "[]", TOLD + '{"rows": 1}', "noise"):
        assert told(output) is None


def test_what_the_kernel_says_of_memory_is_read(tmp_path):
    assert (available_bytes() or 0) > 0
    assert available_bytes(tmp_path / "none") is None
    (tmp_path / "old").write_text("MemTotal: 10 kB\nMemFree: 5 kB\n")
    assert available_bytes(tmp_path / "old") is None


def test_owners_are_told_apart():
    mine = owner()
    assert lives(mine) is True
    assert lives(mine.rpartition(":")[0] + ":1") is False, "the number was used again"
    assert lives("another-boot" + mine[mine.index(":") :]) is False
    boot, _, pid, started = mine.split(":")
    assert lives(f"{boot}:1:{pid}:{started}") is None and lives("") is None and lives("a:b:c:d") is None
