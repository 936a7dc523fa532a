"""A panel with its tunnels in a real container: found, placed by its namespace and its keys, restarted by both hooks."""

from __future__ import annotations

import base64
import os
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.dockerd import Dockerd, dockerd, engine, poll  # noqa: F401  # fixtures
from tests.support.instruments import Noted
from tests.support.wgdashboard_real import Skipping, Watch
from tests.support.wireguard import answers, new_key, require_wireguard
from watchdog.collectors.wireguard.collector import WireguardCollector
from watchdog.collectors.wireguard.elsewhere import Elsewhere
from watchdog.collectors.wireguard.keys import public_key
from watchdog.collectors.wireguard.settings import WireguardSettings
from watchdog.model.docker import Container, DockerFacts, Gate
from watchdog.model.panels import METRICS, Ports
from watchdog.model.repairs import Risk
from watchdog.model.snapshots import Actual, Snapshot
from watchdog.panels.wgdashboard import PANEL
from watchdog.panels.wgdashboard.fake import KEY, FakePanel, UapiWorld
from watchdog.panels.wgdashboard.remedies import restart_risk
from watchdog.panels.wgdashboard.settings import WgdashboardSettings
from watchdog.runtime.engine import Engine
from watchdog.runtime.hooks import Hooks

pytestmark = [pytest.mark.docker, pytest.mark.wireguard, pytest.mark.xdist_group("dockerd"), pytest.mark.timeout(600)]

NAME = "wgd"
STAND_IN = Path(__file__).parents[2] / "support" / "gunicorn_stand_in.py"
PROGRAMS = ("/usr", "/lib", "/lib64", sys.base_prefix)
PYTHON = os.path.realpath(sys.executable)
START = f"cd /srv/src && {shlex.quote(PYTHON)} /srv/gunicorn"
RESTART = f"kill $(cat /srv/src/gunicorn.pid); while [ -d /proc/$(cat /srv/src/gunicorn.pid) ]; do sleep 0.1; done; {START}"
ENDS = ("wgu0", "wgu1")
LABEL = f"container:{NAME}"


@dataclass
class Boxed:
    """One container with a panel's processes and a tunnel between two daemons; what the panel believes is served beside it."""

    daemon: Dockerd
    box: str
    folder: Path
    keys: dict[str, tuple[str, str]]

    def run(self, line: str) -> None:
        """Run a line of shell inside."""
        assert self.daemon.exec(self.box, "sh", "-c", line) == 0, line

    def docker(self) -> DockerFacts:
        """What Docker says of it now."""
        told = self.daemon.inspect(self.box)
        state, mode = told["State"], told["HostConfig"]["NetworkMode"]
        return DockerFacts("e", "1", (Container(told["Id"], NAME, "", state["Status"], pid=state["Pid"] or None, network_mode=mode),))

    @property
    def pid(self) -> int:
        """The container's first process."""
        return int(self.daemon.inspect(self.box)["State"]["Pid"])

    def connect(self) -> None:
        """Give both ends keys and each other, as their configurations say, and wait for the handshake."""
        for end, other, port in ((*ENDS, 51820), (*reversed(ENDS), 51821)):
            (self.folder / "src" / end).write_text(self.keys[end][0] + "\n")
            peer = f"peer {self.keys[other][1]} endpoint 127.0.0.1:{51820 + 51821 - port} allowed-ips 10.90.0.0/24 persistent-keepalive 1"
            poll(lambda name=end: answers(self.sockets / f"{name}.sock"), what=f"{end} answers")
            self.run(f"wg set {end} listen-port {port} private-key /srv/src/{end} {peer} && ip link set {end} up")
        poll(lambda: all(peer.last_handshake for end in ENDS for peer in UapiWorld(self.sockets).show(end)), what="a handshake")

    @property
    def sockets(self) -> Path:
        """The daemons' sockets, as this host sees them now."""
        return Path(f"/proc/{self.pid}/root/var/run/wireguard")

    def daemons(self) -> set[int]:
        """Return the daemons' pids on this host."""
        found = set()
        for comm in Path("/proc").glob("[0-9]*/comm"):
            try:
                ours = self.box in (comm.parent / "cgroup").read_text()
                if ours and comm.read_text().strip() == "wireguard-go":
                    found.add(int(comm.parent.name))
            except OSError:
                continue
        return found


@pytest.fixture
def boxed(engine: Dockerd, tmp_path: Path) -> Iterator[Boxed]:  # noqa: F811
    require_wireguard()
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "raises").write_text("\n".join(ENDS))
    binds = [f"{tmp_path}/src:/srv/src", f"{STAND_IN}:/srv/gunicorn:ro", *(f"{each}:{each}:ro" for each in PROGRAMS)]
    host = {
        "NetworkMode": "none", "Binds": binds, "CapAdd": ["NET_ADMIN"],
        "Devices": [{"PathOnHost": "/dev/net/tun", "PathInContainer": "/dev/net/tun", "CgroupPermissions": "rwm"}],
    }  # fmt: skip
    environment = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
    # as in the image, gunicorn goes into the background, and a shell that buries the dead lives on as the first process
    more = {"HostConfig": host, "Env": environment, "StopTimeout": 1}
    box = engine.run(NAME, "/bin/busybox", "sh", "-c", f"{START} && while :; do /bin/busybox sleep 1; done", more=more)
    made = Boxed(engine, box, tmp_path, {end: new_key() for end in ENDS})
    made.connect()
    yield made


