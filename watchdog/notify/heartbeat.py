"""The dead man's switch: a URL asked for while all is well. Its silence is the alarm that a dead program can still give."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from watchdog.errors import BadSettings, WatchdogError
from watchdog.model.metrics import Instruments
from watchdog.model.moments import Clock
from watchdog.notify.settings import HeartbeatSettings
from watchdog.runtime.answers import check
from watchdog.runtime.http import Http
from watchdog.runtime.log import get_logger
from watchdog.runtime.loops import LoopSpec
from watchdog.runtime.redaction import register_secret

log = get_logger(__name__)

SECONDS = 15.0
MOST_BYTES = 65536


class Heartbeat:
    """Pings while ``unwell()`` says nothing; else it returns a sentence about what is not well. It may use the ledger."""

    def __init__(self, settings: HeartbeatSettings, unwell: Callable[[], str | None], clock: Clock, instruments: Instruments) -> None:
        self._settings = settings
        self._unwell = unwell
        self._clock = clock
        self._instruments = instruments
        self._said: str | None = None

    def spec(self) -> LoopSpec:
        """Return its loop."""
        return LoopSpec("heartbeat", self.step, self._settings.every, 60.0)

    def step(self) -> None:
        """Ping once, or say why not."""
        why = self._unwell()
        if why is not None:
            self._say(f"withheld: {why}")
            self._instruments.count("watchdog_heartbeats_total", "withheld")
            return
        try:
            ping(self._settings, self._clock)
        except WatchdogError as error:
            self._say(f"{type(error).__name__}: {error}")
            self._instruments.count("watchdog_heartbeats_total", "failed")
            return
        self._say(None)
        self._instruments.count("watchdog_heartbeats_total", "ok")
        self._instruments.set("watchdog_heartbeat_last_success_timestamp_seconds", value=self._clock.now().wall)

    def _say(self, why: str | None) -> None:
        """Log the change only. The sentence may hold times, so its beginning decides."""
        if (self._said is None) == (why is None):
            return
        self._said = why
        if why is None:
            log.info("the heartbeat is sent again")
        else:
            log.warning("the heartbeat is not sent", reason=why)


def ping(settings: HeartbeatSettings, clock: Clock) -> None:
    """Ask for the URL once; any 2xx will do. Raises the house's errors, whose texts name its server alone."""
    url = urlsplit(settings.resolved())
    if url.scheme not in {"http", "https"} or not url.hostname or url.username is not None:
        raise BadSettings("notify.heartbeat: its URL must be http://host/... or https://host/..., without a user")
    path = (url.path or "/") + (f"?{url.query}" if url.query else "")
    register_secret(path)
    http = Http(f"{url.scheme}://{url.netloc}", clock=clock, seconds=SECONDS, limit=MOST_BYTES)
    check(http.request("heartbeat", "GET", path))
