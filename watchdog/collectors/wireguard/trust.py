"""What outlives one look: whether a handshake's stamp can be believed after a clock jump, and how often a peer's endpoint moved.

Handshake stamps are wall clock. When the wall clock jumps, stamps from before and after it cannot be told apart, so every handshake's
age is Unknown until its stamp changes under our eyes. A stamp that lies in the future is not believed either. What such a stamp still
tells: while it stands there is no handshake, so after ``connected_within`` seconds of that its peer is not connected (a laptop that
sleeps through a jump would else be Unknown for days). Memory only: after our own restart stamps are believed again and the counters
begin at 0.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import inf

from watchdog.collectors.wireguard.peers import judged
from watchdog.model.moments import Moment
from watchdog.model.wireguard import Device, Peer

JUMP = 5.0  # seconds by which wall and monotonic clock may part between two looks
AHEAD = 1.0  # seconds a stamp may lie ahead of us: daemons and we read the clock at slightly different moments

DeviceKey = tuple[str, str]


@dataclass(slots=True)
class _Seen:
    """What we remember of one peer. ``epoch`` is how many jumps we knew of when we last saw it; ``raw`` became ``judged``.

    ``doubted`` is since when (monotonic seconds) this very stamp has not been believed, None = it is.
    """

    stamp: float | None
    epoch: int
    suspect: bool
    endpoint: str | None
    raw: Peer
    judged: Peer
    changes: int = 0
    doubted: float | None = None


@dataclass(slots=True)
class _SeenDevice:
    """What we remember of one device: its peers, and from when until when (UNIX seconds) all that was judged of ``raw`` holds."""

    peers: dict[str, _Seen] = field(default_factory=dict)
    raw: tuple[Peer, ...] = ()
    judged: tuple[Peer, ...] = ()
    epoch: int = -1
    since: float = -inf
    until: float = inf


class Trust:
    """The memory between looks. It belongs to one collector at a time (``owner``), which looks from one thread."""

    owner: object = None

    def __init__(self, connected_within: float) -> None:
        self._within = connected_within
        self._last: Moment | None = None
        self._epoch = 0
        self._first_look_of_epoch = False
        self._blind: set[DeviceKey] = set()
        self._devices: dict[DeviceKey, _SeenDevice] = {}

    def look(self, devices: tuple[Device, ...], now: Moment) -> tuple[Device, ...]:
        """Given all devices of one look and the moment right after it, return them with trust, connection and endpoint changes."""
        self._notice_jump(now)
        keys = {(device.netns, device.name) for device in devices}
        for gone in self._devices.keys() - keys:
            del self._devices[gone]
        judged = tuple(self._device(device, now) for device in devices)
        failed = {(d.netns, d.name) for d in devices if d.error is not None}
        self._blind = failed if self._first_look_of_epoch else self._blind & failed
        self._first_look_of_epoch = False
        return judged

    def _notice_jump(self, now: Moment) -> None:
        if self._last is not None and abs((now.wall - self._last.wall) - (now.mono - self._last.mono)) > JUMP:
            self._epoch += 1
            self._first_look_of_epoch = True
        self._last = now

    def _device(self, device: Device, now: Moment) -> Device:
        key = (device.netns, device.name)
        if device.error is not None:
            return device  # what we remember of its peers stays
        old = self._devices.get(key) or _SeenDevice()
        if (device.peers is old.raw or device.peers is old.judged) and old.epoch == self._epoch and old.since <= now.wall <= old.until:
            return replace(device, peers=old.judged)  # all asleep, and nobody's time is over
        # an unknown peer's handshake is younger than the jump only if we have looked here since
        unseen = self._epoch > 0 and (self._first_look_of_epoch or key in self._blind)
        known = old.peers
        peers = tuple(self._judge(device.peers, known, unseen, now))
        if len(known) > len(peers):
            known = {peer.public_key: known[peer.public_key] for peer in device.peers}
        self._devices[key] = _SeenDevice(known, device.peers, peers, self._epoch, *self._holds(peers))
        return replace(device, peers=peers)

    def _judge(self, peers: tuple[Peer, ...], known: dict[str, _Seen], unseen: bool, now: Moment) -> list[Peer]:
        """Return the peers judged, in their order, and bring ``known`` up to date with them."""
        epoch, within, wall, latest = self._epoch, self._within, now.wall, now.wall + AHEAD
        found = []
        for peer in peers:
            seen = known.get(peer.public_key)
            stamp = peer.last_handshake
            if seen is None or seen.epoch != epoch or seen.suspect or seen.endpoint != peer.endpoint or (stamp or 0.0) > latest:
                if seen is None or seen.raw is not peer or seen.epoch != epoch or not self._stands(seen, now):
                    seen = known[peer.public_key] = self._look_at(seen, peer, unseen, now)
            else:
                # what follows is _look_at for a peer of whom there is nothing to doubt
                connected = stamp is not None and wall - stamp <= within
                if seen.raw is not peer or seen.judged.connected is not connected or seen.doubted is not None:
                    seen.stamp, seen.raw, seen.doubted = stamp, peer, None
                    seen.judged = judged(peer, True, connected, seen.changes)
            found.append(seen.judged)
        return found

    def _holds(self, peers: tuple[Peer, ...]) -> tuple[float, float]:
        """Return from when until when (UNIX seconds) all that was judged of these peers holds if they do nothing."""
        stamps = [peer.last_handshake for peer in peers if peer.last_handshake is not None]
        young = [peer.last_handshake for peer in peers if peer.connected and peer.last_handshake is not None]
        if None in [peer.connected for peer in peers]:
            return inf, -inf
        return max(stamps, default=-inf) - AHEAD, min(young, default=inf) + self._within

    def _look_at(self, seen: _Seen | None, peer: Peer, unseen: bool, now: Moment) -> _Seen:
        """Take in what is new of a peer."""
        stamp = peer.last_handshake
        if seen is None:
            doubted = self._doubted(None, stamp, unseen, now)
            return _Seen(stamp, self._epoch, unseen, peer.endpoint, peer, self._judged(peer, doubted, 0, now), doubted=doubted)
        if seen.epoch != self._epoch:
            seen.epoch, seen.suspect = self._epoch, unseen
        elif stamp != seen.stamp:
            seen.suspect = False
        # an endpoint that is gone for a while does not hide a move
        if peer.endpoint is not None and peer.endpoint != seen.endpoint:
            seen.changes += seen.endpoint is not None
            seen.endpoint = peer.endpoint
        seen.doubted = self._doubted(seen.doubted if stamp == seen.stamp else None, stamp, seen.suspect, now)
        seen.stamp, seen.raw = stamp, peer
        seen.judged = self._judged(peer, seen.doubted, seen.changes, now)
        return seen

    @staticmethod
    def _doubted(since: float | None, stamp: float | None, suspect: bool, now: Moment) -> float | None:
        """Return since when a stamp is not believed, None = it is; ``since`` is the answer of the look before about the same stamp."""
        if stamp is None or (not suspect and stamp <= now.wall + AHEAD):
            return None
        return now.mono if since is None else since

    def _stands(self, seen: _Seen, now: Moment) -> bool:
        """Return whether what was judged of the very same peer still holds: most peers sleep, and are not judged anew at each look."""
        judged = seen.judged
        if judged.last_handshake is None:
            return True
        age = now.wall - judged.last_handshake
        return age >= -AHEAD and judged.connected is (age <= self._within)

    def _judged(self, peer: Peer, doubted: float | None, changes: int, now: Moment) -> Peer:
        stamp = peer.last_handshake
        connected: bool | None
        if doubted is None:
            connected = stamp is not None and now.wall - stamp <= self._within
        else:
            connected = None if now.mono - doubted <= self._within else False
        return judged(peer, doubted is None, connected, changes)
