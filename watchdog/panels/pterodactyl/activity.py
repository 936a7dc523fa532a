"""The panel's activity log of one server: its power signals, who sent them and how (section 1.2; P: ActivityLogTransformer.php).

A row says ``is_api`` when an API key sent it (client-activity.json), and with ``include=actor`` whose account did (P: includeActor; from
source only). What a schedule does leaves no row (P: RunTaskJob.php), and what goes past the panel to Wings neither.
"""

from __future__ import annotations

from collections.abc import Collection
from email.utils import parsedate_to_datetime
from typing import Final

from watchdog.model.trails import Trail, TrailAct
from watchdog.panels.pterodactyl import remedies
from watchdog.panels.pterodactyl.answers import attributes, moment
from watchdog.panels.pterodactyl.view import Power, Server
from watchdog.runtime import shapes
from watchdog.runtime.answers import Answer
from watchdog.runtime.shapes import Json

EVENT: Final = "server:power."
OURS: Final = {signal: frozenset({remedy}) for remedy, signal in remedies.POWER.items()}
"""The remedy of ours that sends each signal."""


def powers(body: object) -> tuple[Power, ...]:
    """Given the activity filtered by ``server:power``, return its signals, the oldest first."""
    whole = shapes.mapping(body, "activity")
    items = (shapes.mapping(item, "activity[]") for item in shapes.listing(shapes.member(whole, "data", "activity"), "activity.data"))
    rows = (attributes(item, "activity") for item in items)
    found = (_power(row) for row in rows if shapes.text(row, "event", "activity").startswith(EVENT))
    return tuple(sorted(found, key=lambda power: (power.at, power.id)))


def newest_power(body: object) -> Power | None:
    """Given the activity filtered by ``server:power``, return the newest signal; None = there is none."""
    found = powers(body)
    return found[-1] if found else None


def ahead(answer: Answer, wall: float) -> float:
    """Return by how many seconds a server's clock was ahead of ours (``wall``) when it answered; 0 when it does not say the time."""
    try:
        return parsedate_to_datetime(answer.headers.get("date", "")).timestamp() - wall
    except (TypeError, ValueError, OverflowError):
        return 0.0


def trail(servers: Collection[Server], account: str) -> Trail | None:
    """Given the servers that this agent may act on, return who sent them power signals; None = of none the activity was read.

    It is read of servers that do not run and of those that are ill: before any of our signals, and not of all.
    """
    read = [server for server in servers if server.activity_at is not None]
    if not read:
        return None
    newest = max(read, key=lambda server: server.activity_at or 0.0)
    return Trail(tuple(_act(server, power) for server in read for power in server.powers if power.id), account, newest.panel_ahead)


def _act(server: Server, power: Power) -> TrailAct:
    word = OURS.get(power.signal, frozenset())
    return TrailAct(
        power.id, f"{EVENT}{power.signal}", power.at, ("server", server.uuid), "key" if power.by_key else "person", power.who, word
    )


def _power(row: Json) -> Power:
    """Return one row; its id is a hash of the row's number, and may be absent (before 1.11)."""
    return Power(
        shapes.text(row, "event", "activity").removeprefix(EVENT), moment(row, "timestamp", "activity"), shapes.optional_text(row, "id"),
        by_key=row.get("is_api") is True, who=_actor(row),
    )  # fmt: skip


def _actor(row: Json) -> str:
    relations = row.get("relationships")
    actor = relations.get("actor") if isinstance(relations, dict) else None
    inner = actor.get("attributes") if isinstance(actor, dict) else None
    name = inner.get("username") if isinstance(inner, dict) else None
    return name[: shapes.LONGEST_NAME] if isinstance(name, str) and name.isprintable() else ""
