"""Every answer the fake claims, against what v4.2.3 and v4.3.3 answered: same status, same content type, same body, value by value."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.wgdashboard_panel import Stage
from watchdog.panels.wgdashboard.answers import handshake
from watchdog.panels.wgdashboard.fake import WgFailed, WorldPeer

RECORDINGS = Path(__file__).parent / "recordings"
RELEASES = {"v423": "4.2.3", "v433": "4.3.3"}
SECRETS = ("PrivateKey", "private_key", "preshared_key")
GIB = 1 << 30


def recorded(name: str) -> Any:
    text = (RECORDINGS / name).read_text(encoding="utf-8")
    return json.loads(text.rsplit("\n\n", maxsplit=1)[0] if name.endswith(".txt") else text)


def blanked(value: Any) -> Any:
    """The recordings have their secrets blanked; the fake has some, for the client must not take them along."""
    if isinstance(value, dict):
        return {key: "" if key in SECRETS else blanked(item) for key, item in value.items()}
    return [blanked(item) for item in value] if isinstance(value, list) else value


class Recorded(Stage):
    """The world a recording was made in, as far as the recording tells it."""

    def __init__(self, folder: Path, version: str) -> None:
        self.public_keys: dict[str, str] = {}
        super().__init__(folder, version, 0, fake={"public_key_of": lambda private: self.public_keys.get(private, "")})
        self.lowered: list[str] = []

    def rebuild(self, configuration: dict[str, Any], peers: list[dict[str, Any]]) -> None:
        name, secret = configuration["Name"], f"private key of {configuration['Name']}"
        if configuration["PublicKey"]:
            self.public_keys[secret] = configuration["PublicKey"]
        lines = [(peer["id"], peer["name"], [peer["allowed_ip"]]) for peer in peers]
        self.panel.define(name, lines, private_key=secret, listen_port=int(configuration["ListenPort"]), address=configuration["Address"])
        if configuration["Status"] or configuration["ConnectedPeers"]:
            self.world.up(name, [self._in_kernel(peer) for peer in peers])
        if not configuration["Status"]:
            self.lowered.append(name)

    def rebuild_list(self, configurations: list[dict[str, Any]]) -> None:
        """Of a list only sums are known: let each peer have its equal share."""
        for configuration in configurations:
            count = configuration["TotalPeers"]
            running = configuration["ConnectedPeers"]
            usage = configuration["DataUsage"]
            peers = [
                {
                    "id": f"{configuration['Name']}-{number}", "name": "", "allowed_ip": "10.0.0.2/32", "endpoint": "",
                    "latest_handshake": "0:00:07" if number < running else "No Handshake",
                    "total_receive": usage["Receive"] / max(running, 1) if number < running else 0,
                    "total_sent": usage["Sent"] / max(running, 1) if number < running else 0,
                }
                for number in range(count)
            ]  # fmt: skip
            self.rebuild(configuration, peers)

    def settle(self) -> None:
        """One pass; then what was down goes down."""
        self.panel.sample()
        for name in self.lowered:
            if name in self.world.interfaces():
                self.world.down(name)

    def _in_kernel(self, peer: dict[str, Any]) -> WorldPeer:
        age = handshake(peer["latest_handshake"]).age
        return WorldPeer(
            peer["id"],
            "" if peer["endpoint"] == "N/A" else peer["endpoint"],
            (peer["allowed_ip"],),
            0.0 if age is None else self.clock.now().wall - age,
            round(peer["total_receive"] * GIB),
            round(peer["total_sent"] * GIB),
        )


INFO = "/api/getWireguardConfigurationInfo"


@pytest.mark.parametrize(
    "name",
    [
        "v423/getWireguardConfigurationInfo_wgs00.json", "v423/bug_getWireguardConfigurationInfo_wgs24.json",
        "v423/after_restart_getWireguardConfigurationInfo_wgs24.json", "v433/getWireguardConfigurationInfo_wgs00.json",
        "v433/getWireguardConfigurationInfo_ifdown_wgs05.json",
    ],
)  # fmt: skip
def test_a_configuration_with_its_peers_is_equal_to_the_recorded_one(name: str, tmp_path: Path) -> None:
    wanted = recorded(name)
    whole = wanted["data"]
    stage = Recorded(tmp_path, RELEASES[name[:4]])
    stage.rebuild(whole["configurationInfo"], whole["configurationPeers"])
    with stage:
        if "bug_" not in name:
            stage.settle()
        reply = stage.send("GET", INFO, {"configurationName": whole["configurationInfo"]["Name"]})
    assert (reply.status, reply.type) == (200, "application/json")
    assert blanked(reply.json()) == wanted


@pytest.mark.parametrize(
    "name",
    [
        "v423/getWireguardConfigurations.json", "v423/bug_getWireguardConfigurations.json", "v433/getWireguardConfigurations.json",
        "v433/getWireguardConfigurations_with_broken_conf.json",
    ],
)  # fmt: skip
def test_the_list_is_equal_to_the_recorded_one(name: str, tmp_path: Path) -> None:
    wanted = recorded(name)
    stage = Recorded(tmp_path, RELEASES[name[:4]])
    before, late = (wanted["data"][:-1], wanted["data"][-1:]) if "bug_" in name or "broken" in name else (wanted["data"], [])
    stage.rebuild_list(before)
    with stage:
        stage.settle()
        stage.rebuild_list(late)  # came later, so it stands last though it sorts first
        reply = stage.send("GET", "/api/getWireguardConfigurations")
    assert [each["Name"] for each in reply.json()["data"]] == [each["Name"] for each in wanted["data"]]
    assert blanked(reply.json()) == wanted


def test_the_small_inventories_are_equal_to_the_recorded_ones(tmp_path: Path) -> None:
    inventory, addresses = recorded("v433/allConfigurationsPeers.json"), recorded("v433/ping_getAllPeersIpAddress.json")
    stage = Recorded(tmp_path, "4.3.3")
    for name, peers in inventory["data"].items():
        rows = [
            {
                "id": peer["id"], "name": peer["name"], "allowed_ip": f"{where['allowed_ips'][0]}/32", "endpoint": where["endpoint"],
                "latest_handshake": "0:00:01", "total_receive": 0, "total_sent": 0,
            }
            for peer in peers
            for where in [addresses["data"][name][f"{peer['name']} - {peer['id']}"]]
        ]  # fmt: skip
        configuration = {"Name": name, "PublicKey": "k", "ListenPort": "1", "Address": "10.0.0.1/24", "Status": True, "ConnectedPeers": 1}
        stage.rebuild(configuration, rows)
    with stage:
        stage.settle()
        assert stage.send("GET", "/api/clients/allConfigurationsPeers").json() == inventory
        assert stage.send("GET", "/api/ping/getAllPeersIpAddress").json() == addresses


def test_an_older_panel_has_no_small_inventory(tmp_path: Path) -> None:
    with Stage(tmp_path, "4.2.3") as stage:
        assert stage.send("GET", "/api/clients/allConfigurationsPeers").status == 404


def test_a_peer_is_added_as_recorded(tmp_path: Path) -> None:
    wanted = recorded("v433/addPeers_wgs20.json")
    added = wanted["data"][0]
    stage = Recorded(tmp_path, "4.3.3")
    configuration = added["configuration"]
    peers = [
        {
            "id": f"old-{number}", "name": "", "allowed_ip": "10.77.20.2/32", "endpoint": "", "latest_handshake": "0:00:05",
            "total_receive": configuration["DataUsage"]["Receive"] / 2, "total_sent": configuration["DataUsage"]["Sent"] / 2,
        }
        for number in range(2)
    ]  # fmt: skip
    stage.rebuild(configuration, peers)
    body = {"public_key": added["id"], "name": added["name"], "allowed_ips": [added["allowed_ip"]]}
    with stage:
        stage.settle()
        reply = stage.send("POST", "/api/addPeers/wgs20", body=body)
    assert blanked(reply.json()) == wanted


class Broken(Recorded):
    """A configuration that wg-quick cannot bring up."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "4.3.3")
        self.world.up = self._fails  # type: ignore[method-assign]

    @staticmethod
    def _fails(_name: str, _peers: object = ()) -> None:
        raise WgFailed(recorded("v433/toggle_fail_wgbad.json")["message"])


