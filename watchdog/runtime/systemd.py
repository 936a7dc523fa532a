"""What systemd wants to hear (sd_notify), over $NOTIFY_SOCKET and without a library. Source: sd_notify(3), sd_watchdog_enabled(3)."""

from __future__ import annotations

import os
import socket
import time

from watchdog.runtime.log import get_logger

log = get_logger(__name__)


def sd_notify(state: str) -> bool:
    """Send ``state`` (READY=1, WATCHDOG=1, STOPPING=1, RELOADING=1); return whether somebody was there to hear it. Never raises OSError.

    RELOADING=1 gets the monotonic stamp that Type=notify-reload asks for.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return False
    if state == "RELOADING=1":
        state += f"\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}"
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
            sock.settimeout(1.0)
            sock.connect("\0" + address[1:] if address.startswith("@") else address)
            sock.sendall(state.encode())
    except OSError as error:
        log.debug("systemd did not hear us", state=state, error=type(error).__name__)
        return False
    return True


def watchdog_seconds() -> float | None:
    """Return how often systemd wants WATCHDOG=1 at the latest (half of WatchdogSec=), in seconds; None when it does not watch us."""
    stamp, pid = os.environ.get("WATCHDOG_USEC", ""), os.environ.get("WATCHDOG_PID", "")
    if not stamp.isdigit() or int(stamp) == 0 or (pid and pid != str(os.getpid())):
        return None
    return int(stamp) / 2_000_000
