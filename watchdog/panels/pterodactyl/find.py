"""For ``init``: recognise a panel or a node among the traces on this host. Pure.

The manual writes the panel to ``/var/www/pterodactyl`` with the unit ``pteroq.service``, and a node as ``wings.service`` with
``/etc/pterodactyl/config.yml``; the images are ``ghcr.io/pterodactyl/panel`` and ``.../wings`` (documentation 1.0). Pelican likewise, by
its own names.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from watchdog.model.clues import Clues, Found
from watchdog.model.docker import Container

KEY_PATH: Final = "/etc/panel-watchdog/pterodactyl.key"
NOT_OURS: Final = ("https://panel.example.com", "the panel's address as Wings has it (remote in its config.yml)")
WHERE_THE_KEY_IS: Final = (
    "in the panel, as an administrator, open your account, 'API Credentials', and create a key (ptlc_...); an application key (ptla_...) "
    "cannot see backups"
)


@dataclass(frozen=True, slots=True)
class _Flavour:
    name: str
    panel: str
    queue: str
    node: str
    images: str


FLAVOURS: Final = (
    _Flavour("pterodactyl", "/var/www/pterodactyl/config/app.php", "pteroq.service", "/etc/pterodactyl/config.yml", "pterodactyl/"),
    _Flavour("pelican", "/var/www/pelican/config/app.php", "pelican-queue.service", "/etc/pelican/config.yml", "pelican-dev/"),
)
WINGS_UNIT: Final = "wings.service"


def find(clues: Clues) -> tuple[Found, ...]:
    """Given the clues of this host, return each panel or node that runs here: at most one of each flavour."""
    return tuple(found for flavour in FLAVOURS if (found := _of(flavour, clues)) is not None)


def _of(flavour: _Flavour, clues: Clues) -> Found | None:
    settings: dict[str, object] = {"name": flavour.name, "url": NOT_OURS[0], "token_file": KEY_PATH, "mode": "observe"}
    comments = {"mode": "observe: export and alert only. approve: plan and wait for you. repair: act", "url": NOT_OURS[1]}
    if flavour.name != "pterodactyl":
        settings["flavour"] = flavour.name
    why = [*_panel(flavour, clues, settings), *_node(flavour, clues, settings)]
    if not why:
        return None
    if "node" not in settings:
        comments["url"] += "; archives are judged by the agent on each node: run one there, too"
    return Found(settings, f"{flavour.name.capitalize()}: {', '.join(why)}", asks={"token_file": WHERE_THE_KEY_IS}, comments=comments)


def _panel(flavour: _Flavour, clues: Clues, settings: dict[str, object]) -> Iterator[str]:
    """Write what is known of the panel into ``settings``; yield why."""
    if clues.exists(flavour.panel):
        settings["panel_config"] = flavour.panel
        yield f"its {flavour.panel}"
    if flavour.queue in clues.units:
        settings["hooks"] = {"restart_queue": {"unit": flavour.queue.removesuffix(".service")}}
        yield f"unit {flavour.queue}"
    for container in clues.containers:
        if _image(container, flavour, "panel"):
            release = container.image.rpartition(":v")[2]
            if release[:1].isdigit():
                settings["panel_version"] = release
            yield f"container {container.name} ({container.image})"
            return


def _node(flavour: _Flavour, clues: Clues, settings: dict[str, object]) -> Iterator[str]:
    """Write what is known of a node into ``settings``; yield why."""
    wings = next((each for each in clues.containers if _image(each, flavour, "wings")), None)
    if wings is not None:
        settings["node"] = _paths(flavour, wings) | {"container": wings.name}
        yield f"container {wings.name} ({wings.image})"
    elif clues.exists(flavour.node):
        settings["node"] = _paths(flavour, None)
        yield f"its {flavour.node}"
        if WINGS_UNIT in clues.units:
            yield f"unit {WINGS_UNIT}"


def _paths(flavour: _Flavour, container: Container | None) -> dict[str, object]:
    """Return a node's paths as this host sees them; what is as our settings have it anyway is left out."""
    inner = {
        "config": flavour.node,
        "backups": f"/var/lib/{flavour.name}/backups",
        "log": f"/var/log/{flavour.name}/wings.log",
        "states": f"/var/lib/{flavour.name}/states.json",
        "volumes": f"/var/lib/{flavour.name}/volumes",
    }
    mounts = [(mount.destination.rstrip("/"), mount.source.rstrip("/")) for mount in container.mounts] if container is not None else []
    outer = {name: _outside(path, mounts) for name, path in inner.items()}
    return {name: path for name, path in outer.items() if path != inner[name] or flavour.name != "pterodactyl"}


def _outside(path: str, mounts: list[tuple[str, str]]) -> str:
    """Return where a container's path is on this host, by its longest mount; as it is where it has none."""
    fitting = [(inner, outer) for inner, outer in mounts if outer.startswith("/") and (path == inner or path.startswith(f"{inner}/"))]
    if not fitting:
        return path
    inner, outer = max(fitting, key=lambda each: len(each[0]))
    return outer + path[len(inner) :]


def _image(container: Container, flavour: _Flavour, what: str) -> bool:
    name = container.image.lower().rpartition(":")[0] or container.image.lower()
    return f"{flavour.images}{what}" in name
