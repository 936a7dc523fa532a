"""Asks several others side by side, with one deadline for all and threads that never keep the program from ending.

No ``ThreadPoolExecutor``: its threads are joined when the interpreter ends, so a panel that hangs would hold up every clean exit.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Final, Generic, Literal, Self, TypeVar

WIDTH: Final = 8
"""The most requests that one look has under way."""

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")


def side_by_side(deed: Callable[[ItemT], ResultT], items: Sequence[ItemT], seconds: float) -> tuple[ResultT | None, ...]:
    """Return what ``deed`` makes of each item, in order; None = it had not come back after ``seconds``, and is left behind.

    Raises the first error that a deed raises. A single item is dealt with by the caller's own thread, as long as that takes.
    """
    if len(items) <= 1:
        return tuple(deed(item) for item in items)
    return _Fan(deed, items).results(time.monotonic() + seconds)


class _Box(Generic[ResultT]):
    """Carries what a deed returned, or raised, to the thread that waits for it; there it is raised again."""

    def __init__(self) -> None:
        self.result: ResultT | None = None
        self.error: BaseException | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> Literal[True]:
        self.error = error
        return True


class _Fan(Generic[ItemT, ResultT]):
    """The threads of one look; each takes the next item until none is left or nobody waits any more."""

    def __init__(self, deed: Callable[[ItemT], ResultT], items: Sequence[ItemT]) -> None:
        self._deed = deed
        self._results: list[ResultT | None] = [None] * len(items)
        self._waiting: SimpleQueue[tuple[int, ItemT]] = SimpleQueue()
        self._told: SimpleQueue[tuple[int, _Box[ResultT]]] = SimpleQueue()
        self._over = threading.Event()
        for each in enumerate(items):
            self._waiting.put(each)

    def results(self, until: float) -> tuple[ResultT | None, ...]:
        """Return all that came back before ``until`` (monotonic seconds)."""
        for _ in range(min(WIDTH, len(self._results))):
            threading.Thread(target=self._work, name="look-aside", daemon=True).start()
        try:
            for _ in self._results:
                number, box = self._told.get(timeout=max(0.0, until - time.monotonic()))
                if box.error is not None:
                    raise box.error
                self._results[number] = box.result
        except Empty:
            pass
        finally:
            self._over.set()
        return tuple(self._results)

    def _work(self) -> None:
        while not self._over.is_set():
            try:
                number, item = self._waiting.get_nowait()
            except Empty:
                return
            with _Box[ResultT]() as box:
                box.result = self._deed(item)
            self._told.put((number, box))
