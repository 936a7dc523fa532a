"""Archives in parts: split, joined, and every way in which a set of parts can be wrong."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.archives import noise
from watchdog.errors import MalformedAnswer, Refused, Temporary
from watchdog.runtime import splits
from watchdog.runtime.manifests import END, MOST_PARTS, Manifest, Part, manifest_text, read_manifest
from watchdog.runtime.partfile import SUFFIX
from watchdog.runtime.splits import SplitWriter, join, split

CONTENT = noise(10_000)


def sha(data):
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def whole(tmp_path):
    path = tmp_path / "in" / "backup.zip"
    path.parent.mkdir()
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def parts(whole, tmp_path):
    """A set of four parts in a folder of its own."""
    folder = tmp_path / "set"
    folder.mkdir()
    split(whole, 3000, folder)
    return folder


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(
    ("size", "volume", "sizes"),
    [
        (10_000, 3000, [3000, 3000, 3000, 1000]),
        (9000, 3000, [3000, 3000, 3000]),
        (1, 3000, [1]),
        (0, 3000, [0]),
        (5, 1, [1] * 5),
        (3_000_000, 1_234_567, [1_234_567, 1_234_567, 530_866]),
    ],
)
def test_a_file_is_split_and_joined_to_the_same_bytes(tmp_path, size, volume, sizes):
    path = tmp_path / "a.bin"
    path.write_bytes(noise(size, 3))
    manifest = split(path, volume, tmp_path)

    told = read_manifest(manifest)
    assert manifest.name == "a.bin.parts.json"
    assert [part.size for part in told.parts] == sizes
    assert [part.name for part in told.parts] == [f"a.bin.{number:03}" for number in range(1, len(sizes) + 1)]
    assert [part.sha256 for part in told.parts] == [sha((tmp_path / part.name).read_bytes()) for part in told.parts]
    assert (told.name, told.size, told.sha256) == ("a.bin", size, sha(noise(size, 3)))
    assert {(tmp_path / part.name).stat().st_mode & 0o777 for part in told.parts} == {0o600}

    path.unlink()
    assert join(manifest) == path
    assert path.read_bytes() == noise(size, 3)
    assert not [name for name in names(tmp_path) if name.endswith(SUFFIX)]


def test_a_stream_in_pieces_of_any_size_becomes_the_same_parts(tmp_path, parts):
    folder = tmp_path / "streamed"
    folder.mkdir()
    with SplitWriter(folder / "backup.zip", 3000) as writer:
        at = 0
        for size in (1, 2999, 1, 5999, 0, 700, 300):
            writer.write(CONTENT[at : at + size])
            at += size
        assert all(name.endswith(SUFFIX) for name in names(folder)), "nothing has a name before the end"
        writer.finish()
    assert {name: (folder / name).read_bytes() for name in names(folder)} == {name: (parts / name).read_bytes() for name in names(parts)}


def test_a_writer_that_is_left_early_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError), SplitWriter(tmp_path / "a.zip", 100) as writer:
        writer.write(bytes(250))
        raise RuntimeError
    assert names(tmp_path) == []


def test_what_lies_in_the_way_is_never_replaced(tmp_path, whole):
    (tmp_path / "backup.zip.002").write_bytes(b"mine")
    with pytest.raises(Refused, match=r"backup\.zip\.002 is there already"):
        split(whole, 3000, tmp_path)
    assert sorted(names(tmp_path)) == ["backup.zip.002", "in"]
    assert (tmp_path / "backup.zip.002").read_bytes() == b"mine"


def test_a_part_that_appears_at_the_last_moment_is_not_replaced(tmp_path):
    with SplitWriter(tmp_path / "a", 100) as writer:
        writer.write(bytes(250))
        (tmp_path / "a.003").write_bytes(b"mine")
        with pytest.raises(Refused, match="appeared meanwhile"):
            writer.finish()
    assert names(tmp_path) == ["a.003"]
    assert (tmp_path / "a.003").read_bytes() == b"mine"


def test_parts_that_have_their_names_already_go_when_another_cannot_have_its_own(tmp_path, monkeypatch):
    rename = Path.rename

    def fail(self, target):
        if Path(target).name == "a.002":
            raise OSError(errno.EIO, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail)
    with SplitWriter(tmp_path / "a", 100) as writer:
        writer.write(bytes(250))
        with pytest.raises(Temporary):
            writer.finish()
    assert names(tmp_path) == []


def test_splitting_stops_before_the_disk_is_full(tmp_path, whole):
    with pytest.raises(Temporary, match="too little room"):
        split(whole, 3000, tmp_path, floor=1 << 60)
    assert names(tmp_path) == ["in"]


def test_a_file_that_grows_while_it_is_split_is_refused(tmp_path, whole, monkeypatch):
    pieces = splits._pieces

    def growing(descriptor):
        yield from pieces(descriptor)
        with whole.open("ab") as file:
            file.write(b"more")

    monkeypatch.setattr(splits, "_pieces", growing)
    with pytest.raises(Refused, match="changed while"):
        split(whole, 3000, tmp_path)
    assert names(tmp_path) == ["in"]


# ---- joining -----------------------------------------------------------------------------------------------------------------------------


def rewritten(parts, change):
    manifest = parts / f"backup.zip{END}"
    told = json.loads(manifest.read_text())
    change(told)
    manifest.write_text(json.dumps(told))


def swap(told):
    told["parts"][0], told["parts"][1] = told["parts"][1], told["parts"][0]


DAMAGES = {
    "a part is missing": (lambda folder: (folder / "backup.zip.002").unlink(), r"backup\.zip\.002 is missing"),
    "a part is short": (lambda folder: os.truncate(folder / "backup.zip.003", 2999), r"backup\.zip\.003 has fewer bytes"),
    "a part is long": (lambda folder: (folder / "backup.zip.004").write_bytes(bytes(1001)), r"backup\.zip\.004 has more bytes"),
    "a part is another": (lambda folder: (folder / "backup.zip.001").write_bytes(noise(3000, 9)), r"backup\.zip\.001 has other bytes"),
    "the parts are in another order": (lambda folder: rewritten(folder, swap), "their order or the manifest is wrong"),
    "the whole is another": (lambda folder: rewritten(folder, lambda told: told.update(sha256="0" * 64)), "the manifest is wrong"),
    "a part is a folder": (
        lambda folder: ((folder / "backup.zip.001").unlink(), (folder / "backup.zip.001").mkdir()),
        "no regular file",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_set_that_is_not_whole_is_refused_and_nothing_is_left_behind(parts, damage):
    break_it, said = DAMAGES[damage]
    break_it(parts)
    before = names(parts)
    with pytest.raises(MalformedAnswer, match=said):
        join(parts / f"backup.zip{END}")
    assert names(parts) == before


def test_of_a_part_that_goes_on_and_on_no_more_is_read_than_shows_it(parts):
    os.truncate(parts / "backup.zip.002", 1 << 40)
    told = []
    with pytest.raises(MalformedAnswer, match=r"backup\.zip\.002 has more bytes"):
        join(parts / f"backup.zip{END}", watch=lambda done, total: told.append(done))
    assert told == [3000]


def test_nothing_is_begun_that_does_not_fit(parts):
    def huge(told):
        told["parts"][3]["bytes"] = 1 << 60
        told["bytes"] = 9000 + (1 << 60)

    rewritten(parts, huge)
    before = names(parts)
    with pytest.raises(Temporary, match="no room"):
        join(parts / f"backup.zip{END}")
    assert names(parts) == before


def test_a_link_is_no_part(parts):
    (parts / "backup.zip.001").rename(parts / "elsewhere")
    (parts / "backup.zip.001").symlink_to("elsewhere")
    with pytest.raises(Refused):
        join(parts / f"backup.zip{END}")
    assert "backup.zip" not in names(parts)


def test_a_file_in_the_way_is_replaced_by_force_alone(parts):
    goal = parts / "backup.zip"
    goal.write_bytes(b"mine")
    with pytest.raises(Refused, match="--force"):
        join(parts / f"backup.zip{END}")
    assert goal.read_bytes() == b"mine"
    join(parts / f"backup.zip{END}", force=True)
    assert goal.read_bytes() == CONTENT


def test_force_replaces_nothing_when_the_set_is_damaged(parts):
    goal = parts / "backup.zip"
    goal.write_bytes(b"mine")
    os.truncate(parts / "backup.zip.002", 1)
    with pytest.raises(MalformedAnswer):
        join(parts / f"backup.zip{END}", force=True)
    assert goal.read_bytes() == b"mine"


def test_a_file_that_appears_while_joining_is_not_replaced(parts):
    goal = parts / "backup.zip"
    with pytest.raises(Refused, match="appeared meanwhile"):
        join(parts / f"backup.zip{END}", watch=lambda done, total: done == total and goal.write_bytes(b"mine"))
    assert goal.read_bytes() == b"mine"


def test_a_part_is_never_the_goal(parts):
    for goal in ("backup.zip.002", f"backup.zip{END}"):
        with pytest.raises(Refused, match="one of the parts"):
            join(parts / f"backup.zip{END}", parts / goal, force=True)


def test_without_hard_links_a_rename_does(parts, monkeypatch, tmp_path):
    def refuse(self, target):
        raise PermissionError

    monkeypatch.setattr("pathlib.Path.hardlink_to", refuse)
    assert join(parts / f"backup.zip{END}", tmp_path / "out").read_bytes() == CONTENT


# ---- manifests ---------------------------------------------------------------------------------------------------------------------------

GOOD = json.loads(manifest_text(Manifest("a", 3, sha(b"abc"), (Part("a.001", 3, sha(b"abc")),))))
PART = GOOD["parts"][0]


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "[" * 100_000, "null",
        json.dumps({**GOOD, "format": "panel-watchdog-parts/v2"}),
        json.dumps({**GOOD, "parts": []}),
        json.dumps({**GOOD, "bytes": 4}),
        json.dumps({**GOOD, "sha256": "ABC"}),
        json.dumps({**GOOD, "name": "../a"}),
        json.dumps({**GOOD, "name": "a.001"}),
        json.dumps({**GOOD, "parts": [{**PART, "name": "/etc/passwd"}]}),
        json.dumps({**GOOD, "parts": [{**PART, "name": ".."}]}),
        json.dumps({**GOOD, "parts": [{**PART, "name": "a\0"}]}),
        json.dumps({**GOOD, "parts": [{**PART, "name": "\ud800"}]}),
        json.dumps({**GOOD, "parts": [{**PART, "bytes": -3}, {**PART, "name": "b", "bytes": 6}]}),
        json.dumps({**GOOD, "bytes": 6, "parts": [PART, PART]}),
        json.dumps({**GOOD, "parts": [{"name": "a.001"}]}),
        json.dumps({**GOOD, "bytes": 0, "parts": [{**PART, "name": str(number), "bytes": 0} for number in range(MOST_PARTS + 1)]}),
    ],
)  # fmt: skip
def test_what_is_no_manifest_is_refused(tmp_path, text):
    path = tmp_path / "m"
    path.write_text(text)
    with pytest.raises(MalformedAnswer):
        read_manifest(path)


def test_a_manifest_that_is_a_link_or_missing_is_refused(tmp_path):
    with pytest.raises(Refused):
        read_manifest(tmp_path / "m")
    (tmp_path / "link").symlink_to("/dev/zero")
    with pytest.raises(Refused):
        read_manifest(tmp_path / "link")


# ---- killed in the middle ----------------------------------------------------------------------------------------------------------------

SLOWLY = """
import sys, time
from pathlib import Path
from watchdog.runtime import splits
pieces = splits._pieces
def slow(descriptor):
    for piece in pieces(descriptor):
        yield piece
        print("x", flush=True)
        time.sleep(600)
