"""``verify NAME.parts.json --as sysreptor``: an archive in parts gets the verdict, the reasons and the facts of the whole one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.panels.sysreptor.test_a_restore_is_rehearsed import backup, changed
from tests.support.sysreptor_panel import AES_KEY
from watchdog.cli import main
from watchdog.panels.sysreptor.fake import sealed
from watchdog.runtime.splits import split

PART = 50_000
"""Bytes of a part: entries and rows lie across them."""


def verified(capsys: pytest.CaptureFixture[str], path: Path, *words: str) -> tuple[int, dict[str, Any]]:
    code = main(["verify", str(path), "--as", "sysreptor", "--json", *words])
    (told,) = json.loads(capsys.readouterr().out)
    return code, told


def without_rows(name: str, body: bytes) -> bytes | None:
    return None if name == "backup.jsonl" else body


def cut_rows(name: str, body: bytes) -> bytes | None:
    return body[:-40] if name == "backup.jsonl" else body


@pytest.mark.parametrize(
    ("content", "verdict"),
    [(backup, "good"), (lambda: changed(backup(), cut_rows), "bad"), (lambda: changed(backup(), without_rows), "bad")],
    ids=["good", "cut-rows", "no-rows"],
)
def test_parts_mean_what_the_whole_means(tmp_path, capsys, content: Callable[[], bytes], verdict):
    path = tmp_path / "sysreptor-full-backup-a.zip"
    path.write_bytes(content())
    path.chmod(0o600)
    manifest = split(path, PART)

    whole_code, whole = verified(capsys, path)
    code, parts = verified(capsys, manifest)

    assert len(list(tmp_path.glob("*.zip.0*"))) > 2
    assert (parts["verdict"], parts["level"]) == (verdict, 3)
    same = ("format", "verdict", "level", "reasons", "message", "entries", "facts", "remarks", "bytes")
    assert {name: parts[name] for name in same} == {name: whole[name] for name in same}
    assert code == whole_code
    assert parts["seconds"] > 0


def test_encrypted_parts_are_opened_by_their_key_and_mean_the_same(tmp_path, capsys):
    path = tmp_path / "sysreptor-full-backup-a.zip.crypt"
    path.write_bytes(b"".join(sealed([backup()], bytes.fromhex(AES_KEY))))
    (tmp_path / "aes").write_text(AES_KEY)
    manifest = split(path, PART)

    code, told = verified(capsys, manifest, "--key-file", str(tmp_path / "aes"))
    assert (code, told["verdict"], told["level"], told["format"]) == (0, "good", 3, "c2ypt")
    assert told["facts"] == verified(capsys, path, "--key-file", str(tmp_path / "aes"))[1]["facts"]
    code, told = verified(capsys, manifest)
    assert (code, told["verdict"], told["reasons"]) == (2, "unverifiable", ["encrypted"])


def test_a_damaged_part_has_no_meaning(tmp_path, capsys):
    path = tmp_path / "sysreptor-full-backup-a.zip"
    path.write_bytes(backup())
    manifest = split(path, PART)
    part = next(iter(sorted(tmp_path.glob("*.zip.002"))))
    body = bytearray(part.read_bytes())
    body[1000] ^= 1
    part.write_bytes(body)

    code, told = verified(capsys, manifest)
    assert (code, told["verdict"], told["level"], told["reasons"]) == (1, "bad", 2, ["damaged_parts"])
    assert "part 2" in told["message"]
    assert told["facts"] == {}
