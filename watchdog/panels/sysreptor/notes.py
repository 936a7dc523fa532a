"""What is remembered from look to look (``Judgement.memory``). Pure.

Which subjects had drifts, so that one that cannot be judged any more is unknown and not mended; how often a container had run out of
memory, and when it last did; when a backup was last seen at work.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from watchdog.model.drifts import Scalar
from watchdog.model.memory import decode, encode

REPORTED_KEY: Final = "reported"
BUSY_KEY: Final = "busy"
MOST_REPORTED: Final = 500
OWN_KEY: Final = "own"
LOOKED_KEY: Final = "looked"
MOST_OWN: Final = 20


@dataclass(frozen=True, slots=True)
class OomNote:
    """One container name, and how many processes of it the kernel had ended when we last looked.

    ``at`` is when that last rose (UNIX seconds, 0 = not while we watched), ``victim`` who it was, ``backup`` whether a backup was at work
    (None = nobody could tell).
    """

    kills: int
    at: float = 0.0
    victim: str = ""
    backup: bool | None = None


class Notes:
    """The memory of one look: what was before, and what shall be after."""

    def __init__(self, before: Mapping[str, Scalar]) -> None:
        self.after: dict[str, Scalar] = {}
        self._before = before

    def oom(self, name: str) -> OomNote | None:
        """Return what is remembered of a container."""
        return decode(OomNote, self._before.get(f"oom:{name}"))

    def keep_oom(self, name: str, note: OomNote) -> None:
        """Remember a container."""
        self.after[f"oom:{name}"] = encode(note)

    def kept_oom(self, name: str) -> OomNote | None:
        """Return what will be remembered of a container."""
        return decode(OomNote, self.after.get(f"oom:{name}"))

    @property
    def looked(self) -> bool:
        """Whether the counts of kills were ever looked at before."""
        return self._before.get(LOOKED_KEY) is True

    def keep_looked(self) -> None:
        """Remember that the counts of kills were looked at."""
        self.after[LOOKED_KEY] = True

    def keep_all_ooms(self) -> None:
        """Remember all of it as it was: nothing can be seen now."""
        self.after.update((key, value) for key, value in self._before.items() if key == LOOKED_KEY or key.startswith("oom:"))

    @property
    def busy_at(self) -> float:
        """When a backup was last seen at work, in UNIX seconds; 0 = never."""
        value = self._before.get(BUSY_KEY)
        return float(value) if isinstance(value, int | float) else 0.0

    def keep_busy(self, at: float) -> None:
        """Remember when a backup was last seen at work."""
        if at:
            self.after[BUSY_KEY] = at

    @property
    def own(self) -> tuple[str, ...]:
        """Return the rows of the panel's log that began runs of ours, the newest last."""
        text = self.after.get(OWN_KEY, self._before.get(OWN_KEY))
        return tuple(text.split()) if isinstance(text, str) else ()

    def keep_own(self, rows: Iterable[str]) -> None:
        """Remember the rows that began runs of ours."""
        self.after[OWN_KEY] = " ".join(list(rows)[-MOST_OWN:])

    def reported(self) -> tuple[tuple[str, str], ...]:
        """Return (kind, id) of the subjects that the last look had drifts of, or could not judge any more."""
        text = self._before.get(REPORTED_KEY)
        try:
            listed = json.loads(text) if isinstance(text, str) else []
        except ValueError:
            listed = []
        pairs = [each.partition("/") for each in listed if isinstance(each, str)] if isinstance(listed, list) else []
        return tuple((kind, ident) for kind, _, ident in pairs)

    def keep_reported(self, subjects: Iterable[str]) -> None:
        """Remember the subjects that have drifts."""
        self.after[REPORTED_KEY] = json.dumps(sorted(set(subjects))[:MOST_REPORTED], separators=(",", ":"))
