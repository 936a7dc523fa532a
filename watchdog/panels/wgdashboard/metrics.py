"""What this panel believes, and what the kernel says of the same peers, as metrics. A table; the rows are computed purely.

Per-peer families are bounded by ``PEER_LIMIT`` per target; how many were left out is a metric of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from watchdog.model.metrics import Metric, MetricSpec, MetricType, Row
from watchdog.model.snapshots import Actual
from watchdog.model.wireguard import Device
from watchdog.model.wireguard import Peer as KernelPeer
from watchdog.panels.wgdashboard.view import Access, Configuration, Peer, WgdashboardView

PEER_LIMIT: Final = 1000
SOURCE = "From the panel's API."
BOTH = "From the panel's API and our own look at WireGuard."
_CONFIGURATION = ("target", "configuration")
_PEER = ("target", "configuration", "public_key", "name")
Rows = Callable[[str, Actual, WgdashboardView], Iterable[Row]]


def _listed(view: WgdashboardView) -> list[Configuration]:
    return [each for each in view.configurations or () if not each.error and not each.unknown]


def _peers(view: WgdashboardView) -> list[Peer]:
    return [peer for each in _listed(view) if each.up for peer in each.peers]


def _devices(actual: Actual, view: WgdashboardView) -> dict[str, Device]:
    """Return the devices that are provably the panel's own: same name and same public key."""
    facts = actual.wireguard.facts if actual.wireguard is not None and actual.wireguard.success else None
    keys = {each.name: each.public_key for each in _listed(view) if each.public_key}
    return {each.name: each for each in (facts.devices if facts else ()) if each.public_key and keys.get(each.name) == each.public_key}


def _kernel(actual: Actual, view: WgdashboardView) -> dict[tuple[str, str], KernelPeer]:
    return {(name, peer.public_key): peer for name, device in _devices(actual, view).items() for peer in device.peers}


def _info(target: str, _: Actual, view: WgdashboardView) -> Iterator[Row]:
    yield (target, view.version or "unknown"), 1.0


def _keys(target: str, _: Actual, view: WgdashboardView) -> Iterator[Row]:
    yield (target,), float(view.access is Access.GRANTED)


def _affected(target: str, _: Actual, view: WgdashboardView) -> Iterator[Row]:
    yield (target,), float(view.may_lose_its_thread)


def _sessions(target: str, _: Actual, view: WgdashboardView) -> Iterator[Row]:
    yield (target,), float(view.logins)


def _configurations(value: Callable[[Configuration], float]) -> Rows:
    def rows(target: str, _: Actual, view: WgdashboardView) -> Iterator[Row]:
        for each in _listed(view):
            yield (target, each.name), value(each)

    return rows


def _readable(target: str, _: Actual, view: WgdashboardView) -> Iterator[Row]:
    for each in view.configurations or ():
        yield (target, each.name), float(not each.error and not each.unknown)


def _device_there(target: str, actual: Actual, view: WgdashboardView) -> Iterator[Row]:
    devices = _devices(actual, view)
    for each in _listed(view) if devices else ():
        yield (target, each.name), float(each.name in devices)


def _jobs(target: str, _: Actual, view: WgdashboardView) -> Iterator[Row]:
    for each in _listed(view):
        yield (target, each.name), float(sum(len(peer.jobs) for peer in each.peers))


def _restricted_inside(target: str, actual: Actual, view: WgdashboardView) -> Iterator[Row]:
    devices = _devices(actual, view)
    for each in _listed(view):
        if each.name in devices:
            inside = {peer.public_key for peer in devices[each.name].peers}
            yield (target, each.name), float(sum(peer.public_key in inside for peer in each.restricted))


def _each_peer(value: Callable[[Peer], float]) -> Rows:
    def rows(target: str, _: Actual, view: WgdashboardView) -> Iterator[Row]:
        for peer in _peers(view)[:PEER_LIMIT]:
            yield (target, peer.configuration, peer.public_key, peer.name), value(peer)

    return rows


def _believed_handshake(target: str, _: Actual, view: WgdashboardView) -> Iterator[Row]:
    read_at = {each.name: each.read_at.wall for each in _listed(view)}
    for peer in _peers(view)[:PEER_LIMIT]:
        if peer.handshake.age is not None:
            yield (target, peer.configuration, peer.public_key, peer.name), read_at[peer.configuration] - peer.handshake.age


def _online(target: str, actual: Actual, view: WgdashboardView) -> Iterator[Row]:
    kernel = _kernel(actual, view)
    for peer in _peers(view)[:PEER_LIMIT]:
        true = kernel.get((peer.configuration, peer.public_key))
        if true is not None and true.connected is not None:
            yield (target, peer.configuration, peer.public_key, peer.name), float(true.connected)


def _omitted(target: str, _: Actual, view: WgdashboardView) -> Iterator[Row]:
    yield (target,), float(max(0, len(_peers(view)) - PEER_LIMIT))


def _spec(name: str, text: str, labels: tuple[str, ...], rows: Rows, kind: MetricType = "gauge", source: str = SOURCE) -> MetricSpec:
    return MetricSpec(Metric(f"watchdog_wgdashboard_{name}", kind, f"{text} {source}", labels), rows)


METRICS: Final[tuple[MetricSpec, ...]] = (
    _spec("panel_info", "The panel's version; 4.2.3.0 and 4.2.3.0.1 say v4.2.3 too.", ("target", "version"), _info, "info"),
    _spec("keys_accepted", "Whether the panel's worker accepts API keys.", ("target",), _keys),
    _spec("version_may_lose_thread", "Whether this version may lose its sampling thread (4.0 to 4.2.3).", ("target",), _affected),
    _spec("sessions", "Sessions obtained since we connected; a restart of the panel costs one.", ("target",), _sessions),
    _spec("configuration_readable", "Whether the panel answered for the configuration.", _CONFIGURATION, _readable),
    _spec("configuration_up", "Whether the panel says up: an address on an interface of that name.", _CONFIGURATION,
          _configurations(lambda each: float(each.up))),
    _spec("configuration_device", "Whether a WireGuard device has the configuration's name and public key.", _CONFIGURATION, _device_there,
          source=BOTH),
    _spec("configuration_peers", "Peers that have access by the panel.", _CONFIGURATION,
          _configurations(lambda each: float(each.peers_total))),
    _spec("configuration_peers_believed_running", "Peers that the panel shows as running.", _CONFIGURATION,
          _configurations(lambda each: float(each.peers_connected))),
    _spec("configuration_peers_restricted", "Peers whose access the panel has taken away.", _CONFIGURATION,
          _configurations(lambda each: float(len(each.restricted)))),
    _spec("configuration_peers_restricted_in_kernel", "Restricted peers that the kernel lets in all the same.", _CONFIGURATION,
          _restricted_inside, source=BOTH),
    _spec("configuration_jobs", "Jobs of peers that wait for the panel's second thread.", _CONFIGURATION, _jobs),
    _spec("peer_believed_running", "Whether the panel shows the peer as running.", _PEER, _each_peer(lambda peer: float(peer.running))),
    _spec("peer_online", "Whether the peer's last handshake is young in WireGuard itself, of the same peers.", _PEER, _online, source=BOTH),
    _spec("peer_believed_handshake_timestamp_seconds",
          "The peer's last handshake if the age that the panel shows were of now; behind a dead thread it runs away from the true one.",
          _PEER, _believed_handshake),
    _spec("peers_omitted", f"Peers beyond {PEER_LIMIT} that have no metrics of their own.", ("target",), _omitted),
)  # fmt: skip
