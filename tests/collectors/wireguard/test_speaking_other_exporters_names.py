"""The compatibility sets equal what those exporters print, series by series.

The golden files are written by hand from the exporters' own formats: ``src/wireguard.rs`` and the README of
MindFlavor/prometheus_wireguard_exporter 3.6.6, ``collector.go`` and the README of mdlayher/wireguard_exporter (c67c6d6).
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import require
from tests.support.exposition import parse
from tests.support.wireguard import DumpedDevice, peers_config, poll, real_device, real_tunnel, require_wireguard, run, wg_dump
from watchdog.collectors.wireguard.collector import WireguardCollector
from watchdog.collectors.wireguard.compat import compat_metrics, compat_specs
from watchdog.collectors.wireguard.fake import FakeWireguardWorld, fake_key
from watchdog.collectors.wireguard.settings import WireguardSettings
from watchdog.exposition.catalogue import Claims
from watchdog.exposition.chunks import OPENMETRICS, TEXT, Format, Shelf, build_chunk
from watchdog.exposition.render import render
from watchdog.model.metrics import families
from watchdog.model.wireguard import WireguardFacts
from watchdog.runtime.clock import SystemClock

GOLDEN = Path(__file__).parent / "golden"
CLOCK = SystemClock()
NOW = 1_700_000_200.2
LAPTOP, OFFICE, SILENT, JSON = (fake_key(f"golden-{word}") for word in ("laptop", "office", "silent", "json"))
NAMES = f"""
[Interface]
PrivateKey = {fake_key("nobody's business")}

[Peer]
# friendly_name = Anna's "laptop"
PublicKey = {LAPTOP}
AllowedIPs = 10.7.0.2/32, fd00:7::2/128

[Peer]
# friendly_name = silent one
PublicKey = {SILENT}
"""
JSON_NAMES = f"""
[Interface]
[Peer]
# friendly_json={{"username": "Coordinator", "id": 482217555, "ok": true, "interface": "not this", "not a label": 1}}
PublicKey = {JSON}
AllowedIPs = 10.9.0.3/32
"""
SWITCHES = {"separate_allowed_ips": True, "remote_ip_and_port": True, "latest_handshake_delay": True}


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WireguardFacts]:
    """What the real collector reads of fake daemons in every state."""
    folder = tmp_path_factory.mktemp("wg")
    (folder / "wg0.conf").write_text(NAMES)
    (folder / "wg1.conf").write_text(JSON_NAMES)
    with FakeWireguardWorld(folder / "sockets", CLOCK) as world:
        for name in ("wg0", "wg1", "wgdead"):
            world.add_device(name)
        world.device("wg1").private_key = ""
        world.add_peer("wg0", LAPTOP, allowed_ips=("10.7.0.2/32", "fd00:7::2/128"), endpoint="198.51.100.7:40001")
        world.add_peer("wg0", OFFICE, allowed_ips=("10.8.0.0/16",), endpoint="[2001:db8::7]:51820")
        world.add_peer("wg0", SILENT)
        world.add_peer("wg1", LAPTOP, allowed_ips=("0.0.0.0/0",))
        world.add_peer("wg1", JSON, allowed_ips=("10.9.0.3/32",), endpoint="203.0.113.9:51821")
        world.add_peer("wgdead", OFFICE, allowed_ips=("10.8.0.0/16",))
        for device, key, at, rx, tx in (
            ("wg0", LAPTOP, 1_700_000_000.75, 10_288_508, 139_524_160),
            ("wg0", OFFICE, 1_700_000_100.0, 18_576_788_764, 10_642_564_136),
            ("wg1", JSON, 1_700_000_050.5, 1, 2),
        ):
            world.handshake(device, key, at=at)
            world.traffic(device, key, rx=rx, tx=tx)
        world.traffic("wg1", LAPTOP, tx=148)
        world.kill("wgdead")
        yield WireguardCollector(settings(files=[f"{folder}/*.conf"], sockets=[str(world.directory)]), CLOCK).collect()


def settings(*compat: str, files: list[str] | None = None, **more: object) -> WireguardSettings:
    return WireguardSettings.model_validate({"compat": compat, "names": {"files": files or []}, **more})


def exposed(facts: WireguardFacts, chosen: WireguardSettings, form: Format = TEXT, now: float = NOW) -> bytes:
    """Return what a scrape says with these settings, and nothing but the compatibility sets."""
    specs = compat_specs(chosen, lambda: now)
    rendered = {family.metric.name: render(family) for family in families(specs, facts)}
    return Shelf().with_last(build_chunk("wireguard", [spec.metric for spec in specs], [rendered])).body(form, gzip=False)


def heads(text: str) -> set[str]:
    return set(re.findall(r"^# (?:HELP|TYPE) .*$", text, re.MULTILINE))


@pytest.mark.parametrize(
    ("golden", "chosen"),
    [
        ("mindflavor", settings("mindflavor")),
        ("mindflavor_with_switches", settings("mindflavor", mindflavor=SWITCHES)),
        ("mdlayher", settings("mdlayher")),
    ],
)
def test_a_set_equals_its_exporter_series_by_series(facts: WireguardFacts, golden: str, chosen: WireguardSettings):
    theirs = (GOLDEN / f"{golden}.txt").read_text()
    ours = exposed(facts, chosen)
    assert heads(ours.decode()) == heads(theirs), "names, types and help"
    # a label that is empty is no label to Prometheus
    assert without_empty(parse(ours)) == without_empty(parse(theirs.encode()))
    assert len(parse(ours)) == len(parse(theirs.encode()))


def without_empty(samples: dict) -> dict:
    return {(name, tuple(label for label in labels if label[1])): value for (name, labels), value in samples.items()}


def test_what_mindflavor_leaves_out_is_left_out_and_not_empty(facts: WireguardFacts):
    """Its dashboards ask for friendly_name!=""; its series have the label only where there is a name."""
    text = exposed(facts, settings("mindflavor", mindflavor=SWITCHES)).decode()
    assert '=""' not in text


def test_both_sets_go_together_in_both_formats_and_have_names_of_their_own(facts: WireguardFacts):
    both = settings("mindflavor", "mdlayher", "mindflavor")
    for form in (TEXT, OPENMETRICS):
        body = exposed(facts, both, form)
        samples = parse(body, openmetrics=form is OPENMETRICS)
        assert len(samples) == sum(len(parse(exposed(facts, settings(name)))) for name in ("mindflavor", "mdlayher"))
    Claims().claim("wireguard", (metric for metrics in compat_metrics().values() for metric in metrics))


def test_none_is_spoken_by_default(facts: WireguardFacts):
    assert exposed(facts, settings()) == b""


def test_promtool_has_nothing_to_say_about_either(facts: WireguardFacts):
    require(shutil.which("promtool") is not None, "promtool (Debian: prometheus)")
    for name in ("mindflavor", "mdlayher"):
        done = subprocess.run(
            ["promtool", "check", "metrics"], input=exposed(facts, settings(name)), capture_output=True, timeout=60, check=False
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b""), name


@pytest.mark.parametrize("now", [0.0, 1_699_999_000.0])
def test_a_handshake_ahead_of_the_clock_breaks_nothing(facts: WireguardFacts, now: float):
    """MindFlavor's exporter drops the connection over it, and shows a delay since 1970 for who never shook hands."""
    body = exposed(facts, settings("mindflavor", mindflavor={"latest_handshake_delay": True}), now=now)
    delays = [value for (name, _), value in parse(body).items() if name == "wireguard_latest_handshake_delay_seconds"]
    assert delays == [0.0, 0.0, 0.0]


