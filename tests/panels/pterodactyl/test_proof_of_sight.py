"""Whether "nobody has it open" was really seen: under each set of capabilities what is hidden is refused by name, never absent."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import require
from tests.support import wings_sight
from tests.support.wings_stand_in import running
from watchdog.model.archives import Identity
from watchdog.model.docker import Container, DockerFacts
from watchdog.model.moments import Moment
from watchdog.model.snapshots import Actual, Snapshot
from watchdog.panels.pterodactyl.evidence import EvidenceReader
from watchdog.runtime.clock import SimulatedClock

UUID = "aaaaaaaa-0000-4000-8000-000000000001"
NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
READ_SEARCH = (*NOBODY, "--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search", "--bounding-set=-all,+dac_read_search")
AND_PTRACE = tuple(word.replace("+dac_read_search", "+dac_read_search,+sys_ptrace") for word in READ_SEARCH)
ROOT_WITHOUT_PTRACE = ("setpriv", "--bounding-set=-sys_ptrace")
OWN_PROCESSES = ("unshare", "--pid", "--fork", "--mount-proc")
CAP_SYS_PTRACE = 19
EVERYTHING = Path("/proc")
pytestmark = pytest.mark.xdist_group("proof_of_sight")


def may_trace():
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("CapEff:"))
    return bool(int(line.split()[1], 16) >> CAP_SYS_PTRACE & 1)


@pytest.fixture
def node(tmp_path):
    require(os.geteuid() == 0 and may_trace() and all(map(shutil.which, ("setpriv", "unshare"))), "root with ptrace, setpriv and unshare")
    for folder in (tmp_path, *tmp_path.parents):  # another user must find the way; what is private stays so
        if folder.stat().st_uid == os.geteuid() and str(folder).startswith("/tmp/"):  # pytest's own
            folder.chmod(0o755)
    wings_sight.lay_out(tmp_path)
    archive = tmp_path / f"lib/backups/{UUID}.tar.gz"
    archive.write_bytes(b"archive")
    archive.chmod(0o600)
    return tmp_path


@pytest.fixture
def wings(node):
    with running(node / "etc/config.yml", node / "log/wings.log") as one:
        yield one


def archive_of(node):
    return node / f"lib/backups/{UUID}.tar.gz"


def identity(path):
    told = path.stat()
    return Identity(told.st_dev, told.st_ino, told.st_size, told.st_mtime_ns)


def process(node, *pids, **more):
    return wings_sight.reader(node, *pids, **more).read(Actual()).process


def look(node, proc, *before):
    return looks(node, (proc,), *before)[0]


def looks(node, procs, *before):
    """Look as somebody else does: in a process of its own, under what the words of ``before`` leave it."""
    root = Path(__file__).parents[3]
    archive_of(node).touch()  # written since Wings began
    for proc in procs:
        if proc != EVERYTHING:
            (proc / "self").unlink()  # it is not us who look there
    done = subprocess.run(
        [*before, sys.executable, "-m", "tests.support.wings_sight", str(node), *map(str, procs)],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_root_sees_who_has_an_archive_open(node, wings):
    reader, archive = wings_sight.reader(node, wings.pid), archive_of(node)
    seen = reader.read(Actual()).process
    assert (seen.pid, seen.sighted, seen.why) == (wings.pid, True, "")
    assert seen.proof == "it has our log open"
    assert seen.logs
    assert seen.descriptors >= 4
    assert seen.has_open(identity(archive)) is False
    wings.tell("open", archive)
    assert reader.read(Actual()).process.has_open(identity(archive)) is True
    wings.tell("close", archive)
    assert reader.read(Actual()).process.has_open(identity(archive)) is False


def test_an_archive_that_was_removed_is_still_open_to_who_has_it(node, wings):
    archive = archive_of(node)
    file = identity(archive)
    wings.tell("open", archive)
    archive.unlink()
    assert process(node, wings.pid).has_open(file) is True


def test_our_own_reading_does_not_count(node, wings):
    archive = archive_of(node)
    with archive.open("rb") as file, subprocess.Popen(["sleep", "600"], stdin=file) as child:
        ours = process(node, wings.pid, child.pid)
        theirs = EvidenceReader(wings_sight.settings(node), wings_clock(), foreign(node, wings.pid, child.pid)).read(Actual()).process
        child.kill()
    assert ours.has_open(identity(archive)) is False
    assert theirs.has_open(identity(archive)) is True  # the same process, seen by one that it is no child of


def foreign(node, *pids):
    proc = wings_sight.narrow(node, *pids).rename(node / "foreign")
    (proc / "self").unlink()
    (proc / "self").symlink_to("1")
    return proc


def test_in_a_pid_namespace_of_its_own_with_the_hosts_proc_all_is_seen(node, wings):
    """So runs an agent in a container that was given the host's /proc under another name."""
    archive = archive_of(node)
    wings.tell("open", archive)
    proc = wings_sight.narrow(node, wings.pid)
    seen = look(node, proc, "unshare", "--pid", "--fork")
    file = identity(archive)
    assert seen["sighted"], seen["word"]
    assert [file.device, file.inode] in seen["open"]


