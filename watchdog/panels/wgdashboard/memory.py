"""What is remembered from look to look (``Judgement.memory``): since when answers have not changed, lives of the panel, what was found.

Pure. One JSON list for the panel (``p``), one per configuration (``c:NAME``), one of the subjects with drifts (``o``), and one number
per finding that must last before it counts (``s:KIND:SUBJECT``). A value that cannot be read is as good as none. Spans are taken on the
monotonic clock, which never jumps; what was remembered by an earlier life of ours, before a reboot or over a gap, begins anew: 45 s of
unchanged answers are 45 s that we saw.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from watchdog.model.drifts import Scalar
from watchdog.model.memory import decode, encode
from watchdog.model.moments import Moment

GAP: Final = 90.0
"""Seconds without a look after which spans begin anew: what happened meanwhile nobody saw."""
PANEL_KEY: Final = "p"
REPORTED_KEY: Final = "o"
WATCHED: Final = 10.0
"""Seconds on top of the usual time between two answers of which it is still said that nothing changed between them."""
MOST_REPORTED: Final = 500
"""Subjects with drifts that are remembered; of more than that it is the whole panel that a person looks at."""


@dataclass(frozen=True, slots=True)
class PanelMemory:
    """The panel over time. ``seen`` and ``booted`` are seconds on the monotonic clock, ``ill_since`` is UNIX seconds, None = not ill.

    ``booted`` is when its newest known life began (0 = not known). ``netns`` is where its devices were proven to be, None = never.
    ``online`` names the peers that were truly online when the verdict fell, ``wrongly_offline`` those of them that it showed as stopped.
    """

    seen: float = 0.0
    booted: float = 0.0
    netns: str | None = None
    ill_since: float | None = None
    online: str = ""
    wrongly_offline: str = ""


@dataclass(frozen=True, slots=True)
class ConfigurationMemory:
    """One configuration's answers over time, in seconds on the monotonic clock.

    The same ``sample`` (a hash) has come from ``since`` to ``read``, in ``reads`` distinct answers. ``moved`` is when an answer last
    differed from the one before (0 = never seen). ``usual`` is how long a living thread lets an answer stand, learned.
    ``telling`` is since when something in it must change in every pass (0 = nothing must).
    ``agreed_at`` is the file's time (UNIX seconds) when file and kernel last held the same peers, or when we first saw it.
    """

    sample: str
    since: float
    read: float
    reads: int = 1
    moved: float = 0.0
    usual: float = 0.0
    telling: float = 0.0
    agreed_at: float = 0.0

    @property
    def unchanged(self) -> float:
        """Return over how many seconds of answers nothing has changed."""
        return self.read - self.since

    @property
    def overdue(self) -> float:
        """Return over how many seconds of answers nothing has changed although something must have."""
        return self.read - max(self.since, self.telling) if self.telling else 0.0


class Notes:
    """One look's dealings with the memory: what was known before, and what is to be known next. Belongs to one ``detect``."""

    def __init__(self, before: Mapping[str, Scalar], born: float, now: Moment) -> None:
        self.now = now
        self.after: dict[str, Scalar] = {}
        panel = decode(PanelMemory, before.get(PANEL_KEY)) or PanelMemory()
        stale = panel.seen <= born or panel.seen > now.mono or now.mono - panel.seen > GAP
        self.fresh = not stale
        self.panel = replace(panel, booted=0.0 if panel.booted > now.mono else panel.booted)
        self._before = before if self.fresh else {}
        self._agreed = before

    def configuration(self, name: str) -> ConfigurationMemory | None:
        """Return what is remembered of a configuration's answers; None = nothing that still counts."""
        return decode(ConfigurationMemory, self._before.get(f"c:{name}"))

    def configurations(self) -> tuple[str, ...]:
        """Return the names of all configurations that are remembered, sorted."""
        return tuple(sorted(key.removeprefix("c:") for key in self._before if key.startswith("c:")))

    def agreed_at(self, name: str) -> float:
        """Return when a configuration's file last agreed with the kernel; that outlives us. 0 = never seen."""
        known = decode(ConfigurationMemory, self._agreed.get(f"c:{name}"))
        return known.agreed_at if known else 0.0

    def keep(self, name: str, memory: ConfigurationMemory) -> None:
        """Remember a configuration's answers."""
        self.after[f"c:{name}"] = encode(memory)

    def keep_panel(self, memory: PanelMemory) -> None:
        """Remember the panel."""
        self.panel = memory
        self.after[PANEL_KEY] = encode(replace(memory, seen=self.now.mono))

    def reported(self) -> tuple[str, ...]:
        """Return the subjects (kind/id) that the last look had drifts of."""
        text = self._agreed.get(REPORTED_KEY)
        try:
            listed = json.loads(text) if isinstance(text, str) else []
        except ValueError:
            listed = []
        return tuple(each for each in listed if isinstance(each, str)) if isinstance(listed, list) else ()

    def keep_reported(self, subjects: Iterable[str]) -> None:
        """Remember the subjects that have drifts."""
        self.after[REPORTED_KEY] = json.dumps(sorted(subjects)[:MOST_REPORTED], separators=(",", ":"))

    def lasts(self, kind: str, subject: str) -> float:
        """Note that a finding holds now; return for how many seconds it has, look after look."""
        key = f"s:{kind}:{subject}"
        before = self._before.get(key)
        since = float(before) if isinstance(before, int | float) and before <= self.now.mono else self.now.mono
        self.after[key] = since
        return self.now.mono - since


def netns_of(memory: Mapping[str, Scalar]) -> str | None:
    """Return the network namespace in which the panel's devices were proven to be; None = nowhere yet."""
    panel = decode(PanelMemory, memory.get(PANEL_KEY))
    return panel.netns if panel is not None else None


def patience(memory: ConfigurationMemory | None, frozen_after: float) -> float:
    """Return for how many seconds answers must stay the same to count as frozen: a panel with long passes has its own pace."""
    return max(frozen_after, 2 * memory.usual) if memory is not None else frozen_after


def remember(
    old: ConfigurationMemory | None, sample: str, read: float, agreed_at: float, frozen_after: float, pace: float
) -> ConfigurationMemory:  # fmt: skip
    """Given the old memory and an answer read at ``read``, return the new memory. The same answer once more (a cached one) adds nothing.

    ``pace`` is how many seconds usually lie between two answers. Of a longer gap only so much counts as unchanged: a machine that slept or
    was stopped, and the panel with it, is no 45 seconds of answers.
    A span teaches what is usual unless it lasted so long that it was an illness: it is learned by halves and forgotten by eighths, so that
    one stall teaches little.
    """
    if old is None or read < old.read:
        return ConfigurationMemory(sample, read, read, agreed_at=agreed_at)
    if read == old.read:
        return replace(old, agreed_at=agreed_at)
    if sample == old.sample:
        unseen = max(0.0, read - old.read - pace - WATCHED)
        telling = old.telling + unseen if old.telling else 0.0
        return replace(old, since=old.since + unseen, read=read, reads=old.reads + 1, telling=telling, agreed_at=agreed_at)
    # it changed somewhere between the two answers: at most this long after it had last done so
    span, usual = read - old.since, old.usual
    if span < patience(old, frozen_after):
        usual += (span - usual) / (2 if span > usual else 8)
    return ConfigurationMemory(sample, read, read, moved=read, usual=usual, telling=old.telling, agreed_at=agreed_at)
