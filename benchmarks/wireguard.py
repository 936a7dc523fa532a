"""CPU and wall time of one full look at WireGuard against ``wg show all dump`` in the same run, for devices x peers.

Userspace: daemons made up in another process (``wg`` itself reads them), with sleeping peers, and with both counters of every peer moving
between two looks and every eighth peer shaking hands anew (15 s of 120); and real wireguard-go. Kernel: over netlink, natively where this
kernel has WireGuard, else in a guest under qemu. ``wg`` is counted with the start of its process, for that is how exporters use it. The
daemons' own work for the answer is in neither CPU time; the kernel's is in both. All of it runs in a network and with a /run/wireguard of
its own, so that nobody else's devices are counted.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks import Ratio
from tests.support.qemu import run_in_guest
from tests.support.wireguard import SOCKETS, answers, peers_config, poll, real_device
from tests.support.wireguard import run as call
from watchdog.collectors.wireguard.collector import WireguardCollector
from watchdog.collectors.wireguard.fake import FakeDevice, FakePeer, FakeWireguardWorld, fake_key
from watchdog.collectors.wireguard.settings import WireguardSettings
from watchdog.runtime.clock import SystemClock

SHAPES = ((25, 40), (1, 1000), (100, 10))
REAL_SHAPES = ((25, 40), (1, 1000))  # each real daemon holds an inotify instance, of which a user has 128
KERNEL_SHAPES = ((25, 40), (100, 10), (1, 500), (1, 1000), (1, 2000))
ROUNDS, KERNEL_ROUNDS = 15, 3
ROOT = Path(__file__).resolve().parents[1]
PATIENT = WireguardSettings.model_validate({"deadline": "4m", "device_deadline": "2m", "names": {"files": []}})  # names are no part of it
OWN_PLACE = ("unshare", "--net", "--mount", "sh", "-ec", 'mkdir -p /run/wireguard; mount -t tmpfs tmpfs /run/wireguard; exec "$@"', "sh")
RX, TX, STAMP, EIGHTS = 4_276_543_210, 3_276_543_210, 1_700_000_000, 8


@dataclass
class Measured:
    """Medians over all rounds, in milliseconds."""

    what: str
    devices: int
    peers: int
    our_cpu: float
    wg_cpu: float
    our_wall: float
    wg_wall: float


def median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def own_cpu() -> float:
    return time.process_time()


def children_cpu() -> float:
    use = resource.getrusage(resource.RUSAGE_CHILDREN)
    return use.ru_utime + use.ru_stime


def spend(action: Callable[[], object], cpu: Callable[[], float]) -> tuple[float, float]:
    """Return (CPU, wall) milliseconds of ``action``."""
    spent, began = cpu(), time.perf_counter()
    action()
    return (cpu() - spent) * 1000, (time.perf_counter() - began) * 1000


def wg_alone() -> None:
    subprocess.run(["wg", "show", "all", "dump"], stdout=subprocess.DEVNULL, check=True)


def measure(what: str, devices: int, peers: int, rounds: int = ROUNDS) -> Measured:
    """Measure both on the devices that stand now, round by round in turn, so that a busy machine is busy for both."""
    collector = WireguardCollector(PATIENT, SystemClock())
    facts = collector.collect()
    assert len(facts.devices) == devices, f"other devices are here: {len(facts.devices)}, not {devices}"
    assert sum(len(device.peers) for device in facts.devices) == devices * peers
    wg_alone()
    collector.collect()
    both = [(spend(collector.collect, own_cpu), spend(wg_alone, children_cpu)) for _ in range(rounds)]
    (our_cpu, our_wall), (wg_cpu, wg_wall) = ([median(list(each)) for each in zip(*side, strict=True)] for side in zip(*both, strict=True))
    return Measured(what, devices, peers, our_cpu, wg_cpu, our_wall, wg_wall)


# --- userspace


class Prepared(FakeDevice):
    """A daemon whose answers cost it nothing; ``moving`` ones count on, for every peer, at each answer, and an eighth shakes hands."""

    text: bytes = b""
    turn: int = 0
    moving: bool = False

    def answer(self) -> bytes:
        if not self.moving:
            return self.text
        self.turn += 1
        text = self.text.replace(b"=%d\n" % RX, b"=%d\n" % (RX + self.turn)).replace(b"=%d\n" % TX, b"=%d\n" % (TX + self.turn))
        for eighth in range(EIGHTS):
            newest = STAMP + 100 + self.turn - (self.turn - eighth) % EIGHTS
            text = text.replace(b"=%d\n" % (STAMP + eighth), b"=%d\n" % newest)
        return text


def serve(devices: int, peers: int, *, moving: bool) -> None:
    """Be ``devices`` daemons until killed."""
    with FakeWireguardWorld(SOCKETS, SystemClock()) as world:
        for number in range(devices):
            name = f"wb{number}"
            made = world.add_device(name, listen_port=1024 + number)
            for n in range(peers):
                key = fake_key(f"{name}/{n}")
                ranges = (f"10.{n // 256}.{n % 256}.0/32", f"fd00:{n:x}::1/128")
                made.peers[key] = FakePeer(
                    key, f"192.0.2.{n % 250}:{1024 + n}" if n % 2 else None, ranges, STAMP + n % EIGHTS + 0.5, RX, TX, 25
                )
            ready = Prepared(name, made.listen_port, 0, made.private_key)
            ready.text, ready.moving = made.answer(), moving
            world._devices[name] = ready  # noqa: SLF001  # a door of its own would only serve this
        print("ready", flush=True)
        threading.Event().wait()


@contextlib.contextmanager
def made_up(devices: int, peers: int, *, moving: bool) -> Iterator[None]:
    argv = [sys.executable, "-m", "benchmarks.wireguard", "serve", str(devices), str(peers), "moving" if moving else "asleep"]
    process = subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield
    finally:
        process.kill()
        process.wait()
        for path in SOCKETS.iterdir():
            path.unlink()


def userspace_here(results: Path) -> None:
    """Measure daemons of this /run/wireguard, and write one JSON line for each. Runs in a place of its own."""
    with results.open("a") as file:
        for moving in (False, True):
            for devices, peers in SHAPES:
                with made_up(devices, peers, moving=moving):
                    measured = measure("uapi, all move" if moving else "uapi, asleep", devices, peers)
                file.write(json.dumps(asdict(measured)) + "\n")
        for devices, peers in REAL_SHAPES:
            with contextlib.ExitStack() as stack, tempfile.NamedTemporaryFile("w") as config:
                for number in range(devices):
                    device = stack.enter_context(real_device("wb"))
                    config.seek(0)
                    config.truncate()
                    config.write(peers_config(peers, seed=number))
                    config.flush()
                    call("wg", "setconf", device.name, config.name)
                    poll("it answers", lambda path=device.socket: answers(path))
                file.write(json.dumps(asdict(measure("uapi, wireguard-go", devices, peers))) + "\n")


# --- kernel


def kernel_here(results: Path, where: str) -> None:
    """Measure kernel devices of this network namespace, and write one JSON line per shape. Runs inside the guest or the namespace."""
    with results.open("a") as file:
        for devices, peers in KERNEL_SHAPES:
            names = [f"wb{number}" for number in range(devices)]
            call("ip", "-batch", "-", stdin="".join(f"link add {name} type wireguard\n" for name in names))
            with tempfile.NamedTemporaryFile("w", dir="/run") as config:
                config.write(peers_config(peers))
                config.flush()
                for name in names:
                    call("wg", "setconf", name, config.name)
            file.write(json.dumps(asdict(measure(f"netlink, {where}", devices, peers, rounds=KERNEL_ROUNDS))) + "\n")
            call("ip", "-batch", "-", stdin="".join(f"link del {name}\n" for name in names), seconds=200)


def kernel_is_native() -> bool:
    """Return whether this machine's own kernel can make WireGuard devices."""
    probe = [*OWN_PLACE, "ip", "link", "add", "p", "type", "wireguard"]
    return shutil.which("unshare") is not None and subprocess.run(probe, capture_output=True, check=False).returncode == 0


