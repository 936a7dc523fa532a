"""A part is nobody's backup: created new, locked, judged as it grows, and given its name only in the end; quarantine renames and notes."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import subprocess
import sys
import time
import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from watchdog.errors import MalformedAnswer, Refused, Temporary
from watchdog.runtime.partfile import HEAD, SUFFIX, PartFile, free_bytes, writer_lives, wrong_head
from watchdog.runtime.quarantine import identity_of, set_aside

MAGICS = (b"PK\x03\x04", b"\xc2YPT")


def archive() -> bytes:
    made = BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        file.writestr("VERSION", "2026.61\n")
        file.writestr("bytes", bytes(range(256)) * 300)
    return made.getvalue()


def part(tmp_path: Path, floor: int = 0) -> PartFile:
    return PartFile(tmp_path / "b.zip", MAGICS, floor)


def test_a_good_stream_becomes_a_file_only_in_the_end(tmp_path: Path):
    data = archive()
    with part(tmp_path) as made:
        for at in range(0, len(data), 7):
            made.write(data[at : at + 7])
        assert not made.final.exists()
        assert stat.S_IMODE(made.path.stat().st_mode) == 0o600
        made.settle()
        made.publish()
    assert made.final.read_bytes() == data and not made.path.exists()
    assert (made.size, made.sha1, made.sha256) == (len(data), hashlib.sha1(data).hexdigest(), hashlib.sha256(data).hexdigest())


def test_nothing_is_ever_written_over(tmp_path: Path):
    (tmp_path / "b.zip").write_bytes(b"the last good one")
    with pytest.raises(Refused, match="there already"):
        part(tmp_path)
    (tmp_path / "b.zip").unlink()
    (tmp_path / f"b.zip{SUFFIX}").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Refused):
        part(tmp_path)
    assert not (tmp_path / "elsewhere").exists()
    (tmp_path / f"b.zip{SUFFIX}").unlink()
    with part(tmp_path) as made:
        made.write(archive())
        (tmp_path / "b.zip").write_bytes(b"came meanwhile")
        with pytest.raises(Refused, match="meanwhile"):
            made.publish()
    assert (tmp_path / "b.zip").read_bytes() == b"came meanwhile"


@pytest.mark.parametrize(
    ("head", "word"),
    [
        (b'{"detail":"Professional license required"}', "json_text"),
        (b"<!DOCTYPE html><html>", "html_page"),
        (b"Backup requested\n" + archive(), "log_line_before"),
        (archive().replace(b"\n", b"\r\n"), "crlf_mangled"),
        (b"CommandError: Professional license required\n", "no_archive"),
        (b"PX", "no_archive"),
    ],
)
def test_what_is_no_archive_is_named_before_it_is_written(tmp_path: Path, head: bytes, word: str):
    with part(tmp_path) as made:
        with pytest.raises(MalformedAnswer):
            made.write(head)
        assert made.wrong is not None and made.wrong[0] == word
        assert made.path.stat().st_size == 0


def test_a_head_that_comes_byte_by_byte_is_judged_all_the_same(tmp_path: Path):
    with part(tmp_path) as made:
        for byte in b"PK\x03":
            made.write(bytes([byte]))
        assert made.wrong is None
        with pytest.raises(MalformedAnswer):
            made.write(b"\x05")
    assert wrong_head(b"PK\x03", MAGICS, whole=True) == ("no_archive", "it does not begin like an archive")


def test_nothing_at_all_is_named_in_the_end(tmp_path: Path):
    with part(tmp_path) as made, pytest.raises(MalformedAnswer, match="0 bytes"):
        made.settle()


def test_an_honest_archive_with_line_ends_is_not_mangled():
    assert wrong_head(archive() + b"a\nb\nc\r\n" * 2000, MAGICS, whole=True) is None
    assert len(archive()) > HEAD


def test_it_stops_before_the_disk_is_full(tmp_path: Path):
    with part(tmp_path, floor=free_bytes(tmp_path) + (1 << 50)) as made, pytest.raises(Temporary, match="left on the file system"):
        made.write(archive())


def test_a_full_device_is_temporary_and_a_shut_door_is_not(tmp_path: Path):
    with pytest.raises(Refused):
        PartFile(tmp_path / "nowhere" / "b.zip", MAGICS, 0)
    with part(tmp_path) as made:
        made.close()
        made._descriptor = os.open("/dev/full", os.O_WRONLY)
        with pytest.raises(Temporary, match="no room"):
            made.write(archive())


def test_a_part_whose_writer_was_killed_has_no_lock(tmp_path: Path):
    code = (
        "import sys, time; from pathlib import Path; from watchdog.runtime.partfile import PartFile\n"
        "made = PartFile(Path(sys.argv[1]), (b'PK',), 0); made.write(b'PK' * 100); print('ready', flush=True); time.sleep(600)"
    )
    root = Path(__file__).resolve().parents[2]
    child = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "b.zip")], stdout=subprocess.PIPE, cwd=root)
    try:
        assert child.stdout is not None and child.stdout.readline() == b"ready\n"
        left = tmp_path / f"b.zip{SUFFIX}"
        assert writer_lives(left)
    finally:
        child.kill()
        child.wait(60)
        child.stdout.close()
    end = time.monotonic() + 60
    while writer_lives(left) and time.monotonic() < end:
        time.sleep(0.05)
    assert not writer_lives(left) and left.exists() and not (tmp_path / "b.zip").exists()


def test_quarantine_renames_with_a_note_and_twice_is_once(tmp_path: Path):
    bad = tmp_path / "b.zip"
    bad.write_bytes(b"half")
    identity = identity_of(bad)
    goal = set_aside(bad, identity, {"reason": "missing_end", "at": 5.0})
    assert (goal, goal.read_bytes()) == (tmp_path / "quarantine" / "b.zip.quarantined", b"half")
    note = json.loads((tmp_path / "quarantine" / "b.zip.quarantined.json").read_text())
    assert note == {"file": "b.zip", "from": str(tmp_path), "reason": "missing_end", "at": 5.0}
    assert stat.S_IMODE(goal.parent.stat().st_mode) == 0o700
    with pytest.raises(Refused):
        set_aside(bad, identity, {})
    bad.write_bytes(b"another")
    assert set_aside(bad, identity_of(bad), {}).name == "b.zip.1.quarantined"
    assert goal.read_bytes() == b"half"


def test_quarantine_refuses_what_was_not_judged(tmp_path: Path):
    bad = tmp_path / "b.zip"
    bad.write_bytes(b"half")
    identity = identity_of(bad)
    bad.write_bytes(b"whole by now")
    with pytest.raises(Refused, match="has changed"):
        set_aside(bad, identity, {})
    bad.unlink()
    bad.symlink_to("/etc/passwd")
    with pytest.raises(Refused):
        set_aside(bad, identity, {})
    assert not (tmp_path / "quarantine").exists()


def test_a_crash_between_note_and_rename_is_mended_by_the_next_try(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    bad = tmp_path / "b.zip"
    bad.write_bytes(b"half")
    identity = identity_of(bad)
    real = Path.rename
    monkeypatch.setattr(Path, "rename", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        set_aside(bad, identity, {"reason": "first"})
    monkeypatch.setattr(Path, "rename", real)
    goal = set_aside(bad, identity, {"reason": "second"})
    assert goal.read_bytes() == b"half"
    assert json.loads(goal.with_name(goal.name + ".json").read_text())["reason"] == "second"
    assert len(list(goal.parent.iterdir())) == 2
