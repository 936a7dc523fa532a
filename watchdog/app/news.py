"""What of a publication is news to a target: only that is worth a pass out of turn."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from watchdog.model.docker import DockerFacts
from watchdog.model.needs import Needs
from watchdog.model.snapshots import Actual

Trace = tuple[object, ...]


class News:
    """Tells which targets a fresh publication concerns. Called from the publishers' threads.

    A container concerns a target when it carries a label that the target's panel asked for; what foreign ones do, however often, wakes
    nobody. Where nothing is labelled (old panels, names only) a target looks at its own interval, as for all that is not in a snapshot.
    """

    def __init__(self, needs: Mapping[str, Needs]) -> None:
        self._labels = {target: frozenset().union(*(need.labels for need in wants.containers)) for target, wants in needs.items()}
        self._docker = tuple(target for target, wants in needs.items() if wants.docker or wants.containers)
        self._traces: dict[str, Trace] = {}
        self._open = False
        self._lock = threading.Lock()

    def heard(self, name: str, actual: Actual) -> tuple[str, ...]:
        """Given what was published, by its field in ``Actual``, and the newest truth, return the targets that should look now."""
        with self._lock:
            if name == "gate":
                was, self._open = self._open, actual.gate.open
                return self._docker if was != self._open else ()
            if name != "docker" or actual.docker is None or actual.docker.facts is None:
                return ()
            traces = {target: _trace(actual.docker.facts, self._labels[target]) for target in self._docker}
            was_traces, self._traces = self._traces, traces
            return tuple(target for target, trace in traces.items() if was_traces.get(target) != trace)


def _trace(facts: DockerFacts, labels: frozenset[str]) -> Trace:
    """Return what a pass would judge anew: which engine, and where each container of ours stands (a quick restart moves its start)."""
    ours = (
        (item.id, item.name, item.state, item.started_at, *sorted((key, item.labels[key]) for key in labels & item.labels.keys()))
        for item in facts.containers
        if labels & item.labels.keys()
    )
    return (facts.engine_id, facts.engine_started_at, frozenset(ours))
