"""A base image made of this machine's Python, for building our own image where none can be pulled.

It holds what any slim Python base holds: a shell, ``python3`` with its standard library, pip to make an environment with, and the shared
libraries that wheels of this platform want; nothing of ours.
"""

from __future__ import annotations

import io
import re
import subprocess
import sys
import sysconfig
import tarfile
from collections.abc import Iterator
from pathlib import Path

BUSYBOX = Path("/bin/busybox")
APPLETS = ("sh", "cat", "chmod", "chown", "cp", "env", "id", "ln", "ls", "mkdir", "mv", "rm", "sleep", "touch", "true")
LIBRARY_NAMES = ("libstdc++.so.6", "libgcc_s.so.1", "libm.so.6", "libpthread.so.0", "libdl.so.2", "librt.so.1", "libutil.so.1", "libz.so.1")
LEFT_OUT = re.compile(r"(test|idlelib|tkinter|turtledemo|lib2to3|__pycache__|site-packages|dist-packages|config-.*)")
ACCOUNTS = {"etc/passwd": "root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n", "etc/group": "root:x:0:\nnogroup:x:65534:\n"}


def base_tar() -> bytes:
    """Return the root file system of the base as a tar."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for folder in ("bin", "proc", "sys", "dev", "etc", "tmp", "run", "var/lib", "usr/bin", "srv"):
            _folder(tar, folder, 0o1777 if folder == "tmp" else 0o755)
        tar.add(BUSYBOX.resolve(), "bin/busybox")
        for applet in APPLETS:
            _link(tar, f"bin/{applet}", "busybox")
        for path, text in ACCOUNTS.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text.encode()))
        seen = {"bin", "etc", "tmp"}
        for path in _files():
            _add(tar, path, seen)
        _link(tar, "usr/bin/python3", str(_interpreter()))
    return buffer.getvalue()


def _interpreter() -> Path:
    return Path(sys.base_prefix, "bin", f"python{sys.version_info.major}.{sys.version_info.minor}").resolve()


def _files() -> Iterator[Path]:
    stdlib = Path(sysconfig.get_path("stdlib", vars={"installed_base": sys.base_prefix, "base": sys.base_prefix}))
    modules = [
        path for path in stdlib.rglob("*") if path.is_file() and not any(map(LEFT_OUT.fullmatch, path.relative_to(stdlib).parts[:-1]))
    ]
    modules = [path for path in modules if "tkinter" not in path.name]
    yield _interpreter()
    yield from modules
    # Debian keeps the wheels that ensurepip installs in a place of their own
    yield from Path("/usr/share/python-wheels").glob("*.whl")
    wanted = [_interpreter(), *(path for path in modules if path.suffix == ".so")]
    yield from sorted({*_libraries(wanted), *_by_name()})


def _libraries(programs: list[Path]) -> Iterator[Path]:
    told = subprocess.run(["ldd", *map(str, programs)], capture_output=True, text=True, check=False, timeout=120).stdout
    yield from (Path(found) for found in re.findall(r"(?:=> )?(/\S+) \(0x", told))


def _by_name() -> Iterator[Path]:
    cache = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=True, timeout=60).stdout
    known = dict(reversed(re.findall(r"^\s(\S+) \(libc6,x86-64.*\) => (\S+)$", cache, re.MULTILINE)))
    yield from (Path(known[name]) for name in LIBRARY_NAMES if name in known)


def _add(tar: tarfile.TarFile, path: Path, seen: set[str]) -> None:
    """Add a file under its own name, as what it is in the end: no link can point out of the image."""
    name = str(path).lstrip("/")
    for parent in reversed(Path(name).parents):
        # an interpreter in somebody's home, mode 0700, would be nobody's in a container
        if str(parent) not in {*seen, "."}:
            seen.add(str(parent))
            _folder(tar, str(parent), 0o755)
    if name not in seen:
        seen.add(name)
        tar.add(path.resolve(), name, recursive=False)


def _folder(tar: tarfile.TarFile, name: str, mode: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode = tarfile.DIRTYPE, mode
    tar.addfile(entry)


def _link(tar: tarfile.TarFile, name: str, to: str) -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = tarfile.SYMTYPE, to
    tar.addfile(entry)
