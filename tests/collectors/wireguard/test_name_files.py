"""Which files names are read from: found by pattern, read again only when they change, and what cannot be read is named once."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from watchdog.collectors.wireguard.fake import fake_key
from watchdog.collectors.wireguard.files import LARGEST, MOST_BYTES, MOST_FILES, NameFiles, split

A, B = fake_key("a"), fake_key("b")
SECRET = fake_key("a private key")


def peer(key: str, name: str) -> str:
    return f"[Peer]\n# friendly_name = {name}\nPublicKey = {key}\nPresharedKey = {SECRET}\n"


def config(key: str, name: str) -> str:
    return f"[Interface]\nPrivateKey = {SECRET}\n\n{peer(key, name)}"


def texts(files: NameFiles) -> dict[tuple[str, str], str]:
    return {key: name.text for key, name in files.look()[0].items()}


def errors(files: NameFiles) -> dict[str, str | None]:
    return {file.path: file.error for file in files.look()[1]}


@contextlib.contextmanager
def as_nobody() -> Iterator[None]:
    """Be a user who may nothing, for a moment."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_patterns_lead_to_files_one_wildcard_a_step(tmp_path: Path):
    (tmp_path / "wg").mkdir()
    (tmp_path / "wg/wg0.conf").write_text(config(A, "one"))
    (tmp_path / "wg/other.txt").write_text(config(A, "not asked for"))
    (tmp_path / "net/20-wg1.netdev.d").mkdir(parents=True)
    (tmp_path / "net/20-wg1.netdev").write_text(f"[NetDev]\nName=wg1\nKind=wireguard\n[WireGuardPeer]\n# two\nPublicKey={A}\n")
    (tmp_path / "net/20-wg1.netdev.d/more.conf").write_text(f"[WireGuardPeer]\n# three\nPublicKey={B}\n")
    files = NameFiles(
        [f"{tmp_path}/wg/*.conf", f"{tmp_path}/net/*.netdev", f"{tmp_path}/net/*.netdev.d/*.conf", f"{tmp_path}/is/not/there/*.conf"]
    )
    assert texts(files) == {("wg0", A): "one", ("wg1", A): "two", ("", B): "three"}
    assert errors(files) == dict.fromkeys(
        (f"{tmp_path}/net/20-wg1.netdev", f"{tmp_path}/net/20-wg1.netdev.d/more.conf", f"{tmp_path}/wg/wg0.conf")
    ), "a directory that is not there has no files, and that is no fault"


def test_a_pattern_is_split_at_its_first_wildcard():
    assert split("/etc/wireguard/*.conf") == ("/etc/wireguard", ["*.conf"])
    assert split("/etc/*/x.conf") == ("/etc", ["*", "x.conf"])
    assert split("/etc/wg0.conf") == ("/etc/wg0.conf", [])
    assert split("/*") == ("/", ["*"])


