"""A real dockerd, a real tunnel with a live handshake, a whole and a cut archive, the fake panel on the real engine: one scrape tells all.

Every number is compared with what ``docker inspect`` and ``wg show all dump`` say.
"""

import datetime as dt
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from tests.conftest import require
from tests.support.archives import zip_of
from tests.support.dockerd import missing
from tests.support.exposition import parse
from tests.support.golden import assert_golden
from tests.support.mcsmanager_on_docker import GAME, Installation, RealEngine, Sentinel
from tests.support.wireguard import poll, real_tunnel, require_wireguard, run, wg_dump

pytestmark = [pytest.mark.docker, pytest.mark.wireguard, pytest.mark.xdist_group("wireguard"), pytest.mark.timeout(600)]
GOLDEN = Path(__file__).parent / "golden" / "families.txt"
OPENMETRICS = {"Accept": "application/openmetrics-text;version=1.0.0"}
# what a kernel may or may not tell (cgroups, PSI), or what needs an event that need not happen in this test
NOT_EVERYWHERE = re.compile(
    r"watchdog_docker_container_(memory|cpu|pids)|watchdog_host_(pressure|psi|oom)|watchdog_\w+_(dropped|waiting_since)_timestamp_seconds"
    r"|watchdog_archive_verifying|watchdog_wireguard_name_file|watchdog_subject_unknown_since|process_|python_"
)


def prepare(engine, folder):
    """Fill the engine with containers in every state, and a folder with two archives."""
    dockerd = engine.dockerd
    dockerd.run("healthy", *GAME, health="true", restart="unless-stopped")
    dockerd.run("limited", *GAME, memory=64 << 20, labels={"com.example.owner": "somebody"})
    failed = dockerd.run("failed", "sh", "-c", "exit 3")
    dockerd.wait_state(failed, "exited")
    dockerd.create("new", "true")
    dockerd.post(dockerd.run("frozen", *GAME), "pause")
    dockerd.wait_state("healthy", "healthy")
    backups = folder / "backups"
    backups.mkdir()
    whole = zip_of()
    (backups / "monday.zip").write_bytes(whole)
    (backups / "tuesday.zip").write_bytes(whole[:-30])
    return backups


def configured(games, backups):
    settings = games.settings()
    settings["collectors"]["docker"]["labels"] = ["com.example.owner"]
    settings["collectors"]["wireguard"] = {"enabled": True, "interval": "1s", "endpoints": True}
    settings["collectors"]["archives"]["directories"] = [{"name": "backups", "path": str(backups), "pattern": "*.zip"}]
    return settings


def quiet(left, right):
    """End the traffic between two ends, so that a dump and a scrape can be the same."""
    left.set("peer", right.public_key, "persistent-keepalive", "0")
    right.set("peer", left.public_key, "persistent-keepalive", "0")

    def still():
        before = [wg_dump(end.name) for end in (left, right)]
        time.sleep(1.5)
        return before == [wg_dump(end.name) for end in (left, right)]

    poll("silence in the tunnel", still)


def seconds(stamp):
    """Given Docker's time, return UNIX seconds."""
    whole, _, fraction = stamp.rstrip("Z").partition(".")
    moment = dt.datetime.fromisoformat(whole).replace(tzinfo=dt.UTC)
    return moment.timestamp() + float(f"0.{fraction or 0}")


class Samples(dict):
    """Samples of one scrape by name and labels."""

    def one(self, name, /, **labels):
        return self[name, tuple(sorted(labels.items()))]

    def rows(self, name, /, **labels):
        """Return (labels, value) of all samples of a name that have these labels."""
        found = ((dict(key[1]), value) for key, value in self.items() if key[0] == name)
        return [(its, value) for its, value in found if labels.items() <= its.items()]


