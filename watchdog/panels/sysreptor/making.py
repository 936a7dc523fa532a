"""One run: the stream of a backup into a marked part, by command or by API, with a pulse; and what the end of it was."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

from watchdog.errors import BadSettings, LedgerUnavailable
from watchdog.model.transfers import Alive, Patience, Sink
from watchdog.panels.sysreptor.client import BACKUP_PATH, aes_key, backup_body
from watchdog.panels.sysreptor.hands import Hands
from watchdog.panels.sysreptor.progress import Progress
from watchdog.runtime.http import check
from watchdog.runtime.partfile import PartFile
from watchdog.runtime.redaction import redact

FENCE_EVERY: Final = 20.0
_KEPT: Final = 4096
_SHOWN: Final = 300
KEY_WORD: Final = "--key=-"


@dataclass(frozen=True, slots=True)
class End:
    """How the stream ended: the command's exit code (0 for a download), and the last it said on its stderr."""

    code: int
    said: str = ""


class Pulse:
    """Whether we may go on, asked every half second from beside the stream; and the most memory that was seen in use meanwhile.

    Raises Stopping, DeadlinePassed or LeaseLost. The lease is asked for every 20 s: its renewal is the tender's.
    """

    def __init__(self, hands: Hands) -> None:
        self._hands = hands
        self._fenced = time.monotonic()
        self._before = self._memory()
        self.peak: int | None = None

    def __call__(self) -> None:
        """Look once."""
        self._hands.act.sleep(0.0)
        if time.monotonic() - self._fenced >= FENCE_EVERY:
            self._fenced = time.monotonic()
            self._fence()
        now = self._memory()
        if now is not None and self._before is not None:
            self.peak = max(self.peak or 0, now - self._before, 0)

    def _fence(self) -> None:
        try:
            self._hands.act.fence()
        except LedgerUnavailable:
            if self._hands.act.remaining() <= 0:
                raise  # by our own clock the lease is over, too

    def _memory(self) -> int | None:
        use = self._hands.cgroup()
        return use.memory_bytes if use is not None else None


class Tail:
    """The last bytes of a program's stderr. ``add`` is a ``Sink``."""

    def __init__(self) -> None:
        self._kept = b""

    def add(self, piece: bytes) -> None:
        """Take the next bytes."""
        self._kept = (self._kept + piece)[-_KEPT:]

    @property
    def text(self) -> str:
        """Return the end of it in one line, without secrets."""
        return redact(" ".join(self._kept.decode(errors="replace").split()))[-_SHOWN:]


def patience_of(hands: Hands) -> Patience:
    """Return how patient to be with this run."""
    timeouts = hands.settings.run.timeouts
    return Patience(timeouts.connect, timeouts.first_byte, timeouts.between, timeouts.no_progress, hands.longest)


def stream(hands: Hands, part: PartFile, alive: Alive) -> End:
    """Stream one backup into ``part``. Raises what the wire, the part and the pulse raise."""
    with Progress(hands.ports.instruments, hands.settings.name, hands.expected_bytes) as progress:

        def sink(piece: bytes) -> None:
            part.write(piece)
            progress.add(piece)

        if hands.settings.run.method == "exec":
            return _by_command(hands, sink, alive)
        http = hands.client.http
        if http is None:
            raise BadSettings("a backup by the API needs url and token_file")
        body = backup_body(hands.settings, dry=False)
        check(http.download("backup", "POST", BACKUP_PATH, sink, json=body, patience=patience_of(hands), alive=alive))
        return End(0)


def _by_command(hands: Hands, sink: Sink, alive: Alive) -> End:
    engine, run, said = hands.ports.engine_act, hands.settings.run, Tail()
    if engine is None:
        raise BadSettings("a backup by command needs a Docker engine that may be acted on")
    argv = (*run.argv, KEY_WORD) if run.encrypt else run.argv
    stdin = f"{aes_key(hands.settings)}\n".encode() if run.encrypt else b""
    code = engine.exec_stream(run.container, argv, sink, said.add, stdin=stdin, patience=patience_of(hands), alive=alive)
    return End(code, said.text)
