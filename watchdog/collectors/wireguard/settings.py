"""What of WireGuard is watched: ``collectors: {wireguard: {...}}`` of the configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from watchdog.model.wireguard import CONNECTED_WITHIN_SECONDS
from watchdog.runtime.fields import AbsolutePath, Duration, Size, Strict


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
    connected_within: Duration = Field(CONNECTED_WITHIN_SECONDS, gt=0)
    """A peer counts as connected while its last handshake is not older than this; WireGuard renews one after 120 s of traffic."""
    max_answer: Size = Field(64 << 20, gt=0)
    """A daemon's answer longer than this is cut off and is a failure of its device."""
