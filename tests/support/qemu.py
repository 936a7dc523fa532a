"""A real Linux kernel of Debian's under qemu, with this machine's root file system inside it, to run one program there.

How to use it::

    from tests.support.qemu import run_in_guest

    guest = run_in_guest([sys.executable, script, ...], scratch=tmp_path)     # skips when something is missing
    guest.returncode, guest.console

The guest boots ``/boot/vmlinuz-*`` with an initramfs of busybox and the modules named in ``MODULES`` (and what they depend on), mounts
the whole root read-only over 9p and ``scratch`` writable at its own path, runs the program as root with the network of an empty
kernel, and powers off. Results come back as files in ``scratch``. Software emulation: no /dev/kvm is needed, and everything takes ten
times as long. One guest at a time: mark the test ``@pytest.mark.kernel`` and ``@pytest.mark.xdist_group("qemu")``.
"""

from __future__ import annotations

import gzip
import lzma
import os
import shlex
import shutil
import stat
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import require

MODULES = ("virtio_pci", "9pnet_virtio", "9p", "wireguard", "veth")
MEMORY_MIB = 1024
ROOT_TAG, SCRATCH_TAG = "root", "scratch"
CODE_FILE = "guest-returncode"


@dataclass(frozen=True)
class Guest:
    """What a guest left behind."""

    returncode: int
    console: str
    seconds: float


def find_kernel() -> tuple[Path, Path] | None:
    """Return the newest kernel image that has its modules beside it, and its modules' directory."""
    for image in sorted(Path("/boot").glob("vmlinuz-*"), reverse=True):
        modules = Path("/lib/modules") / image.name.removeprefix("vmlinuz-")
        if (modules / "modules.dep").exists():
            return image, modules
    return None


def busybox() -> Path | None:
    """Return a busybox that needs no libraries."""
    found = shutil.which("busybox")
    if found is None:
        return None
    head = Path(found).read_bytes()
    return Path(found) if b"ld-linux" not in head[:4096] else None


def require_guest() -> tuple[Path, Path, Path]:
    """Skip or fail unless a guest can run here; return kernel image, modules' directory, busybox."""
    require(shutil.which("qemu-system-x86_64") is not None, "qemu-system-x86_64")
    require(os.geteuid() == 0, "root (the guest reads the whole root file system)")
    kernel, box = find_kernel(), busybox()
    require(kernel is not None, "a kernel with its modules (linux-image-amd64)")
    require(box is not None, "a static busybox (busybox-static)")
    assert kernel is not None
    assert box is not None
    return (*kernel, box)


def module_files(modules: Path, names: Iterable[str]) -> list[Path]:
    """Return the files of these modules and of what they depend on, in the order to load them."""
    depends: dict[str, tuple[str, list[str]]] = {}
    for line in (modules / "modules.dep").read_text().splitlines():
        path, _, needs = line.partition(":")
        depends[Path(path).name.split(".ko")[0].replace("-", "_")] = (path, needs.split())
    ordered: list[Path] = []
    for name in names:
        # built in (or renamed) modules have no file: the guest fails loudly when it misses one
        path, needs = depends.get(name.replace("-", "_"), ("", []))
        for relative in [*reversed(needs), path]:
            if relative and modules / relative not in ordered:
                ordered.append(modules / relative)
    return ordered


