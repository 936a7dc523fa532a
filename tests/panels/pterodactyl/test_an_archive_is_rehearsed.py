"""A restore rehearsed: an archive unpacked into a bounded scratch directory and compared; nothing gets out, nothing is believed."""

from __future__ import annotations

import io
import json
import stat
import tarfile

import pytest
import typer

from tests.support.pterodactyl_guard import SERVER, uuid
from tests.support.pterodactyl_stage import Stage
from watchdog import settings
from watchdog.cli.rehearse import BAD, GOOD, NOTE_SUFFIX, _rehearse
from watchdog.collectors.archives.plain import open_plain
from watchdog.model.transfers import always
from watchdog.panels.pterodactyl.preflight import NOTE
from watchdog.panels.pterodactyl.rehearsing import rehearse
from watchdog.panels.pterodactyl.settings import PterodactylSettings

BACKUP = uuid(7)
ROOM = 1 << 30


@pytest.fixture
def own(tmp_path):
    (tmp_path / "volumes" / SERVER).mkdir(parents=True)
    (tmp_path / "backups").mkdir()
    node = {"backups": tmp_path / "backups", "volumes": tmp_path / "volumes", "log": tmp_path / "wings.log"}
    return PterodactylSettings(name="n", url="https://panel.example", token_file=tmp_path / "token", node=node)


def entry(name, content=b"x", **more):
    about = tarfile.TarInfo(name)
    about.size = len(content) if more.get("type", tarfile.REGTYPE) == tarfile.REGTYPE else 0
    for key, value in more.items():
        setattr(about, key, value)
    return about, io.BytesIO(content)


def archive(own, *entries):
    path = own.node.backups / f"{BACKUP}.tar.gz"
    with tarfile.open(path, "w:gz") as made:
        for about, content in entries:
            made.addfile(about, content)
    return path


def rehearsed(own, path, scratch, room=ROOM):
    scratch.mkdir()
    with path.open("rb") as file:
        return rehearse(own, open_plain(file.fileno(), b""), scratch, room, always)


def step(done, name):
    return next(each for each in done.steps if each.name == name)


def test_every_file_is_unpacked_and_held_to_its_header_and_to_the_volume(own, tmp_path):
    world = own.node.volumes / SERVER
    (world / "world").mkdir()
    (world / "world" / "level.dat").write_bytes(b"1234")
    (world / "server.properties").write_bytes(b"longer by now")
    own.node.log.write_text(f" INFO: [Nov 21 08:00:55.117] creating backup for server   adapter=wings backup={BACKUP} server={SERVER}\n")
    done = rehearsed(
        own, archive(own, entry("world/level.dat", b"1234"), entry("server.properties", b"abc"), entry("gone", b"")), tmp_path / "s"
    )
    assert done.good
    assert not done.cut
    assert dict(done.facts) == {"entries": 3, "files": 3, "bytes": 7, "passed_over": 0}
    assert (tmp_path / "s/world/level.dat").read_bytes() == b"1234"
    assert step(done, "volume").message == f"of 3 files the volume of server {SERVER} has 2 today, 1 of the same size"


