"""Does anybody want a server to run? Known, learned with evidence, or unknown (house rule 13; contract section 6.2). Pure.

What the operator wants is recorded nowhere: an offline server may be intentional. It is wanted when we saw it run, both by Wings and by
Docker, and the panel's activity, read since, has no stop or kill of a person after that. What a schedule does stands in no activity: one
that ran since may have stopped it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from watchdog.panels.pterodactyl.notes import GRAIN, ServerNote
from watchdog.panels.pterodactyl.settings import PterodactylSettings
from watchdog.panels.pterodactyl.view import Server

Want = Literal["up", "down", "unknown"]
STOPS: Final = frozenset({"stop", "kill"})
ENDS: Final = STOPS | {"restart"}
"""What a task of a schedule may send that ends a server, if only to begin it anew."""


@dataclass(frozen=True, slots=True)
class ServerWish:
    """What is wanted of a server, and the sentence that says why."""

    want: Want
    why: str

    @property
    def word(self) -> str:
        """Return what a proposal's facts call it: known or unknown."""
        return "unknown" if self.want == "unknown" else "known"


def wish_of(settings: PterodactylSettings, server: Server, note: ServerNote | None) -> ServerWish:  # noqa: PLR0911  # a ladder
    """Return whether a server is wanted running."""
    said = settings.wish(server.uuid, server.name)
    if said == "running":
        return ServerWish("up", "configured: expect running")
    if said == "stopped":
        return ServerWish("down", "configured: expect stopped")
    if said == "any":
        return ServerWish("unknown", "configured: expect any")
    ran = note.ran_at if note is not None else None
    if ran is None:
        return ServerWish("unknown", "we have not seen it run")
    if server.activity_at is None or server.activity_at < ran:
        return ServerWish("unknown", "the panel's activity, where a stop would stand, has not been read since it ran")
    if server.user_power in STOPS and server.user_power_at is not None and server.user_power_at > ran - GRAIN:
        return ServerWish("down", f"a person asked for it: {server.user_power} is in the panel's activity")
    if server.schedules is None or server.schedules_at is None or server.schedules_at < ran:
        return ServerWish("unknown", "its schedules, one of which may have stopped it, have not been read since it ran")
    if scheduled(server, ran - GRAIN, None):
        return ServerWish("unknown", "one of its schedules ran since, and may have stopped it")
    return ServerWish("up", "it ran, and nobody stopped it since")


def scheduled(server: Server, since: float, until: float | None) -> bool:
    """Whether a schedule that ends it is at it, or came to its end in that time (``until`` None = now): only then the panel notes it."""
    ending = [each for each in server.schedules or () if ENDS & set(each.powers)]
    if until is None and any(each.processing for each in ending):
        return True
    return any(each.last_run_at is not None and since <= each.last_run_at <= (until or each.last_run_at) for each in ending)