def test_a_file_is_read_again_when_it_changes_and_only_then(tmp_path: Path):
    path = tmp_path / "wg0.conf"
    path.write_text(config(A, "one"))
    files = NameFiles([f"{tmp_path}/*.conf"])
    first = files.look()
    assert files.look()[0] is first[0], "the very same object says that nothing has changed"
    path.write_text(config(A, "another"))
    assert texts(files) == {("wg0", A): "another"}
    fresh = tmp_path / "fresh"
    fresh.write_text(config(A, "renamed"))
    facts = path.stat()
    os.utime(fresh, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    fresh.rename(path)
    assert texts(files) == {("wg0", A): "renamed"}, "another inode"
    (tmp_path / "wg1.conf").write_text(config(A, "second device"))
    assert texts(files) == {("wg0", A): "renamed", ("wg1", A): "second device"}
    path.unlink()
    assert texts(files) == {("wg1", A): "second device"}
    assert errors(files) == {f"{tmp_path}/wg1.conf": None}


def test_a_key_in_a_file_of_its_own_is_followed_and_read_again(tmp_path: Path):
    key = tmp_path / "attic.pub"
    (tmp_path / "wg0.netdev").write_text(f"[NetDev]\nName=wg0\n[WireGuardPeer]\n# attic\nPublicKeyFile={key}\n")
    files = NameFiles([f"{tmp_path}/*.netdev"])
    assert (texts(files), errors(files)[str(key)]) == ({}, "missing")
    key.write_text(A + "\n")
    assert (texts(files), errors(files)[str(key)]) == ({("wg0", A): "attic"}, None)
    key.write_text(B + "\n")
    assert texts(files) == {("wg0", B): "attic"}
    key.write_text("x" * 1000)
    assert (texts(files), errors(files)[str(key)]) == ({("wg0", B): "attic"}, "too_large"), "its last good word stands"


def test_of_two_files_that_name_one_peer_the_first_counts(tmp_path: Path):
    for folder, name in (("a", "first"), ("b", "second")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "wg0.conf").write_text(config(A, name))
    assert texts(NameFiles([f"{tmp_path}/b/*.conf", f"{tmp_path}/a/*.conf"])) == {("wg0", A): "first"}


def test_what_is_no_regular_file_of_a_bounded_size_is_named_and_holds_nobody_up(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe.conf")
    (tmp_path / "folder.conf").mkdir()
    (tmp_path / "loop.conf").symlink_to(tmp_path / "loop.conf")
    (tmp_path / "dangling.conf").symlink_to(tmp_path / "nowhere")
    with (tmp_path / "huge.conf").open("wb") as huge:
        huge.truncate(LARGEST + 1)
    (tmp_path / "wg0.conf").write_text(config(A, "one"))
    files = NameFiles([f"{tmp_path}/*.conf", f"{tmp_path}/asked-for.conf", "/proc/self/status"])
    assert errors(files) == {
        f"{tmp_path}/pipe.conf": "not_a_file",
        f"{tmp_path}/folder.conf": "not_a_file",
        f"{tmp_path}/loop.conf": "unreadable",
        f"{tmp_path}/huge.conf": "too_large",
        f"{tmp_path}/asked-for.conf": "missing",
        "/proc/self/status": "network_filesystem",
        f"{tmp_path}/wg0.conf": None,
    }, "a link that leads nowhere has simply no file; a path without a wildcard was asked for by name"
    assert texts(files) == {("wg0", A): "one"}


def test_a_directory_that_may_not_be_listed_is_named_once_and_its_last_good_names_stand(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO)
    folder = tmp_path / "wireguard"
    folder.mkdir()
    (folder / "wg0.conf").write_text(config(A, "one"))
    files = NameFiles([f"{folder}/*.conf"])
    assert texts(files) == {("wg0", A): "one"}
    folder.chmod(0)
    try:
        with as_nobody():
            for _ in range(3):
                assert errors(files) == {str(folder): "no_permission"}
                assert texts(files) == {("wg0", A): "one"}
    finally:
        folder.chmod(0o700)
    assert (texts(files), errors(files)) == ({("wg0", A): "one"}, {f"{folder}/wg0.conf": None})
    told = [record.message for record in caplog.records]
    assert len(told) == 2 and "no_permission" in told[0] and "again" in told[1], told


def test_a_file_that_may_not_be_read_keeps_its_last_good_names(tmp_path: Path):
    path = tmp_path / "wg0.conf"
    path.write_text(config(A, "one"))
    files = NameFiles([str(path)])
    assert texts(files) == {("wg0", A): "one"}
    path.chmod(0)
    with as_nobody():
        assert errors(files) == {str(path): "no_permission"}
        assert texts(files) == {("wg0", A): "one"}
    path.chmod(0o600)
    path.write_text(config(A, "two"))
    assert (texts(files), errors(files)) == ({("wg0", A): "two"}, {str(path): None})


def test_more_files_than_can_be_meant_are_not_all_read(tmp_path: Path):
    for number in range(MOST_FILES + 3):
        (tmp_path / f"{number:05}.conf").touch()
    files = NameFiles([f"{tmp_path}/*.conf"])
    told = errors(files)
    assert (len(told), told["/"]) == (MOST_FILES + 1, "too_many_files")


def test_files_that_are_too_large_together_are_read_up_to_the_bound(tmp_path: Path):
    count = MOST_BYTES // LARGEST
    for number in range(count + 1):
        with (tmp_path / f"wg{number}.conf").open("wb") as file:
            file.write(config(A, f"name {number}").encode())
            file.truncate(LARGEST)
    files = NameFiles([f"{tmp_path}/*.conf"])
    assert list(errors(files).values()) == [None] * count + ["too_large"]
    assert texts(files) == {(f"wg{number}", A): f"name {number}" for number in range(count)}


def test_no_key_of_a_file_is_left_in_what_is_remembered_or_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG)
    (tmp_path / "wg0.conf").write_text(config(A, "one"))
    files = NameFiles([f"{tmp_path}/*.conf"])
    files.look()

    def everything(thing: object, seen: set[int]) -> Iterator[str]:
        if id(thing) in seen:
            return
        seen.add(id(thing))
        yield repr(thing)
        for inner in vars(thing).values() if hasattr(thing, "__dict__") else ():
            yield from everything(inner, seen)

    assert SECRET not in "".join(everything(files, set())) + caplog.text
