"""The shelf of hard links: it never loses a last name, never writes over one, and refuses by name what it cannot do."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.conftest import require
from watchdog.errors import NotFound, Refused
from watchdog.panels.pterodactyl.linking import Shelf, identity_at

UUID = "0f6a9c0e-6d1b-4a55-9d0e-3a1f4c6b7d10"


@pytest.fixture
def shelf(tmp_path):
    return Shelf(tmp_path / ".watchdog-held", tmp_path)


def archive(shelf: Shelf, content: bytes = b"an archive") -> Path:
    path = shelf.backups / f"{UUID}.tar.gz"
    path.write_bytes(content)
    return path


def kept(shelf: Shelf, path: Path) -> Path:
    found = identity_at(path)
    assert found is not None
    return shelf.keep(UUID, path, found)


def test_what_is_kept_survives_its_deletion_and_comes_back(shelf):
    path = archive(shelf)
    link = kept(shelf, path)
    assert link == kept(shelf, path), "twice is once"
    assert shelf.directory.stat().st_mode & 0o777 == 0o700
    path.unlink()
    assert link.read_bytes() == b"an archive"
    assert shelf.put_back(link, path) is True and shelf.put_back(link, path) is False
    assert path.read_bytes() == b"an archive" and path.samefile(link)


def test_a_link_follows_a_growing_file(shelf):
    path = archive(shelf, b"half")
    early = identity_at(path)
    with path.open("ab") as writer:
        writer.write(b" and half")
    assert early is not None
    link = shelf.keep(UUID, path, early)
    path.unlink()
    assert link.read_bytes() == b"half and half"


def test_the_last_name_is_let_go_of_only_when_the_record_is_gone(shelf):
    path = archive(shelf)
    link = kept(shelf, path)
    path.unlink()
    with pytest.raises(Refused, match="only name"):
        shelf.drop(UUID, path)
    path.write_bytes(b"another archive under the old name")
    with pytest.raises(Refused, match="only name"):
        shelf.drop(UUID, path)
    assert link.exists()
    assert shelf.drop(UUID, path, deleted=True) is True and shelf.drop(UUID, path, deleted=True) is False
    assert not link.exists() and path.exists()


def test_a_link_beside_its_original_is_let_go_of_and_the_original_stays(shelf):
    path = archive(shelf)
    link = kept(shelf, path)
    assert shelf.drop(UUID, path) is True
    assert not link.exists() and path.read_bytes() == b"an archive"


def test_nothing_is_written_over(shelf):
    path = archive(shelf)
    link = kept(shelf, path)
    path.unlink()
    path.write_bytes(b"somebody else's")
    with pytest.raises(Refused, match="another file"):
        shelf.put_back(link, path)
    assert path.read_bytes() == b"somebody else's" and link.read_bytes() == b"an archive"
    with pytest.raises(Refused, match="another file"):
        kept(shelf, path)
    assert link.read_bytes() == b"an archive"


def test_another_file_than_the_one_judged_is_not_kept(shelf):
    path = archive(shelf)
    judged = identity_at(path)
    path.rename(path.with_suffix(".old"))
    archive(shelf, b"made anew")
    assert judged is not None
    with pytest.raises(Refused, match="another file"):
        shelf.keep(UUID, path, judged)
    assert list(shelf.directory.iterdir()) == [] and path.exists()


def test_a_symbolic_link_is_no_archive(shelf, tmp_path):
    (tmp_path / "secret").write_bytes(b"not an archive")
    path = shelf.backups / f"{UUID}.tar.gz"
    path.symlink_to(tmp_path / "secret")
    judged = identity_at(tmp_path / "secret")
    assert judged is not None and identity_at(path) is None
    with pytest.raises(Refused):
        shelf.keep(UUID, path, judged)
    assert list(shelf.directory.iterdir()) == []


@pytest.mark.parametrize("uuid", ["", "../../etc/passwd", UUID.upper(), UUID + "\n", f"{UUID}/x"])
def test_only_a_canonical_uuid_is_a_name(shelf, uuid):
    with pytest.raises(Refused, match="canonical"):
        shelf.link(uuid)


def test_a_directory_that_others_may_enter_or_that_is_a_link_is_refused(shelf, tmp_path):
    path = archive(shelf)
    shelf.directory.mkdir(mode=0o755)
    shelf.directory.chmod(0o755)
    with pytest.raises(Refused, match="chmod 700"):
        kept(shelf, path)
    shelf.directory.rmdir()
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    shelf.directory.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Refused, match="no directory"):
        kept(shelf, path)


def test_another_file_system_is_refused(tmp_path):
    require(os.path.ismount("/dev/shm"), "there is no second file system at /dev/shm")
    shelf = Shelf(Path("/dev/shm") / f"held-{os.getpid()}", tmp_path)
    try:
        with pytest.raises(Refused, match="file system"):
            kept(shelf, archive(shelf))
    finally:
        shelf.directory.rmdir()


def test_what_is_gone_already_is_named(shelf):
    path = archive(shelf)
    judged = identity_at(path)
    path.unlink()
    assert judged is not None
    with pytest.raises(NotFound):
        shelf.keep(UUID, path, judged)
