"""For ``init``: recognise a Duplicati server among the traces on this host. Pure.

The packages write the unit ``duplicati.service`` and the default file ``/etc/default/duplicati``; the official image is
``duplicati/duplicati``, LinuxServer's ``linuxserver/duplicati``; the server listens on 8200 and up.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from watchdog.model.clues import Clues, Found
from watchdog.model.docker import Container

PORT: Final = 8200
UNITS: Final = ("duplicati.service", "duplicati-server.service")
FILES: Final = ("/usr/bin/duplicati-server", "/usr/lib/duplicati/duplicati-server", "/etc/default/duplicati")
KEY_PATH: Final = "/etc/panel-watchdog/duplicati.password"
WHERE_IT_IS: Final = (
    "the password of the server's own page (Settings, Access to user interface). Better, from 2.1.1 on: start the server with "
    "--webservice-pre-auth-tokens=TOKEN and write auth: preauth with a token_file; each session by password leaves a row in its database"
)
_IMAGES: Final = ("duplicati/duplicati", "linuxserver/duplicati")


def find(clues: Clues) -> tuple[Found, ...]:
    """Given the clues of this host, return each server that runs here: at most one on the host itself, and one per container."""
    return (*_on_the_host(clues), *(_in(container) for container in clues.containers if _is_duplicati(container)))


def _on_the_host(clues: Clues) -> Iterator[Found]:
    units = [unit for unit in UNITS if unit in clues.units]
    files = [file for file in FILES if clues.exists(file)]
    if not units and not files:
        return
    why = [*(f"unit {unit}" for unit in units), *files[:1], *([f"port {PORT}"] if clues.listens(PORT) else [])]
    yield _found(_settings("duplicati"), why)


def _in(container: Container) -> Found:
    why = [f"container {container.name} ({container.image})"]
    return _found(_settings(container.name), why)


def _settings(name: str) -> dict[str, object]:
    return {"name": name, "url": f"http://127.0.0.1:{PORT}", "password_file": KEY_PATH, "mode": "observe"}


def _found(settings: dict[str, object], why: list[str]) -> Found:
    comments = {
        "mode": "observe: export and alert only, pauses are not carried out. approve: pauses are, the rest waits for you. repair: act",
        "url": "a name that the server was not told of is refused by it: write its address, or add host_header: localhost",
    }
    return Found(settings, f"Duplicati: {', '.join(why)}", asks={"password_file": WHERE_IT_IS}, comments=comments)


def _is_duplicati(container: Container) -> bool:
    return any(image in container.image.lower() for image in _IMAGES)
