"""Go or no-go before an upgrade: each reason, by a pure table over real files; and the command over the fake panel."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import require
from tests.support.pterodactyl_guard import uuid
from tests.support.pterodactyl_stage import Stage
from watchdog.cli import main
from watchdog.model.preflights import Check, Preflight
from watchdog.panels.pterodactyl.fake import ADMIN_KEY
from watchdog.panels.pterodactyl.linking import identity_at
from watchdog.panels.pterodactyl.preflight import NOTE, checks
from watchdog.panels.pterodactyl.settings import PterodactylSettings
from watchdog.panels.pterodactyl.view import Backup, Callback, Node, PterodactylView, Server, Wings

NOW = 1_800_000_000.0
HERE, THERE = uuid(50), uuid(51)
FIRST = Server(uuid(1), "first---", "First", HERE, backups=(), backups_at=NOW)


class Scene:
    """A panel 1.11.7 with one node here and one server whose newest backup is all that it must be."""

    def __init__(self, folder: Path) -> None:
        self.backups = folder / "backups"
        self.backups.mkdir()
        require(os.path.ismount("/dev/shm"), "a second file system at /dev/shm")
        self.copies = Path(tempfile.mkdtemp(prefix="pt-preflight-", dir="/dev/shm"))
        self.settings = PterodactylSettings(
            name="n", url="https://panel.example", token_file=folder / "token", node={"backups": self.backups},
            preflight={"copies": [self.copies]},
        )  # fmt: skip
        wings = Wings(version="1.11.12", docker=True, servers=(), reachable=True, at=NOW)
        node = Node(1, HERE, "node-1", "https://node-1.example", maintenance=False, local=True, wings=wings, panel_reaches=True)
        self.backup = self.made(uuid(7))
        self.view = PterodactylView(
            NOW, "1.11.7", "settings", (replace(FIRST, backups=(self.backup,)),), (node,), Callback("healthy", at=NOW), complete=True
        )

    def made(self, backup: str, age: float = 3600.0) -> Backup:
        path, content = self.backups / f"{backup}.tar.gz", backup.encode() * 9
        path.write_bytes(content)
        (self.copies / path.name).write_bytes(content)
        sha1 = hashlib.sha1(content, usedforsecurity=False).hexdigest()
        identity = identity_at(path)
        told = {"verdict": "good", "level": 3, "sha1": sha1, "identity": {name: getattr(identity, name) for name in identity.__slots__}}
        path.with_name(path.name + NOTE).write_text(json.dumps(told))
        return Backup(backup, "nightly", FIRST.uuid, True, False, f"sha1:{sha1}", len(content), NOW - age, NOW - age)

    def server(self, **changes) -> None:
        self.view = replace(self.view, servers=(replace(self.view.servers[0], **changes),))

    def node(self, **changes) -> None:
        self.view = replace(self.view, nodes=(replace(self.view.nodes[0], **changes),))

    def copied_to(self, *directories: Path) -> None:
        asked = self.settings.preflight.model_copy(update={"copies": directories})
        self.settings = self.settings.model_copy(update={"preflight": asked})

    def look(self, to: str = "1.11.8") -> Preflight:
        return Preflight(to, checks(self.settings, self.view, to, NOW))

    def against(self, to: str = "1.11.8") -> dict[str, bool | None]:
        return {each.name: each.ok for each in self.look(to).reasons}


@pytest.fixture
def scene(tmp_path):
    made = Scene(tmp_path)
    if made.copies.stat().st_dev == made.backups.stat().st_dev:  # pragma: no cover  # a machine whose temporary files are in memory
        pytest.fail("the test needs two file systems")
    yield made
    for path in made.copies.iterdir():
        path.unlink()
    made.copies.rmdir()


def test_all_that_is_well_is_a_go(scene):
    looked = scene.look()
    assert looked.go, looked.reasons
    assert {each.name for each in looked.checks if each.note} == {"panel database"}


TABLE = {
    "back": (lambda _: None, "1.11.7", {"version": False}),
    "words": (lambda _: None, "latest", {"version": False}),
    "bug": (lambda s: setattr(s, "view", replace(s.view, version="1.11.5")), "1.11.6", {"release": False}),
    "unknown_now": (lambda s: setattr(s, "view", replace(s.view, version="")), "1.11.8", {"version": None}),
    "wings_too_old": (lambda s: s.node(wings=replace(s.view.nodes[0].wings, version="1.10.3")), "1.11.8", {"compatibility/node-1": False}),
    "wings_silent": (lambda s: s.node(wings=Wings(error="refused")), "1.11.8", {"compatibility/node-1": None}),
    "not_in_table": (lambda _: None, "1.99.0", {"compatibility/node-1": None}),
    "callback": (lambda s: setattr(s, "view", replace(s.view, callback=Callback("token_drift", at=NOW))), "1.11.8", {"callback": False}),
    "not_asked": (lambda s: setattr(s, "view", replace(s.view, callback=Callback())), "1.11.8", {"callback": None}),
    "unreached": (lambda s: s.node(panel_reaches=False), "1.11.8", {"reaches/node-1": False}),
    "installing": (lambda s: s.server(status="installing"), "1.11.8", {"in flight": False}),
    "transfer": (lambda s: s.server(transferring=True), "1.11.8", {"in flight": False}),
    "pending": (
        lambda s: s.server(backups=(s.backup, replace(s.backup, uuid=uuid(8), successful=False, completed_at=None))), "1.11.8",
        {"backups in flight": False},
    ),
    "blind": (lambda s: s.server(blind="409 ServerStateConflictException"), "1.11.8", {"records": None}),
    "none": (lambda s: s.server(backups=()), "1.11.8", {"backup/first---": False}),
    "old": (lambda s: s.server(backups=(s.made(uuid(7), 7 * 86400.0),)), "1.11.8", {"backup/first---": False}),
    "gone": (lambda s: (s.backups / f"{uuid(7)}.tar.gz").unlink(), "1.11.8", {"backup/first---": False}),
    "changed": (lambda s: (s.backups / f"{uuid(7)}.tar.gz").touch(), "1.11.8", {"backup/first---": False}),
    "other_sha1": (lambda s: s.server(backups=(replace(s.backup, checksum="sha1:" + "0" * 40),)), "1.11.8",
                   {"backup/first---": False, "copy/first---": False}),
    "no_note": (lambda s: (s.backups / f"{uuid(7)}.tar.gz{NOTE}").unlink(), "1.11.8", {"backup/first---": False}),
    "no_copy": (lambda s: (s.copies / f"{uuid(7)}.tar.gz").unlink(), "1.11.8", {"copy/first---": False}),
    "bad_copy": (lambda s: (s.copies / f"{uuid(7)}.tar.gz").write_bytes(b"x" * s.backup.bytes), "1.11.8", {"copy/first---": False}),
    "same_disk": (lambda s: s.copied_to(s.backups), "1.11.8", {"copy/first---": False}),
    "no_copies_said": (lambda s: s.copied_to(), "1.11.8", {"copy/first---": None}),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLE)
def test_each_reason_speaks_against_it_alone(scene, name):
    change, to, against = TABLE[name]
    change(scene)
    assert scene.against(to) == against
    assert not scene.look(to).go


def test_a_verdict_of_bad_or_unverifiable_beside_the_archive_is_said(scene):
    note = scene.backups / f"{uuid(7)}.tar.gz{NOTE}"
    for verdict, ok in (("bad", False), ("unverifiable", None)):
        note.write_text(json.dumps(json.loads(note.read_text()) | {"verdict": verdict}))
        assert scene.against() == {"backup/first---": ok}
    note.write_text("[]")
    assert scene.against() == {"backup/first---": False}


def test_servers_of_other_nodes_are_left_to_the_agents_there(scene):
    scene.server(node=THERE, backups=())
    looked = scene.look()
    assert looked.go
    assert [each.name for each in looked.checks if each.note] == ["backup/first---", "panel database"]


@pytest.mark.timeout(300)
def test_the_command_over_a_panel_says_no_go_then_go(tmp_path, capsys):
    with Stage(tmp_path / "node") as stage:
        (tmp_path / "token").write_text(ADMIN_KEY)
        own = {
            "name": "n", "url": stage.panel.url, "token_file": str(tmp_path / "token"), "panel_version": "1.11.8",
            "node": {"config": str(stage.wings.config), "backups": str(stage.wings.backups), "volumes": str(stage.wings.volumes)},
        }  # fmt: skip
        config = tmp_path / "config.yaml"
        config.write_text(json.dumps({"host": "here", "collectors": {"docker": {"enabled": False}}, "panels": {"pterodactyl": [own]}}))
        told = ["preflight", "n", "--config", str(config), "--to"]
        assert main([*told, "1.11.9"]) == 1
        assert "has no complete backup\n" in capsys.readouterr().out
        backup = stage.create()
        stage.wings.join()
        assert main(["rehearse", "n", str(stage.path(backup)), "--config", str(config), "--directory", "/dev/shm"]) == 0
        capsys.readouterr()
        assert main([*told, "1.11.9", "--json"]) == 1
        (reason,) = [each for each in json.loads(capsys.readouterr().out)["checks"] if each["ok"] is not True and not each["note"]]
        copy = f"copy/{stage.server.uuid[:8]}"
        assert (reason["name"], reason["ok"]) == (copy, None)
        assert main([*told, "1.11.9", "--accept", copy]) == 0
        assert "go: nothing speaks against 1.11.9" in capsys.readouterr().out
        assert main([*told, "1.11.9", "--accept", "nonsense"]) == 3
        assert main(["preflight", "nobody", "--config", str(config), "--to", "1.11.9"]) == 3


def test_what_a_person_takes_upon_himself_speaks_no_more(scene):
    scene.server(backups=())
    looked = replace(scene.look(), accepted=frozenset({"backup/first---"}))
    assert looked.go
    assert not Preflight("1", (Check("x", None, ""),)).go
    assert not Preflight("1", (Check("x", None, "", note=True),)).go, "nothing looked at is no go"
