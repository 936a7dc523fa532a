"""``run``: the program itself. Carries no typer, rich, apprise or alembic (unless the ledger's schema must change)."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from watchdog import settings
from watchdog.errors import BadSettings, WatchdogError
from watchdog.runtime.heap import give_back
from watchdog.runtime.log import configure

EXIT_CONFIG = 78


def run(words: Sequence[str]) -> int:
    """Given the words after ``run``, run until told to stop and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="panel-watchdog run",
        description="Run the exporter and reconciler. Without a configuration it exports Docker, WireGuard and host facts.",
    )
    parser.add_argument(
        "-c", "--config", type=Path, default=None, help=f"the configuration file (default: {settings.DEFAULT_PATH}, if it exists)"
    )
    path: Path | None = parser.parse_args(words).config
    if path is None and settings.DEFAULT_PATH.exists():
        path = settings.DEFAULT_PATH
    give_back()
    try:
        loaded = settings.load(path)
        configure(loaded.log.level, loaded.log.format)
        from watchdog.app import Program  # noqa: PLC0415  # a broken configuration should say so before anything heavy is loaded

        return Program(loaded, lambda: settings.load(path)).run()
    except settings.ManyBadSettings as error:
        for problem in error.problems:
            print(f"{error.source}: {problem}", file=sys.stderr)
        return EXIT_CONFIG
    except BadSettings as error:
        print(f"panel-watchdog: {error}", file=sys.stderr)
        return EXIT_CONFIG
    except WatchdogError as error:
        print(f"panel-watchdog: {error}", file=sys.stderr)
        return 1
