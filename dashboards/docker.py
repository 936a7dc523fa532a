"""Docker: the engine and the gate before it, and what its containers do, use and die of."""

from __future__ import annotations

from dashboards.drawing.asks import Ask, Choice, Scope, by, each, per
from dashboards.drawing.boards import Board, row
from dashboards.drawing.looks import BYTES, COUNT, FEW_ARE_GOOD, NAME, NO_YES, NONE_IS_GOOD, RATIO, SECONDS, YES_NO, words
from dashboards.drawing.panels import Column, Panel, figure, lines, rows, states
from dashboards.drawing.usual import age, marks

host = Scope('instance=~"$instance"')
of = Scope('instance=~"$instance"', 'name=~"$name"')
_GATE = words((0, "shut", "red"), (1, "open", "green"))
_RUNS = words((0, "stopped", "text"), (1, "runs", "green"))


def _grown(title: str, about: str, *counters: tuple[str, str]) -> Panel:
    asks = [
        Ask(f"topk(20, {of.increase(f'watchdog_docker_container_{counter}_total')})", f"{{{{name}}}} {what}") for counter, what in counters
    ]
    return lines(title, about, *asks, look=COUNT)


ENGINE = row(
    "The engine",
    figure(
        "Gate", "While it is shut, nothing that needs Docker is repaired.", each("instance", host("watchdog_docker_gate_open")), look=_GATE
    ),
    age("Gate has stood so for", "Open or shut.", host.age("watchdog_docker_gate_since_timestamp_seconds"), "{{instance}}"),
    figure(
        "Docker is waited for",
        "Since when; nothing while the gate is open.",
        each("instance", host.age("watchdog_docker_gate_waiting_since_timestamp_seconds")),
        look=SECONDS,
        none="it is not",
    ),
    figure(
        "Something needs Docker",
        "Whether anything that is configured does.",
        each("instance", host("watchdog_docker_gate_needed")),
        look=NO_YES,
    ),
    figure("Engine", "Its version, as it says.", each("instance version", host("watchdog_docker_engine_info")), look=NAME, name=True),
    age(
        "dockerd has run for",
        "Nothing where its pid file cannot be seen.",
        host.age("watchdog_docker_engine_start_timestamp_seconds"),
        "{{instance}}",
    ),
    figure(
        "Events are heard",
        "Without them a change is seen at the next look only.",
        each("instance", host("watchdog_docker_events_connected")),
        look=YES_NO,
    ),
    age("Events last broke off", "Ago.", host.age("watchdog_docker_events_dropped_timestamp_seconds"), "{{instance}}"),
    lines(
        "Tries at the gate",
        "Tries, and openings after a failure, within the range of a step.",
        Ask(host.increase("watchdog_docker_gate_attempts_total"), "{{instance}} tries"),
        Ask(host.increase("watchdog_docker_gate_openings_total"), "{{instance}} openings"),
        Ask(host("watchdog_docker_gate_successes"), "{{instance}} good in a row"),
    ),
    lines(
        "What we ask of it",
        "Inspects by how they ended, and how often the event stream came back.",
        Ask(by("instance, result", host.increase("watchdog_docker_inspects_total")), "{{instance}} inspects {{result}}"),
        Ask(host.increase("watchdog_docker_events_reconnects_total"), "{{instance}} events reconnected"),
    ),
)

CONTAINERS = row(
    "Containers",
    lines("Containers by state", "All of the engine.", each("instance state", host("watchdog_docker_containers"))),
    states("Running", "A paused container does not run.", each("name", of("watchdog_docker_container_running")), look=_RUNS),
    lines("Health", "Containers with a health check, by what it says.", per("instance health", of("watchdog_docker_container_health"))),
    rows(
        "Why they do not run",
        "Exit code 137 and the flag: killed for lack of memory. Docker's flag sticks until the next run has ended.",
        Column("exit code", of("watchdog_docker_container_exit_code"), COUNT),
        Column(
            "ended",
            f"{of.age('watchdog_docker_container_finish_timestamp_seconds')} and {of('watchdog_docker_container_exit_code')}",
            SECONDS,
        ),
        Column("OOM", f"{of('watchdog_docker_container_oom_killed')} and {of('watchdog_docker_container_exit_code')}", NO_YES),
    ),
    _grown(
        "Starts, restarts and deaths",
        "The 20 most of each. Counted from events, kept when the container is made anew.",
        ("starts", "started"),
        ("restarts", "restarted by its policy"),
        ("deaths", "died"),
    ),
    _grown(
        "Sick and killed",
        "Turns to unhealthy, and kills for lack of memory, also of exec and child processes.",
        ("unhealthy", "unhealthy"),
        ("ooms", "out of memory"),
    ),
    rows(
        "Containers, their images and policies",
        "The engine's own count of restarts is set back by a start by hand.",
        Column(
            "runs for",
            f"{of.age('watchdog_docker_container_start_timestamp_seconds')} and {of('watchdog_docker_container_running')} == 1",
            SECONDS,
        ),
        Column("made", of.age("watchdog_docker_container_created_timestamp_seconds"), SECONDS),
        Column("restarts", of("watchdog_docker_container_engine_restarts"), FEW_ARE_GOOD),
        Column("state", f"{of('watchdog_docker_container_state')} == 1", NAME),
        width=24,
    ),
    rows(
        "Images", "What does not change while a container lives.", Column("container", of("watchdog_docker_container_info"), NAME), width=24
    ),
)

USE = row(
    "What they use",
    lines(
        "Processor, the 20 busiest",
        "100 % = one processor wholly. From its cgroup's files.",
        each("name", f"topk(20, {of.rate('watchdog_docker_container_cpu_seconds_total')})"),
        look=RATIO,
        width=8,
    ),
    lines(
        "Memory, the 20 largest",
        "Without page cache that can go.",
        each("name", f"topk(20, {of('watchdog_docker_container_memory_bytes')})"),
        look=BYTES,
        width=8,
    ),
    lines(
        "Memory of its limit",
        "Where it has one.",
        each("name", f"{of('watchdog_docker_container_memory_bytes')} / {of('watchdog_docker_container_memory_limit_bytes')}"),
        look=RATIO,
        width=8,
    ),
    lines("Processes and threads, the 20 largest", "Of its cgroup.", each("name", f"topk(20, {of('watchdog_docker_container_pids')})")),
    figure(
        "Kills for lack of memory",
        "Of all processes of the host since it booted.",
        each("instance", host("watchdog_host_oom_kills_total")),
        look=NONE_IS_GOOD,
        width=12,
        height=8,
    ),
)

BOARD = Board(
    "Docker",
    "The engine and the gate before it, and what its containers do, use and die of.",
    choices=(Choice("name", "Container", host("watchdog_docker_container_running")),),
    marks=marks(host),
    rows=(ENGINE, CONTAINERS, USE),
)
