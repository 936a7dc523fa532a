"""The doors to a Docker Engine: reading and acting may be two endpoints, building is for rehearsals. Implemented by runtime/engine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from watchdog.model.transfers import Alive, Patience, Sink, always

OUR_LABEL: Final = "watchdog.rehearsal"
"""The label of whatever we build: its value names one rehearsal. Nothing without it is ever removed by force."""
OWNER_LABEL: Final = "watchdog.rehearsal.owner"
"""The label that names the program that built it (``runtime.engine.leftovers``)."""
OUR_PREFIX: Final = "watchdog-rehearsal-"
"""With this the names of whatever we build begin."""


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


@dataclass(frozen=True, slots=True)
class Box:
    """A container to be made: it publishes nothing, mounts nothing of anybody, is never restarted, and no health check runs in it.

    ``network`` is the name of a network of ours, ``none``, or ``container:NAME`` (a box of ours). ``argv`` () = what the image runs by
    itself, else only that, without the image's entry point. ``environment`` is NAME=VALUE, no secrets: whoever may ask the engine reads it.
    ``tmpfs`` is path to options. ``memory`` is bytes, swap included.
    """

    name: str
    image: str
    network: str
    memory: int
    labels: Mapping[str, str] = field(default_factory=dict)
    argv: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    tmpfs: Mapping[str, str] = field(default_factory=dict)


class EngineBuild(EngineRead, EngineAct, Protocol):
    """Building an environment to be thrown away. Pulls nothing; makes and removes only what bears OUR_LABEL and a name with OUR_PREFIX."""

    def image(self, name: str, seconds: float) -> Mapping[str, object]:
        """Return GET /images/{name}/json, raw. Raises NotFound when it is not on this host."""
        ...

    def networks(self, seconds: float) -> Sequence[Mapping[str, object]]:
        """Return GET /networks, raw."""
        ...

    def create_network(self, name: str, labels: Mapping[str, str], seconds: float) -> Mapping[str, object]:
        """Make a network without a way out, and return what the engine then tells of it. Raises Refused when there is one of that name."""
        ...

    def create(self, box: Box, seconds: float) -> Mapping[str, object]:
        """Make a container, started by nobody yet, and return what the engine then tells of it. Raises Refused for a name that is taken."""
        ...

    def discard(self, container: str, seconds: float) -> None:
        """Remove one of ours, running or not, with its unnamed volumes; one that has gone is fine. Raises Refused for any other."""
        ...

    def discard_network(self, network: str, seconds: float) -> None:
        """Remove a network of ours; one that has gone is fine. Raises Refused for any other, and while something is connected to it."""
        ...

    def exec_fill(
        self,
        container: str,
        argv: Sequence[str],
        source: Iterable[bytes],
        sink: Sink,
        errors: Sink,
        *,
        patience: Patience,
        alive: Alive = always,
    ) -> int:
        """Run ``argv`` inside with all of ``source`` as its stdin, at any length, then its end; else as ``EngineAct.exec_stream``.

        What ``source`` raises is raised here. A program that ends before it has read everything is no error.
        """
        ...
