"""The two doors to a Docker Engine: reading and acting may be two endpoints. Implemented by runtime/engine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from watchdog.model.transfers import Alive, Patience, Sink, always


class EventFeed(Protocol):
    """One open event stream. Iterating yields raw event objects (JSON) and raises Temporary when the stream drops or falls silent."""

    def __iter__(self) -> Iterator[Mapping[str, object]]: ...

    def close(self) -> None:
        """Close the stream from any thread; the iteration ends."""
        ...


class EngineRead(Protocol):
    """Reading an engine. Every call has a whole-exchange deadline in seconds and raises the house's errors only."""

    def ping(self, seconds: float) -> None: ...

    def version(self, seconds: float) -> Mapping[str, object]:
        """Return GET /version."""
        ...

    def info(self, seconds: float) -> Mapping[str, object]:
        """Return GET /info."""
        ...

    def list(self, seconds: float) -> Sequence[Mapping[str, object]]:
        """Return GET /containers/json?all=1, raw."""
        ...

    def inspect(self, container: str, seconds: float) -> Mapping[str, object]:
        """Return GET /containers/{id}/json, raw. Raises NotFound when it has gone."""
        ...

    def events(self, since: float | None, silence: float) -> EventFeed:
        """Open the event stream from ``since`` (UNIX seconds). ``silence`` seconds without a byte end it with Temporary."""
        ...

    def top(self, container: str, seconds: float) -> Mapping[str, object]:
        """Return GET /containers/{id}/top, raw."""
        ...

    def logs(self, container: str, since: float, seconds: float, limit: int) -> bytes:
        """Return up to ``limit`` bytes of the container's log since ``since``, with timestamps, demultiplexed."""
        ...


class EngineAct(Protocol):
    """Acting on an engine. Never kills: stop sends the stop signal and only after ``grace`` seconds Docker's own SIGKILL."""

    def stop(self, container: str, grace: float, seconds: float) -> None: ...

    def start(self, container: str, seconds: float) -> None: ...

    def restart(self, container: str, grace: float | None, seconds: float) -> None:
        """Restart; ``grace`` None = the container's own stop timeout."""
        ...

    def remove(self, container: str, seconds: float) -> None:
        """Remove without force. Raises Refused when it runs."""
        ...

    def exec(self, container: str, argv: Sequence[str], seconds: float) -> tuple[int, str]:
        """Run ``argv`` inside; return (exit code, capped output)."""
        ...

    def exec_stream(
        self,
        container: str,
        argv: Sequence[str],
        sink: Sink,
        errors: Sink,
        *,
        stdin: bytes = b"",
        patience: Patience,
        alive: Alive = always,
    ) -> int:
        """Run ``argv`` inside without a terminal, streaming stdout to ``sink`` and stderr to ``errors``; return the exit code.

        Raises Cut when the stream ended before the program did: it runs on inside.
        """
        ...
