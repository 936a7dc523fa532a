"""Archives as Wings writes them: one gzip member around a tar of files without directories, closed by two blocks of zeros and no more.

Written straight under the final name (server/filesystem/archive.go@v1.11.11), piece by piece, so that a writer that dies leaves what the
real one leaves.
"""

from __future__ import annotations

import fnmatch
import tarfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

BLOCK: Final = tarfile.BLOCKSIZE
_GZIP: Final = 31
_FASTEST: Final = 1


def pieces(volume: Path, ignored: Sequence[str] = (), *, most: int | None = None, shrink: int | None = None) -> Iterator[bytes]:
    """Yield an archive of a volume, one piece per file and one for the end.

    ``most``: only so many files get in, and the end is good. ``shrink``: the file of this number (-1 = the last) is shorter than it was
    when its header was written: the tar ends there, the gzip around it ends well.
    """
    packer = zlib.compressobj(_FASTEST, zlib.DEFLATED, _GZIP)
    files = [path for path in sorted(volume.rglob("*")) if path.is_file() and not _is_ignored(path.relative_to(volume), ignored)]
    short = files[shrink] if shrink is not None else None
    for path in files[:most]:
        content = path.read_bytes()
        about = tarfile.TarInfo(path.relative_to(volume).as_posix())
        about.size, about.mode, about.mtime = len(content), 0o644, int(path.stat().st_mtime)
        head = about.tobuf(tarfile.PAX_FORMAT)
        if path == short:
            yield packer.compress(head + content[: len(content) // 2]) + packer.flush()
            return
        # a flush per file: pgzip writes in blocks, so what is on the disk ends somewhere behind a file's beginning
        yield packer.compress(head + content + bytes(-len(content) % BLOCK)) + packer.flush(zlib.Z_SYNC_FLUSH)
    yield packer.compress(bytes(2 * BLOCK)) + packer.flush()


def _is_ignored(path: Path, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatch(part, pattern) for pattern in patterns for part in (path.as_posix(), *path.parts))
