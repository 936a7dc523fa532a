"""What peers are called, and which of them shall always be connected.

A name comes from the panel that made the peer, else from a configuration file, else from our own configuration. A snapshot gets names of
peers that are there, and nothing else that stands in those files.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase

from watchdog.collectors.wireguard.comments import peer_name
from watchdog.collectors.wireguard.files import NameFiles, WrittenNames
from watchdog.collectors.wireguard.settings import WireguardSettings
from watchdog.model.wireguard import Device, NameFile, Naming, PeerKey, PeerName

_KEY_LENGTH = 44  # base64 of 32 bytes
Inputs = tuple[object, ...]


class OfferedNames:
    """What panels call their peers. Satisfies ``PeerNames``; any thread."""

    def __init__(self, told: Callable[[], None] = lambda: None) -> None:
        """Given what to call after names have changed (in the panel's thread; it must be quick)."""
        self._told = told
        self._lock = threading.Lock()
        self._offers: dict[str, dict[PeerKey, PeerName]] = {}
        self.names: Mapping[PeerKey, PeerName] = {}

    def offer(self, source: str, names: Mapping[PeerKey, str]) -> None:
        """Take the names of one target. Of two targets that name one peer, the first by its name counts."""
        found = {key: name for key, text in names.items() if (name := peer_name(text, "panel")) is not None}
        with self._lock:
            if self._offers.get(source, {}) == found:
                return
            self._offers[source] = found
            merged: dict[PeerKey, PeerName] = {}
            for other in sorted(self._offers, reverse=True):
                merged |= self._offers[other]
            self.names = merged
        self._told()


class Namer:
    """Joins all names with the peers of a look. It is given to each new collector, and looks from one thread at a time."""

    def __init__(self, settings: WireguardSettings, offered: OfferedNames, files: NameFiles | None = None) -> None:
        self.offered = offered
        self._files = files or NameFiles(settings.names.files)
        self._settings = dict(_split_keys(settings.names.peers))
        self._expect = dict(settings.expect)
        self._last: tuple[Inputs, Naming] = ((), Naming())

    def look(self, devices: tuple[Device, ...]) -> Naming:
        """Return what the peers of ``devices`` are called. The same object comes back while nothing has changed."""
        written: WrittenNames = {}
        files: tuple[NameFile, ...] = ()
        if devices:  # without any, nobody wants to know what a file cannot tell
            written, files = self._files.look()
        offered = self.offered.names
        peers = {(device.netns, device.name): [peer.public_key for peer in device.peers] for device in devices}
        blind = any(device.error is not None for device in devices)
        inputs = (_Same(written), _Same(offered), files, peers, blind)
        last, naming = self._last
        if last != inputs:
            naming = self._named(peers, offered, written, files, blind=blind)
            self._last = (inputs, naming)
        return naming

    def _named(
        self,
        peers: Mapping[tuple[str, str], Iterable[str]],
        offered: Mapping[PeerKey, PeerName],
        written: WrittenNames,
        files: tuple[NameFile, ...],
        *,
        blind: bool,
    ) -> Naming:
        names: dict[PeerKey, PeerName] = {}
        expected: set[PeerKey] = set()
        matches = {entry: 0 for entry, word in self._expect.items() if word == "always"}
        for (netns, device), keys in peers.items():
            for key in keys:
                peer, name = (netns, device, key), offered.get((netns, device, key))
                for table in (written, self._settings):
                    name = name or table.get((device, key)) or table.get(("", key))
                if name is not None:
                    names[peer] = name
                if self._expect and self._wish(device, key, name.text if name else "", matches):
                    expected.add(peer)
        counts = tuple((entry, count if count or not blind else None) for entry, count in matches.items())
        return Naming(names, frozenset(expected), files, counts)

    def _wish(self, device: str, key: str, name: str, matches: dict[str, int]) -> bool:
        """Return whether this peer shall always be connected: the entry that is its very name or key decides, else the first pattern."""
        own = [word for word in (key, name) if word]
        calls = [*own, *(f"{device}/{word}" for word in own)]
        hits = [entry for entry in self._expect if entry in calls or any(fnmatchcase(call, entry) for call in calls)]
        for entry in hits:
            if entry in matches:
                matches[entry] += 1
        hits.sort(key=lambda entry: entry not in calls)
        return bool(hits) and self._expect[hits[0]] == "always"


class _Same:
    """Compares by being the very same object: these mappings are never changed, only replaced."""

    def __init__(self, held: object) -> None:
        self._held = held

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other._held is self._held

    __hash__ = None  # type: ignore[assignment]  # never a key


def _split_keys(peers: Mapping[str, str]) -> Iterable[tuple[tuple[str, str], PeerName]]:
    """Yield (device or "", public key) and name for each ``[DEVICE/]PUBLIC_KEY: NAME`` of the configuration."""
    for written, text in peers.items():
        name = peer_name(text, "settings")
        if name is not None:
            yield (written[:-_KEY_LENGTH].removesuffix("/"), written[-_KEY_LENGTH:]), name