class Cpio:
    """An archive in the "newc" format, as the kernel unpacks it."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._number = 0

    def add(self, name: str, mode: int, content: bytes = b"", device: tuple[int, int] = (0, 0)) -> None:
        self._number += 1
        encoded = name.encode() + b"\0"
        numbers = (self._number, mode, 0, 0, 1, 0, len(content), 0, 0, *device, len(encoded), 0)
        self._bytes += b"070701" + b"".join(b"%08X" % number for number in numbers) + encoded
        self._bytes += bytes(-len(self._bytes) % 4) + content
        self._bytes += bytes(-len(self._bytes) % 4)

    def finish(self) -> bytes:
        self.add("TRAILER!!!", 0)
        return bytes(self._bytes)


INIT = """#!/bin/sh
/bin/busybox mkdir -p /proc /sys /dev /new
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox mount -t devtmpfs devtmpfs /dev
/bin/busybox ln -s /proc/self/fd /dev/fd
for stream in stdin:0 stdout:1 stderr:2; do /bin/busybox ln -s /proc/self/fd/${{stream#*:}} /dev/${{stream%:*}}; done
for module in {modules}; do /bin/busybox insmod /modules/$module || echo "GUEST: cannot load $module"; done
/bin/busybox mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=loose,ro {root_tag} /new || echo "GUEST: no root"
/bin/busybox mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000 {scratch_tag} /new{scratch} || echo "GUEST: no scratch"
for place in proc sys dev; do /bin/busybox mount -o bind /$place /new/$place; done
/bin/busybox mount -t tmpfs tmpfs /new/run
/bin/busybox mkdir -p /new/run/wireguard
/bin/busybox ip link set lo up
/bin/busybox chroot /new /usr/bin/env -i {environment} /bin/sh -c {command}
echo $? > /new{scratch}/{code}
/bin/busybox sync
/bin/busybox poweroff -f
"""


def initramfs(modules: Sequence[Path], box: Path, init: str) -> bytes:
    """Return a packed initramfs."""
    archive = Cpio()
    for directory in ("bin", "dev", "modules"):
        archive.add(directory, stat.S_IFDIR | 0o755)
    archive.add("dev/console", stat.S_IFCHR | 0o600, device=(5, 1))
    archive.add("bin/busybox", stat.S_IFREG | 0o755, box.read_bytes())
    archive.add("bin/sh", stat.S_IFLNK | 0o777, b"busybox")
    for module in modules:
        content = module.read_bytes()
        if module.suffix == ".xz":
            content = lzma.decompress(content)
        archive.add(f"modules/{module.name.removesuffix('.xz')}", stat.S_IFREG | 0o644, content)
    archive.add("init", stat.S_IFREG | 0o755, init.encode())
    return gzip.compress(archive.finish(), 1)


def run_in_guest(argv: Sequence[str], scratch: Path, *, environment: dict[str, str] | None = None, deadline: float = 300.0) -> Guest:
    """Boot, run ``argv`` as root with its working directory at the checkout's root, power off. Fail after ``deadline`` seconds."""
    root = Path(__file__).resolve().parents[2]
    variables = {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": "/",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": str(root),
        **(environment or {}),
    }
    words = {
        "root_tag": ROOT_TAG,
        "scratch_tag": SCRATCH_TAG,
        "scratch": shlex.quote(str(scratch)),
        "environment": " ".join(shlex.quote(f"{name}={value}") for name, value in variables.items()),
        "command": shlex.quote(f"cd {shlex.quote(str(root))} && exec {shlex.join(argv)}"),
        "code": CODE_FILE,
    }
    return boot_guest(INIT, words, MODULES, scratch, deadline)


def boot_guest(init: str, words: Mapping[str, str], names: Sequence[str], scratch: Path, deadline: float) -> Guest:
    """Boot with ``init`` (a template of ``words`` and of the ``{modules}`` that ``names`` need) until the guest powers off.

    Fail when that takes longer than ``deadline`` seconds, or when the guest left no code behind.
    """
    image, modules, box = require_guest()
    files = module_files(modules, names)
    packed = scratch / "initramfs.gz"
    text = init.format(modules=" ".join(file.name.removesuffix(".xz") for file in files), **words)
    packed.write_bytes(initramfs(files, box, text))
    code = scratch / CODE_FILE
    code.unlink(missing_ok=True)
    began = time.monotonic()
    console, ended = _boot(image, packed, scratch, deadline)
    if not ended or not code.exists():
        raise AssertionError(f"the guest did not finish within {deadline:g} s; its console ends with:\n{console[-4000:]}")
    return Guest(int(code.read_text()), console, time.monotonic() - began)


def _boot(image: Path, packed: Path, scratch: Path, deadline: float) -> tuple[str, bool]:
    console = scratch / "console.log"
    # no_timer_check: on a busy machine the kernel counts too few ticks of an emulated timer, calls it broken and stands still
    argv = [
        "qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", str(MEMORY_MIB),
        "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-serial", f"file:{console}",
        "-kernel", str(image), "-initrd", str(packed), "-append", "console=ttyS0 quiet panic=-1 mitigations=off no_timer_check",
        "-fsdev", "local,id=root,path=/,security_model=none,readonly=on,multidevs=remap",
        "-device", f"virtio-9p-pci,fsdev=root,mount_tag={ROOT_TAG}",
        "-fsdev", f"local,id=scratch,path={scratch},security_model=none,multidevs=remap",
        "-device", f"virtio-9p-pci,fsdev=scratch,mount_tag={SCRATCH_TAG}",
    ]  # fmt: skip
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    complaint, ended = "", False
    try:
        _, complaint = process.communicate(timeout=deadline)
        ended = True
    except subprocess.TimeoutExpired:
        complaint = f"\nqemu was killed after {deadline:g} s"
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        assert process.stderr is not None
        process.stderr.close()
    text = console.read_text(errors="replace") if console.exists() else ""
    return text + complaint, ended
