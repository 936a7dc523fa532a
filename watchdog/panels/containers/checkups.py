"""What only an inspect of single containers tells, and no list: the truth that this panel reads for itself. Pure values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Checkup:
    """One container that is ill or has ended.

    ``output`` is what its health check said last (redacted, capped, one line), ``check_code`` that check's exit code. ``stop_timeout`` is
    the container's own, seconds (None = Docker's default). ``healers`` are labels of other healers that it bears. ``error`` is Docker's own
    word for a start that failed.
    """

    output: str = ""
    check_code: int | None = None
    stop_timeout: float | None = None
    auto_remove: bool = False
    error: str = ""
    healers: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Healer:
    """Another healer that runs beside us: ``label`` is what it asks for, "*" = it takes all; "" = that cannot be seen."""

    name: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Checkups by container id, and the other healers that run beside us."""

    checkups: Mapping[str, Checkup] = field(default_factory=dict)
    healers: tuple[Healer, ...] = ()
