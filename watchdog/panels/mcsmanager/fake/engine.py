"""A world that is a Docker Engine on a unix socket: the real one in tests, the fake one in the demo. Standard library only."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

from watchdog.panels.mcsmanager.fake.world import NameTaken, WorldContainer, WorldDown, WorldSilent

NOT_FOUND, CONFLICT, ERROR = 404, 409, 400


class EngineWorld:
    """Satisfies ``ContainerWorld``. ``seconds`` without an answer is silence; ``command`` is what containers run.

    ``host_config`` lies over what a container is created with, which is what the real daemon asks for: AutoRemove, a terminal, a bind of
    the instance's folder (head-docker-inspect-running.json). Folders are made, for Docker refuses to bind what is not there.
    """

    def __init__(
        self,
        path: Path,
        *,
        seconds: float = 5.0,
        command: Sequence[str] = ("sleep", "100000"),
        host_config: Mapping[str, object] | None = None,
    ) -> None:
        self._path = path
        self._seconds = seconds
        self._command = list(command)
        self._host_config: Final[Mapping[str, object]] = host_config or {"NetworkMode": "none"}

    def list(self) -> Sequence[WorldContainer]:
        """Return all containers."""
        return tuple(_container(item) for item in self._call("GET", "/containers/json?all=1"))

    def run(self, name: str, image: str, labels: Mapping[str, str], mounts: Sequence[tuple[str, str]]) -> str:
        """Create and start."""
        for source, _ in mounts:
            Path(source).mkdir(parents=True, exist_ok=True)
        binds = [{"Type": "bind", "Source": source, "Target": target} for source, target in mounts]
        body = {
            "Image": image, "Cmd": self._command, "Labels": dict(labels), "Tty": True, "OpenStdin": True,
            "HostConfig": {"AutoRemove": True, "Mounts": binds, **self._host_config},
        }  # fmt: skip
        made: str = self._call("POST", f"/containers/create?{urlencode({'name': name})}", body)["Id"]
        self._call("POST", f"/containers/{made}/start")
        return made

    def stop(self, container: str, grace: float) -> None:
        """Stop gracefully."""
        self._call("POST", f"/containers/{quote(container)}/stop?t={grace:.0f}", seconds=grace + self._seconds)

    def kill(self, container: str) -> None:
        """SIGKILL."""
        self._call("POST", f"/containers/{quote(container)}/kill")

    def unpause(self, container: str) -> None:
        """Unpause."""
        self._call("POST", f"/containers/{quote(container)}/unpause")

    def _call(self, method: str, path: str, body: object = None, seconds: float | None = None) -> Any:
        connection = _UnixConnection(self._path, seconds or self._seconds)
        content = None if body is None else json.dumps(body)
        try:
            connection.request(method, path, content, {"Content-Type": "application/json", "Host": "docker"})
            answer = connection.getresponse()
            status, raw = answer.status, answer.read()
        except TimeoutError:
            raise WorldSilent from None
        except (OSError, HTTPException):
            raise WorldDown from None
        finally:
            connection.close()
        return _read(status, raw, path)


class _UnixConnection(HTTPConnection):
    def __init__(self, path: Path, seconds: float) -> None:
        super().__init__("docker", timeout=seconds)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def _read(status: int, raw: bytes, path: str) -> Any:
    content: Any = None
    with suppress(ValueError):
        content = json.loads(raw) if raw else None
    if status == CONFLICT and "/create" in path:
        raise NameTaken(str((content or {}).get("message", "")))
    if status == NOT_FOUND and "/create" not in path:
        return None  # gone already: that is what was wanted
    if status >= ERROR and status != CONFLICT:
        raise WorldDown(f"Docker answered {status}")
    return content


def _container(item: Mapping[str, Any]) -> WorldContainer:
    return WorldContainer(
        id=item["Id"],
        name=(item.get("Names") or [""])[0].removeprefix("/"),
        image=item.get("Image") or "",
        state=item.get("State") or "",
        labels=item.get("Labels") or {},
        mounts=tuple((mount.get("Source") or "", mount.get("Destination") or "") for mount in item.get("Mounts") or []),
        created=float(item.get("Created") or 0),
    )
