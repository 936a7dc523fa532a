"""A real tunnel, and a WGDashboard 4.2.3 whose thread dies: found, a person asked, restarted once, proved; the tunnel carries on."""

import subprocess
import sys
from base64 import b64decode
from itertools import pairwise

import pytest

from tests.support.exposition import parse
from tests.support.program import run_program
from tests.support.wireguard import SOCKETS, real_tunnel, wg_dump
from watchdog.collectors.wireguard.keys import public_key
from watchdog.panels.wgdashboard.fake import KEY, FakePanel, UapiWorld
from watchdog.runtime import yaml

pytestmark = [pytest.mark.soak, pytest.mark.wireguard, pytest.mark.xdist_group("wireguard"), pytest.mark.timeout(900)]


@pytest.fixture
def tunnel():
    with real_tunnel() as ends:
        yield ends


@pytest.fixture
def panel(tunnel, tmp_path):
    """The panel knows the left end; it samples every second and a bit."""
    left, right = tunnel
    directory = tmp_path / "src"
    directory.mkdir()
    made = FakePanel(UapiWorld(SOCKETS), directory, version="4.2.3", speed=8.0, public_key_of=lambda key: public_key(b64decode(key)))
    made.define(left.name, [(right.public_key, "right", ("10.90.0.2/32", "fd00:90::2/128"))], private_key=left.private_key)
    with made:
        yield made


def configured(panel, folder):
    """Write the program's configuration; return its path."""
    key = folder / "key"
    key.touch(0o600)
    key.write_text(KEY + "\n")
    target = {
        "name": "vpn", "url": panel.url, "api_key_file": str(key), "directory": str(panel.directory), "mode": "repair", "interval": "1s",
        "old_panel_interval": "1s", "frozen_after": "25s", "grace": "15s",
        "hooks": {"restart_panel": {"argv": [sys.executable, "-m", "watchdog.demo.hook", f"{panel.control_url}/restart"]}},
    }  # fmt: skip
    settings = {
        "host": "test",
        "server": {"listen": "127.0.0.1:0"},
        "ledger": {"url": f"sqlite:///{folder}/ledger.sqlite3", "ephemeral": True},
        "collectors": {"docker": {"url": f"unix://{folder}/none.sock"}, "wireguard": {"enabled": True, "interval": "1s"}},
        "reconciler": {"confirm": "2s", "settle": "1s"},
        "panels": {"wgdashboard": [target]},
    }
    config = folder / "config.yaml"
    config.write_text(yaml.dump(settings))
    return config


def add_during_a_pass(panel, tunnel):
    """Let a person add the right end's configuration at the wrong moment: the seed bug."""
    left, right = tunnel

    def add():
        peers = [(left.public_key, "left", ("10.90.0.1/32", "fd00:90::1/128"))]
        panel.define(right.name, peers, private_key=right.private_key)
        panel.worker.scan()

    panel.worker.meanwhile = add


def moved(tunnel):
    """Return the bytes that came through at each end so far."""
    left, right = tunnel
    dump = wg_dump()
    return dump[left.name].peers[right.public_key].rx_bytes, dump[right.name].peers[left.public_key].rx_bytes


def waiting(program):
    """Return the approvals that a person is asked for."""
    return [each["id"] for each in program.api("plans")["approvals"] if each["state"] == "waiting"]


def believed(program):
    """Return what the panel shows of each peer it knows: by configuration, whether it runs."""
    samples = parse(program.metrics().encode())
    name = "watchdog_wgdashboard_peer_believed_running"
    return {dict(labels)["configuration"]: value for (family, labels), value in samples.items() if family == name}


def test_a_dead_thread_is_mended_once_and_the_tunnel_carries_on(panel, tunnel, tmp_path):
    left, right = tunnel
    config = configured(panel, tmp_path)
    with run_program(config, tmp_path / "log") as program:
        program.wait_for("the first look", lambda: program.target("vpn")["baseline"] == "taken")
        program.wait_for_passes("vpn", 8)
        assert program.drifts() == [] and believed(program) == {left.name: 1.0}
        add_during_a_pass(panel, tunnel)
        program.wait_for("the death of the thread", lambda: not panel.thread_lives)
        steps = [moved(tunnel)]
        (found,) = program.wait_for("the verdict", lambda: [each for each in program.open_drifts() if each["state"] == "awaiting_approval"])
        assert found["kind"] == "thread_dead"
        assert right.public_key in str(found) or "right" in str(found), "it says who is truly online"
        assert panel.restarts == 0, "what ends with the panel cannot be seen here, so a person is asked"
        steps.append(moved(tunnel))
        (asking,) = program.wait_for("the question", lambda: waiting(program))
        asked = [sys.executable, "-m", "watchdog", "approve", asking, "--config", str(config)]
        subprocess.run(asked, check=True, timeout=120)
        program.wait_for("the restart", lambda: panel.restarts == 1)
        steps.append(moved(tunnel))
        program.wait_for("the proof", lambda: [each["state"] for each in program.repairs()] == ["verified"])
        steps.append(moved(tunnel))
        program.wait_for("the truth in the panel", lambda: believed(program) == {left.name: 1.0, right.name: 1.0})
        program.wait_for_passes("vpn", 8)
        assert program.open_drifts() == [] and panel.restarts == 1 and len(program.repairs()) == 1
        assert not program.errors()
    assert all(before[0] < after[0] and before[1] < after[1] for before, after in pairwise(steps)), steps
    assert left.process.poll() is None and right.process.poll() is None
