"""When what goes out: rate, digest and quiet hours. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from watchdog.model.notes import Parcel

HOUR: Final = 3600.0
GATHER: Final = 300.0
"""Seconds for which the hour's last message waits for more to tell in it; what is critical does not wait."""


@dataclass(frozen=True, slots=True)
class Sending:
    """What a channel does now: the letters of one message (none = nothing), and the seconds until it looks again (None = it need not)."""

    parcels: tuple[Parcel, ...] = ()
    rest: float | None = None


def pace(due: Sequence[Parcel], sends: Sequence[float], now: float, *, rate: int, digest: float, quiet: bool) -> Sending:
    """Given what is due (the oldest first) and when messages went out within the last hour, say what goes now.

    One message for each letter, while more than one of the hour's ``rate`` is left; the last one is a digest of all that waits. With
    ``digest`` (seconds) all that came up since the oldest goes in one. While it is ``quiet`` only what is critical goes, and what is older
    of the same subjects.
    """
    if quiet:
        due = _urgent(due)
    if not due:
        return Sending()
    free = rate - len(sends)
    if free <= 0:
        return Sending(rest=max(1.0, sends[-rate] + HOUR - now))
    gather = digest or (GATHER if free == 1 else 0.0)
    if not gather:
        return Sending((due[0],))
    age = now - due[0].created_at
    if 0 <= age < gather and not any(each.note.severity == "critical" for each in due):
        return Sending(rest=gather - age)
    return Sending(tuple(due))


def _urgent(due: Sequence[Parcel]) -> list[Parcel]:
    last = {each.note.subject: each.id for each in due if each.note.severity == "critical"}
    return [each for each in due if each.id <= last.get(each.note.subject, 0)]
