"""From GET /containers/{id}/json to what only an inspect tells. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from watchdog.errors import MalformedAnswer
from watchdog.model.docker import Container

_TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)")
_RUNNING = frozenset({"running", "paused"})


@dataclass(frozen=True, slots=True)
class Inspection:
    """What one inspect told, beyond the list. Times are UNIX seconds, None = never."""

    status: str
    exit_code: int
    oom_killed: bool
    restart_count: int
    restart_policy: str
    started_at: float | None
    finished_at: float | None
    pid: int | None


def parse_inspect(raw: Mapping[str, object]) -> Inspection:
    """Given the raw answer, return its facts. Raise MalformedAnswer."""
    state = raw.get("State")
    if not isinstance(state, dict) or not isinstance(state.get("Status"), str):
        raise MalformedAnswer("GET /containers/{id}/json: no State.Status")
    host = raw.get("HostConfig")
    policy = host.get("RestartPolicy") if isinstance(host, dict) else None
    return Inspection(
        status=state["Status"],
        exit_code=_integer(state.get("ExitCode")),
        oom_killed=state.get("OOMKilled") is True,
        restart_count=_integer(raw.get("RestartCount")),
        restart_policy=str(policy.get("Name") or "no") if isinstance(policy, dict) else "no",
        started_at=parse_time(state.get("StartedAt")),
        finished_at=parse_time(state.get("FinishedAt")),
        pid=_integer(state.get("Pid")) or None,
    )


def joined(container: Container, inspection: Inspection) -> Container:
    """Given a row of the list and its inspect, return both in one. The list's state wins: it is one moment for all containers."""
    exit_code = container.exit_code
    if exit_code is None and container.state not in _RUNNING:
        # "Dead", "Removal In Progress" and a start that failed (state created, code 127 or 128) have no code in the text
        exit_code = inspection.exit_code if inspection.exit_code or container.state != "created" else None
    return replace(
        container,
        exit_code=exit_code,
        oom_killed=inspection.oom_killed,
        restart_count=inspection.restart_count,
        restart_policy=inspection.restart_policy,
        started_at=inspection.started_at,
        finished_at=inspection.finished_at,
        pid=inspection.pid if container.state in _RUNNING else None,
    )


def parse_time(raw: object) -> float | None:
    """Given RFC 3339 with nanoseconds, return UNIX seconds; None for Go's zero time (year 1) and for anything else."""
    match = _TIME.fullmatch(raw) if isinstance(raw, str) else None
    if match is None or match[1] == "0001":
        return None
    zone = UTC if match[8] == "Z" else datetime.strptime(match[8], "%z").tzinfo
    whole = datetime(*(int(part) for part in match.groups()[:6]), tzinfo=zone)  # type: ignore[misc,arg-type]  # six integers, then tzinfo by name
    return whole.timestamp() + float(match[7] or 0)


def _integer(raw: object) -> int:
    return raw if isinstance(raw, int) else 0
