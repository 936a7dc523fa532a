"""One container as Docker has it now, for `doctor`: no collector runs there."""

from __future__ import annotations

from watchdog.errors import WatchdogError
from watchdog.model.docker import Container, DockerFacts
from watchdog.model.engines import EngineRead
from watchdog.model.moments import Clock
from watchdog.model.snapshots import Actual, Snapshot
from watchdog.runtime import shapes


def container_alone(name: str, engine: EngineRead | None, clock: Clock, seconds: float, interval: float) -> Actual:
    """Return a truth that holds the container called ``name`` and nothing else; an empty one when there is no name, or no engine knows it.

    ``seconds`` bound the question; ``interval`` is how long the answer counts as fresh, in seconds.
    """
    if not name or engine is None:
        return Actual()
    try:
        told = engine.inspect(name, seconds)
        state = shapes.mapping(shapes.member(told, "State", "inspect"), "inspect.State")
        pid, status = shapes.number(state, "Pid", "inspect.State"), shapes.text(state, "Status", "inspect.State")
        container = Container(shapes.identifier(told, "Id"), name, "", status, pid=int(pid) or None)
    except WatchdogError:
        return Actual()  # then its processes are not in sight, and that is said
    now = clock.now()
    return Actual(docker=Snapshot("docker", DockerFacts("", "", (container,)), now, now, interval))
