"""Laravel's rate limits: so many requests a minute per user and API, in a window that begins with its first request (client-429.json)."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Final

from watchdog.panels.pterodactyl.fake.replies import Refused

WINDOW: Final = 60.0


class Limits:
    """Counts requests. Client and Application limits are apart, each per user, whatever the key (client-after-application-429.json)."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._windows: dict[tuple[str, int], tuple[float, int]] = {}

    def count(self, api: str, user: int, most: int, now: float) -> Mapping[str, str]:
        """Count one request; return the headers of its answer, whatever it will be. Raises Refused(429) with headers of its own."""
        with self._lock:
            began, used = self._windows.get((api, user), (now, 0))
            if now - began >= WINDOW:
                began, used = now, 0
            if used < most:
                self._windows[api, user] = began, used + 1
        headers = {"X-RateLimit-Limit": str(most), "X-RateLimit-Remaining": str(max(0, most - used - 1))}
        if used < most:
            return headers
        left = max(0, int(began + WINDOW - now))
        more = {"Retry-After": str(left), "X-RateLimit-Reset": str(int(now) + left)}
        raise Refused(429, "ThrottleRequestsException", "Too Many Attempts.", headers=headers | more)

    def forget(self) -> None:
        """Begin new windows, as an emptied cache does."""
        with self._lock:
            self._windows.clear()
