"""One open event stream: GET /events, line by line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from watchdog.errors import MalformedAnswer, Unreachable
from watchdog.runtime.engine.client import Door
from watchdog.runtime.engine.exchange import Exchange

_LINE_LIMIT = 1 << 20
_HEADERS = 10.0  # Docker sends the headers at once, not with the first event
_WHAT = "GET /events"


class Feed:
    """Satisfies model.engines.EventFeed. docker-py's own stream never times out; here ``silence`` seconds without a byte end it."""

    def __init__(self, door: Door, since: float | None, silence: float) -> None:
        """Open the stream from ``since`` (UNIX seconds). Raise the house's errors; headers must come within 10 s."""
        self._door = door
        self._silence = silence
        # Docker takes "seconds.nanoseconds"; the events of that very moment are sent again, the reader drops them
        query = {} if since is None else {"since": f"{since:.9f}"}
        self._exchange = Exchange(None)
        # trickling headers would dodge the timeout per read, so the headers have a deadline of their own
        patience = min(silence, _HEADERS)
        with Exchange(patience) as opening:
            try:
                self._answer = door.send("GET", "/events", silence, params=query)
                self._check(opening)
            except Exception as error:  # noqa: BLE001  # see Door.open
                raise door.judged(error, _WHAT, opening, patience) from None
            opening.hand_over(self._exchange)

    def __iter__(self) -> Iterator[Mapping[str, object]]:
        try:
            yield from self._lines()
        except Exception as error:  # noqa: BLE001  # see Door.open
            if not self._exchange.closed:
                raise self._door.judged(error, _WHAT, self._exchange, self._silence) from None
        finally:
            self.close()
            self._answer.close()
            self._exchange.release()

    def close(self) -> None:
        """Close the stream from any thread; the iteration ends at once."""
        self._exchange.close()

    def _check(self, opening: Exchange) -> None:
        try:
            opening.check()  # headers cut by the deadline look like headers that ended
        except TimeoutError:
            self._answer.close()
            raise

    def _lines(self) -> Iterator[Mapping[str, object]]:
        rest = b""
        for piece in self._answer.iter_content(None if getattr(self._answer.raw, "chunked", False) else 1):
            *lines, rest = (rest + piece).split(b"\n")
            if len(rest) > _LINE_LIMIT:
                raise MalformedAnswer(f"{_WHAT}: one event is larger than {_LINE_LIMIT} bytes")
            yield from (_event(line) for line in lines if line.strip())
        raise Unreachable(f"{_WHAT}: {self._door.url}: the stream ended")


def _event(line: bytes) -> Mapping[str, object]:
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        raise MalformedAnswer(f"{_WHAT}: not JSON") from None
    if not isinstance(event, dict):
        raise MalformedAnswer(f"{_WHAT}: not a JSON object")
    return event
