"""Exactly what each remedy sends, one line each: for plans, approvals and the record. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from watchdog.model.repairs import PlannedRepair
from watchdog.panels.mcsmanager.settings import McsmanagerSettings


def lines(settings: McsmanagerSettings, repair: PlannedRepair) -> tuple[str, ...]:
    """Return, in order, what a repair would send."""
    parameters: Mapping[str, object] = repair.proposal.parameters
    daemon, instance, container = (str(parameters.get(name, "")) for name in ("daemon", "instance", "container"))
    match repair.proposal.remedy:
        case "open_instance":
            return (open_line(settings, daemon, instance),)
        case "stop_container_then_open":
            return (stop_line(container, settings.stop_grace), open_line(settings, daemon, instance))
        case "remove_leftover":
            start = (open_line(settings, daemon, instance),) if parameters.get("start") is True else ()
            return (remove_line(container), *start)
        case "relink_daemon":
            return (link_line(settings, daemon),)
        case "restart_daemon":
            return (str(parameters.get("hook", "")),)
    return ()


def open_line(settings: McsmanagerSettings, daemon: str, instance: str) -> str:
    """Return the line of a start."""
    query = urlencode({"daemonId": daemon, "uuid": instance})
    return f"GET {settings.url}/api/protected_instance/open?{query}"


def link_line(settings: McsmanagerSettings, daemon: str) -> str:
    """Return the line of a relink."""
    return f"GET {settings.url}/api/service/link_remote_service?{urlencode({'uuid': daemon})}"


def stop_line(container: str, grace: float) -> str:
    """Return the line of a graceful stop; ``grace`` is seconds."""
    return f"Docker: POST /containers/{container}/stop?t={grace:.0f}"


def remove_line(container: str) -> str:
    """Return the line of a removal without force."""
    return f"Docker: DELETE /containers/{container}?force=0&v=0"
