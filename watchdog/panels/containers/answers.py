"""From Docker's raw inspect to what this panel needs of it: a whitelist, so that no environment and no secret comes along. Pure.

Source: Engine API 1.41, ContainerInspect; shapes compared with Docker Engine 20.10.24 in the tests. Raises MalformedAnswer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from watchdog.panels.containers.checkups import Checkup
from watchdog.panels.containers.view import AUTOHEAL, DEUNHEALTH
from watchdog.runtime import shapes
from watchdog.runtime.redaction import redact
from watchdog.runtime.shapes import Json

LONGEST_OUTPUT: Final = 300
DEFAULT_STOP: Final = 10.0
"""Seconds that Docker gives a container to end when it has no stop timeout of its own."""
REACH: Final = "AUTOHEAL_CONTAINER_LABEL"
"""The one variable of docker-autoheal's environment that is read: which label it heals by (its README, default autoheal; all = every
one)."""


@dataclass(frozen=True, slots=True)
class Inspected:
    """One container as the engine has it at this moment. Times are UNIX seconds, None = never."""

    id: str
    name: str
    state: str
    health: str | None = None
    started_at: float | None = None
    ended_at: float | None = None
    exit_code: int | None = None
    network_mode: str = ""
    checkup: Checkup = field(default_factory=Checkup)

    @property
    def stop_seconds(self) -> float:
        """Return how long its own graceful stop may take."""
        return DEFAULT_STOP if self.checkup.stop_timeout is None else self.checkup.stop_timeout


def inspected(raw: Mapping[str, object], labels: frozenset[str] = frozenset({AUTOHEAL, DEUNHEALTH})) -> Inspected:
    """Given a raw inspect and the labels by which other healers choose, return the container."""
    state = shapes.mapping(shapes.member(raw, "State", "inspect"), "inspect.State")
    config = shapes.mapping(raw.get("Config") or {}, "inspect.Config")
    host = shapes.mapping(raw.get("HostConfig") or {}, "inspect.HostConfig")
    told = shapes.text(state, "Status", "inspect.State")
    health = shapes.mapping(state.get("Health") or {}, "inspect.State.Health")
    word = shapes.optional_text(health, "Status")
    output, code = _last(health)
    stop = shapes.optional_number(config, "StopTimeout")
    borne = shapes.mapping(config.get("Labels") or {}, "inspect.Config.Labels")
    return Inspected(
        id=shapes.identifier(raw, "Id"),
        name=shapes.optional_text(raw, "Name").removeprefix("/"),
        state=told,
        # an exited container keeps a stale "unhealthy" (seen on 20.10)
        health=word if told == "running" and word in ("healthy", "unhealthy", "starting") else None,
        started_at=parse_time(shapes.optional_text(state, "StartedAt")),
        ended_at=parse_time(shapes.optional_text(state, "FinishedAt")),
        exit_code=shapes.optional_number(state, "ExitCode"),
        network_mode=shapes.optional_text(host, "NetworkMode"),
        checkup=Checkup(
            output, code,
            float(stop) if stop is not None and stop >= 0 else None,
            shapes.optional_flag(host, "AutoRemove") or False,
            one_line(shapes.optional_text(state, "Error")),
            frozenset(label for label in labels if str(borne.get(label, "")).lower() == "true"),
        ),
    )  # fmt: skip


def reach(raw: Mapping[str, object]) -> str:
    """Given docker-autoheal's own inspect, return the label that it heals by; "*" = every container with a health check."""
    config = shapes.mapping(raw.get("Config") or {}, "inspect.Config")
    for line in shapes.listing(config.get("Env") or [], "inspect.Config.Env"):
        name, _, value = str(line).partition("=")
        if name == REACH:
            return "*" if value.strip() == "all" else value.strip() or AUTOHEAL
    return AUTOHEAL


def parse_time(text: str) -> float | None:
    """Given RFC 3339, return UNIX seconds; None for Go's zero time (year 1) and for what is no time."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if at.year == 1 or at.tzinfo is None else at.timestamp()


def one_line(text: str) -> str:
    """Return a text as one redacted, printable line of bounded length."""
    line = " ".join(redact(text).split())
    line = "".join(each if each.isprintable() else "?" for each in line)
    return line if len(line) <= LONGEST_OUTPUT else line[: LONGEST_OUTPUT - 3] + "..."


def _last(health: Json) -> tuple[str, int | None]:
    """Return what the newest run of the health check said, and its exit code."""
    runs = shapes.listing(health.get("Log") or [], "inspect.State.Health.Log")
    if not runs:
        return "", None
    newest = shapes.mapping(runs[-1], "inspect.State.Health.Log[]")
    return one_line(shapes.optional_text(newest, "Output")), shapes.optional_number(newest, "ExitCode")
