"""What ordinary tools let pass: each of these is bad, the corpus test holds that we say so, and here a tool calls it well.

A row that a newer tool no longer passes fails here, and is to be struck off. Sources: contracts/sysreptor.md section 3 and
contracts/pterodactyl.md 2.2.
"""

from __future__ import annotations

import shutil
import subprocess
import tarfile
import zipfile

import pytest

from tests.conftest import require
from tests.support.corpus import DAMAGED

CORPUS = {case.name: case for case in DAMAGED}

IS_ZIPFILE = (
    "cut-in-comment.zip", "cut-behind-inner-zip.zip", "flipped-in-database.zip", "flipped-in-image.zip", "hole-in-image.zip",
    "hole-in-directory.zip", "through-a-terminal.zip", "bytes-lost-in-the-middle.zip", "bomb.zip",
)  # fmt: skip
TESTZIP = (
    "cut-behind-inner-zip.zip", "log-line-and-cut-behind-inner-zip.zip", "size-too-large.zip", "swallowed-error.zip", "overlapping.zip",
    "another-method.zip", "lying-descriptor.zip", "counts-wrong.zip", "wide-counts-wrong.zip",
)  # fmt: skip
UNZIP = ("cut-in-comment.zip", "size-too-small.zip", "size-too-large.zip", "lying-descriptor.zip")
TARFILE = (
    "trailer-cut.tar.gz", "one-byte-short.tar.gz", "wrong-crc.tar.gz", "flipped.tar.gz", "trailing-text.tar.gz", "no-end-blocks.tar.gz",
    "second-member-missing.tar.gz", "bytes-behind-the-tar.tar.gz", "no-end-blocks.tar", "zero-block-between.tar", "odd-padding.tar.xz",
)  # fmt: skip
GZIP = ("no-end-blocks.tar.gz", "second-member-missing.tar.gz", "last-file-short.tar.gz", "not-a-tar.tar.gz", "trailing-zeros.tar.gz")


@pytest.fixture
def file(tmp_path):
    def write(name):
        assert CORPUS[name].verdict == "bad"
        (tmp_path / name).write_bytes(CORPUS[name].make())
        return tmp_path / name

    return write


@pytest.mark.parametrize("name", IS_ZIPFILE)
def test_is_zipfile_passes_it(file, name):
    assert zipfile.is_zipfile(file(name))


@pytest.mark.parametrize("name", TESTZIP)
def test_testzip_passes_it(file, name):
    with zipfile.ZipFile(file(name)) as archive:
        assert archive.testzip() is None


@pytest.mark.parametrize("name", TARFILE)
def test_tarfile_in_stream_mode_passes_it(file, name):
    with file(name).open("rb") as raw, tarfile.open(fileobj=raw, mode="r|*") as archive:
        for member in archive:
            content = archive.extractfile(member) if member.isreg() else None
            while content is not None and content.read(65536):
                pass


@pytest.mark.parametrize("name", UNZIP)
def test_unzip_passes_it(file, name):
    require(shutil.which("unzip") is not None, "unzip (Debian's unzip)")
    assert subprocess.run(["unzip", "-tqq", file(name)], capture_output=True, stdin=subprocess.DEVNULL, check=False).returncode == 0


@pytest.mark.parametrize("name", GZIP)
def test_gzip_passes_it(file, name):
    require(shutil.which("gzip") is not None, "gzip")
    assert subprocess.run(["gzip", "-t", file(name)], capture_output=True, check=False).returncode == 0
