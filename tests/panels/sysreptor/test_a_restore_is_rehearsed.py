"""`rehearse`: what the content's rehearsal proves, what it finds, what the full one refuses, and that nothing is left or touched."""

from __future__ import annotations

import io
import json
import stat
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.keeping import Counts
from tests.support.sysreptor_panel import AES_KEY
from watchdog.cli import main
from watchdog.collectors.archives import assemble
from watchdog.collectors.archives.notes import SUFFIX as NOTE_SUFFIX
from watchdog.collectors.archives.settings import ArchivesSettings
from watchdog.collectors.docker.fake import FakeEngine, FakeEngineWorld
from watchdog.model.docker import Mount
from watchdog.model.transfers import always
from watchdog.panels.sysreptor import PANEL, throwaway
from watchdog.panels.sysreptor.fake import SysreptorWorld, sealed
from watchdog.panels.sysreptor.rehearsing import rehearse
from watchdog.panels.sysreptor.settings import SysreptorSettings
from watchdog.runtime import yaml
from watchdog.runtime.clock import SystemClock
from watchdog.runtime.engine import Engine

ROOM = 64 << 20


def backup(projects: int = 3) -> bytes:
    world = SysreptorWorld("2026.61", now=time.time)
    world.projects = projects
    return b"".join(world.backup())


