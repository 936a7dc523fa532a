"""The ``panel-watchdog`` command.

``run`` is started without typer and rich: the program that runs for months should not carry what only a terminal needs.
"""

from __future__ import annotations

import sys

from watchdog.errors import WatchdogError
from watchdog.runtime.installed import check_installation

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_CONFIG = 78


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code: 0 well, 1 failed, 2 wrong words, 78 unusable configuration or installation."""
    words = sys.argv[1:] if argv is None else argv
    try:
        check_installation()
    except WatchdogError as error:
        print(f"panel-watchdog: {error}", file=sys.stderr)
        return EXIT_CONFIG
    if words[:1] == ["run"]:
        from watchdog.cli.run import run  # noqa: PLC0415  # keeps typer and rich out of the running program

        return run(words[1:])
    from watchdog.cli.commands import start  # noqa: PLC0415

    return start(words)
