"""All that leaves for people, put together from one configuration: channels, watch, heartbeat, silences, and the loops that drive them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Protocol

from watchdog.errors import LedgerUnavailable
from watchdog.model.alarms import Alarm
from watchdog.model.approvals import Holding
from watchdog.model.drifts import Severity, Subject
from watchdog.model.metrics import Instruments
from watchdog.model.moments import Clock
from watchdog.model.notes import Letter, Note, OutboxBook
from watchdog.model.pauses import Pause
from watchdog.model.repairs import RepairRecord
from watchdog.notify.alertmanager import Alertmanager
from watchdog.notify.channels import Channel
from watchdog.notify.heartbeat import Heartbeat
from watchdog.notify.repair_silences import HELD_BY_REPAIR, LOOP, RepairBook, RepairSilences
from watchdog.notify.sending import Sender, send
from watchdog.notify.settings import AlertmanagerSettings, HeartbeatSettings, NotifySettings
from watchdog.notify.silences import HELD, Silences
from watchdog.notify.telling import Telling
from watchdog.notify.watch import Bounds, Sight, Watch, WatchBook
from watchdog.notify.words import span
from watchdog.runtime.loops import LoopSpec

FAMILY = "heartbeat"


class Tally(Protocol):
    """What the heartbeat writes, to know that the ledger can be written."""

    def add(self, family: str, increments: Mapping[tuple[str, ...], float], mark: str) -> None: ...


class Ledger(OutboxBook, WatchBook, RepairBook, Protocol):
    """What is asked of the ledger."""

    @property
    def tallies(self) -> Tally: ...


class Notices:
    """One configuration's notifications. ``teller`` is for the ledger; ``wake`` wakes a supervised loop by its name.

    ``panels`` maps the targets whose alerts are silenced during a pause to their panels; ``healthy`` is about supervisor and schedule.
    """

    def __init__(
        self,
        notify: NotifySettings,
        alertmanager: AlertmanagerSettings | None,
        ledger: Ledger,
        clock: Clock,
        instruments: Instruments,
        *,
        host: str,
        holder: str,
        severities: Mapping[tuple[str, str], Severity],
        targets: Collection[str],
        panels: Mapping[str, str],
        standing: Callable[[str], tuple[Pause, ...]],
        subjects: Callable[[str], Collection[Subject]],
        sights: Callable[[], tuple[Sight, ...]],
        healthy: Callable[[], bool],
        wake: Callable[[str], None],
        asking: Callable[[RepairRecord], Collection[Alarm]] = lambda _record: (),
        longest: Callable[[RepairRecord], float] = lambda _record: 0.0,
        sender: Sender = send,
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._instruments = instruments
        self._healthy = healthy
        self._wake = wake
        self._targets = tuple(targets)
        self.channels = {
            each.name: Channel(each, ledger, clock, instruments, holder, host, sender) for each in notify.channels
        }  # fmt: skip
        self.teller = Telling(notify, severities, self._heard, hushed=panels)
        bounds = Bounds(notify.unknown, notify.keep, notify.most)
        self.watch = Watch(ledger, clock, instruments, sights, self.teller.letters, self._shout, self.channels, bounds)
        self._settings = notify.heartbeat
        self.heartbeat = None if notify.heartbeat is None else Heartbeat(notify.heartbeat, self.unwell, clock, instruments)
        self.silences = (
            None if alertmanager is None
            else Silences(alertmanager, Alertmanager(alertmanager, clock), ledger, clock, instruments, host, panels, standing, subjects)
        )  # fmt: skip

        self.repair_silences = (
            None if alertmanager is None or not alertmanager.silence_repairs
            else RepairSilences(alertmanager, Alertmanager(alertmanager, clock), ledger, clock, host, asking, longest)
        )  # fmt: skip

    def begin(self) -> Telling:
        """Show what is configured and nothing of what was before a reload; return who is asked what to tell."""
        self._instruments.set("watchdog_heartbeat_enabled", value=float(self.heartbeat is not None))
        if self.heartbeat is None:
            self._instruments.drop("watchdog_heartbeat_last_success_timestamp_seconds")
        if self.silences is None:
            for name in ("watchdog_alertmanager_up", "watchdog_alertmanager_last_success_timestamp_seconds", "watchdog_silences"):
                self._instruments.drop(name)
        return self.teller

    def loops(self) -> tuple[LoopSpec, ...]:
        """Return the loops. Without a channel, a heartbeat and an Alertmanager there is none."""
        more = [each.spec() for each in (self.heartbeat, self.silences, self.repair_silences) if each is not None]
        watch = [self.watch.spec()] if self.channels or self.heartbeat else []
        return (*(each.spec() for each in self.channels.values()), *watch, *more)

    def pauses_changed(self) -> None:
        """Look at the silences soon."""
        if self.silences is not None:
            self._wake("silences")

    def repair_begun(self) -> None:
        """Silence the alerts of a repair soon."""
        if self.repair_silences is not None:
            self._wake(LOOP)

    def undo(self, holding: Holding) -> Callable[[Holding], str] | None:
        """Return how a holding of this room is undone; None when it is another's, or cannot be."""
        if self.repair_silences is not None and holding.what == HELD_BY_REPAIR:
            return self.repair_silences.undo
        return self.silences.undo if self.silences is not None and holding.what == HELD else None

    def unwell(self) -> str | None:
        """Return in one sentence why not all is well; None = it is. For the heartbeat."""
        settings = self._settings
        if not self._healthy():
            return "the supervisor or its schedule does not answer"
        try:
            self._ledger.tallies.add(FAMILY, {}, f"{self._clock.now().wall:.0f}")
        except LedgerUnavailable as error:
            return str(error)
        return None if settings is None else self._unheard(settings)

    def _unheard(self, settings: HeartbeatSettings) -> str | None:
        for target in self._targets:
            if (blind := self.watch.blind_for(target)) >= settings.unknown:
                return f"{target} could not be judged for {span(blind)}"
        now = self._clock.now().wall
        for name, mine in self.watch.backlog.items():
            if name in self.channels and mine.oldest is not None and now - mine.oldest >= settings.stuck and self.channels[name].failing:
                return f"channel {name} has delivered nothing for {span(now - mine.oldest)}"
        return None

    def _heard(self, fresh: Collection[Letter], resting: Collection[Letter]) -> None:
        for letter in resting:
            self._instruments.count("watchdog_notifications_total", letter.channel, letter.note.event, "repeated")
        for name in {letter.channel for letter in fresh} & self.channels.keys():
            self.channels[name].hear()
            self._wake(f"notify:{name}")

    def _shout(self, note: Note) -> None:
        for letter in self.teller.letters(note):
            self.channels[letter.channel].shout(note)
            self._wake(f"notify:{letter.channel}")