def changed(content: bytes, change: Callable[[str, bytes], bytes | None]) -> bytes:
    """Write a backup anew, each entry as ``change`` wants it (None = without it)."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for info in old.infolist():
            body = change(info.filename, old.read(info))
            if body is not None:
                new.writestr(info.filename, body)
    return made.getvalue()


def rows(content: bytes, change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> bytes:
    def one(name: str, body: bytes) -> bytes:
        if name != "backup.jsonl":
            return body
        return b"".join(json.dumps(row).encode() + b"\n" for row in change([json.loads(line) for line in body.splitlines()]))

    return changed(content, one)


def tried(content: bytes, scratch: Path, room: int = ROOM):
    done = rehearse(io.BytesIO(content), scratch, room, always)
    return done, {step.name: step for step in done.steps}


def test_a_good_backup_is_loaded_and_read_back_and_its_files_come_out(tmp_path):
    done, steps = tried(backup(), tmp_path)
    assert (done.good, done.kind) == (True, "content")
    assert [step.ok for step in done.steps] == [True] * 5, done
    facts = dict(done.facts)
    assert facts["rows"] > 100 and facts["files"] == 8 and facts["files_missing"] == 0 and facts["pointers_lost"] == 0
    assert "2026.61" in steps["open"].message
    assert not [path for path in (tmp_path / "files").iterdir() if not path.name.isdigit()], "no name from inside becomes a name here"


def test_a_row_that_is_there_twice_would_stop_a_restore(tmp_path):
    done, steps = tried(rows(backup(), lambda all_: [*all_, all_[0]]), tmp_path)
    assert not done.good and "is there twice" in steps["rows"].message


def test_a_row_that_names_nobody_is_told(tmp_path):
    def without_project(every):
        return [row for row in every if row["model"] != "pentests.pentestproject"]

    done, steps = tried(rows(backup(), without_project), tmp_path)
    assert steps["relations"].ok is None and "not there" in steps["relations"].message
    assert dict(done.facts)["pointers_lost"] > 0


def test_a_file_that_is_missing_or_empty_fails(tmp_path):
    gone = changed(backup(), lambda name, body: None if name.startswith("uploadedimages/") else body)
    (tmp_path / "a").mkdir()
    done, steps = tried(gone, tmp_path / "a")
    assert not done.good and "pentests.uploadedimage" in steps["files"].message
    (tmp_path / "b").mkdir()
    done, steps = tried(changed(backup(), lambda name, body: b"" if name.startswith("uploadedfiles/") else body), tmp_path / "b")
    assert not done.good and "3 files are empty" in steps["empty files"].message


@pytest.mark.parametrize("content", [b"", b"no zip", backup()[:-100]], ids=["empty", "text", "cut"])
def test_what_is_no_archive_fails_without_a_crash(tmp_path, content):
    assert not tried(content, tmp_path)[0].good


def test_a_lying_row_fails(tmp_path):
    for number, line in enumerate((b"{", b"[]\n", b'{"model": 1, "pk": 1, "fields": {}}\n')):
        (tmp_path / str(number)).mkdir()
        broken = changed(backup(), lambda name, body, line=line: body + line if name == "backup.jsonl" else body)
        assert not tried(broken, tmp_path / str(number))[0].good


def test_scratch_stays_within_its_room(tmp_path):
    _, steps = tried(backup(40), tmp_path, room=200 << 10)
    assert steps["rows"].ok is None and "--room" in steps["rows"].message
    assert sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) <= 200 << 10


def test_files_that_do_not_fit_are_read_all_the_same(tmp_path):
    done, _ = tried(backup(8), tmp_path, room=1200 << 10)
    assert done.good and dict(done.facts)["files"] == 18
    assert len(list((tmp_path / "files").iterdir())) < 18
    assert sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) <= 1200 << 10
    broken = bytearray(backup(8))
    broken[len(broken) * 3 // 4] ^= 0xFF  # in a file's content
    (tmp_path / "again").mkdir()
    assert not tried(bytes(broken), tmp_path / "again", room=1200 << 10)[0].good


# --- the command ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def house(tmp_path):
    backups, scratch = tmp_path / "backups", tmp_path / "scratch"
    backups.mkdir()
    scratch.mkdir()
    (tmp_path / "aes").write_text(AES_KEY)

    def config(**more: Any) -> str:
        own = {"name": "reports", "backups": {"path": str(backups)}, "aes_key_file": str(tmp_path / "aes"), **more}
        path = tmp_path / "config.yaml"
        docker = {"url": f"unix://{tmp_path}/none.sock"}
        path.write_text(yaml.dump({"host": "here", "panels": {"sysreptor": [own]}, "collectors": {"docker": docker}}))
        return str(path)

    def land(name: str, content: bytes) -> Path:
        path = backups / name
        path.write_bytes(content)
        path.chmod(0o600)
        return path

    return config, land, scratch


def test_the_newest_is_taken_and_the_result_says_which_of_the_two_it_was(house, capsys):
    config, land, scratch = house
    path = land("sysreptor-full-backup-a.zip", backup())
    assert main(["rehearse", "reports", "--config", config(), "--directory", str(scratch)]) == 0
    said = capsys.readouterr().out
    assert "a rehearsal of the content (level 3)" in said and "the panel restored nothing" in said
    note = path.with_name(path.name + NOTE_SUFFIX)
    told = json.loads(note.read_text())
    assert (told["kind"], told["verdict"], told["level"], stat.S_IMODE(note.stat().st_mode)) == ("content", "good", 3, 0o600)
    assert list(scratch.iterdir()) == [], "nothing is left"


def test_the_collector_tells_of_it_until_the_file_is_another(house, capsys):
    config, land, scratch = house
    path = land("sysreptor-full-backup-a.zip", backup())
    path.chmod(0o644)
    assert main(["rehearse", "reports", "--config", config(), "--directory", str(scratch)]) == 0
    assert stat.S_IMODE(path.with_name(path.name + NOTE_SUFFIX).stat().st_mode) == 0o644, "who reads the backup reads the note"
    own = SysreptorSettings.model_validate({"name": "reports", "backups": {"path": str(path.parent), "rehearse_every": "90d"}})
    settings, clock = ArchivesSettings(), SystemClock()
    spec, queue = assemble.build(settings, [PANEL.needs(own)], clock, Counts())
    collector = spec.factory()
    (state,) = collector.collect().rehearsals
    assert (state.directory, state.overdue, state.good.level) == ("reports:backups", False, 3)
    path.write_bytes(backup(4))
    (file,) = collector.collect().files
    assert file.verification.rehearsed is None
    assert "rehearsal_of_another" in [word for word, _ in file.verification.remarks]
    collector.close()
    queue.close()


def test_an_encrypted_one_is_rehearsed_with_its_key(house, capsys):
    config, land, scratch = house
    path = land("sysreptor-full-backup-a.zip", b"".join(sealed([backup()], bytes.fromhex(AES_KEY))))
    assert main(["rehearse", "reports", str(path), "--config", config(), "--directory", str(scratch), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["facts"]["files"] == 8
    assert main(["rehearse", "reports", str(path), "--config", config(aes_key_file=None), "--directory", str(scratch)]) == 2


def test_a_bad_one_is_not_even_begun(house, capsys):
    config, land, scratch = house
    land("sysreptor-full-backup-a.zip", backup()[:-200])
    assert main(["rehearse", "reports", "--config", config(), "--directory", str(scratch)]) == 1
    said = capsys.readouterr().out
    assert "FAILED" in said and "rows" not in said


def test_the_scratch_may_not_lie_where_backups_are(house, capsys):
    config, land, _ = house
    path = land("sysreptor-full-backup-a.zip", backup())
    (path.parent / "in").mkdir()
    for place in (path.parent, path.parent / "in", path.parent.parent):
        assert main(["rehearse", "reports", "--config", config(), "--directory", str(place)]) == 3
    assert "lie in one another" in capsys.readouterr().err
    assert main(["rehearse", "nobody", "--config", config()]) != 0


def test_the_full_one_refuses_without_a_licence_and_runs_nothing(house, capsys):
    config, land, _ = house
    land("sysreptor-full-backup-a.zip", backup())
    assert main(["rehearse", "reports", "--full", "--config", config()]) == 3
    said = capsys.readouterr().out
    assert "refuses without a Professional licence" in said and "docker run" not in said


def planned(tmp_path: Path, world: FakeEngineWorld, **more: Any):
    (tmp_path / "licence").write_text("stand-in-licence-4711")
    (tmp_path / "e").mkdir(exist_ok=True)
    own = SysreptorSettings.model_validate(
        {
            "name": "reports",
            "backups": {"path": str(tmp_path)},
            "restore": {"licence_file": str(tmp_path / "licence"), "memory": "64MiB"},
            **more,
        }
    )
    with tempfile.TemporaryDirectory(prefix="wdr-") as short, FakeEngine(world, Path(short) / "d.sock") as engine:
        return PANEL.throw_away(own, io.BytesIO(backup()), Engine(engine.url))  # type: ignore[attr-defined]


def test_the_full_plan_shares_no_name_with_production(tmp_path):
    world = FakeEngineWorld()
    world.run("sysreptor-app")
    plan = planned(tmp_path, world)
    assert plan.refusals == () and len(plan.commands) == 8
    text = "\n".join(plan.commands)
    assert "syslifters/sysreptor:2026.61" in text and "--internal" in text and "--no-healthcheck" in text
    assert not any(name in text for name in throwaway.VENDOR) and "S3" not in text and "stand-in-licence-4711" not in text
    world.run("watchdog-rehearsal-reports-database")
    refused = planned(tmp_path, world)
    assert refused.commands == () and any("is a name that is in use" in why for why in refused.refusals)


def test_what_the_container_has_mounted_is_in_use(tmp_path):
    world = FakeEngineWorld()
    world.run("sysreptor-app", mounts=(Mount(str(tmp_path / "data"), "/data"), Mount("sysreptor-app-data", "/more")))
    own = SysreptorSettings.model_validate({"name": "reports", "backups": {"path": str(tmp_path / "b")}, "run": {"directory": "/srv/own"}})
    with tempfile.TemporaryDirectory(prefix="wdr-") as short, FakeEngine(world, Path(short) / "d.sock") as engine:
        found = throwaway.in_use(own, Engine(engine.url))
    assert {tmp_path / "b", Path("/srv/own"), tmp_path / "data"} <= set(found)
    assert set(throwaway.in_use(own, None)) == {tmp_path / "b", Path("/srv/own")}


def test_any_equal_name_is_refused():
    assert list(throwaway.clashes(("a", "b"), frozenset({"b", "c"}))) == [
        "'b' is a name that is in use: a rehearsal shares no name with anything"
    ]
