"""What a fault looks like that is seen in the truth, or only named as a drift: one look at the program each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watchdog.demo import reports
from watchdog.demo.tunnels import OFFICE
from watchdog.model.repairs import RepairState

if TYPE_CHECKING:
    from watchdog.demo.script import Seen


def gate_closed_and_opened(seen: Seen) -> bool:
    """Whether the Docker gate was seen closed and is open again."""
    return seen.gate_was_closed and seen.actual.gate.open


def bad_archive(seen: Seen) -> bool:
    """Whether the cut archive has its verdict."""
    facts = seen.actual.archives.facts if seen.actual.archives else None
    return facts is not None and any(file.path.endswith("tuesday.zip") and file.verification.verdict == "bad" for file in facts.files)


def dead_device(seen: Seen) -> bool:
    """Whether the dead daemon's device is told as failed."""
    facts = seen.actual.wireguard.facts if seen.actual.wireguard else None
    device = facts.device("wg1") if facts else None
    return device is not None and device.error is not None


def expected_peer_silent(seen: Seen) -> bool:
    """Whether the peer that shall always be connected is known to be away."""
    facts = seen.actual.wireguard.facts if seen.actual.wireguard else None
    device = facts.device(OFFICE.device) if facts else None
    peer = next((peer for peer in device.peers if peer.public_key == OFFICE.key), None) if device else None
    expected = facts is not None and ("", OFFICE.device, OFFICE.key) in facts.naming.expected
    return expected and peer is not None and peer.connected is False


def licence_lost(seen: Seen) -> bool:
    """Whether the loss was found and confirmed, and the empty file it left was set aside and that was proved."""
    found = any(each.drift.kind == "backup_refused" and each.opened_at is not None for each in seen.episodes)
    aside = [each for each in seen.repairs if each.remedy == "quarantine" and reports.EMPTY in each.object.id]
    return found and any(each.state is RepairState.VERIFIED for each in aside)


def volume_lost(seen: Seen) -> bool:
    """Whether the lost volume stands as a confirmed drift."""
    return any(each.drift.kind == "destination_volume_missing" and each.opened_at is not None for each in seen.episodes)
