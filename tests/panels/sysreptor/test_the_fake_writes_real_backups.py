"""The archives of the fake, byte by byte in the panel's dialect; its bugs leave what the real ones leave (contract sections 1, 2)."""

from __future__ import annotations

import hashlib
import http.client
import io
import json
import struct
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import GCM

from tests.support.sysreptor_panel import AES_KEY, WALL, Stage
from watchdog.panels.sysreptor import meaning
from watchdog.panels.sysreptor.fake import BACKUP_KEY, RELEASES, Entry, ManagePy, SysreptorWorld, mangled, stream
from watchdog.panels.sysreptor.fake.dialect import STORED

BACKUP = ["python3", "manage.py", "backup", "-"]


class Kept:
    """What a program wrote."""

    def __init__(self, stdin: bytes = b"") -> None:
        self.stdin, self.stdout, self.stderr = io.BytesIO(stdin), b"", b""

    def out(self, piece: bytes) -> None:
        self.stdout += piece

    def err(self, piece: bytes) -> None:
        self.stderr += piece


def world(release: str = "2026.61", **more: object) -> SysreptorWorld:
    return SysreptorWorld(release, now=lambda: WALL, **more)  # type: ignore[arg-type]


def run(where: SysreptorWorld, *more: str, stdin: bytes = b"") -> tuple[int, Kept]:
    kept = Kept(stdin)
    return ManagePy(where)([*BACKUP, *more], kept), kept


@pytest.mark.parametrize("release", RELEASES)
def test_each_release_streams_an_archive_in_the_real_order(release: str) -> None:
    where = world(release)
    archive = zipfile.ZipFile(io.BytesIO(b"".join(where.backup())))
    names = [name.partition("/")[0] for name in archive.namelist()]
    order = ["VERSION", "migrations.json", "configurations.json", "backup.jsonl"]
    order += ["uploadedimages", "uploadedassets", "uploadedfiles", "archivedfiles", "stats.json"]
    order.remove("configurations.json") if release == "2025.12" else None
    order.remove("stats.json") if release != "2026.61" else None
    assert list(dict.fromkeys(names)) == order
    assert archive.testzip() is None
    assert archive.read("VERSION").decode() == release
    assert {each.compress_type for each in archive.infolist()} == {zipfile.ZIP_DEFLATED}
    ends = ["backup"] if release == "2025.12" else ["backup_finished", "backup_started"]
    assert [row.type for row in where.rows] == [*ends, "setup"]
    said = meaning.begin()
    for each in archive.infolist():
        if reader := said.entry(each.filename, each.file_size):
            reader.feed(archive.read(each))
            reader.end()
    meant = said.end()
    assert (meant.bad, meant.remarks) == ((), ())


def test_stats_and_log_agree_to_the_microsecond() -> None:
    where = world()
    archive = zipfile.ZipFile(io.BytesIO(b"".join(where.backup())))
    stats = json.loads(archive.read("stats.json"))
    finished, started, _ = where.rows
    assert (stats["started"], stats["finished"]) == (started.created.isoformat(), finished.created.isoformat())
    rows = [json.loads(line) for line in archive.read("backup.jsonl").splitlines()]
    logged = [row["pk"] for row in rows if row["model"] == "api_utils.backuplog"]
    assert started.id in logged
    assert finished.id not in logged, "a backup never holds its own finished row"


def test_the_bytes_are_of_the_panels_dialect() -> None:
    whole = b"".join(world().backup())
    assert whole[-22:].startswith(b"PK\x05\x06") and whole[-2:] == b"\0\0", "the end record is exactly the last 22 bytes"
    count, _, size, offset, _ = struct.unpack("<2H2LH", whole[-14:])
    assert len(whole) - 22 - size == offset
    at, seen = offset, []
    for _ in range(count):
        entry = struct.unpack("<4s6H3L5H2L", whole[at : at + 46])
        name = whole[at + 46 : at + 46 + entry[10]].decode()
        local = struct.unpack("<4s5H3L2H", whole[entry[16] : entry[16] + 30])
        end = entry[16] + 30 + local[9] + local[10] + entry[8]
        if name in {"VERSION", "migrations.json", "configurations.json"}:
            assert (local[1], local[6:9], local[10]) == (20, (0, 0, 0), 0)
            assert struct.unpack("<4s3L", whole[end : end + 16]) == (b"PK\x07\x08", *entry[7:10])
        else:
            assert (local[1], local[6:9], local[10]) == (45, (0, 0xFFFFFFFF, 0xFFFFFFFF), 20)
            assert struct.unpack("<4sL2Q", whole[end : end + 24]) == (b"PK\x07\x08", *entry[7:10])
        assert local[2] & 8 and entry[11] == 0, "data descriptors everywhere, and no zip64 in the directory"
        seen.append(name)
        at += 46 + entry[10]
    assert at == offset + size
    assert seen[-1] == "stats.json"


def test_the_bytes_are_those_of_the_panels_own_library() -> None:
    """The digest is of what zipstream-ng 1.8.0 and 1.9.2 write of these entries at that time (stored, for packers differ)."""
    entries: list[tuple[str, bytes | list[bytes]]] = [
        ("VERSION", b"2026.61"), ("migrations.json", b'{"a":1}'), ("backup.jsonl", [b'{"x":1}\n'] * 3), ("uploadedimages/aa/empty", []),
        ("uploadedfiles/ab/\u00fcml.txt", [b"nmap\n", b"nmap\n"]), ("stats.json", [b"", b"{}"]),
    ]  # fmt: skip
    written = b"".join(stream((Entry(name, content, STORED) for name, content in entries), WALL))
    assert hashlib.sha256(written).hexdigest() == "b89385bef10ce64207bdc0b1350f316c57136588e0ec6b52cabeb12eac4a3d01"


