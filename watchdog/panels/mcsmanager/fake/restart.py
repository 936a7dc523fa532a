"""A program for hooks: ``python -m watchdog.panels.mcsmanager.fake.restart http://127.0.0.1:PORT/daemons/UUID/restart``."""

from __future__ import annotations

import sys
from http.client import HTTPConnection
from urllib.parse import urlsplit


def main(url: str) -> int:
    """POST to the fake panel's control port; return 0 when the daemon has been restarted."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname or "127.0.0.1", parts.port, timeout=60)
    try:
        connection.request("POST", parts.path)
        answer = connection.getresponse()
        sys.stdout.write(answer.read().decode())
        return 0 if answer.status == 200 else 1  # noqa: PLR2004  # HTTP's OK
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
