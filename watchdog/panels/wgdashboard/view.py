"""What WGDashboard believes, frozen: its configurations and their peers as its background thread left them.

Pure values; ``answers.py`` fills them from the wire and nothing else does. A whitelist: private keys, preshared keys and hook lines
(PreUp and kin) never enter. What earlier looks saw is memory, not view.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Literal

from watchdog.model.moments import Moment
from watchdog.model.wireguard import PeerKey

Version = tuple[int, int, int]

PANEL_NAME = "wgdashboard"

SAMPLE_SECONDS = 10.0
"""The thread sleeps so long between two passes (dashboard.py, peerInformationBackgroundThread)."""
LONGER_THRESHOLD_SINCE: Version = (4, 3, 0)
"""Panels from here on call a peer running for 180 s after its handshake, older ones for 120 s (contract section 1.4)."""
LOGS_EVERY_REQUEST_UNTIL: Version = (4, 3, 0)
"""Panels up to here write one row into their log database for each request (dashboard.py, auth_req; gone in 4.3.0.2)."""
LISTS_PEERS_SINCE: Version = (4, 3, 0)
"""Panels from here on have ``clients/allConfigurationsPeers``."""
SEED_BUG_SINCE: Version = (4, 0, 0)
SEED_BUG_UNTIL: Version = (4, 2, 3)
"""The thread of these dies when a configuration is added during its pass. 4.2.3.0 is mended and calls itself 4.2.3 (contract section 2)."""


class Sampling(Enum):
    """What the panel's thread has learned of a peer's handshake."""

    NEVER_SAMPLED = "never sampled"
    NO_HANDSHAKE = "no handshake"
    AGED = "aged"
    UNREADABLE = "unreadable"


class Access(Enum):
    """How the panel takes our key."""

    GRANTED = "granted"
    FEATURE_OFF = "feature off"
    """The worker says that API keys are not enabled. If the ini says they are, the worker is stale (contract section 3.3)."""


@dataclass(frozen=True, slots=True)
class Handshake:
    """A peer's ``latest_handshake``: an age at the moment of the panel's sampling, in whole seconds; not an instant.

    ``age`` is set for AGED only; negative after the panel's clock was set back. ``text`` is what the panel says, word for word.
    """

    sampling: Sampling
    age: int | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """One job of the panel's second thread: restrict or delete a peer once ``field operator value`` holds. That is access control.

    ``field`` is ``date`` or one of ``total_receive``, ``total_sent``, ``total_data``; ``operator`` one of eq, neq, lgt (greater), lst
    (less); ``value`` is "YYYY-MM-DD HH:MM:SS" in the panel's local time, or GiB. ``action`` is restrict or delete (newer panels have more).
    """

    id: str
    field: str
    operator: str
    value: str
    action: str


@dataclass(frozen=True, slots=True)
class Peer:
    """One peer. Its identity is (configuration, public_key): one key may stand in many configurations.

    ``running`` is the panel's word. ``endpoint`` is host:port, None while it was never sampled or WireGuard has none. ``allowed_ips`` are
    networks in canonical text ("10.0.0.2/32"); what is no network stands there as it came. Bytes count since the interface began;
    ``cumulative_*`` is what earlier lives of the interface left. ``restricted``: taken out of the kernel on purpose, never a drift.
    """

    configuration: str
    public_key: str
    name: str = ""
    running: bool = False
    handshake: Handshake = Handshake(Sampling.NEVER_SAMPLED)
    endpoint: str | None = None
    allowed_ips: frozenset[str] = frozenset()
    rx_bytes: int = 0
    tx_bytes: int = 0
    cumulative_rx_bytes: int = 0
    cumulative_tx_bytes: int = 0
    restricted: bool = False
    jobs: tuple[Job, ...] = ()

    @property
    def sample(self) -> tuple[object, ...]:
        """Return all that a pass of the thread writes: of a peer with an age, at least the age changes in every pass (detector A)."""
        return self.running, self.handshake, self.endpoint, self.rx_bytes, self.tx_bytes, self.cumulative_rx_bytes, self.cumulative_tx_bytes


@dataclass(frozen=True, slots=True)
class Configuration:
    """One configuration as one answer showed it; ``read_at`` is when the answer had come.

    ``up`` means only that an interface of this name has an address (psutil), whatever it is. ``public_key`` is "" when the panel's private
    key is no key. ``peers`` and ``restricted`` are sorted by key. ``error`` says why it could not be read ("" = it was): then all else but
    the name is empty and proves nothing. ``unknown``: the panel does not know this name, which we have from elsewhere.
    """

    name: str
    read_at: Moment
    up: bool = False
    protocol: str = "wg"
    addresses: tuple[str, ...] = ()
    listen_port: int | None = None
    public_key: str = ""
    save_config: bool = False
    peers_total: int = 0
    peers_connected: int = 0
    peers: tuple[Peer, ...] = ()
    restricted: tuple[Peer, ...] = ()
    error: str = ""
    unknown: bool = False

    @property
    def sample(self) -> tuple[tuple[object, ...], ...]:
        """Return the samples of its peers, for detector A."""
        return tuple((peer.public_key, *peer.sample) for peer in self.peers)

    @property
    def tells_its_age(self) -> bool:
        """Whether any peer has an age, so that a living thread must change something here in every pass."""
        return self.up and any(peer.handshake.sampling is Sampling.AGED for peer in self.peers)

    def peer(self, public_key: str) -> Peer | None:
        """Return the peer with this key, restricted or not."""
        return next((peer for peer in (*self.peers, *self.restricted) if peer.public_key == public_key), None)


@dataclass(frozen=True, slots=True)
class WgdashboardView:
    """All that one target believes at one moment.

    ``configurations`` are in the order in which the thread's pass takes them, as far as it can be known (sorted at the panel's start,
    later ones behind): a blocked pass blinds the culprit and all behind it. None = not readable, because ``access`` is not granted.
    ``names_from`` says where the names came from: ``panel`` (4.3 and later tell all), ``files`` or ``settings`` (only those we know of).
    ``ordered``: that order is sure, for we saw the panel begin. ``session_lost`` is when a session that had held was last refused: the
    panel's master had restarted by then (None = not seen); ``logins`` counts the sessions this connection has had.
    """

    version: str = ""
    access: Access = Access.GRANTED
    configurations: tuple[Configuration, ...] | None = None
    names_from: Literal["panel", "files", "settings", ""] = ""
    ordered: bool = False
    session_lost: Moment | None = None
    logins: int = 0

    @property
    def numbers(self) -> Version | None:
        """Return the version as numbers; None = unknown."""
        return parse_version(self.version)

    @property
    def threshold(self) -> float:
        """Return how many seconds after its handshake the panel calls a peer running; the longer one when the version is unknown."""
        return 120.0 if (self.numbers or LONGER_THRESHOLD_SINCE) < LONGER_THRESHOLD_SINCE else 180.0

    @property
    def may_lose_its_thread(self) -> bool:
        """Whether this version may have the seed bug: 4.0 to 4.2.3, and whatever has no readable version."""
        return self.numbers is None or SEED_BUG_SINCE <= self.numbers <= SEED_BUG_UNTIL

    def names_in(self, netns: str) -> dict[PeerKey, str]:
        """Return what the panel calls its peers, whose devices are in the network namespace ``netns``; nameless ones are left out."""
        return {
            (netns, each.name, peer.public_key): peer.name
            for each in self.configurations or ()
            for peer in (*each.peers, *each.restricted)
            if peer.name
        }

    def configuration(self, name: str) -> Configuration | None:
        """Return the configuration called ``name``, or None."""
        return next((each for each in self.configurations or () if each.name == name), None)


def parse_version(text: str) -> Version | None:
    """Given ``v4.2.3``, ``v4.3`` or ``v4.2.3.0.1``, return its first three numbers; None when it is not a version."""
    digits = text.strip().removeprefix("v").split("-")[0].split(".")
    if not text or not all(part.isascii() and part.isdigit() and len(part) < 7 for part in digits):  # noqa: PLR2004  # longer is no version
        return None
    numbers = [int(part) for part in digits[:3]] + [0, 0]
    return numbers[0], numbers[1], numbers[2]