def assert_equals_docker(samples, dockerd):
    boxes = [dockerd.inspect(box["Id"]) for box in dockerd.list()]
    assert {its["name"] for its, _ in samples.rows("watchdog_docker_container_info")} == {box["Name"][1:] for box in boxes}
    for box in boxes:
        name, state = box["Name"][1:], box["State"]
        (info, one) = samples.rows("watchdog_docker_container_info", name=name)[0]
        assert one == 1
        assert (info["id"], info["image"], info["image_id"]) == (box["Id"], box["Config"]["Image"], box["Image"])
        assert (info["network_mode"], info["restart_policy"]) == (
            box["HostConfig"]["NetworkMode"],
            box["HostConfig"]["RestartPolicy"]["Name"] or "no",
        )
        assert [its["state"] for its, _ in samples.rows("watchdog_docker_container_state", name=name)] == [state["Status"]]
        assert samples.one("watchdog_docker_container_running", name=name) == (state["Status"] == "running")
        assert samples.one("watchdog_docker_container_engine_restarts", name=name) == box["RestartCount"]
        assert samples.one("watchdog_docker_container_oom_killed", name=name) == state["OOMKilled"]
        assert samples.one("watchdog_docker_container_created_timestamp_seconds", name=name) == int(seconds(box["Created"]))
        if not state["StartedAt"].startswith("0001"):
            assert samples.one("watchdog_docker_container_start_timestamp_seconds", name=name) == pytest.approx(seconds(state["StartedAt"]))
        health = [its["health"] for its, _ in samples.rows("watchdog_docker_container_health", name=name)]
        assert health == ([state["Health"]["Status"]] if "Health" in state else [])
        codes = samples.rows("watchdog_docker_container_exit_code", name=name)
        assert [value for _, value in codes] == ([state["ExitCode"]] if state["Status"] == "exited" else [])
    version, about = dockerd.call("GET", "/version"), dockerd.call("GET", "/info")
    assert samples.one("watchdog_docker_engine_info", engine_id=about["ID"], version=version["Version"]) == 1
    ticks = int(Path(f"/proc/{dockerd.pid}/stat").read_text().rpartition(")")[2].split()[19])
    began = time.time() - float(Path("/proc/uptime").read_text().split()[0]) + ticks / 100
    assert samples.one("watchdog_docker_engine_start_timestamp_seconds") == pytest.approx(began, abs=2)


def shown(samples, name):
    """Return one device as a scrape shows it."""
    (info, _) = samples.rows("watchdog_wireguard_device_info", device=name)[0]
    here = {"device": name, "netns": info["netns"]}

    def peer(key, endpoint):
        its = {**here, "public_key": key}
        ranges = samples.rows("watchdog_wireguard_peer_allowed_ips_info", **its)
        numbers = (
            int(samples.one("watchdog_wireguard_peer_last_handshake_timestamp_seconds", **its)),
            samples.one("watchdog_wireguard_peer_receive_bytes_total", **its),
            samples.one("watchdog_wireguard_peer_transmit_bytes_total", **its),
        )
        return endpoint, sorted(row["allowed_ips"] for row, _ in ranges), numbers

    endpoints = {row["public_key"]: row["endpoint"] for row, _ in samples.rows("watchdog_wireguard_peer_endpoint_info", **here)}
    keys = [row["public_key"] for row, _ in samples.rows("watchdog_wireguard_peer_info", **here)]
    peers = {key: peer(key, endpoints.get(key, "")) for key in keys}
    own = (samples.one("watchdog_wireguard_device_listen_port", **here), samples.one("watchdog_wireguard_device_fwmark", **here))
    return info["public_key"], own, peers


def dumped(device):
    """Return one device as ``wg`` shows it, in the same shape."""
    peers = {
        key: (peer.endpoint or "", sorted(peer.allowed_ips), (peer.last_handshake, peer.rx_bytes, peer.tx_bytes))
        for key, peer in device.peers.items()
    }
    return device.public_key, (device.listen_port, device.fwmark), peers


def wireguard_of(running, names):
    samples = Samples(parse(running.metrics().encode()))
    return {name: shown(samples, name) for name in names}


