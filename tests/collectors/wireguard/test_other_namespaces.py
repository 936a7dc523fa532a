"""Devices of other network namespaces: real namespaces, real wireguard-go; what cannot be looked into has a name."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.netns import container_like, netns, require_netns, veth
from tests.support.wireguard import answers, assert_equals_wg, freeze, poll, real_device, require_wireguard, wg_dump
from watchdog.collectors.wireguard.collector import WireguardCollector, build
from watchdog.collectors.wireguard.elsewhere import Elsewhere
from watchdog.collectors.wireguard.settings import WireguardSettings
from watchdog.model.docker import Container, DockerFacts
from watchdog.model.wireguard import Device, Namespace, WireguardFacts
from watchdog.runtime.clock import SystemClock

pytestmark = [pytest.mark.wireguard, pytest.mark.xdist_group("wireguard"), pytest.mark.timeout(600)]

CLOCK = SystemClock()
PATIENT = {"deadline": 200.0, "device_deadline": 60.0, "namespace_deadline": 90.0}
LONG = 120.0
# of the processes below no engine tells: what stands in every cgroup file is the proof that they are who they are
ID = Path("/proc/self/cgroup").read_text().strip()[-2:]


@pytest.fixture(autouse=True)
def _here():
    require_netns()
    require_wireguard()


def settings(**more: object) -> WireguardSettings:
    return WireguardSettings(**(PATIENT | more))


class Docker:
    """What Docker would tell of some processes."""

    def __init__(self, **pids: int | None) -> None:
        self.pids = pids
        self.id = ID

    def __call__(self) -> DockerFacts:
        return DockerFacts("e", "1", tuple(Container(self.id, name, "", "running", pid=pid) for name, pid in self.pids.items()))


def collector(chosen: WireguardSettings, docker: Docker | None = None) -> WireguardCollector:
    return WireguardCollector(chosen, CLOCK, elsewhere=Elsewhere(chosen, CLOCK, docker))


def errors(facts: WireguardFacts) -> dict[str, str | None]:
    return {namespace.label: namespace.error for namespace in facts.namespaces}


def of(facts: WireguardFacts, label: str) -> list[Device]:
    return [device for device in facts.devices if device.netns == label]


def own_netns() -> int:
    return Path("/proc/thread-self/ns/net").stat().st_ino


def inner_socket(process: subprocess.Popen[bytes], name: str = "wg0") -> Path:
    return Path(f"/proc/{process.pid}/root/run/wireguard/{name}.sock")


def test_two_namespaces_with_a_live_tunnel_between_them():
    """The daemons' sockets are ours, their links are not: each device is told where its link is."""
    with contextlib.ExitStack() as stack:
        left, right = stack.enter_context(netns("a")), stack.enter_context(netns("b"))
        stack.enter_context(veth(left, right))
        one, two = (stack.enter_context(real_device("wn", netns=place.name)) for place in (left, right))
        for here, there, address in ((one, two, "10.77.0.2"), (two, one, "10.77.0.1")):
            here.set(
                    "peer", there.public_key, "endpoint", f"{address}:{there.port}",
                    "persistent-keepalive", "5", "allowed-ips", "10.9.0.0/24",
                )  # fmt: skip
        for here, there in ((one, two), (two, one)):
            poll(f"a handshake on {here.name}", lambda h=here, t=there: wg_dump(h.name)[h.name].peers[t.public_key].last_handshake > 0)
        before = own_netns()
        looker = collector(settings(netns=(left.path, right.path)))
        facts = assert_equals_wg(looker.collect, {one.name, two.name})
        assert own_netns() == before
        assert errors(facts) == {str(left.path): None, str(right.path): None}
        assert facts.left_behind == 0
        for place, device, peer, address in ((left, one, two, "10.77.0.2"), (right, two, one, "10.77.0.1")):
            found = facts.device(device.name, str(place.path))
            assert found is not None
            assert (found.up, found.error, found.kind) == (True, None, "userspace")
            assert [p.endpoint for p in found.peers] == [f"{address}:{peer.port}"]
            assert found.peers[0].connected is True
        right.run("ip", "link", "set", two.name, "down")
        down = looker.collect().device(two.name, str(right.path))
        assert down is not None
        assert down.up is False
        two.kill()
        dead = looker.collect().device(two.name, str(right.path))
        assert dead is not None, "its link is gone with it, and it stays the device of its namespace"
        assert (dead.error, dead.up) == ("Unreachable", None)


def test_two_containers_may_hold_devices_of_one_name():
    with container_like("wireguard-go", "-f", "wg0") as one, container_like("wireguard-go", "-f", "wg0") as two:
        for process in (one, two):
            poll("its socket answers", lambda p=process: answers(inner_socket(p)))
        docker = Docker(one=one.pid, two=two.pid)
        looker = collector(settings(containers=("*",)), docker)
        facts = looker.collect()
        assert errors(facts) == {"container:one": None, "container:two": None}
        for label in ("container:one", "container:two"):
            assert [(d.name, d.kind, d.error) for d in of(facts, label)] == [("wg0", "userspace", None)]
        one.kill()
        one.wait()
        facts = looker.collect()
        assert errors(facts) == {"container:one": "NotFound", "container:two": None}
        assert [(d.name, d.error) for d in of(facts, "container:one")] == [("wg0", "NotFound")], "no silent disappearance"
        assert [(d.name, d.error) for d in of(facts, "container:two")] == [("wg0", None)]
        with container_like("wireguard-go", "-f", "wg0") as again:
            poll("its socket answers", lambda: answers(inner_socket(again)))
            docker.pids["one"] = again.pid
            assert [(d.name, d.error) for d in of(looker.collect(), "container:one")] == [("wg0", None)], "the same label as before"


