"""What of WireGuard is watched: ``collectors: {wireguard: {...}}`` of the configuration."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from watchdog.model.wireguard import CONNECTED_WITHIN_SECONDS
from watchdog.runtime.fields import AbsolutePath, Duration, Size, Strict

CompatSet = Literal["mindflavor", "mdlayher"]
_PEER = re.compile(r"(?:[^/\s]{1,15}/)?[A-Za-z0-9+/]{43}=")


def _pattern(value: str) -> str:
    if not value.startswith("/") or ".." in value.split("/"):
        raise ValueError(f"'{value}' must be the absolute path of a file, or a pattern such as /etc/wireguard/*.conf")
    return value


def _peer(value: str) -> str:
    if not _PEER.fullmatch(value):
        raise ValueError(f"'{value}' is not a peer: write its public key as `wg` shows it, or DEVICE/PUBLIC_KEY")
    return value


class NamesSettings(Strict):
    """Where names of peers come from, when the panel that made a peer does not tell: files first, then ``peers``."""

    files: tuple[Annotated[str, AfterValidator(_pattern)], ...] = (
        "/etc/wireguard/*.conf",
        "/etc/amnezia/amneziawg/*.conf",
        "/etc/systemd/network/*.netdev",
        "/etc/systemd/network/*.netdev.d/*.conf",
    )
    """Configuration files of wg-quick and systemd-networkd whose comments name peers (``# friendly_name=``, ``# friendly_json=``, the
    marks of common scripts, else a plain comment at ``[Peer]``). Read anew when they change; keys in them are never kept."""
    peers: dict[Annotated[str, AfterValidator(_peer)], Annotated[str, Field(min_length=1)]] = Field(default_factory=dict)
    """Names by ``PUBLIC_KEY`` or ``DEVICE/PUBLIC_KEY``, for peers that nobody else names."""


class MindflavorSettings(Strict):
    """The switches of prometheus_wireguard_exporter that change labels, as they are set where its dashboards come from."""

    separate_allowed_ips: bool = False
    """Its ``-s``: a pair of labels for each allowed range instead of one label."""
    remote_ip_and_port: bool = False
    """Its ``-r``: labels with the peer's endpoint."""
    latest_handshake_delay: bool = False
    """Its ``-d``: one more metric, the seconds since the last handshake; as old as the last look, absent when there never was one."""


class WireguardSettings(Strict):
    """Settings of the WireGuard collector."""

    enabled: bool | Literal["auto"] = "auto"
    """Whether to look at all; ``auto`` looks, and is content to find nothing."""
    interval: Duration = Field(15.0, gt=0)
    """Time between two looks."""
    deadline: Duration = Field(10.0, gt=0)
    """A look that takes longer than this is abandoned."""
    device_deadline: Duration = Field(2.0, gt=0)
    """How long one device may take to answer; a silent daemon is a failure of its device alone."""
    sockets: tuple[AbsolutePath, ...] = (Path("/var/run/wireguard"), Path("/var/run/amneziawg"))
    """Directories with the UAPI sockets of userspace daemons (wireguard-go, boringtun, amneziawg-go)."""
    netns: tuple[AbsolutePath, ...] = ()
    """Other network namespaces to look into, by the path of their file (``/var/run/netns/NAME`` of ``ip netns``). Their devices have this
    path as label ``netns``. It takes CAP_SYS_ADMIN; a namespace that is missing or closed to us is a named failure."""
    containers: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    """Containers to look into, by name or glob (``wgdashboard``, ``vpn-*``): their network namespace, and the sockets of daemons in their
    own files. Their devices have the label ``container:NAME``, the same after a restart. It takes the docker collector, CAP_SYS_ADMIN and
    CAP_SYS_PTRACE; a container that does not run, or a pattern that none matches, is a named failure."""
    namespace_deadline: Duration = Field(3.0, gt=0)
    """How long one namespace may take; all are looked into at once. A thread that takes longer is left behind and counted."""
    connected_within: Duration = Field(CONNECTED_WITHIN_SECONDS, gt=0)
    """A peer counts as connected while its last handshake is not older than this; WireGuard renews one after 120 s of traffic."""
    max_answer: Size = Field(64 << 20, gt=0)
    """A daemon's answer longer than this is cut off and is a failure of its device."""
    names: NamesSettings = Field(default_factory=NamesSettings)
    expect: dict[Annotated[str, Field(min_length=1)], Literal["always", "roaming"]] = Field(default_factory=dict)
    """Which peers shall be connected ``always`` and raise an alert when they are not, by name, public key, glob of either, or
    ``DEVICE/`` before these; a very name or key counts before globs, these in the order written. All others are ``roaming``: a sleeping
    laptop is no fault. An ``always`` peer needs a persistent keepalive at one end, or it falls silent without traffic."""
    endpoints: bool = False
    """Whether to export where peers come from. Off: addresses of people are personal, and each move makes another series."""
    compat: tuple[CompatSet, ...] = ()
    """Names of other exporters to speak besides ours, for their dashboards: prometheus_wireguard_exporter (MindFlavor) and
    wireguard_exporter (mdlayher). Beside such an exporter they would double every sum. Devices of our own network namespace only."""
    mindflavor: MindflavorSettings = Field(default_factory=MindflavorSettings)
