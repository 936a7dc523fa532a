"""``python3 manage.py backup`` as a program that a fake container runs (management/commands/backup.py; contract section 1.1)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, Protocol

from watchdog.panels.sysreptor.fake.sealed import sealed
from watchdog.panels.sysreptor.fake.world import SysreptorWorld, limited

KILLED: Final = 137
_UNFLUSHED: Final = 8192
_KEY_DIGITS: Final = 64


class Reader(Protocol):
    """The readable half of a binary file."""

    def readline(self, size: int | None = ..., /) -> bytes: ...


class Streams(Protocol):
    """What the program talks through: the fake engine lends it."""

    @property
    def stdin(self) -> Reader: ...

    def out(self, piece: bytes) -> None: ...

    def err(self, piece: bytes) -> None: ...


class ManagePy:
    """Called with an argv and streams; returns the exit code."""

    def __init__(self, world: SysreptorWorld) -> None:
        self._world = world

    def __call__(self, argv: Sequence[str], streams: Streams) -> int:
        """Run ``python3 manage.py backup [FILE|-] [--key HEX|-] [-v 0]``; anything else is unknown."""
        words = list(argv[2:] if list(argv[1:2]) == ["manage.py"] else ())
        if words[:1] != ["backup"]:
            streams.err(f"Unknown command: {' '.join(words[:1])!r}\nType 'manage.py help' for usage.\n".encode())
            return 1
        try:
            key = self._key(words[1:], streams)
        except ValueError as error:
            streams.err(f"usage: manage.py backup [--key KEY] [file]\nmanage.py backup: error: argument --key: {error}\n".encode())
            return 2
        if not self._world.professional:
            streams.err(b"CommandError: Professional license required\n")
            return 1
        return self._backup(key, streams)

    def _key(self, words: Sequence[str], streams: Streams) -> bytes | None:
        given = next((word.removeprefix("--key=") for word in words if word.startswith("--key=")), None)
        if "--key" in words:
            given = words[words.index("--key") + 1]
        if given is None:
            return None
        if given == "-" and self._world.release.reads_key:
            # getpass without a terminal: a warning, the prompt, and a line of standard input
            streams.err(b"GetPassWarning: Can not control echo on the terminal.\nWarning: Password input may be echoed.\nAES key (hex): ")
            given = streams.stdin.readline(1024).decode().strip()
        if len(given) != _KEY_DIGITS:
            raise ValueError("256-bit AES key required")
        return bytes.fromhex(given)

    def _backup(self, key: bytes | None, streams: Streams) -> int:
        switches = self._world.switches
        streams.err(b"INFO Backup requested\n")
        pieces: Iterator[bytes] = self._world.backup()
        if key is not None:
            pieces = sealed(pieces, key)
        if switches.end_command_before_directory:
            pieces = self._all_but_the_end(pieces)
        elif not self._world.release.flushes:
            pieces = _unflushed(pieces)
        killed = switches.out_of_memory_after
        for at, piece in enumerate(limited(pieces, killed)):
            streams.out(piece)
            if not at and switches.hold is not None:
                self._wait(streams)
        if killed is not None:
            self._world.killed()
            return KILLED
        if switches.end_command_before_directory:
            return 1
        streams.err(b"INFO Backup finished\n")
        return 0

    def _wait(self, streams: Streams) -> None:
        hold = self._world.switches.hold
        wait = getattr(streams, "wait", None)
        if hold is not None and wait is not None:
            wait(hold.is_set)
        elif hold is not None:
            hold.wait()

    def _all_but_the_end(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """Yield a stream up to the archive's directory."""
        held = b""
        for piece in pieces:
            if piece.startswith(b"PK\x01\x02"):
                break
            yield held
            held = piece
        yield held


def _unflushed(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield a stream without what lies in the buffer of a file that nobody closes (cause A, up to 2025.12)."""
    buffer = b""
    for piece in pieces:
        buffer += piece
        whole = len(buffer) - len(buffer) % _UNFLUSHED
        if whole:
            yield buffer[:whole]
            buffer = buffer[whole:]