splits._pieces = slow
if sys.argv[1] == "split":
    splits.split(Path(sys.argv[2]), 3000, Path(sys.argv[3]))
else:
    splits.join(Path(sys.argv[2]))
"""


@pytest.mark.parametrize("deed", ["split", "join"])
def test_killed_in_the_middle_it_leaves_no_set_and_no_whole_and_the_next_try_goes_well(tmp_path, whole, deed):
    folder = tmp_path / "set"
    folder.mkdir()
    manifest = folder / f"backup.zip{END}"
    if deed == "join":
        split(whole, 3000, folder)
    words = [str(whole), str(folder)] if deed == "split" else [str(manifest)]
    child = subprocess.Popen([sys.executable, "-c", SLOWLY, deed, *words], stdout=subprocess.PIPE)
    try:
        assert child.stdout.readline() == b"x\n"
        deadline = time.monotonic() + 60
        while not any(name.endswith(SUFFIX) for name in names(folder)):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        # while it lives, its files are its own
        with pytest.raises(Refused):
            split(whole, 3000, folder) if deed == "split" else join(manifest)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
    assert "backup.zip" not in names(folder)
    assert manifest.exists() is (deed == "join")

    if deed == "split":
        split(whole, 3000, folder)
    assert join(manifest).read_bytes() == CONTENT
