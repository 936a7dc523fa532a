"""From one row of GET /containers/json to a Container. Pure.

Sources: Engine API 1.41, ContainerList; the texts of ``Status`` are Moby's State.String() and go-units' HumanDuration.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from watchdog.errors import MalformedAnswer
from watchdog.model.docker import Container, Mount

_EXIT = re.compile(r"(?:Exited|Restarting) \((-?\d+)\)")
_HEALTH = re.compile(r"\((healthy|unhealthy|health: starting)\)")
_AGE = re.compile(r"(Less than a second|About a minute|About an hour|(\d+) (second|minute|hour|day|week|month|year)s?)\b")
_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800, "month": 2592000, "year": 31536000}
_WORDS = {"Less than a second": (0.0, 1.0), "About a minute": (60.0, 120.0), "About an hour": (3600.0, 5400.0)}


@dataclass(frozen=True, slots=True)
class Age:
    """Between how many seconds ago, by the engine's own words, the present state began."""

    low: float
    high: float


def parse_container(raw: Mapping[str, object], labels: Collection[str] | None = None) -> Container:
    """Given one row and the label keys to keep (None = all), return what the list knows. Raise MalformedAnswer."""
    container_id, state = raw.get("Id"), raw.get("State")
    if not isinstance(container_id, str) or not container_id or not isinstance(state, str):
        raise MalformedAnswer("GET /containers/json: a row without Id and State")
    status = _text(raw.get("Status"))
    return Container(
        id=container_id,
        name=_name(raw.get("Names")) or container_id[:12],
        image=_text(raw.get("Image")),
        image_id=_text(raw.get("ImageID")),
        state=state,
        health=health_of(state, raw.get("Health"), status),
        exit_code=exit_code_of(state, status),
        created_at=_number(raw.get("Created")),
        network_mode=_text(_object(raw.get("HostConfig")).get("NetworkMode")),
        labels={k: _text(v) for k, v in _object(raw.get("Labels")).items() if labels is None or k in labels},
        mounts=mounts_of(raw.get("Mounts")),
    )


def health_of(state: str, health: object, status: str) -> str | None:
    """Return healthy, unhealthy or starting, and None unless the container runs: an exited one keeps a stale ``unhealthy``."""
    if state != "running":
        return None
    told = _object(health).get("Status")  # API 1.52 and later; before, only the text tells
    if isinstance(told, str):
        return told if told in {"healthy", "unhealthy", "starting"} else None
    match = _HEALTH.search(status)
    return match[1].removeprefix("health: ") if match else None


def exit_code_of(state: str, status: str) -> int | None:
    """Return the code in ``Exited (3) ...`` or ``Restarting (3) ...``, None while the container runs or when nothing is told."""
    match = None if state in {"running", "paused", "created"} else _EXIT.match(status)
    return int(match[1]) if match else None


def age_of(status: str) -> Age | None:
    """Given ``Up 3 minutes (healthy)`` or ``Exited (0) 2 weeks ago``, return the bounds of that age; None when the text has none."""
    match = _AGE.search(status)
    if match is None:
        return None
    if match[1] in _WORDS:
        return Age(*_WORDS[match[1]])
    unit = float(_UNITS[match[3]])
    count = int(match[2])
    # hours are rounded, all others are cut; days, weeks and months are made of rounded hours
    slack = 1800.0 if unit >= _UNITS["hour"] else 0.0
    return Age(count * unit - slack, (count + 1) * unit + slack)


def mounts_of(raw: object) -> tuple[Mount, ...]:
    """Given ``Mounts`` of a list row or an inspect, return them; a volume's source is its name."""
    rows = [row for row in raw if isinstance(row, dict)] if isinstance(raw, list) else []
    return tuple(
        Mount(
            source=_text(row.get("Name")) if row.get("Type") == "volume" and row.get("Name") else _text(row.get("Source")),
            destination=_text(row.get("Destination")),
            writable=row.get("RW") is not False,
        )
        for row in rows
    )


def _name(raw: object) -> str:
    names = [n for n in raw if isinstance(n, str)] if isinstance(raw, list) else []
    own = [n for n in names if n.count("/") == 1]  # the others are legacy links: /other/alias
    return (own or names or [""])[0].removeprefix("/")


def _object(raw: object) -> Mapping[str, object]:
    return raw if isinstance(raw, dict) else {}


def _text(raw: object) -> str:
    return raw if isinstance(raw, str) else ""


def _number(raw: object) -> float | None:
    return float(raw) if isinstance(raw, int | float) and not isinstance(raw, bool) else None