def test_who_may_only_read_and_search_sees_no_descriptor_and_says_so(node, wings):
    seen = look(node, wings_sight.narrow(node, wings.pid), *READ_SEARCH)
    assert not seen["sighted"]
    assert str(wings.pid) in seen["why"]
    assert "CAP_SYS_PTRACE" in seen["why"]
    assert (seen["open"], seen["error"], seen["process_error"]) == ([], "", "")
    assert seen["proof"] == "it is the only process called wings"
    assert (seen["present"], seen["absent"]) == ("cannot_see_wings", "cannot_see_wings")


def test_two_capabilities_are_enough(node, wings):
    wings.tell("open", archive_of(node))
    seen = look(node, wings_sight.narrow(node, wings.pid), *AND_PTRACE)
    file = identity(archive_of(node))
    assert seen["sighted"], seen["word"]
    assert (seen["present"], seen["absent"]) == ("open_file", "")
    assert [file.device, file.inode] in seen["open"]


def test_root_without_ptrace_sees_a_wings_that_is_as_weak_and_no_stronger_one(node, wings):
    with running(node / "etc/config.yml", node / "log/wings.log", *ROOT_WITHOUT_PTRACE) as weak:
        procs = [wings_sight.narrow(node, *pids) for pids in ((wings.pid,), (weak.pid,), (wings.pid, weak.pid))]
        stronger, weaker, both = looks(node, procs, *ROOT_WITHOUT_PTRACE)
    assert not stronger["sighted"]
    assert str(wings.pid) in stronger["why"]
    assert (weaker["proof"], weaker["sighted"]) == ("it has our log open", True)
    assert (weaker["present"], weaker["absent"]) == ("within_grace", "")
    assert [each[kind] for each in (stronger, both) for kind in ("present", "absent")] == ["cannot_see_wings"] * 4
    assert weaker["hidden"] == 1  # the test's own process, which is no Wings and sends no callback
    assert not both["sighted"]  # the one that hides its descriptors could be it, too
    assert f"(pid {wings.pid}) hides" in both["why"]


def test_in_a_pid_namespace_of_its_own_wings_is_not_in_sight(node, wings):
    del wings
    seen = look(node, EVERYTHING, *OWN_PROCESSES)
    assert not seen["sighted"]
    assert "no process of Wings is in sight" in seen["process_error"]
    assert "pid namespace" in seen["word"]
    assert (seen["present"], seen["absent"]) == ("cannot_see_wings", "cannot_see_wings")


def test_hidden_processes_are_not_absent_processes(node, wings):
    del wings
    hide = 'mount -t proc -o hidepid=invisible proc /proc && exec "$@"'
    seen = look(node, EVERYTHING, "unshare", "--mount", "sh", "-c", hide, "sh", *READ_SEARCH)
    assert "no process of Wings is in sight" in seen["process_error"]
    assert "hidepid" in seen["word"]
    assert (seen["present"], seen["absent"]) == ("cannot_see_wings", "cannot_see_wings")


def test_who_may_nothing_is_told_what_it_needs(node, wings):
    seen = look(node, wings_sight.narrow(node, wings.pid), *NOBODY, "--bounding-set=-all")
    assert "CAP_DAC_READ_SEARCH" in seen["error"]


@pytest.mark.parametrize(("kind", "local"), [("nfs4", False), ("fuse.sshfs", False), ("9p", False), ("unheard-of", False), ("ext4", True)])
def test_on_a_file_system_of_several_machines_nobody_sees_who_has_it_open(node, wings, kind, local):
    mounts = node / "mountinfo"
    mounts.write_text(f"1 0 8:1 / / rw - ext4 /dev/a rw\n2 1 0:9 / {node}/lib/backups rw shared:1 - {kind} there rw\n")
    seen = EvidenceReader(wings_sight.settings(node), wings_clock(), wings_sight.narrow(node, wings.pid), mounts).read(Actual())
    assert (seen.filesystem_kind, seen.filesystem_local, seen.process.sighted) == (kind, local, local)
    assert local or kind in seen.process.why
    assert seen.process.has_open(identity(archive_of(node))) is (False if local else None)


def wings_clock():
    return SimulatedClock(time.time(), time.clock_gettime(time.CLOCK_BOOTTIME))


def test_when_it_began_is_the_wall_clocks_moment(node):
    before = time.time()
    with running(node / "etc/config.yml", node / "log/wings.log") as wings:
        after = time.time()
        began = process(node, wings.pid).began
    assert before - 0.1 <= began <= after + 0.1  # the kernel counts in hundredths


