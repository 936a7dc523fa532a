"""UAPI over real unix sockets: what a daemon says becomes a device, and what is wrong with it has a name."""

from __future__ import annotations

import base64
import contextlib
import os
import select
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.wireguard import poll
from watchdog.collectors.wireguard.doors import find_sockets, same_socket
from watchdog.collectors.wireguard.fake import FakeDevice, FakePeer, FakeWireguardWorld, fake_key
from watchdog.collectors.wireguard.keys import PublicKeys, public_key
from watchdog.collectors.wireguard.parse import Known, parse
from watchdog.collectors.wireguard.trust import Trust
from watchdog.collectors.wireguard.uapi import AT_ONCE, Memory, _Round, links_up, read_userspace
from watchdog.errors import DeadlinePassed, Forbidden, MalformedAnswer, ServerFault
from watchdog.model.moments import Moment
from watchdog.model.wireguard import Device, Peer
from watchdog.runtime.clock import SystemClock

CLOCK = SystemClock()
KEY = "ab" * 32
KEY_TEXT = "q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s="


def no_key(_private: bytes) -> str:
    return "worked out"


def parsed(text: str) -> Device:
    return parse("wg0", bytearray(text.encode("latin-1")), no_key)


def read(directory: Path, deadline: float = 60.0, limit: int = 1 << 20) -> dict[str, tuple[Device, Exception | None]]:
    return {device.name: (device, error) for device, error in read_userspace([directory], CLOCK, deadline, limit, Memory())}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[FakeWireguardWorld]:
    with FakeWireguardWorld(tmp_path / "wg", CLOCK) as world:
        yield world


# --- the text


def test_an_answer_becomes_a_device():
    device = parsed(
        "private_key=" + "11" * 32 + "\nlisten_port=51820\nfwmark=20759\n"
        f"public_key={KEY}\npreshared_key={'22' * 32}\nprotocol_version=1\nendpoint=[2001:db8::1]:4500\n"
        "last_handshake_time_sec=1700000000\n"
        "last_handshake_time_nsec=500000000\ntx_bytes=7\nrx_bytes=9\npersistent_keepalive_interval=25\nallowed_ip=10.0.0.0/24\nallowed_ip=::/0\n"
        f"public_key={'cd' * 32}\nlast_handshake_time_sec=0\nlast_handshake_time_nsec=0\nerrno=0\n\n"
    )
    peer = Peer(KEY_TEXT, "[2001:db8::1]:4500", ("10.0.0.0/24", "::/0"), 1_700_000_000.5, 9, 7, 25)
    assert device.peers[0] == peer
    assert (device.peers[1].endpoint, device.peers[1].last_handshake, device.peers[1].allowed_ips) == (None, None, ())
    assert (device.public_key, device.listen_port, device.fwmark, device.kind) == ("worked out", 51820, 20759, "userspace")


def test_peers_are_in_one_order_whatever_the_daemon_says():
    one, two = (f"public_key={digits * 32}\n" for digits in ("ab", "cd"))
    assert parsed(one + two + "errno=0\n\n") == parsed(two + one + "errno=0\n\n")


SLEEPING = (
    "public_key={key}\npreshared_key={secret}\nprotocol_version=1\nlast_handshake_time_sec=0\nlast_handshake_time_nsec=0\n"
    "tx_bytes=1\nrx_bytes={rx}\npersistent_keepalive_interval=0\nallowed_ip=10.0.0.1/32\n"
)


@pytest.mark.parametrize("form", [SLEEPING, "public_key={key}\npreshared_key={secret}\nrx_bytes={rx}\n"], ids=["usual", "any"])
def test_a_peer_that_has_not_changed_is_not_made_again_and_one_that_has_is(form: str):
    known = Known()

    def look(*rx: int, secret: str = "11" * 32) -> tuple[Peer, ...]:
        text = "".join(form.format(key=f"{number:02x}" * 32, secret=secret, rx=each) for number, each in enumerate(rx))
        return parse("wg0", bytearray(f"{text}errno=0\n\n".encode()), no_key, known=known).peers

    first = look(5, 1)
    assert look(5, 1) is first, "nothing new: the very same peers"
    assert look(5, 1, secret="33" * 32) is first
    second = look(5, 2)
    assert second[0] is first[0]
    assert [peer.rx_bytes for peer in second] == [5, 2]
    assert second[1].public_key is first[1].public_key
    assert "11" * 32 not in repr(known)
    assert "33" * 32 not in repr(known)
    assert len(look(5)) == 1
    assert len(known.rows) == 1, "what is no longer so is forgotten"
    assert look() == ()
    assert look(5, 2) == second