def test_a_pid_that_another_process_has_by_now_is_not_believed():
    with container_like("sleep", "1000") as process:
        docker = Docker(box=process.pid)
        docker.id = "f" * 64
        facts = collector(settings(containers=("box",)), docker).collect()
        assert errors(facts) == {"container:box": "Unplaced"}


def test_a_namespace_that_is_missing_plain_or_forbidden_is_named(tmp_path: Path):
    plain = tmp_path / "plain"
    plain.write_text("")
    with netns() as well:
        wanted = settings(netns=(tmp_path / "missing", plain, well.path, Path("/proc/self/ns/mnt")))
        looker = collector(wanted)
        missing, nothing, mount = str(tmp_path / "missing"), str(plain), "/proc/self/ns/mnt"
        facts = looker.collect()
        assert errors(facts) == {missing: "NotFound", nothing: "Refused", str(well.path): None, mount: "Refused"}
        os.seteuid(65534)
        try:
            facts = collector(settings(netns=(well.path,), sockets=())).collect()
        finally:
            os.seteuid(0)
        assert errors(facts) == {str(well.path): "Forbidden"}
        assert looker.collect().left_behind == 0


def test_our_own_namespace_by_another_way_is_still_our_own():
    """A container on the host's network: its devices are ours, and are told once."""
    with real_device() as device:
        looker = collector(settings(netns=(Path("/proc/self/ns/net"),), containers=("me",)), Docker(me=os.getpid()))
        facts = looker.collect()
        assert errors(facts) == {"/proc/self/ns/net": None, "container:me": None}
        assert [(d.netns, d.up, d.error) for d in facts.devices if d.name == device.name] == [("", True, None)]


def test_a_place_that_hangs_is_named_and_counted_and_entered_again_only_after_its_end():
    with container_like("wireguard-go", "-f", "wg0") as process, container_like("wireguard-go", "-f", "wg0") as well:
        for each in (process, well):
            poll("its socket answers", lambda p=each: answers(inner_socket(p)))
        chosen = settings(containers=("hangs", "well"), device_deadline=1.5, namespace_deadline=2.0)
        elsewhere = Hesitant(chosen, CLOCK, Docker(hangs=process.pid, well=well.pid))
        looker = WireguardCollector(chosen, CLOCK, elsewhere=elsewhere)
        poll("all is well", lambda: errors(looker.collect()) == {"container:hangs": None, "container:well": None}, LONG)
        elsewhere.gate.clear()
        poll("it hangs", lambda: errors(looker.collect()) == {"container:hangs": "DeadlinePassed", "container:well": None}, LONG)
        poll("one look more", lambda: (facts := looker.collect()).left_behind == 1 and len(of(facts, "container:well")) == 1, LONG)
        # a thread has said its last word a moment before it has ended
        poll("one thread is left", lambda: sum(t.name.startswith("wireguard elsewhere") for t in threading.enumerate()) == 1, LONG)
        assert [(d.name, d.error) for d in of(looker.collect(), "container:hangs")] == [("wg0", "DeadlinePassed")]
        elsewhere.gate.set()
        poll("all is well again", lambda: errors(looker.collect()) == {"container:hangs": None, "container:well": None}, LONG)
        assert looker.collect().left_behind == 0
        poll("no thread is left", lambda: not any(thread.name.startswith("wireguard elsewhere") for thread in threading.enumerate()), LONG)


class Hesitant(Elsewhere):
    """Looks into one place only while its gate is open."""

    def __init__(self, *arguments) -> None:
        super().__init__(*arguments)
        self.gate = threading.Event()
        self.gate.set()

    def _look_into(self, place, *rest):
        if place.label == "container:hangs":
            self.gate.wait()
        return super()._look_into(place, *rest)


def test_a_silent_daemon_in_a_container_is_the_failure_of_its_device_alone():
    with container_like("wireguard-go", "-f", "wg0") as process:
        poll("its socket answers", lambda: answers(inner_socket(process)))
        freeze(process.pid)
        facts = collector(settings(containers=("box",), device_deadline=0.5), Docker(box=process.pid)).collect()
        assert errors(facts) == {"container:box": None}
        assert [(d.name, d.error) for d in of(facts, "container:box")] == [("wg0", "DeadlinePassed")]


def test_no_thread_and_no_descriptor_is_left(tmp_path: Path):
    with netns() as place, container_like("wireguard-go", "-f", "wg0") as process:
        poll("its socket answers", lambda: answers(inner_socket(process)))
        docker = Docker(box=process.pid, gone=2**22 - 1)
        looker = collector(settings(netns=(place.path, tmp_path / "no"), containers=("*",), sockets=(Path("/run/wireguard"),)), docker)
        looker.collect()
        held, threads = len(os.listdir("/proc/self/fd")), threading.active_count()  # noqa: PTH208
        for _ in range(5):
            looker.collect()
        poll("threads have ended", lambda: threading.active_count() <= threads, LONG)
        poll("descriptors are closed", lambda: len(os.listdir("/proc/self/fd")) <= held, LONG)  # noqa: PTH208


def test_generations_of_collectors_share_what_is_left_behind():
    chosen = settings(containers=("x",))
    make: Callable[[], WireguardCollector] = build(chosen, CLOCK, None, lambda: None).factory  # type: ignore[assignment]
    first, second = make(), make()
    assert second.collect().namespaces == (Namespace("container:x", "Blind"),)
    assert first._elsewhere._looks is second._elsewhere._looks
