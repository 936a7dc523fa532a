"""Engine: model.engines.EngineRead and EngineAct over one Door.

Nothing here can kill or force: stop sends the stop signal and gives ``grace``, remove refuses a running container.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from watchdog.errors import Cut, MalformedAnswer, Refused, ServerFault
from watchdog.model.transfers import Alive, Patience, Sink, always
from watchdog.runtime.engine.client import ANSWER_LIMIT, Door, TlsFiles, json_of, object_of
from watchdog.runtime.engine.feed import Feed
from watchdog.runtime.engine.streaming import STDIN_LIMIT, Frames, stream, until
from watchdog.runtime.engine.streams import demultiplexed, read_up_to

STOP_MARGIN = 5.0
EXEC_OUTPUT_LIMIT = 64 << 10
_REAPED = 10.0
_WIDE = "-efww"
"""As Docker's own ``-ef``, but a dockerd that was started from a terminal hands its COLUMNS to ps, which then cuts each line there."""
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,254}")


class Engine:
    """One Docker Engine. Every call has a whole-exchange deadline in seconds and raises the house's errors only. Thread-safe."""

    def __init__(self, url: str, tls: TlsFiles | None = None, limit: int = ANSWER_LIMIT) -> None:
        """Given unix:///path or tcp://host:port, and for the latter the TLS files. Raise BadSettings; no I/O."""
        self.url = url
        self._door = Door(url, tls, limit)

    def ping(self, seconds: float) -> None:
        """GET /_ping; raise MalformedAnswer when something else than Docker answers."""
        if self._door.fetch("GET", "/_ping", seconds, versioned=False).strip() != b"OK":
            raise MalformedAnswer("GET /_ping: not OK")

    def version(self, seconds: float) -> Mapping[str, object]:
        """Return GET /version."""
        return object_of(self._door.fetch("GET", "/version", seconds, versioned=False), "GET /version")

    def info(self, seconds: float) -> Mapping[str, object]:
        """Return GET /info."""
        return object_of(self._door.fetch("GET", "/info", seconds), "GET /info")

    def list(self, seconds: float) -> Sequence[Mapping[str, object]]:
        """Return GET /containers/json?all=1, raw."""
        found = json_of(self._door.fetch("GET", "/containers/json", seconds, params={"all": 1}), "GET /containers/json")
        if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
            raise MalformedAnswer("GET /containers/json: not a list of objects")
        return found

    def inspect(self, container: str, seconds: float) -> Mapping[str, object]:
        """Return GET /containers/{id}/json, raw. Raises NotFound when it has gone."""
        path = _path(container, "json")
        return object_of(self._door.fetch("GET", path, seconds), f"GET {path}")

    def events(self, since: float | None, silence: float) -> Feed:
        """Open the event stream from ``since`` (UNIX seconds). ``silence`` seconds without a byte end it with DeadlinePassed."""
        return Feed(self._door, since, silence)

    def top(self, container: str, seconds: float) -> Mapping[str, object]:
        """Return GET /containers/{id}/top, raw, with whole command lines."""
        path = _path(container, "top")
        try:
            body = self._door.fetch("GET", path, seconds, params={"ps_args": _WIDE})
        except ServerFault:
            body = self._door.fetch("GET", path, seconds)  # a ps without that option, such as busybox's
        return object_of(body, f"GET {path}")

    def logs(self, container: str, since: float, seconds: float, limit: int) -> bytes:
        """Return the first ``limit`` bytes of the log since ``since`` (UNIX seconds), with timestamps, demultiplexed."""
        config = self.inspect(container, seconds).get("Config")
        terminal = isinstance(config, dict) and bool(config.get("Tty"))
        query = {"stdout": 1, "stderr": 1, "timestamps": 1, "since": f"{since:.9f}"}
        # frame headers cost 8 bytes each: room for lines of one byte
        with self._door.open("GET", _path(container, "logs"), seconds, params=query) as answer:
            raw = read_up_to(answer, limit if terminal else limit * 9)
        return (raw if terminal else demultiplexed(raw))[:limit]

    def stop(self, container: str, grace: float, seconds: float) -> None:
        """Stop with ``grace`` seconds before Docker's own SIGKILL; already stopped is fine.

        The deadline is at least grace + 5 s, whatever ``seconds`` says: an answer cut short would look like a failed stop.
        """
        whole = max(seconds, math.ceil(grace) + STOP_MARGIN)
        self._door.fetch("POST", _path(container, "stop"), whole, params={"t": math.ceil(grace)})

    def start(self, container: str, seconds: float) -> None:
        """Start; already running is fine."""
        self._door.fetch("POST", _path(container, "start"), seconds)

    def restart(self, container: str, grace: float | None, seconds: float) -> None:
        """Restart; ``grace`` None = the container's own stop timeout (then ``seconds`` must have room for it)."""
        query = {} if grace is None else {"t": math.ceil(grace)}
        whole = seconds if grace is None else max(seconds, math.ceil(grace) + STOP_MARGIN)
        self._door.fetch("POST", _path(container, "restart"), whole, params=query)

    def remove(self, container: str, seconds: float) -> None:
        """Remove without force and without volumes. Raises Refused when it runs, NotFound when it has gone."""
        self._door.fetch("DELETE", _path(container, ""), seconds, params={"force": 0, "v": 0})

    def exec(self, container: str, argv: Sequence[str], seconds: float) -> tuple[int, str]:
        """Run ``argv`` inside, never through a shell of ours; return (exit code, the first 64 KiB of output).

        Raises DeadlinePassed when it did not end within ``seconds``: Docker cannot end it then, it runs on inside.
        """
        made = self._make_exec(container, argv, seconds, stdin=False)
        with self._door.open("POST", f"/exec/{made}/start", seconds, json={"Detach": False, "Tty": False}) as answer:
            raw = read_up_to(answer, EXEC_OUTPUT_LIMIT, drain=True)
        code = object_of(self._door.fetch("GET", f"/exec/{made}/json", seconds), "GET /exec/json").get("ExitCode")
        if not isinstance(code, int):
            raise MalformedAnswer("GET /exec/json: no exit code")
        return code, demultiplexed(raw).decode(errors="replace")

    def exec_stream(
        self,
        container: str,
        argv: Sequence[str],
        sink: Sink,
        errors: Sink,
        *,
        stdin: bytes = b"",
        patience: Patience,
        alive: Alive = always,
    ) -> int:
        """Run ``argv`` inside without a terminal; stdout goes to ``sink`` and stderr to ``errors`` as they come; return the exit code.

        ``stdin`` (at most 64 KiB) is written first; ``alive`` is asked every half second. Raises Cut when the stream ended and the program
        did not (it runs on inside), DeadlinePassed naming the layer, and what ``sink``, ``errors`` or ``alive`` raise.
        """
        if len(stdin) > STDIN_LIMIT:
            raise Refused(f"exec: more than {STDIN_LIMIT} bytes of input")
        made = self._make_exec(container, argv, patience.connect, stdin=bool(stdin))
        what = f"exec in {container[:80]}"
        frames = Frames(sink, errors, what)
        received = stream(self._door, made, what, frames, stdin, patience, alive)
        return self._ended(made, what, frames, received, patience)

    def _ended(self, made: str, what: str, frames: Frames, received: int, patience: Patience) -> int:
        code = until(lambda: self._exit_code(made, patience.connect), _REAPED)
        if code is None or not frames.whole:
            raise Cut(f"{what}: the stream was cut after {received} bytes; the program may run on inside")
        return code

    def _make_exec(self, container: str, argv: Sequence[str], seconds: float, *, stdin: bool) -> str:
        if not argv:
            raise Refused("exec: no program named")
        path = _path(container, "exec")
        body = {"Cmd": [*argv], "AttachStdout": True, "AttachStderr": True, "AttachStdin": stdin, "Tty": False}
        made = object_of(self._door.fetch("POST", path, seconds, json=body), f"POST {path}").get("Id")
        if not isinstance(made, str) or not _NAME.fullmatch(made):
            raise MalformedAnswer(f"POST {path}: no id")
        return made

    def _exit_code(self, made: str, seconds: float) -> int | None:
        told = object_of(self._door.fetch("GET", f"/exec/{made}/json", seconds), "GET /exec/json")
        code = told.get("ExitCode")
        return code if isinstance(code, int) and told.get("Running") is not True else None

    def close(self) -> None:
        """Give back what is held; connections do not outlive their exchange. The next call opens it again."""
        self._door.close()


def _path(container: str, verb: str) -> str:
    if not _NAME.fullmatch(container):
        raise Refused(f"{container[:80]!r} is no container id or name")
    return f"/containers/{container}" + (f"/{verb}" if verb else "")