def test_the_container_can_be_opened_with_the_key_alone() -> None:
    code, kept = run(world(), "--key=-", stdin=AES_KEY.encode() + b"\n")
    assert code == 0 and AES_KEY.encode() not in kept.stderr
    head, _, rest = kept.stdout.partition(b"\0")
    assert head.startswith(b"\xc2YPT{") and len(kept.stdout) > 95
    nonce = __import__("base64").b64decode(json.loads(head[4:])["nonce"])
    decryptor = Cipher(AES(bytes.fromhex(AES_KEY)), GCM(nonce, rest[-16:])).decryptor()
    decryptor.authenticate_additional_data(head + b"\0")
    plain = decryptor.update(rest[:-16]) + decryptor.finalize()
    assert zipfile.ZipFile(io.BytesIO(plain)).testzip() is None


def test_older_commands_do_not_read_a_key() -> None:
    code, kept = run(world("2026.12"), "--key=-", stdin=AES_KEY.encode())
    assert (code, kept.stdout) == (2, b"")


def test_a_lost_licence_leaves_an_empty_file() -> None:
    where = world()
    where.professional = False
    code, kept = run(where)
    assert (code, kept.stdout, kept.stderr) == (1, b"", b"CommandError: Professional license required\n")
    assert [row.type for row in where.rows] == ["setup"]


def is_no_archive(content: bytes) -> bool:
    try:
        zipfile.ZipFile(io.BytesIO(content))
    except zipfile.BadZipFile:
        return True
    return False


def test_a_command_that_never_flushes_loses_the_end_and_is_content() -> None:
    where = world("2025.12")
    code, kept = run(where)
    assert code == 0 and len(kept.stdout) % 8192 == 0
    assert is_no_archive(kept.stdout)
    assert [row.type for row in where.rows] == ["backup", "setup"]
    where.upgrade("2026.61")
    assert [row.type for row in where.rows] == ["backup_finished", "setup"], "and so it proves nothing"


def test_a_command_that_ends_before_the_directory_has_told_the_log_that_it_finished() -> None:
    where = world()
    where.switches.end_command_before_directory = True
    code, kept = run(where)
    assert code != 0 and is_no_archive(kept.stdout)
    assert [row.type for row in where.rows] == ["backup_finished", "backup_started", "setup"]
    assert b"PK\x01\x02" not in kept.stdout and b"stats.json" in kept.stdout


def test_a_killed_command_is_told_to_the_engine() -> None:
    killed: list[str] = []
    where = world(killed=lambda: killed.append("oom"))
    where.switches.out_of_memory_after = 10_000
    code, kept = run(where)
    assert (code, len(kept.stdout), killed) == (137, 10_000, ["oom"])
    assert [row.type for row in where.rows] == ["backup_started", "setup"]


def test_unread_files_are_empty_in_a_backup_that_is_whole() -> None:
    where = world()
    where.switches.empty_files = True
    code, kept = run(where)
    archive = zipfile.ZipFile(io.BytesIO(kept.stdout))
    assert code == 0 and archive.testzip() is None
    assert {each.file_size for each in archive.infolist() if "/" in each.filename} == {0}


def test_a_terminal_mangles() -> None:
    whole = b"".join(world().backup())
    file = mangled(whole)
    assert file.startswith(b"Backup requested\r\nPK\x03\x04") and is_no_archive(file[18:])


def download(stage: Stage) -> bytes:
    body = json.dumps({"key": BACKUP_KEY}).encode()
    headers = {"Content-Type": "application/json", "Authorization": "Bearer " + (stage.folder / "token").read_text().strip()}
    with urllib.request.urlopen(urllib.request.Request(f"{stage.panel.url}/api/v1/utils/backup", body, headers), timeout=60) as answer:
        assert (answer.status, answer.headers["Transfer-Encoding"], answer.headers["Content-Length"]) == (200, "chunked", None)
        assert answer.headers["Content-Disposition"].startswith("attachment; filename=backup-2026-")
        return answer.read()


def test_a_download_ends_well_or_is_cut(tmp_path: Path) -> None:
    with Stage(tmp_path, "2025.69") as stage:
        assert zipfile.ZipFile(io.BytesIO(download(stage))).testzip() is None
        stage.world.switches.cut_web_after = 50_000
        with pytest.raises(http.client.IncompleteRead) as cut:
            download(stage)
        types = [row.type for row in stage.world.rows]
    assert len(cut.value.partial) <= 50_000
    assert types == ["backup_started", "backup_finished", "backup_started", "setup"]


def test_each_healthcheck_runs_the_tasks_that_are_due(tmp_path: Path) -> None:
    def late() -> Callable[[], list[float]]:
        return lambda: [stage.clock.now().wall - task.started for task in stage.world.tasks]

    with Stage(tmp_path) as stage:
        stage.clock.advance(2 * 86_400)
        ages = late()
        assert min(ages()) > 86_400
        stage.client.poke()
        assert max(ages()) == 0
