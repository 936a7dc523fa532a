"""CPU time of one full look at WireGuard against ``wg show all dump`` in the same run.

Userspace: real wireguard-go on this machine, over their UAPI sockets. Kernel: over netlink, natively in a network namespace of its own
where this kernel has WireGuard, else in a guest under qemu. ``wg`` is counted with the start of its process, for that is how exporters use
it. The daemons' own work for the answer is in neither number; the kernel's is in both.
"""

from __future__ import annotations

import contextlib
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks import Ratio
from tests.support.qemu import run_in_guest
from tests.support.wireguard import peers_config, real_device
from tests.support.wireguard import run as call
from watchdog.collectors.wireguard.collector import WireguardCollector
from watchdog.collectors.wireguard.keys import PublicKeys
from watchdog.collectors.wireguard.settings import WireguardSettings
from watchdog.runtime.clock import SystemClock

SHAPES = ((25, 40), (1, 1000), (100, 10), (1, 2000))
KERNEL_SHAPES = ((1, 100), (1, 500), (1, 2000), (25, 40))
ROUNDS = 15
ROOT = Path(__file__).resolve().parents[1]
PATIENT = WireguardSettings(deadline=240.0, device_deadline=120.0)


@dataclass
class Measured:
    """Medians over all rounds, in milliseconds."""

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


def cost(action: Callable[[], object], cpu: Callable[[], float], rounds: int) -> tuple[float, float]:
    """Return the medians of (CPU, wall) milliseconds of ``action``."""
    cpus, walls = [], []
    for _ in range(rounds):
        spent, began = cpu(), time.perf_counter()
        action()
        cpus.append((cpu() - spent) * 1000)
        walls.append((time.perf_counter() - began) * 1000)
    return median(cpus), median(walls)


def wg_alone() -> None:
    subprocess.run(["wg", "show", "all", "dump"], stdout=subprocess.DEVNULL, check=True)


def measure(devices: int, peers: int, rounds: int = ROUNDS, *, afresh: bool = False) -> Measured:
    """Measure both in turn on the devices that stand now. ``afresh`` forgets everything before each look, as if every peer had changed."""
    collector = WireguardCollector(PATIENT, SystemClock())
    facts = collector.collect()
    assert len(facts.devices) == devices, f"other devices are here: {len(facts.devices)}, not {devices}"
    assert sum(len(device.peers) for device in facts.devices) == devices * peers
    wg_alone()
    keys = PublicKeys()
    look = (lambda: WireguardCollector(PATIENT, SystemClock(), keys=keys).collect()) if afresh else collector.collect
    look()
    our_cpu, our_wall = cost(look, own_cpu, rounds)
    wg_cpu, wg_wall = cost(wg_alone, children_cpu, rounds)
    return Measured(devices, peers, our_cpu, wg_cpu, our_wall, wg_wall)


def userspace(shapes=SHAPES) -> list[tuple[str, list[Measured]]]:
    """Measure against real wireguard-go daemons: with sleeping peers, and as if every peer had changed since the last look."""
    asleep, awake = [], []
    for devices, peers in shapes:
        with contextlib.ExitStack() as stack, tempfile.NamedTemporaryFile("w") as config:
            for number in range(devices):
                device = stack.enter_context(real_device("wb"))
                config.seek(0)
                config.truncate()
                config.write(peers_config(peers, seed=number))
                config.flush()
                call("wg", "setconf", device.name, config.name)
            asleep.append(measure(devices, peers))
            awake.append(measure(devices, peers, afresh=True))
    return [("", asleep), ("all changed", awake)]


def kernel_here(results: Path) -> None:
    """Measure kernel devices of this network namespace, and write one JSON line per shape. Runs inside the guest or the namespace."""
    with results.open("w") as file:
        for devices, peers in KERNEL_SHAPES:
            for number in range(devices):
                with tempfile.NamedTemporaryFile("w", dir="/run") as config:
                    config.write(peers_config(peers, seed=number))
                    config.flush()
                    call("ip", "link", "add", f"wb{number}", "type", "wireguard")
                    call("wg", "setconf", f"wb{number}", config.name)
            file.write(json.dumps(asdict(measure(devices, peers, rounds=7))) + "\n")
            for number in range(devices):
                call("ip", "link", "del", f"wb{number}", seconds=200)


def kernel() -> tuple[str, list[Measured]]:
    """Measure kernel devices, natively where possible; return where, and what was measured."""
    with tempfile.TemporaryDirectory() as scratch:
        results = Path(scratch) / "results.jsonl"
        argv = [sys.executable, "-m", "benchmarks.wireguard", "kernel-here", str(results)]
        own = ["unshare", "--net", "--mount", "sh", "-ec"]
        if (
            shutil.which("unshare")
            and subprocess.run([*own, "ip link add p type wireguard"], capture_output=True, check=False).returncode == 0
        ):
            prepare = 'mkdir -p /run/wireguard; mount -t tmpfs tmpfs /run/wireguard; exec "$@"'
            subprocess.run([*own, prepare, "sh", *argv], check=True, cwd=ROOT)
            where = "native"
        else:
            guest = run_in_guest(argv, Path(scratch), deadline=590)
            assert guest.returncode == 0, guest.console
            where = "emulated"
        return where, [Measured(**json.loads(line)) for line in results.read_text().splitlines()]


def run() -> list[Ratio]:
    """Measure everything; return CPU ratios against ``wg``, and print nothing."""
    where, of_kernel = kernel()
    lines = [(f"uapi{' ' + word if word else ''}", found) for word, measured in userspace() for found in measured]
    lines += [(f"netlink ({where})", found) for found in of_kernel]
    return [
        Ratio(f"CPU {door} {found.devices}x{found.peers}", found.our_cpu / 1000, "wg show all dump", found.wg_cpu / 1000)
        for door, found in lines
    ]


if __name__ == "__main__":
    if sys.argv[1:2] == ["kernel-here"]:
        kernel_here(Path(sys.argv[2]))
    else:
        for ratio in run():
            times = ratio.ours / ratio.theirs
            print(f"{ratio.what:34} ours {ratio.ours * 1000:8.2f} ms   wg {ratio.theirs * 1000:8.2f} ms   ours/wg {times:5.2f}")