@pytest.mark.parametrize(
    ("name", "configuration", "up", "status"),
    [
        ("v433/toggle_up_wgs07.json", "wgs07", False, 200), ("v433/toggle_down_wgs07.json", "wgs07", True, 200),
        ("v433/toggle_unknown.json", "wgs99", True, 404), ("v433/toggle_fail_wgbad.json", "wgs07", False, 200),
    ],
)  # fmt: skip
def test_a_toggle_flips_as_recorded(name: str, configuration: str, up: bool, status: int, tmp_path: Path) -> None:
    stage = Broken(tmp_path) if "fail" in name else Recorded(tmp_path, "4.3.3")
    stage.panel.define("wgs07")
    if up:
        stage.world.up("wgs07")
    with stage:
        reply = stage.send("GET", "/api/toggleWireguardConfiguration", {"configurationName": configuration})
        again = stage.panel.worker.up("wgs07")
    assert (reply.status, reply.json()) == (status, recorded(name))
    assert again is ((not up) if status == 200 and "fail" not in name else up)


@pytest.mark.parametrize(
    ("name", "path", "key", "status"),
    [
        ("v423/getDashboardVersion.json", "/api/getDashboardVersion", "", 200),
        ("v433/getDashboardVersion.json", "/api/getDashboardVersion", "", 200),
        ("v433/version_nokey.txt", "/api/getDashboardVersion", "", 200),
        ("v423/bug_handshake.json", "/api/handshake", None, 200), ("v433/handshake.json", "/api/handshake", None, 200),
        ("v433/handshake_nokey.txt", "/api/handshake", "", 401), ("v433/nokey.txt", "/api/getWireguardConfigurations", "", 401),
        ("v433/wrongkey.txt", "/api/getWireguardConfigurations", "no such key", 401),
        ("v433/getWireguardConfigurationInfo_unknown.json", INFO + "?configurationName=nope", None, 200),
    ],
)  # fmt: skip
def test_envelopes_and_refusals_are_the_recorded_ones(name: str, path: str, key: str | None, status: int, tmp_path: Path) -> None:
    with Stage(tmp_path, RELEASES[name[:4]]) as stage:
        reply = stage.send("GET", path) if key is None else stage.send("GET", path, key=key)
    assert (reply.status, reply.type, reply.json()) == (status, "application/json", recorded(name))
    if name.endswith(".txt"):
        text = (RECORDINGS / name).read_text(encoding="utf-8")
        assert text.startswith(reply.body.decode())
        assert text.rstrip().endswith(str(status))


def test_no_recording_here_holds_a_private_key_and_none_is_idle() -> None:
    files = list(RECORDINGS.rglob("*.*"))
    for path in files:
        text = path.read_text(encoding="utf-8")
        for secret in SECRETS:
            assert f'"{secret}"' not in text.replace(f'"{secret}": ""', "")
    source = Path(__file__).read_text(encoding="utf-8") + (Path(__file__).parent / "test_the_client_reads_both_versions.py").read_text()
    idle = [path for path in files if f"{path.parent.name}/{path.name}" not in source]
    assert idle == []
