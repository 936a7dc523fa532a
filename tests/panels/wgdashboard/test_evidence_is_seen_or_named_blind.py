"""The panel's own traces: its ini, error log, database, files and processes; what cannot be seen is named, and no secret comes along."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.wgdashboard import settings
from tests.support.wgdashboard_ward import FakeProc
from watchdog.errors import Refused
from watchdog.model.docker import Container, DockerFacts
from watchdog.model.moments import Moment
from watchdog.model.snapshots import Actual, Snapshot
from watchdog.model.wireguard import Device, WireguardFacts
from watchdog.panels.wgdashboard import texts
from watchdog.panels.wgdashboard.evidence import EvidenceReader
from watchdog.panels.wgdashboard.processes import ProcessReader
from watchdog.panels.wgdashboard.traces import NOTHING, PARTS
from watchdog.runtime.clock import SimulatedClock

SECRET = "aSecretThatMustNotLeave0123456789abcdefghij="  # it opens nothing
INI = """[Account]
username = admin
password = {secret}
[Server]
wg_conf_path = {folder}
dashboard_api_key = true
app_prefix = /vpn
version = v4.3.3
[Database]
type = sqlite
password = {secret}
[WireGuardConfiguration]
autostart = wg0||wg1
"""
CONF = """[Interface]
PrivateKey = {secret}
Address = 10.0.0.1/24

[Peer] # laptop
PublicKey = one=
PresharedKey = {secret}
AllowedIPs = 10.0.0.2/32, fd00::2
#PublicKey = commented=
AllowedIPs = 10.9.0.7/24

