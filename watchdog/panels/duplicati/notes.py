"""What is remembered of a Duplicati server from look to look (``Judgement.memory``): one small frozen value under each key. Pure.

Stamps are UNIX seconds of ours unless they say otherwise; one that lies ahead was written before the clock was set back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from watchdog.model.drifts import Scalar
from watchdog.model.memory import Memory, MemoryT, decode, encode


@dataclass(frozen=True, slots=True)
class RunNote:
    """A task of a job that was under way: its ``phase`` as last seen, and the trace that the job's runs had left before it.

    ``seen_at`` is when it was last seen. The trace: ``finished`` and ``error_at`` on the server's clock, ``result`` is an id in its log.
    """

    task: int
    began: float
    seen_at: float
    phase: str
    finished: float | None
    error_at: float | None
    result: int | None


@dataclass(frozen=True, slots=True)
class CutNote:
    """A run that a restart cut off, ``at``; the trace as in RunNote, until the job leaves another."""

    task: int
    at: float
    phase: str
    finished: float | None
    error_at: float | None
    result: int | None


@dataclass(frozen=True, slots=True)
class IdleNote:
    """Since when a job has been seen neither running nor waiting."""

    since: float


@dataclass(frozen=True, slots=True)
class StillNote:
    """A task and the mark of its progress, since when it stands there."""

    task: int
    mark: str
    since: float


@dataclass(frozen=True, slots=True)
class SinceNote:
    """Since when something holds."""

    word: str
    at: float


@dataclass(frozen=True, slots=True)
class SizesNote:
    """What the last runs of a job found to back up, the newest first: ``finished bytes files`` of each, joined by commas."""

    runs: str


class Notes:
    """One look's dealings with the memory: what was known before, and what is to be known next. What is not kept is forgotten."""

    def __init__(self, before: Mapping[str, Scalar]) -> None:
        self.after: dict[str, Scalar] = {}
        self._before = before

    def get(self, key: str, kind: type[MemoryT]) -> MemoryT | None:
        """Return what is known under a key: from this look, else from the one before."""
        return decode(kind, self.after.get(key, self._before.get(key)))

    def keep(self, key: str, value: Memory) -> None:
        """Remember a value for the next look."""
        self.after[key] = encode(value)

    def since(self, key: str, word: str, now: float) -> float:
        """Return since when ``word`` has stood under a key without a break, now at the latest, and remember it."""
        before = self.get(key, SinceNote)
        at = min(before.at, now) if before is not None and before.word == word else now
        self.keep(key, SinceNote(word, at))
        return at
