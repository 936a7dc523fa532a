"""Reports that come in: doors which a target opens to what it watches, each behind a secret of its own of which only the hash is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol, cast

REPORT_LIMIT: Final = 1 << 20
"""Bytes of a report unless its door says otherwise."""


@dataclass(frozen=True, slots=True)
class Received:
    """One report as it came: ``content_type`` as it was sent, lower case and without parameters ("" = none was), ``at`` in UNIX seconds."""

    content_type: str
    body: bytes
    at: float


@dataclass(frozen=True, slots=True)
class Inbound:
    """One door: ``POST /api/v1/{panel}/{name}/{secret}``, JSON or a form, of at most ``limit`` bytes.

    It opens to every secret whose SHA-256 is among ``secret_sha256`` (hex). The sender has its answer before ``receive`` is called, in a
    thread that all doors share: it may take about a second, must be idempotent, and may raise the house's errors; then the report is lost
    and counted as failed. Any other exception is a fault of ours.
    """

    name: str
    secret_sha256: tuple[str, ...]
    receive: Callable[[Received], None]
    limit: int = REPORT_LIMIT


class Reporting(Protocol):
    """What a target offers that takes reports: one more method of ``Target``."""

    def inbound(self) -> tuple[Inbound, ...]:
        """Return the doors, once, after the target was connected."""
        ...


def inbound_of(target: object) -> tuple[Inbound, ...]:
    """Return the doors that a target opens; none when it is not of that kind."""
    found: Any = getattr(target, "inbound", None)
    return cast(Reporting, target).inbound() if callable(found) else ()
