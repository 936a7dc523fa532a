"""Are we alone? An act by our key that our ledger lacks is another installation's: two of them would undo each other's work.

What a panel's audit trail shows is held against the repairs in the ledger, of all hosts that share it. Only acts count that were done while
this process looked at this ledger: what is older than the first look, or than the first look after the ledger was away, was put back, or
after either clock jumped, is taken as it is. So an old trail beside an empty ledger, or beside one restored from a copy, accuses nobody.
A repair's intent is written before its act, so neither a lost answer nor a death in between makes an act of ours a stranger's.

What was found stands until a person acknowledges it, over restarts too (in the target's memory). Belongs to one loop.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any, Final

from watchdog.model.drifts import Judgement, Memory, ObjectKey
from watchdog.model.moments import Moment
from watchdog.model.panels import Target
from watchdog.model.repairs import RepairRecord
from watchdog.model.snapshots import Actual
from watchdog.model.trails import Stranger, Touch, Trail, TrailAct, trailing_of
from watchdog.reconciler.ports import LedgerPort
from watchdog.runtime.log import get_logger

log = get_logger(__name__)

MARGIN: Final = 30.0
"""Seconds by which two clocks, or an intent and its line in the trail, may be apart."""
JUMP: Final = 5.0
"""Seconds between two looks by which a clock must move against the other to have jumped."""
KNOWN: Final = 8192
"""Acts that are remembered as judged, the newest."""
BACK: Final = 86400.0
"""Seconds that acts may lie back to teach us whose key ours is."""
LONGEST: Final = 6 * 3600.0
"""Seconds between an intent and its last act at most."""
MEMORY: Final = "house: a second installation"
"""Under which key of a target's memory the house keeps what was found. No panel ever sees it."""