def test_a_clock_that_was_set_makes_it_earlier_and_never_later(node, wings):
    clock = wings_clock()
    reader = wings_sight.reader(node, wings.pid, clock=clock)
    first = reader.read(Actual()).process
    assert not first.stepped
    clock.jump(3600.0)
    forward = reader.read(Actual()).process
    assert (forward.began, forward.stepped) == (first.began, True)
    clock.jump(-7200.0)
    back = reader.read(Actual()).process
    assert back.began == pytest.approx(first.began - 3600.0, abs=1.0)


def with_a_start_in_the_log(node, at):
    log = node / "log/wings.log"
    stamp = time.strftime("%b %e %H:%M:%S", time.gmtime(at))
    log.write_text(f" INFO: [{stamp}.000] writing log files to disk path=/x\n")
    os.utime(log, (at, at))


def test_what_its_first_line_says_goes_before_a_clock_that_was_set_before_us(node, wings):
    """It booted with a clock one hour behind, wrote its first line, and NTP set the clock before we ever looked."""
    clock = wings_clock()
    with_a_start_in_the_log(node, clock.now().wall - 3600.0)
    seen = wings_sight.reader(node, wings.pid, clock=clock, zone="UTC").read(Actual())
    assert not seen.log.error
    assert seen.process.stepped
    assert seen.process.began == pytest.approx(clock.now().wall - 3600.0, abs=1.5)


def test_a_start_in_the_log_that_the_process_has_not_made_is_not_believed(node, wings):
    """Whoever gives SFTP a user name with a line break writes whole lines into this log."""
    clock = wings_clock()
    clock.advance(600.0)
    with_a_start_in_the_log(node, clock.now().wall)
    seen = wings_sight.reader(node, wings.pid, clock=clock, zone="UTC").read(Actual())
    assert seen.log.booted_at is None
    assert not seen.log.covers(clock.now().wall)
    assert not seen.process.stepped


def test_a_program_called_wings_that_is_another_nodes_is_not_ours(node, tmp_path):
    other = tmp_path / "other"
    wings_sight.lay_out(other)
    with running(other / "etc/config.yml", other / "log/wings.log") as theirs:
        seen = wings_sight.reader(node, theirs.pid).read(Actual())
        assert seen.process is None
        assert "neither our log open nor our configuration" in seen.process_error
        with running(node / "etc/config.yml", node / "log/wings.log") as mine:
            assert process(node, theirs.pid, mine.pid).pid == mine.pid


def test_of_two_that_could_be_it_neither_is_taken(node, wings):
    with running(node / "etc/config.yml", node / "log/wings.log") as second:
        seen = wings_sight.reader(node, wings.pid, second.pid).read(Actual())
    assert seen.process is None
    assert "2 processes could be" in seen.process_error


@pytest.mark.parametrize(("name", "words"), [("wings", ("diagnostics",)), ("swings", ()), ("wingspan", ())])
def test_what_only_looks_like_wings_is_not_taken_for_it(node, name, words):
    with running(node / "etc/config.yml", node / "log/wings.log", name=name, words=words) as other:
        assert process(node, other.pid) is None


def test_a_log_that_wings_does_not_have_open_is_named(node):
    elsewhere = node / "elsewhere"
    elsewhere.mkdir()
    with running(node / "etc/config.yml", elsewhere / "wings.log") as wings:
        seen = wings_sight.reader(node, wings.pid).read(Actual())
    assert seen.process.proof == "it was given our configuration"
    assert "does not have it open" in seen.log.error


def in_container(pid, started_at=None, state="running"):
    now = Moment(0.0, 0.0)
    container = Container("c" * 64, "wings", "", state, pid=pid, started_at=started_at)
    return Actual(docker=Snapshot("docker", DockerFacts("", "", (container,)), now, now, 10.0))


def test_wings_in_a_container_is_found_by_the_containers_pid_namespace(node):
    with running(node / "etc/config.yml", node / "log/wings.log", *OWN_PROCESSES) as outer:
        inner = int(Path(f"/proc/{outer.pid}/task/{outer.pid}/children").read_text().split()[0])
        reader = wings_sight.reader(node, outer.pid, inner, container="wings")
        seen = reader.read(in_container(inner))
        assert seen.process_error == ""
        assert (seen.process.pid, seen.process.sighted) == (inner, True)
        assert reader.read(in_container(os.getpid())).process is None  # its namespace has no Wings
        assert "Docker" in reader.read(Actual()).process_error
        assert "does not run" in reader.read(in_container(0)).process_error


def test_of_a_container_whose_processes_are_hidden_docker_tells_the_start_alone(node):
    reader = wings_sight.reader(node, container="wings")
    seen = reader.read(in_container(2**22, 1_000.0))  # no process has that number
    assert (seen.process.began, seen.process.sighted) == (1_000.0, False)
    assert seen.process.has_open(identity(archive_of(node))) is None
    assert "may not be looked at" in seen.process_word
    assert reader.read(in_container(2**22)).process is None
    assert reader.read(in_container(2**22, 1_000.0, "exited")).process is None
    assert reader.read(in_container(os.getpid(), 1_000.0)).process.began == 1_000.0  # a number that means another process here
