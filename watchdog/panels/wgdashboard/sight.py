"""How well one panel can be judged: where its devices are, by which proof, and what blinds us. Pure.

House rules 3 and 12: WireGuard facts that are missing or old, and devices that are not proven to be the panel's, make subjects Unknown.
The proof is cryptographic: a device of the configuration's name that has the panel's own public key. Of a panel that the configuration puts
on another host nothing is Unknown for want of a kernel: what takes one to judge is simply not judged here.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final

from watchdog.model.moments import Moment
from watchdog.model.snapshots import Actual
from watchdog.model.wireguard import Device, WireguardFacts
from watchdog.panels.wgdashboard.settings import WgdashboardSettings
from watchdog.panels.wgdashboard.traces import Evidence
from watchdog.panels.wgdashboard.view import Configuration, WgdashboardView

ELSEWHERE: Final = "remote"


@dataclass(frozen=True, slots=True)
class Sight:
    """How well the kernel's side can be seen. ``reason`` is a short stable word, "" = well; ``netns`` is None when no place is proven."""

    netns: str | None = None
    proof: str = ""
    reason: str = ""
    message: str = ""
    facts: WireguardFacts | None = None

    @property
    def clear(self) -> bool:
        """Whether what the kernel says may be compared with what the panel says."""
        return not self.reason

    @property
    def elsewhere(self) -> bool:
        """Whether the configuration says that its devices are on another host: then the panel is judged by its own word, or not at all."""
        return self.reason == ELSEWHERE

    def device(self, configuration: Configuration | str) -> Device | None:
        """Return the device of a configuration, None = there is none in the panel's network namespace."""
        name = configuration if isinstance(configuration, str) else configuration.name
        return self.facts.device(name, self.netns or "") if self.facts is not None and self.netns is not None else None

    def devices(self) -> set[str]:
        """Return the names of all devices in the panel's network namespace, its own or not."""
        return {device.name for device in self.facts.devices if device.netns == self.netns} if self.facts is not None else set()


def look(settings: WgdashboardSettings, actual: Actual, view: WgdashboardView, evidence: Evidence, known: str | None, now: Moment) -> Sight:
    """Return how well the panel can be judged now; ``known`` is the namespace that an earlier look had proven (None = none)."""
    snapshot = actual.wireguard
    facts = snapshot.facts if snapshot is not None and snapshot.success and snapshot.fresh(now) else None
    netns, proof = _place(settings, facts, view, evidence, known)
    if settings.place == "remote":
        return Sight(None, proof, ELSEWHERE, "the panel is on another host: its devices are judged by the agent there")
    if facts is None:
        return Sight(netns, proof, "wireguard_stale", "our picture of WireGuard is missing, failed or old")
    if netns is None:
        message = "no device here has the public key of a configuration that is up: set place, or netns, or run on the panel's host"
        return Sight(None, "", "unplaced", message, facts)
    return Sight(netns, proof, facts=facts)


def _place(  # noqa: PLR0911  # a ladder
    settings: WgdashboardSettings, facts: WireguardFacts | None, view: WgdashboardView, evidence: Evidence, known: str | None
) -> tuple[str | None, str]:  # fmt: skip
    if settings.place == "remote":
        return None, "configured: place: remote"
    if settings.place == "local":
        return settings.netns, "configured: place: local"
    seen = evidence.process.netns if evidence.process else None
    matches = Counter(
        device.netns
        for each in view.configurations or ()
        for device in (facts.devices if facts else ())
        if each.up and each.public_key and device.name == each.name and device.public_key == each.public_key
        if device.netns == (settings.netns or device.netns)
    )
    best = matches.most_common(2)
    if best and (len(best) == 1 or best[0][1] > best[1][1]):
        netns, count = best[0]
        if seen is None or seen == netns:
            return netns, f"{count} devices have the public keys of the panel's configurations"
        return None, ""  # its processes live elsewhere than the devices that look like its own
    if known is not None and not best:
        # while all its devices are gone nothing can match: what was proven before still holds
        return known, "its devices had the panel's public keys before"
    if seen is not None and not best and not any(each.up for each in view.configurations or ()):
        # nothing is up, so no key can match: then it is where the panel's own processes are, which run in the configured folder
        return seen, "its processes, in the configured directory, are in this network namespace"
    return None, ""
