"""What a fake engine has: containers, images and networks, and its refusal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from watchdog.collectors.docker.fake.programs import Program
from watchdog.model.docker import Mount


class Refusal(Exception):
    """The engine refuses a call: HTTP ``status`` and the engine's message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(slots=True)
class FakeContainer:
    """One container. Times are UNIX seconds of the world's clock.

    ``exec_result`` is what any exec in it gives, unless ``program`` is set: that runs with streams and takes its time.
    ``checks`` are runs of its health check, (at, exit code, output). ``reviving`` is what its health says after each start, None = what it
    said before; ``ends`` is the code with which it ends right after each start; ``broken`` is why a start fails.
    """

    id: str
    name: str
    image: str
    command: tuple[str, ...] = ("sleep", "1000")
    labels: dict[str, str] = field(default_factory=dict)
    mounts: tuple[Mount, ...] = ()
    state: str = "created"
    health: str | None = None
    exit_code: int = 0
    oom_killed: bool = False
    restart_count: int = 0
    restart_policy: str = "no"
    auto_remove: bool = False
    network_mode: str = "none"
    memory: int = 0
    tty: bool = False
    pid: int = 0
    created_at: float = 0.0
    started_at: float | None = None
    finished_at: float | None = None
    log: list[tuple[float, bytes]] = field(default_factory=list)
    environment: tuple[str, ...] = ("PATH=/bin",)
    tmpfs: dict[str, str] = field(default_factory=dict)
    exec_result: Callable[[Sequence[str]], tuple[int, bytes]] = field(default=lambda _: (0, b""))
    program: Program | None = None
    stop_timeout: int | None = 1
    checks: list[tuple[float, int, str]] = field(default_factory=list)
    reviving: str | None = None
    ends: int | None = None
    broken: str = ""

    @property
    def running(self) -> bool:
        """Whether its first process lives (paused counts)."""
        return self.state in {"running", "paused"}


@dataclass(slots=True)
class FakeImage:
    """An image that is there. A container that is made of it by the API gets its ``program``, and ends at once when ``ends`` is a code."""

    environment: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    program: Program | None = None
    ends: int | None = None


@dataclass(slots=True)
class FakeNetwork:
    """A network."""

    id: str
    name: str
    internal: bool = False
    labels: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class FakeStock:
    """What the engine has beside containers. ``refusing``: a call whose "METHOD /path" a pattern finds is refused with that."""

    images: dict[str, FakeImage] = field(default_factory=dict)
    networks: dict[str, FakeNetwork] = field(default_factory=dict)
    refusing: dict[str, Refusal] = field(default_factory=dict)
    cutting: set[str] = field(default_factory=set)
    """Patterns of calls that are carried out, and whose answer is lost."""
    leaky: bool = False
    """Whether networks are made with a way out, whatever was asked for."""
