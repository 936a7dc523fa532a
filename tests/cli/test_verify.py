"""``verify``: its exit codes, its JSON, and what it says about things that are no files."""

from __future__ import annotations

import hashlib
import json
import os
import pty
import select
import socket
import subprocess
import sys
import time

import pytest

from tests.support.archives import noise
from tests.support.corpus import ALL, sealed
from tests.support.corpus import zips as z
from tests.support.corpus.__main__ import write
from watchdog.cli import main

CORPUS = {case.name: case for case in ALL}
KEYS = [
    "path",
    "format",
    "verdict",
    "level",
    "reasons",
    "bytes",
    "entries",
    "salvageable",
    "sha1",
    "seconds",
    "message",
    "facts",
    "remarks",
    "rehearsed",
]


@pytest.fixture
def file(tmp_path):
    def write(name):
        path = tmp_path / name
        path.write_bytes(CORPUS[name].make())
        return str(path)

    return write


@pytest.mark.parametrize(
    ("names", "code"),
    [
        (["sysreptor.zip"], 0),
        (["sysreptor-log-line.zip"], 0),
        (["cut-in-files.zip"], 1),
        (["aes.zip"], 2),
        (["aes.zip", "wings.tar.gz"], 2),
        (["aes.zip", "no-end-blocks.tar.gz", "sysreptor.zip"], 1),
    ],
)
def test_the_exit_code_is_the_worst_of_all(file, capsys, names, code):
    assert main(["verify", *map(file, names)]) == code

    out = capsys.readouterr().out
    for name in names:
        assert f"{CORPUS[name].verdict} " in next(line for line in out.splitlines() if name in line)


@pytest.mark.parametrize("words", [[], ["--level", "7", "/etc/hostname"], ["--nonsense", "/etc/hostname"], ["/nowhere/at/all.zip"]])
def test_wrong_words_end_with_3(words, capsys):
    assert main(["verify", *words]) == 3
    assert capsys.readouterr().err


def test_one_path_that_is_missing_ends_with_3_before_anything_is_read(file, capsys):
    assert main(["verify", file("sysreptor.zip"), "/nowhere/at/all.zip"]) == 3
    said = capsys.readouterr()
    assert "there is no '/nowhere/at/all.zip'" in said.err
    assert not said.out


def test_json_says_everything_about_each_file(file, capsys):
    names = ["sysreptor.zip", "cut-in-files.zip", "wings.tar.gz"]
    paths = [file(name) for name in names]

    assert main(["verify", "--json", *paths]) == 1

    rows = json.loads(capsys.readouterr().out)
    assert [list(row) for row in rows] == [KEYS] * 3
    assert [row["path"] for row in rows] == paths
    assert [row["verdict"] for row in rows] == ["good", "bad", "good"]
    assert [row["format"] for row in rows] == ["zip", "zip", "gzip"]
    assert [row["entries"] for row in rows] == [9, None, 3]
    assert {row["level"] for row in rows} == {2}
    for row, name in zip(rows, names, strict=True):
        data = CORPUS[name].make()
        assert (row["sha1"], row["bytes"]) == (hashlib.sha1(data).hexdigest(), len(data))
        assert row["seconds"] > 0
    assert rows[1]["reasons"] == ["missing_end"]
    assert rows[1]["salvageable"]["entries"] == 6
    assert rows[1]["salvageable"]["names"][3] == "backup.jsonl"
    assert rows[0]["salvageable"] is None


def test_the_level_is_chosen(file, capsys):
    flipped = file("flipped-in-image.zip")

    assert main(["verify", "--level", "1", flipped]) == 0
    assert main(["verify", "--level", "2", flipped]) == 1
    assert "damaged_content" in capsys.readouterr().out


def test_what_is_no_file_is_named_and_never_opened(tmp_path, file, capsys):
    (tmp_path / "link").symlink_to(file("sysreptor.zip"))
    (tmp_path / "dangling").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        paths = [str(tmp_path / name) for name in ("link", "dangling", "pipe", "folder", "socket")]

        assert main(["verify", "--json", *paths, "/dev/null"]) == 2

    rows = json.loads(capsys.readouterr().out)
    assert [row["reasons"] for row in rows] == [["symlink"], ["symlink"], ["fifo"], ["directory"], ["socket"], ["device"]]
    assert {row["verdict"] for row in rows} == {"unverifiable"}


