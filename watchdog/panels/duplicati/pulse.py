"""The loop that keeps the witness: it watches the idle connection all the time, reads the state now and then, and wakes the pass on news.

Contract section 2, Seeing a restart. The end of the connection is noticed at once; from then on the server is asked every second, for a due
job runs within seconds of its start. The server ends a connection that was idle for 130 s, so the longest time between two readings is 60.
Behind a proxy ``/health`` is asked every second: the quickest start measured took 1.3 s, so none fits in between.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from watchdog.errors import WatchdogError
from watchdog.model.holdings import Tend
from watchdog.model.moments import Clock, Moment
from watchdog.panels.duplicati import witness
from watchdog.panels.duplicati.client import DuplicatiClient
from watchdog.panels.duplicati.settings import DuplicatiSettings
from watchdog.panels.duplicati.witness import Pulse

SECOND: Final = 1.0
"""How long the connection is watched at a stretch, and how often a server that does not answer is asked."""
LONG_GONE: Final = 600.0
"""Seconds after which a server that does not answer is asked half as often."""
DEADLINE: Final = 60.0


class Beat:
    """One target's pulse. ``wake`` asks for a pass; ``stretch`` is for how many real seconds a step watches the connection."""

    def __init__(self, settings: DuplicatiSettings, clock: Clock, client: DuplicatiClient, wake: Callable[[], None]) -> None:
        self.stretch = SECOND
        self._settings = settings
        self._clock = clock
        self._client = client
        self._wake = wake
        self._told = Pulse()
        self._tried: Moment | None = None

    def tend(self) -> Tend:
        """Return the loop."""
        return Tend("pulse", self.step, SECOND, DEADLINE)

    def step(self) -> float:
        """Watch for a second, read when that is due, wake the pass on news; return the seconds until the next step."""
        watching = self._client.watched
        if watching and self._client.ended(self.stretch):
            self._read()
        elif self._client.hidden and self._client.pulse().silent_since is None and not self._client.health(self._seconds):
            pass  # the pulse has heard of it; it is asked again in a second
        elif self._due():
            self._read()
        self._tell()
        return 0.0 if watching and self._client.watched else self._rest()

    @property
    def _seconds(self) -> float:
        return min(self._settings.timeout, DEADLINE / 4)

    def _read(self) -> None:
        self._tried = self._clock.now()
        try:
            self._client.state(self._seconds)
        except WatchdogError:
            return  # the pulse has heard of it, and the pass says so

    def _due(self) -> bool:
        """Whether to read now: the pulse's time has come, or the server does not answer."""
        pulse, now = self._client.pulse(), self._clock.now()
        if pulse.silent_since is not None:
            return self._tried is None or pulse.booting(now) or bool(pulse.suspicion) or now.since(self._tried) >= self._settings.pulse
        return pulse.state is None or now.since(pulse.state.at) >= self._settings.pulse

    def _rest(self) -> float:
        silent = self._client.pulse().silent_since
        return 2 * SECOND if silent is not None and self._clock.now().since(silent) > LONG_GONE else SECOND

    def _tell(self) -> None:
        pulse = self._client.pulse()
        if witness.news(self._told, pulse):
            self._wake()
        self._told = pulse
