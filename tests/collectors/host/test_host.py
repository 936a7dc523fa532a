"""The host: proc trees as fixtures, real file systems, and one that hangs."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from watchdog.collectors.hanging import HangingLooks
from watchdog.collectors.host import proc
from watchdog.collectors.host.assemble import build
from watchdog.collectors.host.collector import HostCollector, space_argv
from watchdog.collectors.host.metrics import SPECS
from watchdog.collectors.host.settings import HostSettings, wanted
from watchdog.collectors.host.space import Space, ask, tell, understand
from watchdog.collectors.mounts import Mount, MountTable
from watchdog.errors import BadSettings, Blind
from watchdog.model.host import HostFacts, Pressure
from watchdog.model.metrics import families
from watchdog.model.needs import FilesystemNeed, Needs
from watchdog.runtime.clock import SystemClock

MEMINFO = """\
MemTotal:       24620560 kB
MemFree:        23038772 kB
MemAvailable:   23752364 kB
SwapTotal:       2097148 kB
SwapFree:        1048576 kB
HugePages_Total:       3
Hugepagesize:       2048 kB
nonsense
"""
PSI = """\
some avg10=1.50 avg60=0.25 avg300=0.05 total=2707000
full avg10=0.75 avg60=0.10 avg300=0.02 total=1631500
"""
VMSTAT = "nr_free_pages 100\noom_kill_like 9\noom_kill 3\n"
STAT = "cpu  1 2 3\nbtime 1763702000\nprocesses 5\n"


def proc_tree(path, **without):
    files = {
        "meminfo": MEMINFO, "vmstat": VMSTAT, "stat": STAT, "pressure/memory": PSI, "pressure/io": PSI, "pressure/cpu": PSI.splitlines()[0],
    }  # fmt: skip
    for name, text in files.items():
        if name.replace("/", "_") not in without:
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_text(text)
    return path


def collector(path, filesystems=(), *, mounts=MountTable.read, argv=space_argv, **settings):
    model = HostSettings(proc=path, filesystems=(), **settings)
    return HostCollector(model, tuple(filesystems), HangingLooks(SystemClock(), "test"), mounts=mounts, argv=argv)


# ---- proc --------------------------------------------------------------------------------------------------------------------------------


def test_memory_is_read_in_bytes():
    told = proc.meminfo(MEMINFO)

    assert told["MemTotal"] == 24620560 * 1024
    assert told["HugePages_Total"] == 3
    assert "nonsense" not in told


def test_pressure_is_read_in_seconds_and_percent():
    assert proc.pressures("io", PSI) == (Pressure("io", "some", 1.5, 0.25, 0.05, 2.707), Pressure("io", "full", 0.75, 0.1, 0.02, 1.6315))
    assert proc.pressures("io", "garbage\nsome avg10=x\n") == ()


@pytest.mark.parametrize(("text", "kills"), [(VMSTAT, 3), ("oom_kill 0\n", 0), ("nr_free 1\n", None), ("", None)])
def test_oom_kills_are_counted_where_the_kernel_counts_them(text, kills):
    assert proc.oom_kills(text) == kills


def test_boot_time_is_unix_seconds():
    assert proc.booted_at(STAT) == 1763702000.0
    assert proc.booted_at("cpu 1") is None


def test_a_whole_tree_becomes_facts(tmp_path):
    facts = collector(proc_tree(tmp_path)).collect()

    assert facts == HostFacts(
        memory_total_bytes=24620560 * 1024,
        memory_available_bytes=23752364 * 1024,
        swap_total_bytes=2097148 * 1024,
        swap_free_bytes=1 << 30,
        pressures=(
            Pressure("cpu", "some", 1.5, 0.25, 0.05, 2.707),
            Pressure("io", "some", 1.5, 0.25, 0.05, 2.707), Pressure("io", "full", 0.75, 0.1, 0.02, 1.6315),
            Pressure("memory", "some", 1.5, 0.25, 0.05, 2.707), Pressure("memory", "full", 0.75, 0.1, 0.02, 1.6315),
        ),
        oom_kills=3,
        booted_at=1763702000.0,
    )  # fmt: skip


def test_a_kernel_without_pressure_and_counters_tells_what_it_has(tmp_path):
    facts = collector(proc_tree(tmp_path, pressure_memory=1, pressure_io=1, pressure_cpu=1, vmstat=1, stat=1)).collect()

    assert (facts.pressures, facts.oom_kills, facts.booted_at) == ((), None, None)
    assert facts.memory_total_bytes


def test_a_wrong_proc_is_blind_and_names_the_key(tmp_path):
    with pytest.raises(Blind, match=r"collectors\.host\.proc"):
        collector(tmp_path / "nowhere").collect()


def test_this_hosts_own_proc_is_readable():
    facts = collector(Path("/proc")).collect()

    assert facts.memory_total_bytes > facts.memory_available_bytes > 0
    assert facts.booted_at > 1_500_000_000


# ---- space -------------------------------------------------------------------------------------------------------------------------------


def test_space_is_what_statvfs_says(tmp_path):
    space, told = ask(str(tmp_path)), os.statvfs(tmp_path)

    assert space.total_bytes == told.f_blocks * told.f_frsize
    assert space.device == tmp_path.stat().st_dev
    assert 0 < space.free_bytes <= space.total_bytes
    assert (space.total_inodes, space.read_only, space.error) == (told.f_files, False, None)


def test_what_is_missing_is_named(tmp_path):
    (tmp_path / "file").write_bytes(b"")

    assert ask(str(tmp_path / "nowhere")).error == "missing"
    assert ask(str(tmp_path / "file/below")).error == "missing"


def test_answers_survive_their_line():
    spaces = [Space(5, 100, 50, 10, 5, read_only=True), Space(error="stale")]

    assert understand(tell(spaces).encode()) == spaces
    for text in (b"", b"[[1]]", b"{}x", b"[1]", b"null"):
        assert understand(text) is None


def test_several_names_of_one_device_are_told_apart_from_several_devices(tmp_path):
    (tmp_path / "sub").mkdir()
    needs = [FilesystemNeed("a", str(tmp_path)), FilesystemNeed("b", str(tmp_path / "sub")), FilesystemNeed("shm", "/dev/shm")]
    facts = collector(proc_tree(tmp_path / "proc"), [*needs, FilesystemNeed("gone", str(tmp_path / "gone"))]).collect()

    assert [(f.name, f.same_as, f.error) for f in facts.filesystems] == [
        ("a", "", None), ("b", "a", None), ("shm", "", None), ("gone", "", "missing"),
    ]  # fmt: skip
    assert facts.filesystems[1].free_bytes > 0


def test_a_mount_that_may_hang_is_asked_in_a_child(tmp_path):
    table = MountTable((Mount("/", "8:1", "ext4"), Mount(str(tmp_path), "0:50", "nfs4")))
    asked = []

    def argv(paths):
        asked.extend(paths)
        return space_argv(paths)

    facts = collector(proc_tree(tmp_path / "proc"), [FilesystemNeed("nas", str(tmp_path))], mounts=lambda: table, argv=argv).collect()

    assert asked == [str(tmp_path)]
    assert facts.filesystems[0].total_bytes == ask(str(tmp_path)).total_bytes


def test_a_hung_mount_never_blocks_the_others_and_is_not_asked_twice_at_once(tmp_path):
    """The child of the one waits on a FIFO for ever."""
    for name in ("hung", "well"):
        (tmp_path / name).mkdir()
    os.mkfifo(tmp_path / "fifo")
    started = tmp_path / "started"
    table = MountTable((
        Mount("/", "8:1", "ext4"), Mount(str(tmp_path / "hung"), "0:50", "nfs4"), Mount(str(tmp_path / "well"), "0:51", "cifs"),
    ))  # fmt: skip

    def argv(paths):
        if paths[0].endswith("well"):
            return space_argv(paths)
        return [sys.executable, "-c", f"open({str(started)!r}, 'a').write('x'); open({str(tmp_path / 'fifo')!r}).read()"]

    needs = [FilesystemNeed(name, str(tmp_path / name)) for name in ("hung", "well")] + [FilesystemNeed("root", "/")]
    watching = collector(proc_tree(tmp_path / "proc"), needs, mounts=lambda: table, argv=argv, deadline=8.0)

    facts = watching.collect()

    assert [(f.name, f.error) for f in facts.filesystems] == [("hung", "hung"), ("well", None), ("root", None)]
    assert started.read_text() == "x"


@pytest.mark.parametrize("source", ["raise SystemExit(1)", "print('[]')", "print('nonsense')"])
def test_a_child_that_fails_is_an_error_of_its_file_systems(tmp_path, source):
    table = MountTable((Mount("/", "8:1", "ext4"), Mount(str(tmp_path), "0:50", "nfs4")))
    program = [sys.executable, "-c", source]
    watching = collector(proc_tree(tmp_path / "proc"), [FilesystemNeed("nas", str(tmp_path))], mounts=lambda: table, argv=lambda _: program)

    assert watching.collect().filesystems[0].error == "unreadable"


# ---- putting together --------------------------------------------------------------------------------------------------------------------


def test_settings_and_needs_are_merged():
    needs = [Needs(filesystems=(FilesystemNeed("backups", "/var/b"),)), Needs(filesystems=(FilesystemNeed("backups", "/var/b"),))]

    assert wanted(HostSettings(), needs) == (FilesystemNeed("root", "/"), FilesystemNeed("backups", "/var/b"))


@pytest.mark.parametrize("need", [FilesystemNeed("root", "/other"), FilesystemNeed("x", "relative")])
def test_wishes_that_cannot_be_met_are_refused(need):
    with pytest.raises(BadSettings, match=need.name):
        wanted(HostSettings(), [Needs(filesystems=(need,))])


def test_build_gives_a_spec_whose_collector_works():
    spec = build(HostSettings(), [], SystemClock())

    assert spec.factory().collect().filesystems[0].path == "/"


def test_metrics_tell_what_the_facts_say(tmp_path):
    (tmp_path / "sub").mkdir()
    needs = [FilesystemNeed("a", str(tmp_path)), FilesystemNeed("b", str(tmp_path / "sub")), FilesystemNeed("c", "/nowhere")]
    told = {f.metric.name: dict(f.rows) for f in families(SPECS, collector(proc_tree(tmp_path / "proc"), needs).collect())}
    a, b, c = ("a", str(tmp_path)), ("b", str(tmp_path / "sub")), ("c", "/nowhere")

    assert told["watchdog_host_filesystem_readable"] == {a: 1.0, b: 1.0, c: 0.0}
    assert set(told["watchdog_host_filesystem_available_bytes"]) == {a}
    assert told["watchdog_host_filesystem_info"] == {(*a, "", ""): 1.0, (*b, "a", ""): 1.0, (*c, "", "missing"): 1.0}
    assert told["watchdog_host_oom_kills_total"] == {(): 3.0}
    assert told["watchdog_host_pressure_stalled_ratio"]["io", "full"] == 0.0075
    assert told["watchdog_host_boot_timestamp_seconds"] == {(): 1763702000.0}


def test_what_the_kernel_does_not_tell_has_no_row():
    told = {family.metric.name: family.rows for family in families(SPECS, HostFacts())}

    assert set(told.values()) == {()}
