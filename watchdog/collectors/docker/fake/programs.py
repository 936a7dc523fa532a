"""What a program that runs in a fake container by exec is given, and what it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol


class ExecStreams(Protocol):
    """What a program run by exec talks through. All may raise to end it, when its container goes; let that pass."""

    @property
    def stdin(self) -> Reader:
        """What the client sends; empty when it attached none."""
        ...

    def out(self, piece: bytes) -> None:
        """Write to stdout; dropped when the client is gone."""
        ...

    def err(self, piece: bytes) -> None:
        """Write to stderr."""
        ...

    def wait(self, done: Callable[[], bool] = ...) -> None:
        """Do nothing until ``done``; asked again after each change of the world and twenty times a second."""
        ...


class Reader(Protocol):
    """The readable half of a binary file."""

    def read(self, size: int = ..., /) -> bytes: ...

    def readline(self, size: int | None = ..., /) -> bytes: ...


Program = Callable[[Sequence[str], ExecStreams], int]
"""Runs an argv inside a fake container and returns its exit code."""
