"""``join``, and ``verify`` of an archive in parts: as deep as of a whole one."""

from __future__ import annotations

import json

import pytest

from tests.support.archives import noise, zip_of
from tests.support.corpus import ALL, WHOLE
from tests.support.corpus.sealed import KEY, WHOLE_BOX
from watchdog.cli import main
from watchdog.collectors.archives.part_check import PartsSource, Promised
from watchdog.runtime.splits import split

CORPUS = {case.name: case for case in ALL}


@pytest.fixture
def parts(tmp_path):
    def make(content, volume, name="backup.zip"):
        whole = tmp_path / "in"
        whole.mkdir()
        (whole / name).write_bytes(content)
        folder = tmp_path / "set"
        folder.mkdir()
        return split(whole / name, volume, folder)

    return make


def verify(capsys, *words):
    code = main(["verify", "--json", *map(str, words)])
    (told,) = json.loads(capsys.readouterr().out)
    return code, told


def test_parts_are_verified_as_one_archive(parts, capsys):
    content = CORPUS["sysreptor.zip"].make()
    manifest = parts(content, 333)
    code, told = verify(capsys, manifest)
    assert (code, told["format"], told["verdict"], told["level"], told["entries"]) == (0, "zip", "good", 2, 9)
    assert told["bytes"] == len(content)
    assert main(["verify", str(manifest), "--level", "1"]) == 0
    assert "level 1" in capsys.readouterr().out


def test_damage_inside_the_whole_is_found_across_parts(parts, capsys):
    case = CORPUS["cut-in-files.zip"]
    code, told = verify(capsys, parts(case.make(), 1000, "cut.zip"))
    assert (code, told["verdict"], told["reasons"][0]) == (1, "bad", case.reasons[0])


def test_damage_of_the_parts_names_them(parts, capsys):
    manifest = parts(zip_of([("a", noise(9000))]), 1000)
    second, third = manifest.with_name("backup.zip.002"), manifest.with_name("backup.zip.003")
    whole = second.read_bytes()
    second.write_bytes(bytes(1000))
    code, told = verify(capsys, manifest)
    assert (code, told["reasons"]) == (1, ["damaged_parts"])
    assert "part 2: other bytes" in told["message"]
    second.write_bytes(whole[:-1])
    assert verify(capsys, manifest)[1]["message"] == "part 2: another size than the manifest says"
    second.write_bytes(whole)
    third.unlink()
    assert verify(capsys, manifest)[1]["reasons"] == ["missing_parts"]


def test_parts_in_another_order_are_no_whole(parts, capsys):
    manifest = parts(zip_of([("a", noise(9000))]), 1000)
    told = json.loads(manifest.read_text())
    told["parts"][0], told["parts"][1] = told["parts"][1], told["parts"][0]
    manifest.write_text(json.dumps(told))
    code, told = verify(capsys, manifest)
    assert (code, told["reasons"]) == (1, ["damaged_whole"])


def test_an_encrypted_backup_in_parts_opens_with_its_key(parts, capsys, tmp_path):
    manifest = parts(WHOLE_BOX, 1500, "backup.zip.crypt")
    key = tmp_path / "key"
    key.touch(0o600)
    key.write_text(KEY.hex())
    code, told = verify(capsys, manifest, "--key-file", key)
    assert (code, told["verdict"], told["level"], told["entries"]) == (0, "good", 2, 9)
    code, told = verify(capsys, manifest)
    assert (code, told["verdict"]) == (2, "unverifiable")

    manifest.with_name("backup.zip.crypt.002").write_bytes(bytes(1500))
    code, told = verify(capsys, manifest, "--key-file", key)
    assert (code, told["reasons"]) == (1, ["damaged_parts"])


def test_a_manifest_that_is_none_is_bad(tmp_path, capsys):
    (tmp_path / "a.parts.json").write_text("{}")
    code, told = verify(capsys, tmp_path / "a.parts.json")
    assert (code, told["reasons"]) == (1, ["damaged_manifest"])


@pytest.mark.parametrize("case", WHOLE, ids=lambda case: case.name)
def test_bytes_read_through_parts_are_those_of_the_whole(tmp_path, case):
    content = case.make()
    sizes = [1, 0, 7, len(content) // 3]
    sizes.append(len(content) - sum(sizes))
    promised, at, files = [], 0, []
    for number, size in enumerate(sizes):
        path = tmp_path / str(number)
        path.write_bytes(content[at : at + size])
        files.append(path.open("rb"))
        promised.append(Promised(number, files[-1].fileno(), size, ""))
        at += size
    source = PartsSource(promised)
    assert b"".join(iter(source.read, b"")) == content
    for offset in range(0, len(content) + 9, max(1, len(content) // 50)):
        assert source.at(offset, 97) == content[offset : offset + 97]
    source.mark(5)
    assert b"".join(iter(source.read, b"")) == content[5:]
    assert source.at(-1, 5) == b""
    for file in files:
        file.close()


def test_join_makes_the_whole_and_says_so(parts, tmp_path, capsys):
    content = noise(5000)
    manifest = parts(content, 1024)
    assert main(["join", str(manifest), "--to", str(tmp_path / "out.zip")]) == 0
    assert (tmp_path / "out.zip").read_bytes() == content
    assert "out.zip is whole" in capsys.readouterr().out

    assert main(["join", str(manifest), "--to", str(tmp_path / "out.zip")]) == 1
    assert "--force" in capsys.readouterr().err
    assert main(["join", str(manifest), "--to", str(tmp_path / "out.zip"), "--force"]) == 0

    manifest.with_name("backup.zip.001").write_bytes(bytes(1024))
    assert main(["join", str(manifest)]) == 1
    assert "backup.zip.001 has other bytes" in capsys.readouterr().err
    assert not manifest.with_name("backup.zip").exists()