def test_a_peer_that_roams_as_it_shakes_hands_has_both():
    known, peer = Known(), FakePeer(KEY_TEXT, "192.0.2.1:9", ("10.0.0.0/8",), 1000.0, 5, 6, 25)

    def look(**changes: object) -> Peer:
        device = FakeDevice("wg0", 5, 0, "11" * 32, {KEY_TEXT: replace(peer, **changes)})
        return parse("wg0", bytearray(device.answer()), no_key, known=known).peers[0]

    assert look().endpoint == "192.0.2.1:9"
    roamed = look(endpoint="192.0.2.2:9", last_handshake=1120.0, rx_bytes=8)
    assert (roamed.endpoint, roamed.last_handshake, roamed.rx_bytes) == ("192.0.2.2:9", 1120.0, 8)
    moved = look(endpoint="192.0.2.2:9", last_handshake=1120.0, allowed_ips=("11.0.0.0/8",))
    assert (moved.allowed_ips, moved.rx_bytes) == (("11.0.0.0/8",), 5)


def test_keys_of_newer_daemons_are_stepped_over():
    assert parsed("listen_port=1\njc=4\njmin=40\ns1=0\nerrno=0\n\n").listen_port == 1
    future = SLEEPING.format(key=KEY, secret="22" * 32, rx=7) + "colour=blue\n"
    usual = SLEEPING.format(key="cd" * 32, secret="22" * 32, rx=8)
    for text in (future + usual, usual + future, future.replace("colour=blue\n", "").replace("tx_bytes", "colour=blue\ntx_bytes") + usual):
        found = parsed(text + "errno=0\n\n")
        assert [(peer.rx_bytes, peer.allowed_ips) for peer in found.peers] == [(7, ("10.0.0.1/32",)), (8, ("10.0.0.1/32",))]


def test_amneziawg_tells_its_own_secrets_and_a_range_of_keepalives():
    """device/uapi.go of amneziawg-go: lines of obfuscation before the peers, two more secrets, a keepalive only where there is one."""
    own = (
        f"private_key={'11' * 32}\nobfs_psk={'44' * 32}\nlisten_port=51820\nfwmark=7\njc=4\njmin=40\njmax=70\ns1=86\ns2=12\ns4=9\n"
        f"h1=1020325451\nh2=3288052141-3288052150\ni1=<b 0xf6ab3267fa><c><t>\nheader_protection_key={'55' * 32}\nrekey_after_time=100-140\n"
    )
    peer = SLEEPING.format(key="{key}", secret="22" * 32, rx=7).replace("persistent_keepalive_interval=0\n", "{keepalive}")
    for keepalive, seconds in (("", 0), ("persistent_keepalive_interval=25\n", 25), ("persistent_keepalive_interval=20-30\n", 20)):
        text = own + peer.format(key=KEY, keepalive=keepalive) + "errno=0\n\n"
        answer, known = bytearray(text.encode()), Known()
        device = parse("awg0", answer, no_key, known=known)
        assert device.peers == (Peer(KEY_TEXT, None, ("10.0.0.1/32",), None, 7, 1, seconds),)
        assert (device.public_key, device.listen_port, device.fwmark) == ("worked out", 51820, 7)
        assert not any(answer)
        assert not any(secret * 32 in repr((device, known)) for secret in ("11", "22", "44", "55"))


BORINGTUN = (
    "own_public_key=" + "ab" * 32 + "\nlisten_port=51820\npublic_key=" + "cd" * 32 + "\npreshared_key=" + "22" * 32 + "\n"
    "persistent_keepalive_interval=25\nendpoint=[2001:db8::1]:4500\nallowed_ip=10.0.0.0/24\n{handshake}rx_bytes=9\ntx_bytes=7\nerrno=0\n\n"
)