def families(text):
    """Return one line for each family: name, type and label names; nothing that moves."""
    lines = dict.fromkeys(re.findall(r"^# TYPE (\S+ \S+)$", text, re.MULTILINE), "")
    labels = {}
    for sample in re.finditer(r"^([a-z_]+?)(?:\{(.*)\})? \S+$", text, re.MULTILINE):
        labels.setdefault(sample[1], set()).update(re.findall(r'(?:^|,)(\w+)="', sample[2] or ""))
    told = []
    for line in sorted(lines):
        name, kind = line.split()
        if NOT_EVERYWHERE.match(name):
            continue
        suffix = "_bucket" if kind == "histogram" else ""
        own = labels.get(name + suffix, set()) - ({"le"} if suffix else set())
        told.append(f"{name} {kind} {{{','.join(sorted(own))}}}" if name + suffix in labels else f"{name} {kind} without a sample")
    return "\n".join(told) + "\n"


def promtool(text):
    """Assert that ``promtool check metrics`` has nothing to say."""
    result = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=60, check=False)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_one_scrape_tells_what_docker_wireguard_and_the_disk_tell(tmp_path):
    require(not missing(), missing())
    require_wireguard()
    require(shutil.which("promtool") is not None, "promtool (Debian: prometheus)")
    with real_tunnel() as (left, right), RealEngine() as engine, Installation(engine, count=2) as games:
        backups = prepare(engine, tmp_path)
        with games.program(configured(games, backups)) as running, Sentinel(running):
            games.wait_until_judged(running)
            verdict = 'watchdog_archive_verdict{directory="backups",path="%s",verdict="%s"} 1.0\n'
            expected = [verdict % (backups / "monday.zip", "good"), verdict % (backups / "tuesday.zip", "bad")]
            running.wait_for("both verdicts", lambda: all(line in running.metrics() for line in expected))
            for end in (left, right):
                row = f'\nwatchdog_wireguard_device_peers_connected{{device="{end.name}",netns=""}} 1.0\n'
                running.wait_for("a live handshake", lambda row=row: row in running.metrics())
            quiet(left, right)
            both = {left.name, right.name}
            dump = {name: device for name, device in wg_dump().items() if name in both}
            running.wait_for(
                "the dump's numbers", lambda: wireguard_of(running, dump) == {name: dumped(device) for name, device in dump.items()}, 30
            )
            running.wait_for_passes("games", 2)

            text = running.metrics()
            samples = Samples(parse(text.encode()))
            assert both == dump.keys() and {name: shown(samples, name) for name in both} == {
                n: dumped(device) for n, device in dump.items()
            }
            assert_equals_docker(samples, engine.dockerd)
            assert samples.one("watchdog_archives_verdicts", directory="backups", verdict="good") == 1
            assert samples.one("watchdog_archives_verdicts", directory="backups", verdict="bad") == 1
            for item in games.instances:
                (its, contained) = samples.rows("watchdog_mcsmanager_instance_container_running", uuid=item.uuid)[0]
                assert (its["nickname"], contained) == (item.nickname, 1)
            assert all(value == 0 for _, value in samples.rows("watchdog_drifts"))
            assert all(value == 1 for _, value in samples.rows("watchdog_collector_success"))
            assert samples.one("watchdog_panel_up", panel="mcsmanager", target="games") == 1

            promtool(text)
            status, modern = running.get("/metrics", OPENMETRICS)
            assert status == 200 and modern.endswith("# EOF\n")
            assert {name for name, _ in parse(modern.encode(), openmetrics=True)} >= {"watchdog_wireguard_peer_receive_bytes_total"}
            for secret in (left.private_key, right.private_key, games.panel.keys and next(iter(games.panel.keys))):
                assert secret not in text and secret not in running.log
            assert not running.repairs() and not games.sent() and not running.errors()
            assert_golden(families(text), GOLDEN)
        assert run("wg", "show", left.name, "listen-port").strip() == str(left.port), "the tunnel was only looked at"
