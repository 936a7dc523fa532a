"""The demo's real hook command: ``python -m watchdog.demo.hook URL`` posts to the fake panel's control port, which restarts a daemon."""

from __future__ import annotations

import sys
from urllib.parse import urlsplit

from watchdog.errors import WatchdogError
from watchdog.runtime.clock import SystemClock
from watchdog.runtime.http import Http, check


def main(words: list[str]) -> int:
    """Post to the URL given; return 0 when it was answered well."""
    parts = urlsplit(words[0])
    try:
        check(Http(f"{parts.scheme}://{parts.netloc}", clock=SystemClock()).request("restart", "POST", parts.path))
    except WatchdogError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
