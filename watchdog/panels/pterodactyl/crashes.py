"""The rules about servers that end by themselves: out of memory, crashing again and again, given up by Wings (contract 5.1). Pure.

Wings starts a crashed server again, once a minute at the most, and then gives up. The engine's flag tells of memory, never the code 137.
What a person asked for is no crash.
"""

from __future__ import annotations

from typing import Final

from watchdog.model.drifts import Proposal, Scalar
from watchdog.model.parts import Part, one, only, unsure
from watchdog.panels.pterodactyl import remedies
from watchdog.panels.pterodactyl.notes import GRAIN, ServerNote
from watchdog.panels.pterodactyl.scene import Scene, server_subject
from watchdog.panels.pterodactyl.view import Server, WingsServer
from watchdog.panels.pterodactyl.wishes import scheduled, wish_of

GIVEN_UP: Final = 86400.0
"""Seconds for which a server that Wings gave up is worth a word."""
ENDED_WITHIN: Final = {"stop": 900.0, "kill": 60.0, "restart": 900.0}
"""Seconds after a person's word within which an end is what was asked for (a stop may take ten minutes, then SIGKILL)."""
NOTED_WITHIN: Final = 60.0
"""Seconds within which the panel notes that a schedule is through, after its last task has gone out (RunTaskJob.php@v1.11.8)."""


def remember(scene: Scene, server: Server) -> None:
    """Keep what was heard of its ends lately, also while our engine cannot be heard."""
    for kind in ("die", "oom"):
        scene.notes.stamps(kind, server.uuid, (), scene.wall - scene.settings.thresholds.crash_window)


def out_of_memory(scene: Scene, server: Server) -> Part:
    """Report that the kernel ended a server for want of memory lately, whether it runs again or not."""
    if not scene.here(server) or not scene.engine.clear:
        return Part()
    since = scene.wall - scene.settings.thresholds.crash_window
    container = scene.engine.servers.get(server.uuid)
    events = [(each.at, 0) for each in scene.engine.events.get(server.uuid, ()) if each.action == "oom"]
    heard = bool(scene.notes.stamps("oom", server.uuid, events, since))
    marked = container is not None and bool(container.oom_killed) and not container.running and (container.finished_at or 0.0) >= since
    if not heard and not marked:
        return Part()
    evidence: dict[str, Scalar] = {"memory_mib": server.memory_mib, "swap_mib": server.swap_mib, "heard": heard, "marked": marked}
    hold = "give it more memory, or let it use less: Wings starts it again by itself, and it will end again"
    truth = "the kernel ended it for want of memory"
    return only(scene.drift("server_oom", server_subject(server), truth, f"it may use {server.memory_mib} MiB", evidence, None, hold))


def crashed(scene: Scene, server: Server, wings: WingsServer, note: ServerNote) -> Part:
    """Report a server that dies again and again, or one that Wings gave up to start; one that nobody wants is let be."""
    subject = server_subject(server)
    wish = wish_of(scene.settings, server, note)
    deaths = _deaths(scene, server)
    standing = scene.engine.standing(server.uuid)
    evidence: dict[str, Scalar] = {"state": wings.state, "container": standing, "wish": wish.why, "given_up": False}
    if len(deaths) >= scene.settings.thresholds.crash_looks:
        evidence["exit_code"] = deaths[-1]
        hold = "starting it again would only feed the loop: read its log"
        truth = f"it died at least {scene.settings.thresholds.crash_looks} times lately"
        return one(subject, scene.drift("server_crash_loop", subject, truth, f"Wings says {wings.state}", evidence, None, hold))
    ended = _ended(scene, server, note)
    if wings.state != "offline" or wish.want == "down" or ended is None:
        return one(subject)
    if server.activity_at is None or server.activity_at < ended:
        return unsure(subject, "activity_unread", "it ended; whether a person asked for it stands in the panel's activity, not read yet")
    if _asked(scene, server, ended):
        return one(subject)
    container = scene.engine.servers.get(server.uuid)
    evidence |= {"given_up": True, "exit_code": container.exit_code if container is not None else None}
    proposal, reason = _start(scene, server, wings, standing, wish.want)
    truth = "it ended by itself" if container is not None else "it ended, and its container is gone"
    return one(subject, scene.drift("server_crash_loop", subject, truth, "Wings gave up to start it", evidence, proposal, reason))


def _start(scene: Scene, server: Server, wings: WingsServer, standing: str, want: str) -> tuple[Proposal | None, str | None]:
    """Return the proposal to start it, only where it is known to be wanted."""
    if want != "up":
        return None, "read its log; whether it should run is not known: start it yourself, or say so in expect"
    return remedies.power(
        scene.settings.name, remedies.START, server.uuid, state=wings.state, container=standing, stop_type="", wish="known"
    ), None  # fmt: skip


def _deaths(scene: Scene, server: Server) -> list[int]:
    """Return the exit codes of deaths that nobody asked for, within the window, oldest first."""
    since = scene.wall - scene.settings.thresholds.crash_window
    if server.user_power_at is not None:  # only the newest word of a person is known: what lies before it may be their doing, too
        since = max(since, server.user_power_at + ENDED_WITHIN.get(server.user_power, 0.0))
    events = scene.engine.events.get(server.uuid, ())
    heard = [(each.at, each.exit_code) for each in events if each.action == "die" and each.exit_code is not None]
    known = scene.notes.stamps("die", server.uuid, heard, scene.wall - scene.settings.thresholds.crash_window)
    clean = max((at for at, code in known if code == 0), default=0.0)  # it ended well since: the loop is over
    return [code for at, code in known if code and at >= since and at > clean]


def _ended(scene: Scene, server: Server, note: ServerNote) -> float | None:
    """Return when it ended with an error, having run before our eyes; None = it did not, or too long ago."""
    container = scene.engine.servers.get(server.uuid)
    if container is not None and (container.running or not container.exit_code):
        return None
    ended = container.finished_at if container is not None else note.state_since
    if ended is None or note.ran_at is None or scene.wall - ended > GIVEN_UP or note.ran_at < ended - 2 * GRAIN:
        return None
    return ended


def _asked(scene: Scene, server: Server, ended: float) -> bool:
    said = server.user_power_at
    if said is not None and said <= ended <= said + ENDED_WITHIN.get(server.user_power, 0.0):
        return True
    if scheduled(server, ended - ENDED_WITHIN["stop"], ended + NOTED_WITHIN):
        return True
    acted_on = remedies.server_object(scene.settings.name, server.uuid)
    ours = [
        scene.facts.last_remedy_at.get((name, acted_on), 0.0) for name in (remedies.STOP, remedies.KILL, remedies.RESTART, remedies.SYNC)
    ]
    return any(at <= ended <= at + ENDED_WITHIN["stop"] for at in ours)
