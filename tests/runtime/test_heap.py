"""Freed memory goes back: few heaps, large pieces mapped by themselves. Seen in a process of its own, by the C library's own account."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from tests.conftest import require
from watchdog.runtime.heap import HEAPS, give_back

SCRIPT = """
import ctypes, sys, tempfile, threading
from watchdog.runtime.heap import give_back
told = give_back({}) if sys.argv[1] == "told" else None
held, all_here, go_on = [], threading.Barrier(13), threading.Event()
def work():
    held.append(bytes(5000))  # more than Python's own heaps take
    all_here.wait()
    go_on.wait()
threads = [threading.Thread(target=work) for _ in range(12)]
for thread in threads: thread.start()
all_here.wait()
libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
with tempfile.NamedTemporaryFile() as file:
    stream = ctypes.c_void_p(libc.fopen(file.name.encode(), b"w"))
    libc.malloc_info(0, stream)
    libc.fclose(stream)
    print(told, file.read().count(b"<heap nr="))
go_on.set()
"""


def account(how: str) -> tuple[str, int]:
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run([sys.executable, "-c", SCRIPT, how], env=environment, capture_output=True, text=True, timeout=200, check=True)
    told, heaps = done.stdout.split()
    return told, int(heaps)


def test_twelve_threads_share_two_heaps():
    require(platform.libc_ver()[0] == "glibc", "glibc")
    assert account("told") == ("True", HEAPS)
    assert account("not told")[1] > HEAPS, "left to itself it makes more: what we tell it is no empty word"


@pytest.mark.parametrize("name", ["MALLOC_ARENA_MAX", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES"])
def test_what_the_operator_chose_stands(name):
    assert give_back({"PATH": "/bin", name: "1"}) is False
