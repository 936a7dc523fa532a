"""A hook that a test holds at every step: ``python tests/support/held_hook.py FOLDER URL``.

It writes ``FOLDER/begun`` (a line each time), waits for ``FOLDER/act``, posts to URL, writes ``FOLDER/acted``, waits for ``FOLDER/end``.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from urllib.request import Request, urlopen


def wait_for(path: Path) -> None:
    """Wait for a file, for ten minutes at most."""
    until = time.monotonic() + 600
    while not path.exists():
        if time.monotonic() > until:
            sys.exit(3)
        time.sleep(0.05)


def main(folder: Path, url: str) -> None:
    """See above."""
    with (folder / "begun").open("a") as begun:
        begun.write("begun\n")
    wait_for(folder / "act")
    with urlopen(Request(url, method="POST"), timeout=60) as answer:
        answer.read()
    (folder / "acted").touch()
    wait_for(folder / "end")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
