"""What the rules are given: one panel with all that may be known of it, and each of its configurations beside its device. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from watchdog.model.hooks import Hook
from watchdog.model.moments import Moment
from watchdog.model.repairs import LedgerFacts
from watchdog.model.wireguard import Device, Peer
from watchdog.panels.wgdashboard.memory import ConfigurationMemory, Notes
from watchdog.panels.wgdashboard.settings import WgdashboardSettings
from watchdog.panels.wgdashboard.sight import Sight
from watchdog.panels.wgdashboard.traces import ConfFile, Evidence
from watchdog.panels.wgdashboard.view import Configuration, Sampling, WgdashboardView

ONE_PASS: Final = 25.0
"""Seconds after which a handshake must have been seen by a pass of a living thread: its sleep, its pass, and our look."""


@dataclass(frozen=True, slots=True)
class Case:
    """All that the rules may know of one panel. ``notes`` is this look's memory."""

    settings: WgdashboardSettings
    view: WgdashboardView
    evidence: Evidence
    sight: Sight
    facts: LedgerFacts
    notes: Notes
    now: Moment

    @property
    def reading(self) -> float:
        """Return how many seconds may lie between two answers of one configuration."""
        return max(self.settings.interval, self.settings.old_panel_interval)

    @property
    def hook(self) -> Hook | None:
        """Return the hook that restarts the panel, None = none is configured."""
        return self.settings.hooks.restart_panel

    @property
    def ours(self) -> bool:
        """Whether this agent may mend this panel (house rule 12)."""
        return self.settings.owner or bool(self.sight.proof and self.sight.netns is not None)


@dataclass(frozen=True, slots=True)
class Patient:
    """One configuration with its device (None = there is none, or it cannot be seen), its file, and what is remembered of its answers.

    ``patience`` is for how many seconds they must stay the same to count as frozen; ``tells`` whether they must change in every pass;
    ``moves_within`` how long ago they may have done so for it to count as sampled: two passes and the time between two answers.
    """

    configuration: Configuration
    device: Device | None
    file: ConfFile | None
    memory: ConfigurationMemory
    patience: float
    tells: bool
    moves_within: float

    @property
    def vanished(self) -> bool:
        """Whether the panel knew it a moment ago and does not now: it is reading its folder anew, or somebody has deleted it."""
        return self.configuration.unknown and self.memory.reads > 0

    @property
    def name(self) -> str:
        """Return the configuration's name."""
        return self.configuration.name

    @property
    def frozen(self) -> bool:
        """Whether its answers must have changed and have not (detector A, contract section 2.1)."""
        return self.tells and self.memory.reads >= MIN_READS and self.memory.overdue >= self.patience

    @property
    def still(self) -> bool:
        """Whether its answers have not changed for as long, be it that something had to change from the beginning or only lately."""
        return self.memory.reads >= MIN_READS and self.memory.unchanged >= self.patience

    def moving(self, now: Moment) -> bool:
        """Whether a pass has reached it lately."""
        return self.tells and self.memory.moved > 0 and now.mono - self.memory.moved <= self.moves_within


MIN_READS: Final = 3
"""So many distinct answers at least must be the same."""


def must_change(configuration: Configuration, device: Device | None, now: Moment) -> bool:
    """Whether some peer's answer must change in every pass: one with an age, or one that shook hands and was never sampled (A and E).

    Only peers that the kernel has: of a peer that was taken out of it the panel keeps the last age for ever.
    """
    if not configuration.up or device is None or device.error is not None:
        return False
    kernel = {peer.public_key: peer for peer in device.peers}
    return any(
        peer.public_key in kernel and _tells(peer.handshake.sampling, kernel[peer.public_key], now) for peer in configuration.peers
    )  # fmt: skip


MIN_AGED: Final = 2
"""So many peers with an age at least must stand still to call a thread dead whose kernel cannot be seen: of a peer that somebody took out
of the kernel the panel keeps the last age for ever."""


def _tells(sampling: Sampling, peer: Peer, now: Moment) -> bool:
    if peer.last_handshake is None:
        return False
    return sampling is Sampling.AGED or (peer.handshake_trusted and now.wall - peer.last_handshake >= ONE_PASS)