def test_boringtun_tells_its_public_key_and_how_long_ago_the_handshake_was():
    """boringtun/src/device/api.rs, api_get(): own_public_key, other order of lines, and an age under the name of a moment."""
    known = Known()

    def look(handshake: str, wall: float = 1_700_000_100.0) -> Peer:
        device = parse("wg0", bytearray(BORINGTUN.format(handshake=handshake).encode()), no_key, known=known, wall=wall)
        assert (device.public_key, device.listen_port) == (KEY_TEXT, 51820)
        return device.peers[0]

    age = "last_handshake_time_sec={}\nlast_handshake_time_nsec={}\n".format
    assert look("").last_handshake is None
    assert look(age(0, 0)).last_handshake == 1_700_000_100.0
    peer = look(age(40, 250_000_000))
    assert peer == replace(peer, endpoint="[2001:db8::1]:4500", allowed_ips=("10.0.0.0/24",), rx_bytes=9, tx_bytes=7, keepalive=25)
    assert peer.last_handshake == 1_700_000_059.75
    # the same handshake, looked at later: the moment must not wander with the rounding of ages
    assert look(age(55, 253_000_000), 1_700_000_115.01) is peer
    assert look(age(2, 0), 1_700_000_115.0).last_handshake == 1_700_000_113.0
    # the session has ended, and with it boringtun's memory (0.7.1, seen after 180 s)
    assert look("", 1_700_000_300.0).last_handshake == 1_700_000_113.0
    # a daemon that began anew counts anew
    younger = BORINGTUN.format(handshake="").replace("rx_bytes=9", "rx_bytes=0")
    assert parse("wg0", bytearray(younger.encode()), no_key, known=known, wall=1_700_000_310.0).peers[0].last_handshake is None
    # a fork that tells the moment
    assert look(age(1_700_000_000, 5)).last_handshake == pytest.approx(1_700_000_000.000000005)


def test_a_device_without_a_private_key_has_no_public_key():
    assert parsed("listen_port=1\nerrno=0\n\n").public_key == ""


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("listen_port=1\n\n", "no errno"),
        ("listen_port\nerrno=0\n\n", "without '='"),
        (f"public_key={KEY}\nrx_bytes\nerrno=0\n\n", "without '='"),
        ("listen_port=1", "no errno"),
        ("listen_port=x\nerrno=0\n\n", "listen_port is not a number"),
        ("public_key=abc\nerrno=0\n\n", "public_key of 3 digits"),
        ("public_key=" + "zz" * 32 + "\nerrno=0\n\n", "not hexadecimal"),
        ("allowed_ip=10.0.0.0/8\nerrno=0\n\n", "before any peer"),
        (f"public_key={KEY}\nrx_bytes=-5\nerrno=0\n\n", "rx_bytes is not a number"),
        ("listen_port=\xff\nerrno=0\n\n", "UnicodeDecodeError"),
        ("HTTP/1.1 400 Bad Request\n\n", "no errno"),
    ],
)
def test_what_is_not_the_protocol_is_named(text: str, says: str):
    with pytest.raises(MalformedAnswer, match=says):
        parsed(text)


def test_an_error_number_is_the_daemons_fault():
    with pytest.raises(ServerFault, match="errno 22"):
        parsed("errno=22\n\n")


def test_secrets_are_wiped_from_the_answer_and_from_errors():
    private, preshared = "11" * 32, "22" * 32
    answer = bytearray(f"private_key={private}\npublic_key={KEY}\npreshared_key={preshared}\nbroken {private}\nerrno=0\n\n".encode())
    with pytest.raises(MalformedAnswer) as caught:
        parse("wg0", answer, no_key)
    assert not any(answer)
    assert private not in str(caught.value)
    assert caught.value.__cause__ is None
    assert private not in repr(parsed(f"private_key={private}\npublic_key={KEY}\npreshared_key={preshared}\nerrno=0\n\n"))