def test_a_name_that_is_no_utf_8_is_told_escaped(tmp_path, capsys):
    path = tmp_path / os.fsdecode(b"r\xe9sum\xe9.zip")
    path.write_bytes(CORPUS["sysreptor.zip"].make())

    assert main(["verify", "--json", str(path)]) == 0
    assert json.loads(capsys.readouterr().out)[0]["path"].endswith("r\\xe9sum\\xe9.zip")


def test_memory_that_is_not_allowed_is_named(tmp_path, capsys):
    """An LZMA stream with a dictionary of 24 MiB against 16 MiB."""
    import lzma  # noqa: PLC0415

    path = tmp_path / "x.xz"
    path.write_bytes(lzma.compress(b"x" * 1000, filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 24 << 20}]))

    assert main(["verify", "--memory", "16", str(path)]) == 2
    assert "memory_needed" in capsys.readouterr().out
    assert main(["verify", str(path)]) == 0


def test_a_terminal_sees_a_bar_and_a_pipe_does_not(tmp_path):
    """The bar is drawn on standard error only, and the answer stays clean."""
    path = tmp_path / "large.zip"
    path.write_bytes(z.zip_with([z.Entry(f"f{n}", noise(1 << 16, n + 1)) for n in range(4)]))
    master, slave = pty.openpty()
    argv = [sys.executable, "-m", "watchdog", "verify", "--json", str(path)]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=slave, env={**os.environ, "TERM": "xterm", "COLUMNS": "100"})
    os.close(slave)
    seen, deadline = b"", time.monotonic() + 90
    while time.monotonic() < deadline and select.select([master], [], [], deadline - time.monotonic())[0]:
        try:
            seen += os.read(master, 65536)
        except OSError:  # the other end is closed
            break
    out = process.communicate(timeout=90)[0]
    os.close(master)

    assert process.returncode == 0
    assert b"large.zip" in seen
    assert json.loads(out)[0]["verdict"] == "good"


@pytest.mark.soak
def test_soak_the_whole_corpus_through_the_command(tmp_path, capsys):
    """Each file in a real child behind its walls, with its key if it has one."""
    write(tmp_path)
    for key in {case.key for case in ALL}:
        cases = [case for case in ALL if case.key == key]
        (tmp_path / "key").write_text(key.hex())
        words = ["--key-file", str(tmp_path / "key")] if key else []

        main(["verify", "--json", *words, *(str(tmp_path / case.name) for case in cases)])

        for row, case in zip(json.loads(capsys.readouterr().out), cases, strict=True):
            assert row["verdict"] == case.verdict, row
            assert not case.reasons or row["reasons"][0] == case.reasons[0], row


@pytest.mark.parametrize(
    "words", [["--level", "3"], ["--as", "nobody"], ["--key-file", "/nowhere/key"], ["--as", "../os"], ["--level", "4"]]
)
def test_words_about_meaning_and_key_that_do_not_fit_end_with_3(file, capsys, words):
    assert main(["verify", *words, file("sysreptor.zip")]) == 3
    said = capsys.readouterr()
    assert said.err
    assert not said.out


def test_a_key_file_opens_a_container_and_json_says_what_was_found(file, tmp_path, capsys):
    (tmp_path / "key").write_text(sealed.KEY.hex())

    assert main(["verify", "--json", file("backup.zip.crypt")]) == 2
    assert json.loads(capsys.readouterr().out)[0]["reasons"] == ["encrypted"]
    assert main(["verify", "--json", "--key-file", str(tmp_path / "key"), file("backup.zip.crypt"), file("sysreptor.zip")]) == 0
    closed, plain = json.loads(capsys.readouterr().out)
    assert (closed["format"], closed["verdict"], closed["level"], closed["entries"], closed["remarks"]) == ("c2ypt", "good", 2, 9, [])
    assert plain["verdict"] == "good"
