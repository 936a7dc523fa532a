"""Alerts as Alertmanager tells of them, and what the configuration lets them do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alert, firing or resolved. ``starts_at`` is UNIX seconds; with the fingerprint of its labels it names one episode of it."""

    fingerprint: str
    starts_at: float
    firing: bool
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def episode(self) -> tuple[str, float]:
        """What the same alert has in each of its notifications, and no other."""
        return self.fingerprint, self.starts_at


@dataclass(frozen=True, slots=True)
class AlarmRule:
    """Firing alerts whose labels match pause ``targets`` for ``maximum`` seconds at most. ``match`` maps labels to globs; all must fit."""

    name: str
    match: Mapping[str, str]
    targets: tuple[str, ...]
    maximum: float
    reason: str

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether an alert with these labels is meant; a label that it lacks is ""."""
        return all(fnmatchcase(labels.get(name, ""), pattern) for name, pattern in self.match.items())


@dataclass(frozen=True, slots=True)
class Ask:
    """What an alert's labels ask of a target: a look now, at best a repair by one remedy of one kind of drift ("" = none is named)."""

    target: str
    kind: str = ""
    remedy: str = ""


def ask_of(labels: Mapping[str, str]) -> Ask | None:
    """Return what ``labels`` ask for; None = they name no target.

    Our own alerts name it by ``panel`` and ``target``, and the kind by ``kind``; any other by ``watchdog_target``, ``watchdog_kind``. A
    remedy is asked for by ``watchdog_remedy`` alone.
    """
    target, kind = labels.get("watchdog_target", ""), labels.get("watchdog_kind", "")
    if not target and "panel" in labels:
        target, kind = labels.get("target", ""), kind or labels.get("kind", "")
    return Ask(target, kind, labels.get("watchdog_remedy", "")) if target else None