@given(
    st.lists(
        st.builds(
            FakePeer,
            public_key=st.integers(0, 99).map(lambda number: fake_key(str(number))),
            endpoint=st.none() | st.just("192.0.2.1:9") | st.just("[fe80::1%eth0]:9"),
            allowed_ips=st.lists(st.sampled_from(["10.0.0.0/8", "fd00::/8", "0.0.0.0/0"]), unique=True).map(tuple),
            last_handshake=st.none() | st.integers(1, 2**31).map(float),
            rx_bytes=st.integers(0, 2**63),
            tx_bytes=st.integers(0, 2**63),
            keepalive=st.integers(0, 65535),
        ),
        unique_by=lambda peer: peer.public_key,
    )
)
@settings(max_examples=100, deadline=None)
def test_what_the_fake_says_is_what_we_read(peers: list[FakePeer]):
    device = FakeDevice("wg0", 51820, 3, "11" * 32, {peer.public_key: peer for peer in peers})
    found = parse("wg0", bytearray(device.answer()), public_key)
    assert found.peers == tuple(
        Peer(p.public_key, p.endpoint, p.allowed_ips, p.last_handshake, p.rx_bytes, p.tx_bytes, p.keepalive)
        for p in sorted(peers, key=lambda p: base64.b64decode(p.public_key))
    )


TOLD = st.builds(
    FakePeer,
    public_key=st.integers(0, 4).map(lambda number: fake_key(str(number))),
    endpoint=st.sampled_from([None, "192.0.2.1:9", "192.0.2.2:9", "[fe80::1%eth0]:9"]),
    allowed_ips=st.sampled_from([(), ("10.0.0.0/8",), ("11.0.0.0/8",), ("10.0.0.0/8", "fd00::/8")]),
    last_handshake=st.sampled_from([None, 1000.0, 1180.5, 1300.25, 99999.0]),
    rx_bytes=st.integers(0, 12),
    tx_bytes=st.sampled_from([0, 9, 10, 2**63]),
    keepalive=st.sampled_from([0, 25]),
    preshared_key=st.sampled_from(["00" * 32, "77" * 32]),
)
BETWEEN = "between the counters"
ODD = ("", "", BETWEEN, "colour=blue\n", "rx_bytes=5\n", "preshared_key=" + "77" * 32 + "\n")
"""What a daemon of another kind might write behind the usual lines, or between two of them."""
LOOK = st.tuples(
    st.lists(st.tuples(TOLD, st.sampled_from(ODD)), max_size=6), st.sampled_from([0.0, 15.0, 200.0, -50.0]), st.sampled_from([5, 6])
)


def told_by(peer: FakePeer, odd: str) -> str:
    """Return a peer's lines."""
    lines = "\n".join(peer.lines()) + "\n"
    return lines.replace("\nrx_bytes", "\ncolour=blue\nrx_bytes") if odd == BETWEEN else lines + odd


@given(st.lists(LOOK, min_size=2, max_size=8))
@settings(max_examples=300, deadline=None)
def test_whatever_is_remembered_a_look_says_what_a_first_look_would(looks: list[tuple[list[tuple[FakePeer, str]], float, int]]):
    """The short ways of ``parse`` and ``trust`` (unchanged, only counted on, handed back as judged) against none of them."""
    memory, trust, plain = Known(), Trust(180.0), Trust(180.0)
    now = Moment(1000.0, 50.0)
    for told, jump, port in looks:
        lines = "".join(told_by(peer, odd) for peer, odd in told)
        text = f"private_key={'11' * 32}\nlisten_port={port}\n{lines}errno=0\n\n".encode()
        now = Moment(now.wall + 15.0 + jump, now.mono + 15.0 + (jump if jump in (0.0, 200.0) else 0.0))
        fresh = parse("wg0", bytearray(text), no_key)
        known = parse("wg0", bytearray(text), no_key, known=memory)
        bare = replace(known, peers=tuple(replace(p, handshake_trusted=True, connected=None, endpoint_changes=0) for p in known.peers))
        assert bare == fresh
        (judged,) = trust.look((known,), now)
        assert (judged,) == plain.look((fresh,), now)
        memory.keep(judged.peers)
        assert "77" * 32 not in repr(memory)
        assert "11" * 32 not in repr(memory)


