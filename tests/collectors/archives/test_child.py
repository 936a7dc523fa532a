"""The real child: its limits, its fates, and what it costs."""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import json
import os
import signal
import struct
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path

import pytest

from tests.support.archives import find, gz, many_entries, noise, tar_of, zip_of
from tests.support.corpus import ALL
from watchdog.collectors.archives.confine import BASE, NOBODY
from watchdog.collectors.archives.order import ALONE, MODULE, Limits, Turn, verify
from watchdog.collectors.archives.settings import promise
from watchdog.errors import Stopping
from watchdog.runtime.child import module_argv

GENEROUS = Limits(memory=256 << 20, seconds=120, rate=0.0)


def run(path, *, limits=GENEROUS, argv=None, level=1, promise="archive", stop=None, turn=ALONE):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return verify(descriptor, level, promise, limits, stop or threading.Event(), turn, argv=argv)
    finally:
        os.close(descriptor)


def program(source):
    return [sys.executable, "-c", source]


@pytest.mark.parametrize(
    ("data", "verdict", "reasons"),
    [
        (zip_of(), "good", ()),
        (zip_of()[:-1], "bad", ("truncated",)),
        (gz(tar_of()), "good", ()),
        (gz(tar_of())[:-4], "bad", ("truncated",)),
        (b"\x7fELF", "unverifiable", ("unknown_format",)),
    ],
)
def test_the_child_answers_what_the_check_finds(tmp_path, data, verdict, reasons):
    (tmp_path / "file").write_bytes(data)

    finished = run(tmp_path / "file")

    assert (finished.verdict, finished.reasons) == (verdict, reasons)
    assert finished.read_bytes > 0


FATES = {
    "a crash": ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "crashed", "SIGSEGV"),
    "a kill": ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "crashed", "killed from outside"),
    "an abort in a library": ("import os; os.abort()", "crashed", "SIGABRT"),
    "an end without a word": ("raise SystemExit(3)", "no_answer", "code 3"),
    "an answer in another shape": ("print('{\"verdict\": \"perfect\"}')", "no_answer", "shape"),
    "an answer that is no JSON": ("print('good')", "no_answer", "shape"),
    "an endless answer": ("while True: print('x' * 65536, end='')", "no_answer", "longer"),
}  # fmt: skip


@pytest.mark.parametrize("name", FATES)
def test_what_befalls_the_child_is_an_unverifiable_verdict(tmp_path, name):
    source, reason, words = FATES[name]
    (tmp_path / "file").write_bytes(b"x")

    finished = run(tmp_path / "file", argv=program(source))

    assert (finished.verdict, finished.reasons) == ("unverifiable", (reason,))
    assert words in finished.message


def test_a_child_that_hangs_is_ended_at_the_deadline(tmp_path):
    (tmp_path / "file").write_bytes(b"x")

    finished = run(tmp_path / "file", argv=program("import time; time.sleep(600)"), limits=Limits(1 << 28, 1, 0.0))

    assert finished.reasons == ("hung",)


def test_a_child_that_only_computes_is_ended_by_its_own_limit(tmp_path):
    (tmp_path / "file").write_bytes(b"x")
    source = "import resource\nresource.setrlimit(resource.RLIMIT_CPU, (1, 2))\nwhile True: pass"

    finished = run(tmp_path / "file", argv=program(source))

    assert finished.reasons == ("hung",)
    assert "processor" in finished.message


def test_too_little_memory_is_named(tmp_path):
    """What the interpreter has is not enough for what the check wants."""
    (tmp_path / "file").write_bytes(gz(tar_of([("a", noise(4 << 20))])))

    finished = run(tmp_path / "file", limits=Limits(memory=-(80 << 20), seconds=60, rate=0.0))

    assert (finished.verdict, finished.reasons) == ("unverifiable", ("memory",))


