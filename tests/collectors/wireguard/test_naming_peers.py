"""Who names a peer: the panel, else a file, else our settings; and which peers shall always be connected."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from pydantic import ValidationError

from tests.support.small_world import program_in, scrape, small_world, wait_until
from watchdog.collectors.wireguard.collector import build
from watchdog.collectors.wireguard.fake import FakeWireguardWorld, fake_key
from watchdog.collectors.wireguard.naming import Namer, OfferedNames
from watchdog.collectors.wireguard.settings import WireguardSettings
from watchdog.model.wireguard import Device, NoPeerNames, Peer, PeerName, WireguardFacts
from watchdog.runtime.clock import SystemClock

A, B, C = (fake_key(word) for word in "abc")
X = "/var/run/netns/x"
CLOCK = SystemClock()


def device(name: str, *keys: str, netns: str = "", error: str | None = None) -> Device:
    return Device(name, "userspace", netns, peers=tuple(Peer(key) for key in keys), error=error)


def namer(folder: Path, **settings: object) -> Namer:
    names = {"files": [f"{folder}/*.conf"], "peers": settings.pop("peers", {})}
    return Namer(WireguardSettings.model_validate({"names": names, **settings}), OfferedNames())


def called(one: Namer, *devices: Device) -> dict[tuple[str, str, str], tuple[str, str]]:
    return {key: (name.text, name.source) for key, name in one.look(devices).names.items()}


def write(folder: Path, file: str, **names: str) -> None:
    keys = {"a": A, "b": B, "c": C}
    peers = "".join(f"[Peer]\n# friendly_name = {name}\nPublicKey = {keys[word]}\n" for word, name in names.items())
    (folder / file).write_text(("[Interface]\nListenPort = 1\n" if file.startswith("wg") else "") + peers)


def test_the_panels_word_comes_before_a_files_and_a_files_before_ours(tmp_path: Path):
    one = namer(tmp_path, peers={A: "by us", f"wg0/{B}": "by us", C: "by us"})
    write(tmp_path, "wg0.conf", a="by file", b="by file")
    one.offered.offer("panel", {("", "wg0", A): "by panel"})
    assert called(one, device("wg0", A, B, C)) == {
        ("", "wg0", A): ("by panel", "panel"),
        ("", "wg0", B): ("by file", "file"),
        ("", "wg0", C): ("by us", "settings"),
    }
    one.offered.offer("panel", {})
    assert called(one, device("wg0", A))["", "wg0", A] == ("by file", "file")
    (tmp_path / "wg0.conf").unlink()
    assert called(one, device("wg0", A, B)) == {("", "wg0", A): ("by us", "settings"), ("", "wg0", B): ("by us", "settings")}


def test_the_same_key_in_two_devices_is_two_peers(tmp_path: Path):
    one = namer(tmp_path, peers={f"wg2/{A}": "anna on wg2"})
    write(tmp_path, "wg0.conf", a="anna on wg0")
    write(tmp_path, "wg1.conf", a="anna on wg1")
    one.offered.offer("panel", {(X, "wg0", A): "anna elsewhere"})
    assert called(one, device("wg0", A), device("wg0", A, netns=X), device("wg1", A), device("wg2", A), device("wg3", A)) == {
        ("", "wg0", A): ("anna on wg0", "file"),
        (X, "wg0", A): ("anna elsewhere", "panel"),
        ("", "wg1", A): ("anna on wg1", "file"),
        ("", "wg2", A): ("anna on wg2", "settings"),
    }


def test_a_file_without_a_device_of_its_own_is_good_for_any_and_its_devices_file_is_better(tmp_path: Path):
    one = namer(tmp_path)
    write(tmp_path, "peers.conf", a="anna", b="bert")
    write(tmp_path, "wg0.conf", a="anna's laptop")
    assert called(one, device("wg0", A, B), device("wg1", A)) == {
        ("", "wg0", A): ("anna's laptop", "file"),
        ("", "wg0", B): ("bert", "file"),
        ("", "wg1", A): ("anna", "file"),
    }


def test_only_peers_that_are_there_have_names(tmp_path: Path):
    one = namer(tmp_path, peers={C: "by us"})
    write(tmp_path, "wg0.conf", a="anna", b="bert")
    one.offered.offer("panel", {("", "wg9", A): "ghost"})
    assert set(called(one, device("wg0", A))) == {("", "wg0", A)}
    assert called(one, device("wg0")) == {}


def test_nothing_is_done_again_while_nothing_changes_and_everything_when_it_does(tmp_path: Path):
    one = namer(tmp_path)
    write(tmp_path, "wg0.conf", a="anna")
    first = one.look((device("wg0", A),))
    assert one.look((device("wg0", A),)) is first
    assert one.look((device("wg0", A, B),)) is not first
    again = one.look((device("wg0", A, B),))
    one.offered.offer("panel", {("", "wg0", B): "bert"})
    assert called(one, device("wg0", A, B))["", "wg0", B] == ("bert", "panel")
    assert one.look((device("wg0", A, B),)) is not again
    write(tmp_path, "wg0.conf", a="anna two")
    assert called(one, device("wg0", A, B))["", "wg0", A] == ("anna two", "file")


def test_without_devices_no_file_is_looked_at_and_none_is_complained_of(tmp_path: Path):
    one = Namer(WireguardSettings.model_validate({"names": {"files": [str(tmp_path / "missing.conf")]}}), OfferedNames())
    assert one.look(()).files == ()
    assert [file.error for file in one.look((device("wg0"),)).files] == ["missing"]


# ---- offers ------------------------------------------------------------------------------------------------------------------------------


def test_an_offer_takes_the_place_of_the_last_one_and_tells_once_about_what_is_new():
    told = []
    offered = OfferedNames(lambda: told.append(1))
    offered.offer("one", {("", "wg0", A): "anna", ("", "wg0", B): "bert"})
    offered.offer("one", {("", "wg0", A): "anna", ("", "wg0", B): "bert"})
    assert (len(told), offered.names["", "wg0", B]) == (1, PeerName("bert", "panel"))
    offered.offer("one", {("", "wg0", A): "anna"})
    assert (len(told), dict(offered.names)) == (2, {("", "wg0", A): PeerName("anna", "panel")})
    offered.offer("none", {})
    assert len(told) == 2
    NoPeerNames().offer("one", {("", "wg0", A): "anna"})


def test_of_two_targets_the_first_by_its_name_counts_whichever_speaks_last():
    for order in (("alpha", "beta"), ("beta", "alpha")):
        offered = OfferedNames()
        for target in order:
            offered.offer(target, {("", "wg0", A): target})
        assert offered.names["", "wg0", A].text == "alpha"


def test_what_a_panel_calls_a_peer_is_one_bounded_line_and_never_a_key():
    offered = OfferedNames()
    offered.offer("one", {("", "wg0", A): " a\nb ", ("", "wg0", B): C, ("", "wg0", C): "  "})
    assert dict(offered.names) == {("", "wg0", A): PeerName("a b", "panel")}


def test_offers_from_many_threads_are_all_heard():
    offered = OfferedNames()
    threads = [
        threading.Thread(target=offered.offer, args=(f"target{number}", {("", f"wg{number}", A): f"name{number}"})) for number in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(offered.names) == 20


def test_a_panel_reaches_the_scrape_through_its_ports():
    """The seam as a panel has it: what it offers is in the next look, which comes at once."""
    with small_world() as world, program_in(world) as program:
        peers = {}

        def known() -> bool:
            snapshot = program.world.store.actual.wireguard
            if snapshot is not None and snapshot.facts is not None:
                peers.update({(d.netns, d.name, p.public_key): "" for d in snapshot.facts.devices for p in d.peers})
            return bool(peers)

        wait_until(known, "peers")
        peer = min(peers)
        program.world.rooms.peer_names.offer("games", {peer: "the attic"})
        wait_until(lambda: 'name="the attic"' in scrape(program)[1], "the name in a scrape")


# ---- expectations ------------------------------------------------------------------------------------------------------------------------


def expected(one: Namer, *devices: Device) -> set[tuple[str, str, str]]:
    return set(one.look(devices).expected)


PEERS = (device("wg0", A, B), device("wg1", A, C))
NAMES = {A: "office-berlin", B: "laptop", C: "office-[old]"}


@pytest.mark.parametrize(
    ("expect", "who"),
    [
        ({}, set()),
        ({"office-berlin": "always"}, {("wg0", A), ("wg1", A)}),
        ({A: "always"}, {("wg0", A), ("wg1", A)}),
        ({f"wg1/{A}": "always"}, {("wg1", A)}),
        ({"wg0/laptop": "always"}, {("wg0", B)}),
        ({"office-*": "always"}, {("wg0", A), ("wg1", A), ("wg1", C)}),
        ({"wg1/*": "always"}, {("wg1", A), ("wg1", C)}),
        ({"*": "always", "laptop": "roaming"}, {("wg0", A), ("wg1", A), ("wg1", C)}),
        ({"laptop": "roaming", "*": "always"}, {("wg0", A), ("wg1", A), ("wg1", C)}),
        ({"office-*": "roaming", "*": "always"}, {("wg0", B)}),
        ({"office-[old]": "always"}, {("wg1", C)}),
        ({"Laptop": "always"}, set()),
    ],
)
def test_peers_are_roaming_unless_expected(tmp_path: Path, expect: dict[str, str], who: set[tuple[str, str]]):
    one = namer(tmp_path, peers=NAMES, expect=expect)
    assert expected(one, *PEERS) == {("", *peer) for peer in who}


def test_an_entry_that_means_nobody_is_told_unless_it_cannot_be_known(tmp_path: Path):
    one = namer(tmp_path, peers=NAMES, expect={"office-*": "always", "printer": "always", "laptop": "roaming"})
    assert one.look(PEERS).matches == (("office-*", 3), ("printer", 0))
    dead = device("wg1", error="Unreachable")
    assert one.look((PEERS[0], dead)).matches == (("office-*", 1), ("printer", None))
    assert one.look(()).matches == (("office-*", 0), ("printer", 0))


def test_peers_that_have_no_name_are_expected_by_their_key(tmp_path: Path):
    one = namer(tmp_path, expect={B: "always", "*": "roaming"})
    assert expected(one, *PEERS) == {("", "wg0", B)}


@pytest.mark.parametrize(
    "wrong",
    [
        {"names": {"peers": {"laptop": "x"}}},
        {"names": {"peers": {f"a/b/{A}": "x"}}},
        {"names": {"peers": {A: ""}}},
        {"names": {"files": ["wg0.conf"]}},
        {"names": {"files": ["/etc/../secret"]}},
        {"expect": {A: "never"}},
        {"compat": ["wg-easy"]},
    ],
)
def test_wishes_that_cannot_be_meant_are_refused(wrong: dict[str, object]):
    with pytest.raises(ValidationError):
        WireguardSettings.model_validate(wrong)


# ---- the collector -----------------------------------------------------------------------------------------------------------------------


def test_a_new_collector_goes_on_with_the_names_of_the_one_before(tmp_path: Path):
    write(tmp_path, "wg0.conf", a="anna")
    with FakeWireguardWorld(tmp_path / "sockets", CLOCK) as world:
        world.add_device("wg0")
        world.add_peer("wg0", A)
        world.add_peer("wg0", B)
        settings = {"sockets": [str(world.directory)], "names": {"files": [f"{tmp_path}/*.conf"]}, "expect": {"anna": "always"}}
        offered = OfferedNames()
        spec = build(WireguardSettings.model_validate(settings), CLOCK, offered)
        facts = spec.factory().collect()
        assert isinstance(facts, WireguardFacts)
        assert facts.naming.expected == {("", "wg0", A)}
        assert (facts.naming.text(("", "wg0", A)), facts.naming.text(("", "wg0", B))) == ("anna", "")
        offered.offer("panel", {("", "wg0", B): "bert"})
        facts = spec.factory().collect()
        assert isinstance(facts, WireguardFacts)
        assert facts.naming.text(("", "wg0", B)) == "bert"
        world.kill("wg0")
        facts = spec.factory().collect()
        assert isinstance(facts, WireguardFacts)
        assert (dict(facts.naming.names), facts.naming.matches) == ({}, (("anna", None),))
