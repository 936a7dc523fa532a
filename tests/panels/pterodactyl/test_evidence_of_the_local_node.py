"""What the host of a node shows: files, paths that differ, file systems that may hang; each part that cannot be seen says so alone."""

import os
import shutil
import time
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.support import wings_sight
from watchdog.errors import Blind
from watchdog.model.snapshots import Actual
from watchdog.panels.pterodactyl import heartbeat, zones
from watchdog.panels.pterodactyl.disks import Disks
from watchdog.panels.pterodactyl.evidence import EvidenceReader
from watchdog.panels.pterodactyl.settings import PterodactylSettings
from watchdog.panels.pterodactyl.traces import NOTHING, BackupLog, Log
from watchdog.runtime.clock import SystemClock

BACKUP = "aaaaaaaa-0000-4000-8000-000000000001"
SERVER = "11111111-0000-4000-8000-000000000000"


@pytest.fixture
def node(tmp_path):
    wings_sight.lay_out(tmp_path)
    return tmp_path


def look(node, **paths):
    return wings_sight.reader(node, **paths).read(Actual())


def test_without_a_node_nothing_is_looked_at(tmp_path):
    settings = PterodactylSettings(name="p", url="https://panel.example.test", token_file=tmp_path / "t")
    assert EvidenceReader(settings, SystemClock()).read(Actual()) is NOTHING


def test_what_a_node_has_is_seen_and_its_token_is_nowhere(node):
    (node / "lib/volumes" / SERVER).mkdir()
    (node / "lib/volumes/lost+found").mkdir()
    (node / "lib/states.json").write_text(f'{{"{SERVER}": "running", "strange": "running"}}')
    held = node / "lib/backups/.watchdog-held"
    held.mkdir()
    archive = node / f"lib/backups/{BACKUP}.tar.gz"
    archive.write_bytes(b"x")
    os.link(archive, held / archive.name)
    (held / "note.txt").touch()
    seen = look(node)
    assert seen.local.uuid == wings_sight.UUID
    assert (seen.error, seen.mismatch, seen.blind) == ("", "", {})
    assert seen.volumes == (SERVER,)
    assert seen.heartbeat.states == {SERVER: "running"}
    assert abs(seen.heartbeat.at - time.time()) < 600
    assert [(each.uuid, each.links) for each in seen.kept] == [(BACKUP, 2)]
    archive.unlink()
    assert [each.links for each in look(node).kept] == [1]  # what Wings has deleted and we still hold
    assert seen.process is None
    assert "no process of Wings" in seen.process_word
    assert wings_sight.SECRET not in repr(seen)


def test_a_configuration_that_cannot_be_read_leaves_nothing_but_its_reason(node):
    (node / "etc/config.yml").write_text("")
    seen = look(node)
    assert seen.local is None
    assert "just be writing" in seen.error


@pytest.mark.parametrize("name", ["backups", "log", "states", "volumes"])
def test_a_path_that_is_not_wings_own_is_named_with_both_and_the_way_out(node, name):
    other = node / "other" / ("wings.log" if name == "log" else name)
    other.parent.mkdir()
    seen = look(node, **{name: str(other)})
    assert f"node.{name} is {other}, and Wings has {node}" in seen.mismatch
    assert f"set node.{name}" in seen.mismatch


def test_another_name_of_the_same_place_is_no_difference(node):
    (node / "srv").symlink_to(node / "lib")
    assert (
        look(node, backups=str(node / "srv/backups"), volumes=str(node / "srv/volumes"), states=str(node / "srv/states.json")).mismatch
        == ""
    )


def test_each_part_that_cannot_be_seen_says_so_alone(node):
    shutil.rmtree(node / "lib/volumes")
    (node / "lib/states.json").unlink()
    (node / "log/wings.log").unlink()
    seen = look(node)
    assert seen.volumes is None
    assert "node.volumes" in seen.blind["volumes"]
    assert "node.states" in seen.heartbeat.error
    assert "node.log" in seen.log.error
    assert not seen.log.covers(0.0)
    assert seen.kept == ()


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "\0"])
def test_a_heartbeat_that_is_just_being_written_has_its_time(node, text):
    (node / "lib/states.json").write_text(text)
    seen = look(node).heartbeat
    assert seen.at is not None
    assert seen.states == {}
    assert seen.error


def test_a_folder_or_a_fifo_in_place_of_the_heartbeat_never_hangs(tmp_path):
    os.mkfifo(tmp_path / "states.json")
    assert "regular" in heartbeat.heartbeat(tmp_path / "states.json").error
    assert heartbeat.heartbeat(tmp_path).at is None


