"""Builder: model.engines.EngineBuild over one Door. What it makes bears our label and our name, and it removes nothing else by force.

The engine's own call to make a container never pulls an image; whoever wants one says ``docker pull``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from watchdog.errors import MalformedAnswer, NotFound, Refused, Unreachable
from watchdog.model.engines import OUR_LABEL, OUR_PREFIX, Box
from watchdog.model.transfers import Alive, Patience, Sink, always
from watchdog.runtime.engine.client import json_of, object_of
from watchdog.runtime.engine.engine import Engine
from watchdog.runtime.engine.streaming import Frames, stream, until

_OUR_NAME = re.compile(re.escape(OUR_PREFIX) + r"[a-zA-Z0-9_.-]{1,100}")
_IMAGE = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.:/@-]{0,254}")
_LOG_BYTES = "1m"
_REAPED = 10.0


class Builder(Engine):
    """An engine that may also be built on. Thread-safe, raises the house's errors only."""

    def image(self, name: str, seconds: float) -> Mapping[str, object]:
        """Return GET /images/{name}/json. Raises NotFound when it is not on this host."""
        path = f"/images/{_image(name)}/json"
        return object_of(self._door.fetch("GET", path, seconds), f"GET {path}")

    def networks(self, seconds: float) -> Sequence[Mapping[str, object]]:
        """Return GET /networks."""
        found = json_of(self._door.fetch("GET", "/networks", seconds), "GET /networks")
        if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
            raise MalformedAnswer("GET /networks: not a list of objects")
        return found

    def create_network(self, name: str, labels: Mapping[str, str], seconds: float) -> Mapping[str, object]:
        """Make a network without a way out and return what the engine tells of it. Raises Refused when it is not what was asked for."""
        _ours(name, labels)
        body = {"Name": name, "Driver": "bridge", "Internal": True, "CheckDuplicate": True, "Labels": dict(labels)}
        made = _id(self._door.fetch("POST", "/networks/create", seconds, json=body), "POST /networks/create")
        found = self._network(made, seconds)
        if found.get("Internal") is not True:
            self._door.fetch("DELETE", f"/networks/{made}", seconds)
            raise Refused(f"the engine made the network '{name}' with a way out, although it was asked for one without")
        return found

    def create(self, box: Box, seconds: float) -> Mapping[str, object]:
        """Make a container and return its inspect. Raises Refused for a name that is taken, NotFound for an image that is not here."""
        _ours(box.name, box.labels)
        if box.network != "none" and not _OUR_NAME.fullmatch(box.network.removeprefix("container:")):
            raise Refused(f"'{box.network}' is no network of ours: '{box.name}' is not made")
        body = _body(box)
        made = _id(self._door.fetch("POST", "/containers/create", seconds, params={"name": box.name}, json=body), "POST /containers/create")
        return self.inspect(made, seconds)

    def discard(self, container: str, seconds: float) -> None:
        """Remove one of ours with its unnamed volumes, whatever it does; one that has gone is fine."""
        try:
            found = self.inspect(container, seconds)
            config = found.get("Config")
            labels = config.get("Labels") if isinstance(config, dict) else None
            _ours(str(found.get("Name")).lstrip("/"), labels)
            self._door.fetch("DELETE", f"/containers/{_word(found.get('Id'))}", seconds, params={"force": 1, "v": 1})
        except NotFound:
            return

    def discard_network(self, network: str, seconds: float) -> None:
        """Remove a network of ours; one that has gone is fine."""
        try:
            found = self._network(network, seconds)
            _ours(str(found.get("Name")), found.get("Labels"))
            self._door.fetch("DELETE", f"/networks/{_word(found.get('Id'))}", seconds)
        except NotFound:
            return

    def exec_fill(
        self,
        container: str,
        argv: Sequence[str],
        source: Iterable[bytes],
        sink: Sink,
        errors: Sink,
        *,
        patience: Patience,
        alive: Alive = always,
    ) -> int:
        """Run ``argv`` inside with all of ``source`` as its stdin; see ``model.engines.EngineBuild``. Raises Refused for a TLS engine."""
        if not self.url.startswith("unix://"):
            raise Refused("exec: the end of an input cannot be told over TLS; use the engine's own socket")
        made = self._make_exec(container, argv, patience.connect, stdin=True)
        what = f"exec in {container[:80]}"
        frames = Frames(sink, errors, what)
        try:
            received = stream(self._door, made, what, frames, b"", patience, alive, source)
        except Unreachable:
            # closing a line on which there is still something to read resets it: the program just did not read on
            code = until(lambda: self._exit_code(made, patience.connect), _REAPED)
            if code is None or not frames.whole:
                raise
            return code
        return self._ended(made, what, frames, received, patience)

    def _network(self, network: str, seconds: float) -> Mapping[str, Any]:
        path = f"/networks/{quote(_word(network), safe='')}"
        return object_of(self._door.fetch("GET", path, seconds), f"GET {path}")


def _body(box: Box) -> Mapping[str, object]:
    host = {
        "NetworkMode": box.network, "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0}, "Memory": box.memory, "MemorySwap": box.memory,
        "Tmpfs": dict(box.tmpfs), "Privileged": False, "PublishAllPorts": False, "AutoRemove": False, "Binds": [],
        "SecurityOpt": ["no-new-privileges"], "LogConfig": {"Type": "json-file", "Config": {"max-size": _LOG_BYTES, "max-file": "1"}},
    }  # fmt: skip
    body: dict[str, object] = {
        "Image": _image(box.image), "Env": [*box.environment], "Labels": dict(box.labels), "HostConfig": host, "Tty": False,
        "OpenStdin": False, "Healthcheck": {"Test": ["NONE"]},
    }  # fmt: skip
    if box.argv:
        body |= {"Entrypoint": [box.argv[0]], "Cmd": [*box.argv[1:]]}
    return body


def _ours(name: str, labels: object) -> None:
    if not _OUR_NAME.fullmatch(name) or not isinstance(labels, Mapping) or not labels.get(OUR_LABEL):
        raise Refused(f"'{name[:80]}' is none of ours: it lacks our name or the label {OUR_LABEL}")


def _image(name: str) -> str:
    if not _IMAGE.fullmatch(name):
        raise Refused(f"{name[:80]!r} is no name of an image")
    return name


def _id(body: bytes, what: str) -> str:
    return _word(object_of(body, what).get("Id"))


def _word(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,254}", value):
        raise MalformedAnswer("the engine told no id")
    return value