@pytest.fixture
def panel(boxed: Boxed) -> Iterator[FakePanel]:
    """What the panel believes. It knows one end, and its thread is dead after its first pass."""
    source = boxed.folder / "src"
    clock = Skipping()
    world = UapiWorld(boxed.sockets)
    made = FakePanel(
        world, source, version="4.2.3", clock=clock, background=False, public_key_of=lambda key: public_key(base64.b64decode(key))
    )
    left, right = ENDS
    made.define(left, [(boxed.keys[right][1], "right", ("10.90.0.0/24",))], private_key=boxed.keys[left][0])
    with made:
        made.sample()
        made.kill_thread()
        yield made


def configured(boxed: Boxed, panel: FakePanel, hook: dict) -> WgdashboardSettings:
    key_file = boxed.folder / "key"
    key_file.write_text(KEY)
    return WgdashboardSettings.model_validate({
        "name": "vpn", "url": panel.url, "api_key_file": str(key_file), "directory": str(panel.directory), "container": NAME,
        "configurations_directory": str(panel.conf_path), "netns": LABEL, "frozen_after": "30s", "grace": "15s", "timeout": "60s",
        "old_panel_interval": "1s", "hooks": {"restart_panel": hook},
    })  # fmt: skip


def watch(boxed: Boxed, panel: FakePanel, hook: dict) -> Watch:
    """Return our target with this hook; Docker is asked anew at each look."""
    clock = Skipping()
    settings = configured(boxed, panel, hook)
    wireguard = WireguardSettings(deadline=200.0, device_deadline=60.0, namespace_deadline=90.0, containers=(NAME,))
    collector = WireguardCollector(wireguard, clock, elsewhere=Elsewhere(wireguard, clock, boxed.docker))

    def actual() -> Actual:
        facts, now = collector.collect(), clock.now()
        told = Snapshot("docker", boxed.docker(), now, now, 15.0)
        return Actual(docker=told, wireguard=Snapshot("wireguard", facts, now, now, 15.0), gate=Gate(open=True))

    return Watch(settings, actual, Hooks(Engine(boxed.daemon.url)), clock)


def test_the_container_hook_would_end_the_tunnels_and_does(boxed: Boxed, panel: FakePanel):
    seen = watch(boxed, panel, {"container": NAME})
    before = seen.settled()
    inside = Path(f"/proc/{before.worker}/status").read_text().split("NSpid:")[1].split("\n")[0].split()
    assert len(inside) == 2 and int(inside[1]) in before.tasks and before.worker not in before.tasks, "ids are the container's own"
    assert (before.netns, before.daemons, len(before.tasks)) == (LABEL, 2, 4)
    assert boxed.box in before.cgroup
    assert before.master in {int(each) for each in Path(f"/proc/{before.worker}/stat").read_text().rpartition(")")[2].split()[1:2]}
    drift = seen.dead()
    place = seen.target.place(seen.actual(), seen.target.view())
    assert place.netns == LABEL and place.proof == "1 devices have the public keys of the panel's configurations"
    assert drift.proposal is not None
    assert drift.proposal.facts["tunnels_end"] is True and restart_risk(drift.proposal.facts) is Risk.DESTRUCTIVE
    tunnels, first = boxed.daemons(), boxed.pid
    assert len(tunnels) == 2
    assert seen.repair(drift, Risk.SAFE).startswith("LATER it has become dangerous since this was planned: tunnels may end")
    assert boxed.daemons() == tunnels and boxed.pid == first, "nothing was sent"
    ended = seen.repair(drift, Risk.DESTRUCTIVE)
    assert ended.startswith("DONE the panel restarted and answers"), ended
    after = seen.settled()
    assert boxed.pid != first and after.master_began > before.master_began
    assert not boxed.daemons() & tunnels, "the danger was real"


def test_the_exec_hook_restarts_the_panel_alone(boxed: Boxed, panel: FakePanel):
    seen = watch(boxed, panel, {"exec": {"container": NAME, "argv": ["/bin/busybox", "sh", "-c", RESTART]}})
    before, tunnels, first = seen.settled(), boxed.daemons(), boxed.pid
    drift = seen.dead()
    assert drift.proposal is not None
    assert drift.proposal.facts["tunnels_end"] is False and restart_risk(drift.proposal.facts) is Risk.SAFE
    ended = seen.repair(drift, Risk.SAFE)
    assert ended.startswith("DONE the panel restarted and answers"), ended
    after = seen.settled()
    assert after.master != before.master and after.master_began > before.master_began
    assert boxed.pid == first and boxed.daemons() == tunnels, "the container and its tunnels live on"
    assert (after.netns, after.daemons) == (LABEL, 2)
    assert seen.repair(drift, Risk.SAFE).startswith("DONE the panel has been restarted already")
    assert seen.settled().master == after.master, "run twice, one effect"


def test_doctor_sees_its_processes(boxed: Boxed, panel: FakePanel):
    for name, ok in ((NAME, True), ("another", False)):
        settings = configured(boxed, panel, {"container": name}).model_copy(update={"container": name})
        ports = Ports(Skipping(), Noted(METRICS), Hooks(), Engine(boxed.daemon.url))
        (line,) = [each for each in PANEL.probe(settings, ports) if each.name == "evidence: process"]
        assert line.ok is ok, line
