"""The demo's tunnels: fake WireGuard daemons with people behind them, who shake hands and move bytes, and the places that name them."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from pathlib import Path
from types import TracebackType
from typing import Self

from watchdog.collectors.wireguard.fake import FakeWireguardWorld, fake_key
from watchdog.model.moments import Clock

REKEY = 60.0
"""Seconds between two handshakes of a peer that is awake; WireGuard's own are 120 s apart."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody behind a peer: the comment that names it in wg-quick's file, the name in our settings, and how long it sleeps already.

    ``asleep`` is seconds; 0 = awake, inf = it never shook hands.
    """

    device: str
    number: int
    comment: str = ""
    name: str = ""
    asleep: float = 0.0

    @property
    def range(self) -> str:
        """Return the addresses behind the peer."""
        return f"10.7.{self.number}.0/24" if self.device in {"wg0", "wg1"} else f"10.{self.device[2:]}.0.{self.number + 2}/32"

    @property
    def key(self) -> str:
        """Return the peer's public key."""
        return fake_key(f"{self.device}-{self.number}")


OFFICE = Person("wg0", 0, "# friendly_name = office router")
PEOPLE = (
    OFFICE,
    Person("wg0", 1, '# friendly_json={"username": "Anna\'s laptop", "room": "attic"}'),
    Person("wg0", 2, "# Bert's phone", asleep=3600.0),
    Person("wg0", 3, asleep=inf),
    Person("wg1", 0, name="backup host"),
    Person("wg2", 0, name="Clara"),
    Person("wg2", 1, name="Dora"),
    Person("wg2", 2, name="Emil", asleep=7200.0),
    Person("wg3", 0, name="a guest"),
)


class Tunnels:
    """Lets the peers of ``world`` live while it is entered: the awake ones shake hands and move bytes."""

    def __init__(self, world: FakeWireguardWorld, clock: Clock) -> None:
        self._world = world
        self._clock = clock
        self._lock = threading.Lock()
        self._silent: set[Person] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._live, name="demo tunnels", daemon=True)
        for name in sorted({person.device for person in PEOPLE}):
            world.add_device(name)
        for person in PEOPLE:
            endpoint = f"192.0.2.{person.number + 1}:51820"
            peer = world.add_peer(person.device, person.key, allowed_ips=(person.range,), endpoint=endpoint)
            peer.keepalive = 25 if person is OFFICE else 0
            if person.asleep < inf:
                self._shake(person, person.asleep)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()

    def silence(self, person: Person) -> None:
        """Let a peer be out of reach for ten minutes already."""
        with self._lock:
            self._silent.add(person)
            self._shake(person, 600.0)

    def wake(self, person: Person) -> None:
        """Let it be back."""
        with self._lock:
            self._silent.discard(person)
            self._shake(person, 0.0)

    def _live(self) -> None:
        last = self._clock.now()
        while not self._clock.wait(self._stop, 1.0):
            now = self._clock.now()
            again = now.since(last) >= REKEY
            last = now if again else last
            with self._lock:
                for person in PEOPLE:
                    if person.asleep == 0 and person not in self._silent:
                        self._move(person, shake=again)

    def _move(self, person: Person, *, shake: bool) -> None:
        self._world.traffic(person.device, person.key, rx=1500 * (person.number + 1), tx=900 * (person.number + 1))
        if shake:
            self._shake(person, 0.0)

    def _shake(self, person: Person, ago: float) -> None:
        self._world.handshake(person.device, person.key, at=self._clock.now().wall - ago)


def write_settings(folder: Path) -> Mapping[str, object]:
    """Write wg-quick's file into ``folder`` and return the settings of the WireGuard collector."""
    lines = ["[Interface]", "ListenPort = 51820", f"PrivateKey = {fake_key('a key that nobody reads')}"]
    for person in PEOPLE:
        if person.device == "wg0":
            lines += ["", "[Peer]", *[person.comment] * bool(person.comment), f"PublicKey = {person.key}"]
    (folder / "wg0.conf").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return {
        "enabled": True,
        "sockets": [f"{folder}/wg"],
        "interval": "2s",
        "names": {
            "files": [f"{folder}/*.conf"],
            "peers": {person.key: person.name for person in PEOPLE if person.name and person.device == "wg1"},
        },
        "expect": {"office router": "always"},
        "endpoints": True,
        "compat": ["mindflavor", "mdlayher"],
    }