[Peer]
PublicKey=two=
"""
BORN = "[WGDashboard] Background Thread #1 Started"
BROKEN = [
    "--- Logging error ---",
    "Traceback (most recent call last):",
    '  File "/opt/WGDashboard/src/dashboard.py", line 96, in peerInformationBackgroundThread',
    "FileNotFoundError: [Errno 2] No such file or directory: '/etc/wireguard/wg5.conf'",
    "Message: '[WGDashboard] Background Thread #1 Error'",
    "Arguments: (FileNotFoundError(2, 'No such file or directory'),)",
]
NOT_WIREGUARD = [
    "Message: '[WGDashboard] Background Thread #1 Error'",
    "Arguments: (CalledProcessError(1, ['wg', 'show', 'wg7', 'transfer']),)",
]
DIED = [
    "Exception in thread Thread-1 (peerInformationBackgroundThread):",
    "Traceback (most recent call last):",
    '  File "/opt/WGDashboard/src/dashboard.py", line 3116, in peerInformationBackgroundThread',
    "    for c in WireguardConfigurations.values():",
    "RuntimeError: dictionary changed size during iteration",
]
REQUEST_DIED = [
    "Traceback (most recent call last):",
    '  File "/opt/WGDashboard/src/dashboard.py", line 400, in API_getWireguardConfigurations',
    "RuntimeError: dictionary changed size during iteration",
]


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "src"
    for name in ("db", "log", "conf"):
        (folder / name).mkdir(parents=True)
    (folder / "wg-dashboard.ini").write_text(INI.format(secret=SECRET, folder=folder / "conf"))
    (folder / "db" / "wgdashboard.db").write_bytes(b"SQLite")
    (folder / "log" / "error_2026.log").write_text(f"{BORN}\n")
    (folder / "conf" / "wg0.conf").write_text(CONF.format(secret=SECRET))
    return folder


def reader(source, tmp_path, clock=None, **more):
    proc = FakeProc(tmp_path / "proc", source)
    return proc, EvidenceReader(settings(directory=str(source), **more), clock or SimulatedClock(), proc.root)


def say(source, *lines):
    with (source / "log" / "error_2026.log").open("a") as log:
        log.write("\n".join(lines) + "\n")


def test_everything_that_is_there_is_seen_and_no_secret_is(source, tmp_path):
    proc, read = reader(source, tmp_path)
    proc.show()
    os.utime(source / "db" / "wgdashboard.db", (5.0, 1_799_999_990.0))
    found = read.read(Actual())
    assert not found.blind
    assert found.ini.keys_enabled is True and found.ini.autostart == ("wg0", "wg1") and found.ini.prefix == "/vpn"
    assert found.database_at == 1_799_999_990.0
    assert found.files["wg0"].peers == {"one=": frozenset({"10.0.0.2/32", "fd00::2/128", "10.9.0.0/24"}), "two=": frozenset()}
    assert (found.process.master, found.process.worker, found.process.netns) == (100, 101, "")
    assert SECRET not in repr(found) and "never" not in repr(found)


def test_without_a_directory_nothing_is_looked_for(tmp_path):
    assert EvidenceReader(settings(), SimulatedClock()).read(Actual()) == NOTHING
    assert set(NOTHING.blind) == set(PARTS)


@pytest.mark.parametrize(
    ("lose", "blind"),
    [
        ("wg-dashboard.ini", {"ini", "database", "files"}),
        ("db/wgdashboard.db", {"database"}),
        ("log/error_2026.log", {"log"}),
        ("conf/wg0.conf", set()),
    ],
)
def test_what_is_gone_is_named(source, tmp_path, lose, blind):
    proc, read = reader(source, tmp_path)
    proc.show()
    (source / lose).unlink()
    found = read.read(Actual())
    assert set(found.blind) == blind
    assert all(found.blind.values())
    if lose == "conf/wg0.conf":
        assert found.files == {}, "an empty folder was seen"


def test_a_half_written_ini_is_blind_and_not_an_ini_that_says_no(source, tmp_path):
    _, read = reader(source, tmp_path)
    for text in ("", "[Account]\nusername = admin\n"):
        (source / "wg-dashboard.ini").write_text(text)
        found = read.read(Actual())
        assert found.ini is None and "being written" in found.blind["ini"]


@pytest.mark.parametrize("kind", ["postgresql", "mysql", ""])
def test_a_database_that_is_no_file_has_no_time(source, tmp_path, kind):
    text = (source / "wg-dashboard.ini").read_text().replace("type = sqlite", f"type = {kind}")
    (source / "wg-dashboard.ini").write_text(text)
    found = reader(source, tmp_path)[1].read(Actual())
    assert found.database_at is None and "not" in found.blind["database"]


def test_a_panel_in_a_container_needs_its_folder_named(source, tmp_path):
    _, read = reader(source, tmp_path, container="wgd")
    assert "configurations_directory" in read.read(Actual()).blind["files"]
    there = EvidenceReader(
        settings(directory=str(source), container="wgd", configurations_directory=str(source / "conf")), SimulatedClock(), tmp_path / "proc"
    )
    assert set(there.read(Actual()).files) == {"wg0"}


# -- its log -------------------------------------------------------------------------------------------------------------------


def test_the_log_is_read_on_from_look_to_look(source, tmp_path):
    clock = SimulatedClock(wall=4_000_000_000.0)
    _, read = reader(source, tmp_path, clock)
    assert read.read(Actual()).journal.broken_passes == 0
    clock.advance(10.0)
    say(source, "Background Thread #1 PID:1252", *BROKEN)
    first = read.read(Actual()).journal
    assert (first.thread, first.broken_passes, first.broken_by, first.broken_device) == (1252, 1, "FileNotFoundError", "wg5")
    assert first.broken_at == clock.now().wall
    clock.advance(10.0)
    assert read.read(Actual()).journal == first
    say(source, *NOT_WIREGUARD)
    second = read.read(Actual()).journal
    assert (second.broken_passes, second.broken_by, second.broken_device) == (2, "CalledProcessError", "wg7")
    assert second.broken_at == clock.now().wall


def test_errors_of_the_second_thread_are_counted_apart(source, tmp_path):
    say(source, *["Message: 'Background Thread #2 Error'", "Arguments: (ValueError('no date'),)"] * 12)
    journal = reader(source, tmp_path)[1].read(Actual()).journal
    assert (journal.jobs_broken, journal.broken_passes, journal.broken_by) == (12, 0, "")


def test_a_line_that_is_half_written_is_read_when_it_is_whole(source, tmp_path):
    _, read = reader(source, tmp_path)
    with (source / "log" / "error_2026.log").open("a") as log:
        log.write("Background Thread #1 PI")
        log.flush()
        assert read.read(Actual()).journal.thread is None
        log.write("D:77\n")
    assert read.read(Actual()).journal.thread == 77


def test_an_old_error_is_as_old_as_its_file_at_most(source, tmp_path):
    say(source, *BROKEN)
    os.utime(source / "log" / "error_2026.log", (5.0, 1_700_000_000.0))
    assert reader(source, tmp_path)[1].read(Actual()).journal.broken_at == 1_700_000_000.0


@pytest.mark.parametrize(
    ("lines", "died", "jobs_died"),
    [
        (DIED, "RuntimeError", ""),
        ([line.replace("Thread-1 (peerInformationBackgroundThread)", "Thread-1") for line in DIED], "RuntimeError", ""),
        ([line.replace("peerInformationBackgroundThread", "peerJobScheduleBackgroundThread") for line in DIED], "", "RuntimeError"),
        (["Exception in thread Thread-9 (other):", "Traceback", "ValueError: no"], "", ""),
        (REQUEST_DIED, "", ""),
        ([*DIED, BORN], "", ""),
        ([*BROKEN, *DIED], "RuntimeError", ""),
    ],
)
def test_only_the_end_of_its_own_threads_in_this_life_counts(source, tmp_path, lines, died, jobs_died):
    say(source, *lines)
    journal = reader(source, tmp_path)[1].read(Actual()).journal
    assert (journal.died, journal.jobs_died) == (died, jobs_died)


def test_a_new_log_is_a_new_life(source, tmp_path):
    _, read = reader(source, tmp_path)
    say(source, *DIED)
    assert read.read(Actual()).journal.died
    newer = source / "log" / "error_2027.log"
    newer.write_text(f"{BORN}\n")
    os.utime(newer, (5.0, 4_100_000_000.0))
    assert not read.read(Actual()).journal.died


def test_a_log_cut_short_is_read_anew(source, tmp_path):
    _, read = reader(source, tmp_path)
    say(source, *DIED)
    assert read.read(Actual()).journal.died
    (source / "log" / "error_2026.log").write_text(f"{BORN}\n")
    assert not read.read(Actual()).journal.died


# -- its processes -------------------------------------------------------------------------------------------------------------


def processes(source, tmp_path, actual=None, show=None, **more):
    proc = FakeProc(tmp_path / "proc", source)
    proc.show(**(show or {}))
    return proc, ProcessReader(settings(directory=str(source), **more), proc.root).read(source, actual or Actual(), 1_800_000_000.0)


def test_threads_are_known_by_the_panels_own_numbers(source, tmp_path):
    _, process = processes(source, tmp_path, show={"tasks": (1, 7, 1252)})
    assert process.tasks == frozenset({1, 7, 1252})
    assert not process.respawned
    assert (process.master_began, process.worker_began) == (10.0, 10.5)


def test_a_worker_much_younger_than_its_master_is_a_second_one(source, tmp_path):
    assert processes(source, tmp_path, show={"forked": 500.0})[1].respawned


@pytest.mark.parametrize(
    ("cgroup", "daemons", "counted"),
    [
        (
            "/system.slice/wgd.service",
            ("/system.slice/wgd.service", "/system.slice/wgd.service/tunnel", "/system.slice/wgd.service2", "/"),
            2,
        ),
        ("", ("/", "/system.slice/x"), 0),
    ],
)
def test_userspace_daemons_count_in_the_panels_own_cgroup(source, tmp_path, cgroup, daemons, counted):
    _, process = processes(source, tmp_path, show={"cgroup": cgroup, "daemons": daemons})
    assert (process.cgroup, process.daemons) == (cgroup, counted)


class Systemd:
    """Says what a restart of a unit ends; counts."""

    def __init__(self, answer):
        self.answer, self.asked = answer, []

    def kill_mode(self, unit, seconds):
        self.asked.append(unit)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.mark.parametrize(
    ("hook", "daemons", "answer", "told", "asked"),
    [
        ({"unit": "wgd"}, 1, "process", "process", ["wgd"]),
        ({"unit": "wgd"}, 1, Refused("there is no systemctl"), "", ["wgd"]),
        ({"unit": "wgd"}, 0, "process", "", []),
        ({"argv": ["/restart"]}, 1, "process", "", []),
    ],
)
def test_systemd_is_asked_what_ends_with_the_unit_once_a_minute(source, tmp_path, hook, daemons, answer, told, asked):
    group = "/system.slice/wgd.service"
    FakeProc(tmp_path / "proc", source).show(cgroup=group, daemons=(group,) * daemons)
    systemd = Systemd(answer)
    read = ProcessReader(settings(directory=str(source), hooks={"restart_panel": hook}), tmp_path / "proc", systemd)
    for now in (1_800_000_000.0, 1_800_000_059.0):
        assert read.read(source, Actual(), now).kill_mode == told
    assert systemd.asked == asked
    read.read(source, Actual(), 1_800_000_060.0)
    assert systemd.asked == asked * 2


@pytest.mark.parametrize(("zone", "offset"), [("UTC", 0.0), ("Asia/Tokyo", 9 * 3600.0), ("Nowhere/AtAll", None)])
def test_its_zone_is_its_own(source, tmp_path, zone, offset):
    assert processes(source, tmp_path, show={"zone": zone})[1].utc_offset == offset


def test_its_network_namespace_has_the_name_that_wireguards_facts_give_it(source, tmp_path):
    name = tmp_path / "proc" / "vpn"
    facts = WireguardFacts((Device("wg0", "kernel", str(name)), Device("wg1", "kernel", "/nowhere")))
    moment = Moment(1.0, 1.0)
    actual = Actual(wireguard=Snapshot("wireguard", facts, moment, moment, 15.0))
    _, process = processes(source, tmp_path, actual, {"network": "vpn"})
    assert process.netns == str(name)
    assert ProcessReader(settings(directory=str(source)), tmp_path / "proc").read(source, Actual(), 0.0).netns is None


@pytest.mark.parametrize(
    ("words", "is_one"),
    [
        (("/venv/bin/python3", "/venv/bin/gunicorn", "--config", "./gunicorn.conf.py"), True),
        (("/usr/bin/python3.12", "-m", "gunicorn", "dashboard:app"), True),
        (("/usr/bin/python3", "-u", "-E", "/usr/bin/gunicorn"), True),
        (("/opt/bundle/gunicorn",), True),
        (("gunicorn: master [dashboard]",), True),
        (("pgrep", "gunicorn"), False),
        (("/bin/sh", "-c", "pgrep gunicorn > /dev/null && pgrep tail > /dev/null || exit 1"), False),
        (("sh", "-c", "kill $(cat gunicorn.pid)"), False),
        (("tail", "-f", "log/gunicorn.log"), False),
        (("vim", "gunicorn.conf.py"), False),
        (("python3", "gunicorn.conf.py"), False),
        ((), False),
    ],
)
def test_who_only_speaks_of_gunicorn_is_none(source, tmp_path, words, is_one):
    proc, read = reader(source, tmp_path)
    proc.show()
    proc._process(300, 1, "gunicorn", "", 5.0, "network", "UTC")
    (proc.root / "300/cmdline").write_bytes("".join(f"{word}\0" for word in words).encode())
    assert ("process" in read.read(Actual()).blind) is is_one, "a second master is blind, anything else is nothing"


@pytest.mark.parametrize("what", ["none", "two", "workerless", "forbidden"])
def test_what_is_not_one_panel_is_blind(source, tmp_path, what, monkeypatch):
    proc, read = reader(source, tmp_path)
    match what:
        case "two":
            proc.show()
            proc._process(300, 1, "gunicorn", "", 5.0, "network", "UTC")
        case "workerless":
            proc._process(300, 1, "gunicorn", "", 5.0, "network", "UTC")
        case "forbidden":
            proc.show()
            stat = Path.stat

            def forbidden(path, **more):
                if path.name == "cwd":
                    raise PermissionError(13, "Permission denied")
                return stat(path, **more)

            monkeypatch.setattr(Path, "stat", forbidden)
    found = read.read(Actual())
    assert found.process is None and found.blind["process"].startswith("Blind")


def test_a_container_is_recognised_by_its_processes(source, tmp_path):
    proc = FakeProc(tmp_path / "proc", tmp_path)  # their working directory says nothing here
    proc.show()
    (proc.root / "inner").write_text("")
    for pid in (100, 101):
        (proc.root / str(pid) / "ns" / "pid").unlink()
        (proc.root / str(pid) / "ns" / "pid").symlink_to(proc.root / "inner")
    moment = Moment(1.0, 1.0)

    def actual(**more):
        facts = DockerFacts("E", "26", (Container("c", "wgd", "image", "running", **more),))
        return Actual(docker=Snapshot("docker", facts, moment, moment, 15.0))

    read = ProcessReader(settings(directory=str(source), container="wgd"), proc.root)
    assert read.read(source, actual(pid=100), 0.0).worker == 101
    for inside, first in ((17, False), (1, True)):
        (proc.root / "100/status").write_text(f"Name:\tgunicorn\nNSpid:\t100\t{inside}\n")
        assert read.read(source, actual(pid=100), 0.0).first is first, "the first process's end is the container's"
    facts = WireguardFacts((Device("wg0", "kernel", "container:other"), Device("wg0", "kernel", "container:wgd")))
    (proc.root / "100" / "ns" / "net").unlink()
    (proc.root / "100" / "ns" / "net").symlink_to(proc.root / "inner")
    assert read.read(source, replace(actual(pid=100), wireguard=Snapshot("w", facts, moment, moment, 15.0)), 0.0).netns == "container:wgd"
    found = EvidenceReader(settings(directory=str(source), container="wgd"), SimulatedClock(), proc.root)
    for none in (actual(), Actual()):
        assert "does not run" in found.read(none).blind["process"]


def test_the_real_proc_is_read_without_harm():
    found = EvidenceReader(settings(directory="/"), SimulatedClock()).read(Actual())
    assert found.process is None and "gunicorn" in found.blind["process"]


# -- texts ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "network"),
    [("10.0.0.2", "10.0.0.2/32"), (" 10.0.0.7/24 ", "10.0.0.0/24"), ("FD00::1/64", "fd00::/64"), ("N/A", "N/A"), ("", "")],
)
def test_an_allowed_address_is_the_network_it_means(text, network):
    assert texts.canonical(text) == network


def test_a_configuration_without_peers_or_without_sense_has_none():
    assert texts.conf("") == {} and texts.conf("[Interface]\nAddress = 1\n") == {}
    assert texts.conf("[Peer]\nAllowedIPs = 10.0.0.0/8\n") == {}
    assert texts.conf("[peer]\npublickey = k=\n[Peer]\nPublicKey = k=\nAllowedIPs = 10.1.0.0/16\n") == {"k=": frozenset({"10.1.0.0/16"})}