@given(st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_a_device_or_a_named_error(noise: bytes):
    try:
        parse("wg0", bytearray(noise + b"\nerrno=0\n\n"), no_key)
    except (MalformedAnswer, ServerFault):
        return


def test_public_keys_are_worked_out_as_rfc_7748_says():
    # section 6.1, Bob
    private = bytes.fromhex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb")
    public = bytes.fromhex("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f")
    assert base64.b64decode(public_key(private)) == public


def test_public_keys_are_worked_out_once_and_no_private_key_is_kept():
    keys, private = PublicKeys(), b"\x11" * 32
    assert keys.of(private) == keys.of(bytes(private)) == public_key(private)
    assert len(keys._known) == 1
    assert private not in keys._known
    assert private.hex() not in repr(keys.__dict__)


# --- the sockets


def test_devices_of_a_directory(world: FakeWireguardWorld):
    world.add_device("wg0", listen_port=1111, fwmark=7)
    world.add_device("wg1")
    world.add_peer("wg0", KEY_TEXT, allowed_ips=("10.0.0.2/32",), endpoint="192.0.2.9:1")
    world.handshake("wg0", KEY_TEXT, at=1_700_000_000.25)
    world.traffic("wg0", KEY_TEXT, rx=5, tx=6)
    found = read(world.directory)
    assert {name: error for name, (_, error) in found.items()} == {"wg0": None, "wg1": None}
    assert found["wg0"][0].peers == (Peer(KEY_TEXT, "192.0.2.9:1", ("10.0.0.2/32",), 1_700_000_000.25, 5, 6),)
    assert found["wg0"][0].fwmark == 7
    assert found["wg0"][0].public_key == public_key(bytes.fromhex(world.device("wg0").private_key))


def test_no_directory_is_no_device(tmp_path: Path):
    assert read_userspace([tmp_path / "nowhere"], CLOCK, 1, 1, Memory()) == ()


def test_what_is_no_socket_is_no_device(tmp_path: Path):
    (tmp_path / "wg0.sock").write_text("")
    (tmp_path / "readme").write_text("")
    assert find_sockets([tmp_path]) == []


def test_a_dead_daemon_is_named_and_the_others_are_read(world: FakeWireguardWorld):
    world.add_device("wg0")
    world.add_device("wg1")
    world.kill("wg0")
    found = read(world.directory)
    assert found["wg0"][0].error == "Unreachable"
    assert "dead" in str(found["wg0"][1])
    assert found["wg1"][0].error is None
    world.revive("wg0")
    assert read(world.directory)["wg0"][0].error is None


def test_a_socket_that_a_child_being_started_still_holds_disturbs_no_other_exchange(world: FakeWireguardWorld):
    """Until its exec a child has copies of our descriptors: what we have closed is then still open, and epoll goes on telling of it."""
    for name in ("wg0", "wg1"):
        world.add_device(name)
    world.silence("wg1")
    quick, mute = sorted(find_sockets([world.directory]), key=lambda door: door.device)
    with select.epoll() as told:
        asking = _Round(told, SystemClock(), 0.5, 1 << 20)
        asking._begin(quick)
        copy = os.dup(next(iter(asking._running)))  # as a fork makes one
        try:
            results = asking.ask([mute])
        finally:
            os.close(copy)
            asking.close()
    assert results[quick].endswith(b"errno=0\n\n")
    assert isinstance(results[mute], DeadlinePassed)


def test_silent_daemons_cost_their_own_deadline_all_at_once(world: FakeWireguardWorld):
    for number in range(8):
        world.add_device(f"mute{number}")
        world.silence(f"mute{number}")
    world.add_device("well")
    began = time.monotonic()
    found = read(world.directory, deadline=5.0)
    assert time.monotonic() - began < 35, "one after another would be 40 s"
    assert {device.error for name, (device, _) in found.items() if name != "well"} == {"DeadlinePassed"}
    assert found["well"][0].error is None


def test_more_devices_than_are_asked_at_once(world: FakeWireguardWorld):
    names = [f"wg{number:03}" for number in range(AT_ONCE + 20)]
    for name in names:
        world.add_device(name)
    found = read(world.directory)
    assert sorted(found) == names
    assert {error for _, error in found.values()} == {None}


@contextlib.contextmanager
def serving(path: Path, answer: Callable[[socket.socket], None]) -> Iterator[None]:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    listener.listen(8)
    ending = threading.Event()

    def serve() -> None:
        while True:
            connection, _ = listener.accept()
            with connection:
                if ending.is_set():
                    return
                connection.recv(100)
                answer(connection)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as last:
            last.connect(str(path))
        thread.join()
        listener.close()


def hang_up(connection: socket.socket) -> None:
    connection.sendall(b"listen_port=1\n")


def talk_without_end(connection: socket.socket) -> None:
    try:
        while True:
            connection.sendall(b"allowed_ip=10.0.0.0/8\n" * 1000)
    except OSError:
        return


def answer_in_pieces(connection: socket.socket) -> None:
    for piece in (b"listen_po", b"rt=5\nerr", b"no=0\n", b"\n"):
        connection.sendall(piece)
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("answer", "error", "says"),
    [
        (hang_up, "Unreachable", "hung up"),
        (talk_without_end, "MalformedAnswer", "more than 100000 bytes"),
        (lambda connection: connection.sendall(b"errno=5\n\n"), "ServerFault", "errno 5"),
        (answer_in_pieces, None, None),
    ],
)
def test_what_a_daemon_can_do_wrong(tmp_path: Path, answer: Callable[[socket.socket], None], error: str | None, says: str | None):
    with serving(tmp_path / "wg0.sock", answer):
        device, found = read(tmp_path, limit=100_000)["wg0"]
    assert device.error == error
    assert says is None or says in str(found)