def test_the_end_of_the_program_ends_the_child(tmp_path):
    (tmp_path / "file").write_bytes(b"x")
    stop = threading.Event()
    threading.Timer(0.2, stop.set).start()

    with pytest.raises(Stopping):
        run(tmp_path / "file", argv=program("import time; time.sleep(600)"), stop=stop)


def test_the_child_bounds_itself_and_can_open_nothing(tmp_path):
    """Run the child's own ``limit`` and look at what is left to it."""
    source = f"""
import json, os, resource, sys
sys.path.insert(0, {str(Path.cwd())!r})
import ctypes
from tests.support.corpus import ALL
from watchdog.collectors.archives.confine import confine
walls = confine(os.getppid(), 128 << 20, 30)
told = {{name: resource.getrlimit(getattr(resource, "RLIMIT_" + name)) for name in ("AS", "CORE", "FSIZE", "NOFILE", "CPU")}}
told |= {{"walls": walls, "user": os.geteuid(), "group": os.getegid(), "others": os.getgroups()}}
death = ctypes.c_int()
ctypes.CDLL(None).prctl(2, ctypes.byref(death), 0, 0, 0)
told["death"] = death.value
for try_ in (lambda: os.open("/etc/passwd", os.O_RDONLY), lambda: bytes(256 << 20)):
    try:
        try_()
    except (OSError, MemoryError) as error:
        told[type(error).__name__] = str(error)
print(json.dumps({{"format": "x", "level": 0, "verdict": "good", "reasons": [], "messages": [json.dumps(told)], "read_bytes": 0}}))
"""
    (tmp_path / "file").write_bytes(b"x")

    told = json.loads(run(tmp_path / "file", argv=program(source)).message)

    assert told["AS"] == [(128 << 20) + BASE] * 2
    assert told["death"] == signal.SIGKILL
    assert told["walls"][0] == "limits"
    if os.geteuid() == 0:
        assert (told["user"], told["group"], told["others"]) == (NOBODY, NOBODY, [])
    assert told["CORE"] == told["FSIZE"] == told["NOFILE"] == [0, 0]
    assert told["CPU"] == [30, 31]
    assert "OSError" in told
    assert "MemoryError" in told


def test_the_rate_is_kept(tmp_path):
    size = 1 << 20
    (tmp_path / "file").write_bytes(tar_of([("a", noise(size))]))
    argv = [sys.executable, "-c", f"import time; began = time.monotonic(); {TIMED}", *module_argv(MODULE)]

    finished = run(tmp_path / "file", limits=Limits(1 << 28, 120, size / 0.8), argv=argv)

    assert finished.verdict == "good"
    assert float(finished.message) >= 0.75


TIMED = """
import json, os, subprocess, sys
order = {**json.loads(sys.argv[-1]), "parent": os.getpid()}
sys.argv[-1] = json.dumps(order)
done = subprocess.run(sys.argv[1:], pass_fds=[order["descriptor"]], stdout=subprocess.PIPE, check=True)
answer = json.loads(done.stdout.splitlines()[-1])
answer["messages"] = [str(time.monotonic() - began)]
print(json.dumps(answer))
"""

MEASURED = """
import json, os, resource, subprocess, sys
order = {**json.loads(sys.argv[-1]), "parent": os.getpid()}
sys.argv[-1] = json.dumps(order)
done = subprocess.run(sys.argv[1:], pass_fds=[order["descriptor"]], stdout=subprocess.PIPE, check=True)
answer = json.loads(done.stdout.splitlines()[-1])
answer["messages"] = [str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)]
print(json.dumps(answer))
"""


def memory_of(path, **kind):
    """Return (verdict, KiB of resident memory of the child that found it); measured from a process that is small itself."""
    finished = run(path, argv=[sys.executable, "-c", MEASURED, *module_argv(MODULE)], **kind)
    return finished.verdict, int(finished.message), finished


@pytest.mark.parametrize("level", [1, 2])
def test_200_000_entries_cost_little_memory(tmp_path, level):
    many_entries(tmp_path / "many.zip", 200_000)

    verdict, kibibytes, finished = memory_of(tmp_path / "many.zip", level=level)

    assert (verdict, finished.reasons) == ("good", ())
    assert kibibytes < 64 * 1024, f"{kibibytes} KiB"


