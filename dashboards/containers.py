"""Plain containers: who is looked after, whether they are healthy, and what a repair would touch."""

from __future__ import annotations

from dashboards.drawing.asks import Scope, each, per, target_of
from dashboards.drawing.boards import Board, row
from dashboards.drawing.looks import COUNT, FEW_ARE_GOOD, words
from dashboards.drawing.panels import Column, figure, rows, states
from dashboards.drawing.usual import drifts, marks, seen

of = Scope('instance=~"$instance"', 'target=~"$target"')
_HEALTHY = words((0, "unhealthy", "red"), (1, "healthy", "green"))
_RUNS = words((0, "stopped", "red"), (1, "runs", "green"))

BOARD = Board(
    "Plain containers",
    "Containers that are healed by their own health checks: which are looked after, how they are, what a repair would restart.",
    choices=(target_of("containers"),),
    marks=marks(of, 'panel="containers"'),
    rows=(
        row(
            "Now",
            seen(
                of,
                "containers",
                "No while the Docker gate is closed or the engine does not answer: nothing is judged.",
                title="Docker can be judged",
            ),
            figure(
                "Looked after",
                "By what opted them in. 0 everywhere: no label and no rule fits.",
                per("target source", of("watchdog_containers_healed")),
            ),
            figure(
                "Not looked after, by reason",
                "ourselves and door: this very program, and what it reaches Docker through.",
                per("target reason", of("watchdog_containers_left_alone")),
            ),
            figure(
                "Containers without metrics of their own",
                "Beyond the limit; they are looked after all the same.",
                each("target", of("watchdog_containers_containers_omitted")),
                look=FEW_ARE_GOOD,
            ),
        ),
        row(
            "Containers",
            states(
                "Healthy, by their own checks",
                "Missing while a container has no health check, does not run or has just begun.",
                each("target container", of("watchdog_containers_container_healthy")),
                look=_HEALTHY,
            ),
            states(
                "Running",
                "A paused container does not run.",
                each("target container", of("watchdog_containers_container_running")),
                look=_RUNS,
            ),
            rows(
                "What a repair would restart along with it",
                "Containers that share its network, or that Compose restarts after it.",
                Column("dependents", of("watchdog_containers_container_dependents"), COUNT),
                width=24,
                height=7,
            ),
        ),
        drifts(of, "containers"),
    ),
)