def test_a_daemon_that_ends_in_front_of_us_is_gone_and_no_failure(tmp_path: Path):
    path, kept = tmp_path / "wg" / "wg0.sock", tmp_path / "kept.sock"
    path.parent.mkdir()
    with serving(kept, lambda _connection: path.unlink(missing_ok=True)):
        path.hardlink_to(kept)
        assert read(path.parent) == {}


@pytest.mark.parametrize(
    ("before", "now", "same"),
    [((1, 5), (1, 5), True), ((1, 5), (1, 6), False), ((1, 5), None, False), (None, (1, 5), False), (None, None, False)],
)
def test_only_a_socket_that_stood_the_whole_time_can_have_failed(before, now, same: bool):
    assert same_socket(before, now) is same


def test_a_daemon_that_takes_no_more_connections(tmp_path: Path):
    path = tmp_path / "wg0.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen(0)
        waiting = []
        for _ in range(3):
            client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            client.setblocking(False)
            waiting.append(client)
            try:
                client.connect(str(path))
            except BlockingIOError:
                break
        device, error = read(tmp_path, deadline=0.3)["wg0"]
        for client in waiting:
            client.close()
    assert device.error == "Unreachable"
    assert "does not answer" in str(error)


def test_a_stale_socket_in_another_directory_does_not_hide_the_device(tmp_path: Path):
    with FakeWireguardWorld(tmp_path / "a", CLOCK) as stale, FakeWireguardWorld(tmp_path / "b", CLOCK) as well:
        stale.add_device("wg0")
        stale.kill("wg0")
        well.add_device("wg0", listen_port=7)
        ((device, error),) = read_userspace([stale.directory, well.directory], CLOCK, 5, 1 << 20, Memory())
    assert error is None
    assert device.listen_port == 7


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_what_may_not_be_listed_or_connected_is_forbidden():
    # pytest's own directories are closed to others
    with tempfile.TemporaryDirectory() as place, FakeWireguardWorld(Path(place) / "wg", CLOCK) as world:
        Path(place).chmod(0o755)
        world.add_device("wg0")
        world.path("wg0").chmod(0o600)
        with as_nobody():
            device, error = read(world.directory)["wg0"]
        assert device.error == "Forbidden"
        assert "may not connect" in str(error)
        world.directory.chmod(0o700)
        with as_nobody(), pytest.raises(Forbidden, match="may not list"):
            read(world.directory)


class as_nobody:  # noqa: N801
    """Only the effective user changes, and only for file access of this process."""

    def __enter__(self):
        os.seteuid(65534)

    def __exit__(self, *_):
        os.seteuid(0)


def test_whether_a_link_is_up():
    assert links_up(["lo", "nosuchlink"]) == {"lo": True, "nosuchlink": None}


def test_no_descriptor_is_left_open(world: FakeWireguardWorld):
    for number in range(5):
        world.add_device(f"wg{number}")
    world.kill("wg0")
    world.silence("wg1")
    read(world.directory, deadline=0.2)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        world.revive("wg1")  # the fake lets go of the connections it held in silence
        world.silence("wg1")
        read(world.directory, deadline=0.2)
    world.kill("wg1")
    # the daemons made up close theirs in a thread of their own
    poll("descriptors are closed", lambda: len(list(Path("/proc/self/fd").iterdir())) <= before)