def test_what_lies_on_a_file_system_that_may_hang_is_not_touched(node):
    mounts = node / "mountinfo"
    mounts.write_text(
        f"1 0 8:1 / / rw - ext4 /dev/a rw\n2 1 0:9 / {node}/lib rw - nfs4 there rw\n3 1 0:9 / {node}/log rw - fuse.x there rw\n"
    )
    seen = EvidenceReader(wings_sight.settings(node), SystemClock(), wings_sight.narrow(node), mounts).read(Actual())
    assert "nfs4" in seen.blind["volumes"]
    assert "nfs4" in seen.heartbeat.error
    assert "fuse.x" in seen.log.error
    assert seen.kept is None
    assert (seen.filesystem_kind, seen.filesystem_local) == ("nfs4", False)


def test_the_table_of_mounts_is_read_through_links_without_touching_what_may_hang(tmp_path):
    (tmp_path / "link").symlink_to("there/deeper")
    (tmp_path / "up").symlink_to("../" * 40 + str(tmp_path / "a b").lstrip("/"))
    (tmp_path / "round").symlink_to("round")
    disks = Disks(
        f"1 0 8:1 / / rw - ext4 /dev/a rw\n2 1 0:9 / {tmp_path}/there rw master:1 - nfs4 there rw\n"
        f"3 1 0:10 / {tmp_path}/a\\040b rw - fuse.sshfs there rw\nnonsense\n4 1 0:11 / {tmp_path}/twice rw - nfs a rw\n"
        f"5 1 0:12 / {tmp_path}/twice rw - xfs b rw\n"
    )  # fmt: skip
    assert disks.of(tmp_path).kind == "ext4"
    assert disks.of(tmp_path / "there/x/y").kind == "nfs4"
    assert disks.of(tmp_path / "link/x").kind == "nfs4"
    assert disks.of(tmp_path / "up").kind == "fuse.sshfs"
    assert disks.of(tmp_path / "twice").kind == "xfs"  # the later one covers the earlier
    assert disks.of(tmp_path / "round").kind == "ext4"
    assert disks.of(Path("relative/x")).kind == "ext4"
    assert disks.lexical("no/slash").kind == "ext4"
    assert not Disks("").of(tmp_path).local
    assert Disks.read().of(Path("/proc")).kind == "proc"
    with pytest.raises(Blind, match="mountinfo"):
        Disks.read(tmp_path / "mountinfo")


def test_the_zones_to_try_begin_with_the_operators_word_or_wings_own(tmp_path):
    home = tmp_path / "proc"
    home.mkdir()
    assert [each.name for each in zones.candidates("Asia/Tokyo", "Europe/Vienna", None)] == ["Asia/Tokyo"]
    told = zones.candidates("", "Europe/Vienna", None)
    assert told[0].info == ZoneInfo("Europe/Vienna")
    (home / "environ").write_bytes(b"HOME=/\0TZ=America/New_York\0")
    assert [each.name for each in zones.candidates("", "Europe/Vienna", home)][:2] == ["America/New_York", "Europe/Vienna"]
    (home / "environ").write_bytes(b"TZ=\0")
    assert zones.candidates("", "Europe/Vienna", home)[0].name == "UTC"  # so says Go
    (home / "environ").write_bytes(b"HOME=/\0")
    (home / "root/etc").mkdir(parents=True)
    assert zones.candidates("", "Europe/Vienna", home)[0].name == "UTC"  # no /etc/localtime
    zone = Path("/usr/share/zoneinfo/Europe/Vienna")
    if zone.exists():
        (home / "root/usr/share/zoneinfo/Europe").mkdir(parents=True)
        shutil.copy(zone, home / "root/usr/share/zoneinfo/Europe/Vienna")
        (home / "root/etc/localtime").symlink_to("/usr/share/zoneinfo/Europe/Vienna")
        assert zones.candidates("", "", home)[0].name == "Wings' own /etc/localtime"
    assert zones.candidates("", "no/such", None)[-1] in (zones.UTC, zones.candidates("", "", None)[-1])


def test_who_was_in_flight_at_a_moment():
    log = Log(backups={
        "a": BackupLog("a", SERVER, began=10.0),
        "b": BackupLog("b", SERVER, began=10.0, notified=20.0),
        "c": BackupLog("c", SERVER, began=30.0),
        "d": BackupLog("d", "another", began=10.0),
        "e": BackupLog("e", SERVER, notified=20.0),
    })  # fmt: skip
    assert log.in_flight(SERVER, 15.0) == ("a", "b")
    assert log.in_flight(SERVER, 25.0) == ("a",)
    assert log.in_flight(SERVER, 5.0) == ()
    assert log.of("none") == BackupLog("none")