def test_a_bomb_costs_little_memory(tmp_path):
    """Some kilobytes that unpack to 200 MiB of one file of a tar."""
    info = tar_of([("zeros", b"")])[:512]
    size = 200 << 20
    header = bytearray(info)
    header[124:136] = b"%011o\0" % size
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    packed = __import__("gzip").compress(bytes(header) + bytes(size) + bytes(1024), 9)
    (tmp_path / "bomb.tar.gz").write_bytes(packed)

    verdict, kibibytes, _ = memory_of(tmp_path / "bomb.tar.gz")

    assert len(packed) < 1 << 20
    assert verdict == "good"
    assert kibibytes < 64 * 1024, f"{kibibytes} KiB"


def test_a_long_window_of_small_members_is_bounded_in_time(tmp_path):
    """100,000 empty gzip members in a row: each costs one decompressor, none costs the rest of the file."""
    (tmp_path / "members.gz").write_bytes(gz(b"") * 100_000 + gz(tar_of()))

    finished = run(tmp_path / "members.gz", limits=Limits(1 << 28, 120, 0.0))

    assert finished.verdict == "good"


def test_the_progress_is_the_descriptors_offset(tmp_path):
    """The parent sees how far the child has read without any word from it."""
    path = tmp_path / "file"
    path.write_bytes(tar_of([("a", noise(3 << 20))]))
    descriptor = os.open(path, os.O_RDONLY)

    assert verify(descriptor, 1, "", GENEROUS, threading.Event()).verdict == "good"

    assert os.lseek(descriptor, 0, os.SEEK_CUR) == path.stat().st_size
    os.close(descriptor)


def test_methods_that_cannot_be_unpacked_are_no_obstacle_to_the_structure(tmp_path):
    data = bytearray(zip_of([("a", noise(100))], method=zipfile.ZIP_STORED))
    at = data.index(b"PK\x01\x02")
    data[8:10] = data[at + 10 : at + 12] = struct.pack("<H", 93)  # zstd
    (tmp_path / "file").write_bytes(bytes(data))

    assert run(tmp_path / "file").verdict == "good"


def test_at_level_2_such_an_entry_is_unverifiable_and_named(tmp_path):
    (tmp_path / "file").write_bytes(next(case for case in ALL if case.name == "zstd-inside.zip").make())

    finished = run(tmp_path / "file", level=2)

    assert (finished.verdict, finished.reasons) == ("unverifiable", ("unknown_method",))
    assert "(zstd)" in finished.message


SOME_OF_THE_CORPUS = ("sysreptor.zip", "cut-in-files.zip", "wings.tar.gz", "flipped.tar.xz", "frames.tar.zst", "window.tar.zst", "bomb.zip")


@pytest.mark.parametrize("name", SOME_OF_THE_CORPUS)
def test_behind_its_walls_the_child_finds_what_is_found_without(tmp_path, name):
    case = next(case for case in ALL if case.name == name)
    data = case.make()
    path = tmp_path / name
    path.write_bytes(data)

    finished = run(path, level=2, promise=promise(name))

    assert finished.verdict == case.verdict
    assert finished.sha1 == hashlib.sha1(data).hexdigest()
    assert finished.salvage == find(path, data, level=2, promise=promise(name)).salvage
    assert finished.walls[0] == "limits"


SAID_AND_DIED = """
import json, os, signal
said = {"so_far": True, "format": "zip", "level": 2, "verdict": "bad", "reasons": ["missing_end"], "messages": ["it was cut"]}
print(json.dumps(said), flush=True)
os.kill(os.getpid(), signal.SIGSEGV)
"""


def test_damage_already_proven_outlives_the_child(tmp_path):
    """A file may be made so that looking for what survives in it kills the child: it is bad all the same."""
    (tmp_path / "file").write_bytes(b"x")

    finished = run(tmp_path / "file", argv=program(SAID_AND_DIED))

    assert (finished.verdict, finished.reasons) == ("bad", ("missing_end",))
    assert "SIGSEGV" in finished.message


