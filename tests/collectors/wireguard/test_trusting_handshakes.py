"""What is remembered between looks: handshakes after a clock jump, endpoint changes."""

from __future__ import annotations

from watchdog.collectors.wireguard.trust import Trust
from watchdog.model.wireguard import Device, Peer
from watchdog.runtime.clock import SimulatedClock

A, B = "peer-a", "peer-b"


class Looking:
    def __init__(self) -> None:
        self.clock = SimulatedClock()
        self.trust = Trust(180.0)

    @property
    def wall(self) -> float:
        return self.clock.now().wall

    def look(self, *peers: Peer, name: str = "wg0", error: str | None = None, others: tuple[Device, ...] = ()) -> dict[str, Peer]:
        device = Device(name, "userspace", peers=() if error else peers, error=error)
        judged = self.trust.look((device, *others), self.clock.now())
        return {peer.public_key: peer for found in judged if found.name == name for peer in found.peers}

    def pass_time(self, seconds: float = 15.0) -> None:
        self.clock.advance(seconds)


def peer(stamp: float | None, key: str = A, endpoint: str | None = None) -> Peer:
    return Peer(key, endpoint, last_handshake=stamp)


def test_connected_within_the_threshold_and_not_after():
    looking = Looking()
    stamp = looking.wall
    assert looking.look(peer(stamp))[A].connected is True
    looking.pass_time(180)
    assert looking.look(peer(stamp))[A].connected is True
    looking.pass_time(1)
    assert looking.look(peer(stamp))[A].connected is False


def test_never_shaken_hands_is_known_to_be_not_connected():
    found = Looking().look(peer(None))[A]
    assert (found.connected, found.handshake_trusted) == (False, True)


def test_a_handshake_in_the_future_is_not_trusted():
    looking = Looking()
    found = looking.look(peer(looking.wall + 60))[A]
    assert (found.connected, found.handshake_trusted) == (None, False)
    assert looking.look(peer(looking.wall + 0.5))[A].handshake_trusted is True


def test_after_a_jump_each_peer_is_unknown_until_its_stamp_changes():
    for jump in (10_800.0, -10_800.0, 6.0):
        looking = Looking()
        stamp = looking.wall - 10
        looking.look(peer(stamp), peer(stamp, B))
        looking.clock.jump(jump)
        looking.pass_time()
        found = looking.look(peer(stamp), peer(stamp, B))
        assert {p.handshake_trusted for p in found.values()} == {False}
        assert {p.connected for p in found.values()} == {None}
        looking.pass_time()
        found = looking.look(peer(looking.wall - 1), peer(stamp, B))
        assert (found[A].handshake_trusted, found[A].connected) == (True, True)
        assert (found[B].handshake_trusted, found[B].connected) == (False, None)


def test_a_stamp_that_changed_across_the_jump_is_not_believed_either():
    looking = Looking()
    looking.look(peer(looking.wall - 100))
    looking.clock.jump(3600)
    looking.pass_time()
    # it may have been made before the jump, by the old clock
    assert looking.look(peer(looking.wall - 3605))[A].handshake_trusted is False


def test_a_peer_that_sleeps_through_a_jump_is_known_to_be_away_after_three_minutes():
    for jump in (10_800.0, -10_800.0, -60.0):
        looking = Looking()
        stamp = looking.wall - 10
        looking.look(peer(stamp), peer(stamp, B))
        looking.clock.jump(jump)
        looking.pass_time()
        looking.look(peer(stamp), peer(stamp, B))
        looking.pass_time(180.0)
        found = looking.look(peer(looking.wall), peer(stamp, B))
        assert (found[A].handshake_trusted, found[A].connected, found[B].connected) == (True, True, None)
        looking.pass_time(1.0)
        found = looking.look(peer(stamp, B))
        assert (found[B].handshake_trusted, found[B].connected) == (False, False), "its age is unknown, and it is not connected"
        looking.pass_time(86_400.0)
        assert looking.look(peer(stamp, B))[B].connected is False
        looking.pass_time()
        found = looking.look(peer(looking.wall - 1, B))
        assert (found[B].handshake_trusted, found[B].connected) == (True, True)


def test_a_stamp_of_the_future_that_changes_begins_its_three_minutes_anew():
    looking = Looking()
    looking.look(peer(looking.wall + 3600))
    looking.pass_time(170.0)
    stamp = looking.wall + 3600
    looking.look(peer(stamp))
    looking.pass_time(170.0)
    assert looking.look(peer(stamp))[A].connected is None
    looking.pass_time(20.0)
    assert looking.look(peer(stamp))[A].connected is False


def test_a_small_step_is_no_jump():
    looking = Looking()
    stamp = looking.wall - 10
    looking.look(peer(stamp))
    looking.clock.jump(-4.0)
    looking.pass_time()
    assert looking.look(peer(stamp))[A].handshake_trusted is True


def test_a_peer_added_after_the_jump_is_believed():
    looking = Looking()
    looking.look(peer(None))
    looking.clock.jump(3600)
    looking.pass_time()
    looking.look(peer(None))
    looking.pass_time()
    assert looking.look(peer(None), peer(looking.wall - 1, B))[B].connected is True


def test_a_device_that_could_not_be_read_at_the_jump_stays_unknown_when_it_returns():
    looking = Looking()
    stamp = looking.wall - 10
    looking.look(peer(stamp))
    looking.clock.jump(100)
    looking.pass_time()
    looking.look(error="Unreachable")
    looking.pass_time()
    looking.look(error="Unreachable")
    looking.pass_time()
    found = looking.look(peer(stamp), peer(stamp, B))
    assert (found[A].handshake_trusted, found[B].handshake_trusted) == (False, False)
    looking.pass_time()
    assert looking.look(peer(looking.wall))[A].handshake_trusted is True


def test_a_second_jump_makes_a_trusted_peer_unknown_again():
    looking = Looking()
    looking.look(peer(looking.wall))
    looking.clock.jump(100)
    looking.look(peer(looking.wall))
    looking.pass_time()
    stamp = looking.wall
    assert looking.look(peer(stamp))[A].handshake_trusted is True
    looking.clock.jump(-100)
    assert looking.look(peer(stamp))[A].handshake_trusted is False


def test_moves_between_endpoints_are_counted():
    looking = Looking()
    for endpoint, changes in ((None, 0), ("a:1", 0), ("a:1", 0), ("a:2", 1), (None, 1), ("a:2", 1), (None, 1), ("b:2", 2)):
        assert looking.look(peer(None, endpoint=endpoint))[A].endpoint_changes == changes


def test_a_failed_look_keeps_the_count_and_a_vanished_peer_loses_it():
    looking = Looking()
    looking.look(peer(None, endpoint="a:1"))
    looking.look(peer(None, endpoint="a:2"))
    looking.look(error="Unreachable")
    assert looking.look(peer(None, endpoint="a:2"))[A].endpoint_changes == 1
    looking.look()
    assert looking.look(peer(None, endpoint="a:3"))[A].endpoint_changes == 0


def test_the_same_key_in_two_devices_is_two_peers():
    looking = Looking()
    other = Device("wg1", "kernel", peers=(Peer(A, "x:1"),))
    looking.look(peer(None, endpoint="a:1"), others=(other,))
    judged = looking.trust.look((Device("wg0", "userspace", peers=(Peer(A, "a:2"),)), other), looking.clock.now())
    assert [device.peers[0].endpoint_changes for device in judged] == [1, 0]