class Alone:
    """Looks for acts of a second installation, and for those of other people. May raise LedgerUnavailable."""

    def __init__(self, ledger: LedgerPort, panel: str, target: Target) -> None:
        self.stranger: Stranger | None = None
        self.touched: Mapping[ObjectKey, Touch] = {}
        self._ledger = ledger
        self._panel = panel
        self._target = target.name
        self._read = trailing_of(target)
        self._seen = False
        self._acknowledged = threading.Event()
        self._recalled = False
        self._since: float | None = None
        self._life = 0
        self._wall_ahead = 0.0
        self._panel_ahead = 0.0
        self._names: set[str] = set()
        self._judged: OrderedDict[str, None] = OrderedDict()
        self._used: set[tuple[int, str]] = set()
        self._open: tuple[frozenset[str], frozenset[str]] = frozenset(), frozenset()

    def acknowledge(self) -> None:
        """Let the next look forget what was found; from then on new acts count. From any thread."""
        self._acknowledged.set()

    def recall(self, memory: Memory) -> Memory:
        """Given a target's memory as the ledger has it, take our own part out, the first time for good, and return the rest."""
        kept = memory.get(MEMORY)
        if not self._recalled:
            self._recalled = True
            self.stranger = Stranger(**json.loads(kept)) if isinstance(kept, str) else None
        return memory if kept is None else {key: value for key, value in memory.items() if key != MEMORY}

    def look(self, actual: Actual, view: Any, judgement: Judgement, now: Moment) -> Judgement:
        """Judge the acts that a target's newest view shows; return the judgement with what was found in its memory."""
        trail = None if self._read is None else self._read(actual, view, now)
        self._seen = trail is not None
        if self._acknowledged.is_set():
            self._acknowledged.clear()
            log.info("a second installation is acknowledged", target=self._target)
            self.stranger, self._since = None, None
        if trail is not None:
            self._continue(trail, now)
            self._judge(trail, now)
            self.touched = self._touches(trail, now)
        if self.stranger is None:
            return judgement
        return replace(judgement, memory={**judgement.memory, MEMORY: json.dumps(asdict(self.stranger), sort_keys=True)})

    @property
    def said(self) -> Mapping[str, Any]:
        """Return what a target's status says of it."""
        word = "none" if self._read is None else "read" if self._seen else "unread"
        return {"trail": word, "stranger": self.stranger, "stranger_says": self.message()}

    def message(self) -> str:
        """Return the sentence that names the act and the way out; "" = none was found."""
        if self.stranger is None:
            return ""
        found = self.stranger
        at = datetime.fromtimestamp(found.at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        return (
            f"'{found.what}' on {found.on} at {at} was done with our key ({found.who}), and no repair of ours did it: does a second "
            f"installation use this key? End it, or give each a user of its own; then: panel-watchdog acknowledge {self._target}"
        )

    # ---- one look ------------------------------------------------------------------------------------------------------------------------

    def _continue(self, trail: Trail, now: Moment) -> None:
        """Take what is there as it is when this look does not follow on the last one."""
        life, wall_ahead = self._ledger.life, now.wall - now.mono
        jumped = abs(wall_ahead - self._wall_ahead) > JUMP or abs(trail.ahead - self._panel_ahead) > JUMP
        if self._since is None or life != self._life or jumped:
            self._since = now.wall
            self._judged.update(dict.fromkeys(act.id for act in trail.acts))
            self._learn(trail, now)
        self._life, self._wall_ahead, self._panel_ahead = life, wall_ahead, trail.ahead

    def _learn(self, trail: Trail, now: Moment) -> None:
        """Learn from old acts of ours whose key ours is, where the panel does not say it."""
        keyed = [act for act in trail.acts if act.by == "key" and act.who and act.remedies and act.at - trail.ahead > now.wall - BACK]
        if not trail.account and keyed:
            self._names.update(act.who for act in self._ours(keyed, trail.ahead, now))

    def _judge(self, trail: Trail, now: Moment) -> None:
        assert self._since is not None
        oldest = self._since + MARGIN
        fresh = [act for act in trail.acts if act.by == "key" and act.id not in self._judged and act.at - trail.ahead > oldest]
        state = frozenset(act.id for act in fresh), frozenset(self._names)
        if not fresh or state == self._open:
            return
        ours = self._ours(fresh, trail.ahead, now)
        self._names.update(act.who for act in ours if act.who)
        names = {trail.account} if trail.account else self._names
        left = [act for act in fresh if act not in ours]
        for act in (act for act in left if act.who in names):
            self._found(act, trail.ahead)
        done = {*ours, *(act for act in left if names)}
        self._judged.update(dict.fromkeys(act.id for act in fresh if act in done))
        while len(self._judged) > KNOWN:
            self._judged.popitem(last=False)
        self._open = frozenset(act.id for act in fresh if act not in done), frozenset(self._names)

    def _found(self, act: TrailAct, ahead: float) -> None:
        if self.stranger is None:
            self.stranger = Stranger(act.what, act.who, "/".join(act.object), act.at - ahead)
            log.error("repairs stop: an act by our key is not ours", target=self._target, act=act.what, who=act.who, on=self.stranger.on)

    def _ours(self, acts: Iterable[TrailAct], ahead: float, now: Moment) -> set[TrailAct]:
        """Return the acts that repairs in the ledger explain; a run explains one act of a sort."""
        ordered = sorted(acts, key=lambda act: (act.at, act.id))
        records = self._ledger.repairs_of_all(self._panel, ordered[0].at - ahead - LONGEST)
        explained = set()
        for act in ordered:
            record = next((each for each in records if (each.id, act.what) not in self._used and _did(each, act, ahead, now)), None)
            if record is not None:
                self._used.add((record.id, act.what))
                explained.add(act)
        return explained

    def _touches(self, trail: Trail, now: Moment) -> Mapping[ObjectKey, Touch]:
        names = {trail.account} if trail.account else self._names
        found: dict[ObjectKey, Touch] = {}
        for act in sorted(trail.acts, key=lambda act: act.at):
            if act.by == "person" or (act.who and names and act.who not in names):
                key = ObjectKey(self._panel, self._target, *act.object)
                found[key] = Touch(min(now.wall, act.at - trail.ahead), act.what, act.who)
        return found


def _did(record: RepairRecord, act: TrailAct, ahead: float, now: Moment) -> bool:
    """Whether a repair may have done an act: its remedy, its object, within its time. Another host may call the target otherwise."""
    if record.remedy not in act.remedies or (record.object.kind, record.object.id) != act.object:
        return False
    end = record.verdict_at or record.outcome_at or now.wall
    return record.intended_at - MARGIN <= act.at - ahead <= end + MARGIN