def measured(results: Path) -> list[Measured]:
    """Measure everything; return it."""
    me = [sys.executable, "-m", "benchmarks.wireguard"]
    subprocess.run([*OWN_PLACE, *me, "userspace-here", str(results)], check=True, cwd=ROOT)
    if kernel_is_native():
        subprocess.run([*OWN_PLACE, *me, "kernel-here", str(results), "native"], check=True, cwd=ROOT)
    else:
        guest = run_in_guest([*me, "kernel-here", str(results), "emulated"], results.parent, deadline=590)
        assert guest.returncode == 0, guest.console
    return [Measured(**json.loads(line)) for line in results.read_text().splitlines()]


def run() -> list[Ratio]:
    """Return CPU and wall ratios against ``wg``, and print nothing."""
    with tempfile.TemporaryDirectory() as scratch:
        found = measured(Path(scratch) / "results.jsonl")
    lines = [("CPU", each, each.our_cpu, each.wg_cpu) for each in found] + [("wall", each, each.our_wall, each.wg_wall) for each in found]
    return [
        Ratio(f"{sort} {each.what} {each.devices}x{each.peers}", ours / 1000, "wg show all dump", theirs / 1000)
        for sort, each, ours, theirs in lines
    ]


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve", devices, peers, mood]:
            serve(int(devices), int(peers), moving=mood == "moving")
        case ["userspace-here", results]:
            userspace_here(Path(results))
        case ["kernel-here", results, where]:
            kernel_here(Path(results), where)
        case _:
            os.execv(sys.executable, [sys.executable, "-m", "benchmarks", "wireguard"])
