"""Blocking calls beside the server's loop: bounded in number and time, each in a daemon thread of its own.

Not a thread pool: a pool's threads are joined when the program ends, so one stuck call would hold up the end; and in a shared pool slow
calls would starve the others. /metrics and health need no thread at all.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

from watchdog.errors import DeadlinePassed, Stopping, Throttled

T = TypeVar("T")


class Lane:
    """At most ``width`` calls at once. Belongs to one loop."""

    def __init__(self, name: str, width: int) -> None:
        self._name = name
        self._width = width
        self._running = 0
        self._waiting: set[asyncio.Future[object]] = set()
        self._closed = False

    async def run(self, call: Callable[[], T], seconds: float = 30.0) -> T:
        """Run ``call`` and return its result or raise its error.

        Raises Throttled when all places are taken, DeadlinePassed after ``seconds`` (the call goes on and keeps its place until it
        ends), Stopping when the server ends.
        """
        if self._closed:
            raise Stopping("the program is ending")
        if self._running >= self._width:
            raise Throttled(f"all {self._width} {self._name} calls are taken", delay=5.0)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._running += 1
        threading.Thread(target=self._work, args=(call, future, loop), name=f"web-{self._name}", daemon=True).start()
        self._waiting.add(future)  # type: ignore[arg-type]  # Future is invariant; only its error is ever set from here
        try:
            return await asyncio.wait_for(future, seconds)
        except TimeoutError:
            raise DeadlinePassed(f"no result within {seconds:.0f} s; the call goes on") from None
        finally:
            self._waiting.discard(future)

    def close(self) -> None:
        """Answer everybody who waits, and everybody to come, with Stopping."""
        self._closed = True
        for future in self._waiting:
            if not future.done():
                future.set_exception(Stopping("the program is ending"))

    def _work(self, call: Callable[[], T], future: asyncio.Future[T], loop: asyncio.AbstractEventLoop) -> None:
        try:
            result, error = call(), None
        except BaseException as raised:  # noqa: BLE001  # it is raised again, where the call was made
            result, error = None, raised
        try:
            loop.call_soon_threadsafe(self._settle, future, result, error)
        except RuntimeError:  # the loop is closed: nobody waits any more
            return

    def _settle(self, future: asyncio.Future[T], result: T | None, error: BaseException | None) -> None:
        self._running -= 1
        if future.done():
            return
        if error is None:
            future.set_result(result)  # type: ignore[arg-type]  # None is a result when T says so
        else:
            future.set_exception(error)
