"""Silences for repairs: while a repair runs and settles, the very alerts that asked for it, or that name its drift, are silent.

Off unless configured. Each silence matches all labels of one alert exactly, so nothing else falls silent with it, and ends by itself after
the repair's longest time and that of its proof. Level, not edge, as with pauses: a holding is written before the POST, at the end of
the comment stands ``[panel-watchdog:HOST:repair-NUMBER-FINGERPRINT]``, and each look ends what no unfinished repair wants.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final, Protocol
from urllib.parse import quote, unquote

from watchdog.errors import LedgerUnavailable, WatchdogError
from watchdog.model.alarms import Alarm
from watchdog.model.approvals import Holding
from watchdog.model.drifts import ObjectKey
from watchdog.model.moments import Clock, Moment
from watchdog.model.repairs import RepairRecord, RepairState
from watchdog.notify.alertmanager import Alertmanager, Silence
from watchdog.notify.settings import AlertmanagerSettings
from watchdog.notify.silences import CREATOR, LEAST, SilenceBook
from watchdog.runtime.log import get_logger
from watchdog.runtime.loops import LoopSpec

log = get_logger(__name__)

LOOP: Final = "repair-silences"
HELD_BY_REPAIR: Final = "repair_silence"
UNFINISHED: Final = (RepairState.INTENDED, RepairState.ACTING, RepairState.SETTLING, RepairState.IN_DOUBT)
_KEY = re.compile(r"\[panel-watchdog:([^:\]]*):repair-(\d+-[A-Za-z0-9_-]{1,64})\]$")


class RepairBook(SilenceBook, Protocol):
    """What is asked of the ledger."""

    def repairs(self, target: str | None = None, states: Sequence[RepairState] = (), limit: int = 1000) -> tuple[RepairRecord, ...]: ...


class RepairSilences:
    """The silences of this host's repairs.

    ``asking`` returns the firing alerts that ask for a repair or name its drift; ``longest`` how many seconds it and its proof may take.
    """

    def __init__(
        self,
        settings: AlertmanagerSettings,
        alertmanager: Alertmanager,
        book: RepairBook,
        clock: Clock,
        host: str,
        asking: Callable[[RepairRecord], Collection[Alarm]],
        longest: Callable[[RepairRecord], float],
        on_step: Callable[[str], None] = lambda _mark: None,
    ) -> None:
        self._settings = settings
        self._alertmanager = alertmanager
        self._book = book
        self._clock = clock
        self._host = host
        self._asking = asking
        self._longest = longest
        self._on_step = on_step
        self._broken = False

    def spec(self) -> LoopSpec:
        """Return its loop."""
        return LoopSpec(LOOP, self.step, self._settings.every, 120.0)

    def step(self) -> None:
        """Compare and set right, once."""
        try:
            self._compare(self._clock.now())
        except LedgerUnavailable:
            return  # the ledger tells of itself
        except WatchdogError as error:
            if not self._broken:
                log.warning("alerts cannot be silenced while repairing", error=type(error).__name__, message=str(error))
            self._broken = True
            return
        self._broken = False

    def undo(self, holding: Holding) -> str:
        """Expire the silence of a holding because a person said so; it is not made again for this repair. Raises the house's errors."""
        mine = [each for each in self._ours().get(holding.object.id, []) if each.live]
        for silence in mine:
            self._alertmanager.expire(silence.id)
        return f"expired {len(mine)} silence{'s' if len(mine) != 1 else ''} in Alertmanager"

    def _compare(self, now: Moment) -> None:
        holdings = {each.object.id: each for each in self._book.holdings(released=True) if each.what == HELD_BY_REPAIR}
        held = {name: each for name, each in holdings.items() if each.released_at is None}
        unfinished = {record.id: record for record in self._book.repairs(None, UNFINISHED)}
        wanted = {
            f"{record.id}-{alarm.fingerprint}": (record, alarm) for record in unfinished.values() for alarm in self._asking(record)
        }  # fmt: skip
        new = {name: each for name, each in wanted.items() if name not in holdings or name in held}
        if not held and not new:
            return
        known = self._ours()
        self._end_all(
            [
                each for name, each in held.items()
                if int(name.partition("-")[0]) not in unfinished or now.wall >= (each.expires_at or 0.0)
            ],
            known, now,
        )  # fmt: skip
        for name, (record, alarm) in new.items():
            if name not in known:
                self._begin(name, record, alarm, now)

    def _ours(self) -> dict[str, list[Silence]]:
        found: dict[str, list[Silence]] = {}
        for silence in self._alertmanager.silences():
            key = _KEY.search(silence.comment)
            if key and silence.created_by == CREATOR and unquote(key[1]) == self._host:
                found.setdefault(key[2], []).append(silence)
        return found

    def _begin(self, name: str, record: RepairRecord, alarm: Alarm, now: Moment) -> None:
        ends = record.intended_at + self._longest(record)
        if ends - now.wall < LEAST:
            return
        key = f"[panel-watchdog:{quote(self._host, safe='')}:repair-{name}]"
        acted_on = ObjectKey(record.object.panel, record.object.target, HELD_BY_REPAIR, name)
        undo = "expire the silence in Alertmanager whose comment ends with the key"
        parameters: Mapping[str, str] = {"key": key, "url": self._settings.url}
        self._book.hold(Holding(0, record.object.target, HELD_BY_REPAIR, acted_on, undo, dict(parameters), now.wall, ends))
        self._on_step("held")
        comment = f"repair {record.id} ({record.remedy}) of {record.object.target} is under way {key}"
        matchers = frozenset((label, value, False) for label, value in alarm.labels.items())
        self._alertmanager.put(Silence("", comment, CREATOR, now.wall, ends, "active", matchers))
        self._on_step("posted")
        log.info("an alert is silent while its repair runs", repair=record.id, target=record.object.target, fingerprint=alarm.fingerprint)

    def _end_all(self, over: Collection[Holding], known: Mapping[str, list[Silence]], now: Moment) -> None:
        """End silences, and give a holding back when its silence is seen to be gone: a success may have come from somebody else."""
        live = [silence for holding in over for silence in known.get(holding.object.id, []) if silence.live]
        for silence in live:
            self._alertmanager.expire(silence.id)
            self._on_step("expired")
        standing = {name for name, several in self._ours().items() if any(each.live for each in several)} if live else set()
        for holding in over:
            if holding.object.id not in standing:
                self._book.release_holding(holding.id, now.wall)
                log.info("the silence of a repair is ended", target=holding.target, silence=holding.object.id)