def test_devices_of_other_namespaces_are_not_in_the_sets(facts: WireguardFacts):
    elsewhere = WireguardFacts(tuple(replace(device, netns="/var/run/netns/x") for device in facts.devices))
    assert parse(exposed(elsewhere, settings("mindflavor", "mdlayher"))) == {}


# ---- real devices ------------------------------------------------------------------------------------------------------------------------


def as_mindflavor(dump: dict[str, DumpedDevice]) -> dict:
    """Return the series that MindFlavor's exporter makes of ``wg show all dump``."""
    series = {}
    for device in dump.values():
        for peer in device.peers.values():
            allowed = ",".join(peer.allowed_ips) or "(none)"
            labels = (("allowed_ips", allowed), ("interface", device.name), ("public_key", peer.public_key))
            series["wireguard_sent_bytes_total", labels] = peer.tx_bytes
            series["wireguard_received_bytes_total", labels] = peer.rx_bytes
            series["wireguard_latest_handshake_seconds", labels] = peer.last_handshake
    return series


def as_mdlayher(dump: dict[str, DumpedDevice]) -> dict:
    """Return the series that mdlayher's exporter makes of the same devices; empty labels left out."""
    series = {}
    for device in dump.values():
        series["wireguard_device_info", (("device", device.name), ("public_key", device.public_key))] = 1
        for peer in device.peers.values():
            own, key = ("device", device.name), ("public_key", peer.public_key)
            series["wireguard_peer_info", (own, *([("endpoint", peer.endpoint)] if peer.endpoint else []), key)] = 1
            for cidr in peer.allowed_ips:
                family = ("family", "IPv6" if ":" in cidr else "IPv4")
                series["wireguard_peer_allowed_ips_info", (("allowed_ips", cidr), own, family, key)] = 1
            series["wireguard_peer_receive_bytes_total", (own, key)] = peer.rx_bytes
            series["wireguard_peer_transmit_bytes_total", (own, key)] = peer.tx_bytes
            series["wireguard_peer_last_handshake_seconds", (own, key)] = peer.last_handshake
    return series


def differs_from_wg(collector: WireguardCollector, names: set[str]) -> list[str]:
    """Return what differs between the sets and the series that the dump makes, for these devices, at a moment when nothing moves."""
    before, facts, after = wg_dump(), collector.collect(), wg_dump()
    before, dump = ({name: device for name, device in each.items() if name in names} for each in (before, after))
    if before != dump:
        return ["the tunnel moved meanwhile"]
    facts = WireguardFacts(tuple(device for device in facts.devices if device.name in names))
    found = []
    for chosen, expected in (("mindflavor", as_mindflavor(dump)), ("mdlayher", as_mdlayher(dump))):
        ours = without_empty(parse(exposed(facts, settings(chosen))))
        found += [f"{chosen}: {key}" for key in ours.keys() ^ expected.keys()]
        found += [f"{key}: {ours[key]} is not {expected[key]}" for key in ours.keys() & expected.keys() if ours[key] != expected[key]]
    return found


@pytest.mark.wireguard
@pytest.mark.xdist_group("wireguard")
@pytest.mark.timeout(300)
def test_both_sets_equal_real_devices(tmp_path: Path):
    require_wireguard()
    collector = WireguardCollector(settings(deadline=60.0, device_deadline=30.0), CLOCK)
    config = tmp_path / "wg.conf"
    config.write_text(peers_config(40))
    with real_tunnel(keepalive=5) as (left, right), real_device() as crowded:
        run("wg", "setconf", crowded.name, str(config))
        names = {left.name, right.name, crowded.name}
        last: list[str] = []

        def same() -> bool:
            last[:] = differs_from_wg(collector, names)
            return not last

        try:
            poll("both sets equal to the dump", same, 60)
        finally:
            assert last == []