TOUCHING = f"""
import os, sys
sys.path.insert(0, {str(Path.cwd())!r})
from watchdog.collectors.archives import check
look = check.check
def touch(source, *rest):
    os.utime(sys.argv[1], (1, 1))
    return look(source, *rest)
check.check, check.confine = touch, lambda *_: ()
check.main(sys.argv[2:])
"""


def test_a_file_that_changes_under_the_child_is_named(tmp_path):
    """Its time is set right after the child has begun; without its walls, for behind them it cannot do that itself."""
    path = tmp_path / "file"
    path.write_bytes(tar_of([("a", noise(1000))]))

    finished = run(path, argv=[*program(TOUCHING), str(path)], level=2)

    assert (finished.verdict, finished.reasons) == ("unverifiable", ("changed",))


LANDLOCKED = f"""
import ctypes, os, socket, sys
sys.path.insert(0, {str(Path.cwd())!r})
from tests.support.corpus import ALL
from watchdog.collectors.archives.confine import _landlock
libc = ctypes.CDLL(None, use_errno=True)
libc.prctl(38, 1, 0, 0, 0)
if not _landlock(libc):
    raise SystemExit(77)
for try_ in (lambda: os.open("/etc/passwd", os.O_RDONLY), lambda: os.open("/tmp", os.O_RDONLY), lambda: os.mkdir("/tmp/never")):
    try:
        try_()
    except PermissionError:
        continue
    raise SystemExit(1)
"""


def test_landlock_forbids_every_file_where_the_kernel_has_it():
    """Not a wall that CI's kernel must have: without it the child says so, and the limit of no open file holds."""
    done = subprocess.run(program(LANDLOCKED), capture_output=True, text=True, check=False, timeout=90)

    version = ctypes.CDLL(None).syscall(444, None, ctypes.c_size_t(0), 1)
    assert done.returncode == (0 if version >= 1 else 77), done.stderr


def children_that_stand_still():
    """Return our children that are stopped, by /proc: state T."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
            if int(parent) == os.getpid() and state == "T":
                found.append(stat)
    return found


def test_a_child_stands_still_while_it_has_to_and_goes_on_afterwards(tmp_path):
    """The first time that it must hold, it is looked for until it stands; then it may go on."""
    (tmp_path / "file").write_bytes(b"x")
    go = tmp_path / "go"
    waits = f"import os, time\nwhile not os.path.exists({str(go)!r}): time.sleep(0.01)\n"
    answer = '{"format": "zip", "level": 1, "verdict": "good", "reasons": [], "messages": []}'
    stood = []

    def hold():
        if not stood:
            stood.append(False)
            return True
        deadline = time.monotonic() + 60
        while not stood[0] and time.monotonic() < deadline:
            stood[0] = bool(children_that_stand_still())
            time.sleep(0.01)
        go.touch()
        return False

    finished = run(tmp_path / "file", argv=program(f"{waits}print({answer!r})"), turn=Turn(hold=hold))

    assert stood == [True]
    assert finished.verdict == "good"


def test_the_end_of_the_program_ends_a_child_that_stands_still(tmp_path):
    (tmp_path / "file").write_bytes(b"x")
    stop = threading.Event()

    def hold():
        stop.set()
        return True

    with pytest.raises(Stopping):
        run(tmp_path / "file", argv=program("import time; time.sleep(600)"), stop=stop, turn=Turn(hold=hold))


def test_a_child_that_never_stops_to_tell_places_is_ended(tmp_path):
    """Each of its lines costs it some of its time."""
    (tmp_path / "file").write_bytes(b"x")
    endless = "while True: print('{\"place\": {}}', flush=True)"

    finished = run(tmp_path / "file", argv=program(endless), limits=Limits(1 << 28, 2, 0.0))

    assert finished.reasons == ("hung",)
