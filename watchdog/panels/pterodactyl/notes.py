"""What is remembered from look to look (``Judgement.memory``). Pure.

Since when a finding stands, which subjects had one, what Wings each node ran, when a server was last seen running, what an outage of the
callback left behind. Stamps are UNIX seconds; one that lies ahead was written before the wall clock was set back, and counts as now.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Final

from watchdog.model.drifts import Scalar
from watchdog.model.memory import MemoryT, decode, encode

REPORTED_KEY: Final = "reported"
RECOVERY_KEY: Final = "recovery"
ENGINE_KEY: Final = "engine"
MOST_REPORTED: Final = 2000
GRAIN: Final = 300.0
"""Seconds to which the stamp of a server that runs is rounded down, so that the memory is not written anew at each look."""
MOST_SPANS: Final = 6
MOST_STAMPS: Final = 20


@dataclass(frozen=True, slots=True)
class Since:
    """One finding: ``word`` is what exactly was found, ``at`` when it was first found so."""

    word: str
    at: float


@dataclass(frozen=True, slots=True)
class ServerNote:
    """One server: since when it has its ``status`` and its Wings ``state``; ``ran_at`` is when it was last seen running by both sides."""

    status: str
    since: float
    state: str
    state_since: float
    ran_at: float | None = None


@dataclass(frozen=True, slots=True)
class Reported:
    """A subject (``kind``, ``id``) that had the drift ``what``; ``server`` is the uuid of the server that a backup is of, else ""."""

    what: str
    kind: str
    id: str
    server: str = ""


@dataclass(frozen=True, slots=True)
class RecoveryNote:
    """An outage of the callback: its ``state``, when it was first and last seen; ``over_at`` when the callback was well again.

    ``current`` is the backup (uuid) whose repair goes first, chosen at ``chosen_at``; ``proven`` whether one has ended well since.
    """

    state: str
    began: float
    over_at: float | None = None
    current: str = ""
    proven: bool = False
    chosen_at: float = 0.0


class Notes:
    """One look's dealings with the memory: what was known before, and what is to be known next. Belongs to one ``detect``."""

    def __init__(self, before: Mapping[str, Scalar], now: float) -> None:
        self.after: dict[str, Scalar] = {}
        self.now = now
        self._before = before
        self._spans: dict[str, tuple[tuple[str, float, float], ...]] = {}

    def since(self, kind: str, ident: str, word: str = "", at: float | None = None) -> float:
        """Note that a finding holds now; return when it was first found so without a look in between that did not find it."""
        key, stamp = f"f:{kind}:{ident}", self.now if at is None else at
        old = decode(Since, self._before.get(key))
        if old is not None and old.word == word and old.at <= stamp:
            stamp = old.at
        self.after[key] = encode(Since(word, stamp))
        return stamp

    def carry(self, kind: str, start: str) -> None:
        """Keep what was noted of findings whose names begin so: they cannot be looked at now."""
        prefix = f"f:{kind}:{start}"
        self.after.update((key, value) for key, value in self._before.items() if key.startswith(prefix) and key not in self.after)

    def stamps(self, kind: str, ident: str, heard: Iterable[tuple[float, int]], since: float) -> list[tuple[float, int]]:
        """Return (at, number) of what was heard lately, in this life of ours or before, oldest first; and remember it."""
        old = _listed(self._before.get(f"e:{kind}:{ident}"))
        known = {(float(each[0]), int(each[1])) for each in old if isinstance(each, list) and len(each) == 2}  # noqa: PLR2004  # (at, number)
        kept = sorted(each for each in {*known, *heard} if since <= each[0] <= self.now + 60)[-MOST_STAMPS:]
        if kept:
            self.after[f"e:{kind}:{ident}"] = json.dumps(kept, separators=(",", ":"))
        return kept

    def server(self, uuid: str) -> ServerNote | None:
        """Return what was remembered of a server."""
        return self._get(ServerNote, f"s:{uuid}")

    def keep_server(self, uuid: str, note: ServerNote) -> None:
        """Remember a server."""
        self.after[f"s:{uuid}"] = encode(note)

    def recovery(self) -> RecoveryNote | None:
        """Return the outage that is being recovered from; None = there is none."""
        return self._get(RecoveryNote, RECOVERY_KEY)

    def keep_recovery(self, note: RecoveryNote | None) -> None:
        """Remember an outage, or forget it."""
        self.after[RECOVERY_KEY] = encode(note) if note is not None else None

    @property
    def engine(self) -> str:
        """Return the id of our engine if its containers were proven to be the local node's."""
        found = self.after.get(ENGINE_KEY, self._before.get(ENGINE_KEY))
        return found if isinstance(found, str) else ""

    def keep_engine(self, engine: str) -> None:
        """Remember that the local node's containers are on this engine."""
        if engine:
            self.after[ENGINE_KEY] = engine

    def spans(self, node: str) -> tuple[tuple[str, float, float], ...]:
        """Return (version, from, to) of what Wings a node was seen to run, oldest first; to = inf for the one it has."""
        if node in self._spans:
            return self._spans[node]
        found = _listed(self.after.get(f"w:{node}", self._before.get(f"w:{node}")))
        pairs = [each for each in found if isinstance(each, list) and len(each) == 2]  # noqa: PLR2004  # (version, from)
        known = [(str(version), float(at)) for version, at in pairs if isinstance(at, int | float)]
        ends = [*(at for _, at in known[1:]), float("inf")][: len(known)]
        self._spans[node] = tuple((version, at, end) for (version, at), end in zip(known, ends, strict=True))
        return self._spans[node]

    def keep_version(self, node: str, version: str) -> None:
        """Remember that a node's Wings has ``version`` now ("" = not read, which changes nothing)."""
        old = [[each, at] for each, at, _ in self.spans(node)]
        if version and (not old or old[-1][0] != version):
            old.append([version, self.now])
        if old:
            self._spans.pop(node, None)
            self.after[f"w:{node}"] = json.dumps(old[-MOST_SPANS:], separators=(",", ":"))

    def reported(self) -> tuple[Reported, ...]:
        """Return the subjects that the last look had drifts of, or could not judge any more."""
        rows = [each for each in _listed(self._before.get(REPORTED_KEY)) if isinstance(each, list) and len(each) == len(fields(Reported))]
        return tuple(Reported(*row) for row in rows if all(isinstance(each, str) for each in row))

    def keep_reported(self, subjects: Iterable[Reported]) -> None:
        """Remember the subjects that have drifts."""
        rows = sorted({(each.what, each.kind, each.id, each.server) for each in subjects})[:MOST_REPORTED]
        self.after[REPORTED_KEY] = json.dumps(rows, separators=(",", ":"))

    def _get(self, kind: type[MemoryT], key: str) -> MemoryT | None:
        return decode(kind, self.after.get(key, self._before.get(key)))


def rounded(at: float) -> float:
    """Return a stamp rounded down to the grain of the memory."""
    return at - at % GRAIN


def _listed(text: Scalar) -> list[object]:
    try:
        listed = json.loads(text) if isinstance(text, str) else []
    except ValueError:
        return []
    return listed if isinstance(listed, list) else []