def test_links_devices_and_special_bits_are_not_made(own, tmp_path):
    odd = [
        entry("link", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
        entry("hard", type=tarfile.LNKTYPE, linkname="plain"),
        entry("pipe", type=tarfile.FIFOTYPE),
        entry("disk", type=tarfile.BLKTYPE),
        entry("tool", b"#!", mode=0o6755),
        entry("plain"),
    ]
    done = rehearsed(own, archive(own, *odd), tmp_path / "s")
    assert done.good
    assert sorted(path.name for path in (tmp_path / "s").iterdir()) == ["plain", "tool"]
    assert stat.S_IMODE((tmp_path / "s/tool").stat().st_mode) == 0o600
    assert step(done, "passed over").message == "not unpacked here: 1 device, 1 fifo, 1 hard link, 1 symlink"
    assert "1 entries are setuid" in step(done, "modes").message


@pytest.mark.parametrize("name", ["/etc/cron.d/x", "../x", "world/../../x"])
def test_a_name_that_leads_out_fails_it_and_makes_nothing_outside(own, tmp_path, name):
    before = sorted(path for path in tmp_path.rglob("*"))
    path = archive(own, entry(name))
    done = rehearsed(own, path, tmp_path / "s")
    assert not done.good
    assert "leads out" in step(done, "unpack").message
    assert sorted(path for path in tmp_path.rglob("*")) == sorted([*before, path, tmp_path / "s"])


def test_through_a_link_of_the_archives_own_nothing_is_written(own, tmp_path):
    (tmp_path / "victim").mkdir()
    path = archive(own, entry("door", type=tarfile.SYMTYPE, linkname=str(tmp_path / "victim")), entry("door/key", b"in"))
    done = rehearsed(own, path, tmp_path / "s")
    assert done.good
    assert list((tmp_path / "victim").iterdir()) == []
    assert (tmp_path / "s/door/key").read_bytes() == b"in"


def test_a_file_and_a_directory_of_one_name_fail_it(own, tmp_path):
    done = rehearsed(own, archive(own, entry("a"), entry("a/b")), tmp_path / "s")
    assert "of one name" in step(done, "unpack").message
    assert not done.good


def test_of_one_name_twice_the_last_counts(own, tmp_path):
    done = rehearsed(own, archive(own, entry("a", b"first"), entry("a", b"2")), tmp_path / "s")
    assert done.good
    assert (tmp_path / "s/a").read_bytes() == b"2"
    assert "1 names stand in it more than once" in step(done, "names").message


def test_what_does_not_fit_is_not_called_good(own, tmp_path):
    done = rehearsed(own, archive(own, entry("a", b"x" * 600), entry("b", b"y" * 600)), tmp_path / "s", room=1000)
    assert done.cut
    assert step(done, "unpack").ok is None
    assert sum(path.stat().st_size for path in (tmp_path / "s").iterdir()) <= 1000


def test_a_cut_archive_fails(own, tmp_path):
    path = archive(own, entry("a", bytes(range(256)) * 400))
    path.write_bytes(path.read_bytes()[:-200])
    assert not rehearsed(own, path, tmp_path / "s").good


# ---- by the command ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.timeout(300)
def test_the_command_leaves_its_result_beside_the_archive_of_a_wings_and_no_scratch(tmp_path, capsys):
    assert NOTE == NOTE_SUFFIX
    with Stage(tmp_path / "node") as stage:
        stage.wings.fill(stage.server.uuid, {"world/level.dat": b"level" * 100, "server.properties": b"motd=hi"})
        backup = stage.create()
        stage.wings.join()
        path = stage.path(backup)
        loaded = settings.parse(
            json.dumps({"collectors": {"docker": {"enabled": False}}, "panels": {"pterodactyl": [{
                "name": "n", "url": stage.panel.url, "token_file": str(tmp_path / "token"),
                "node": {"config": str(stage.wings.config), "backups": str(path.parent), "volumes": str(stage.wings.volume("x").parent),
                         "log": str(stage.wings.log_file)}}]}}), "test", {},
        )  # fmt: skip
        scratch = tmp_path / "scratch"
        scratch.mkdir()

        def run():
            with pytest.raises(typer.Exit) as ended:
                _rehearse(loaded, "n", path, scratch, 0, full=False, as_json=False)
            return ended.value.exit_code

        assert run() == GOOD, capsys.readouterr().out
        note = json.loads(path.with_name(path.name + NOTE).read_text())
        assert (note["verdict"], note["level"], note["identity"]["inode"]) == ("good", 3, path.stat().st_ino)
        assert note["sha1"] == stage.shown(backup)["checksum"].removeprefix("sha1:")
        assert f"the volume of server {stage.server.uuid} has 6 today, 6 of the same size" in capsys.readouterr().out
        path.write_bytes(path.read_bytes()[:-9])
        assert run() == BAD
        assert list(scratch.iterdir()) == []
