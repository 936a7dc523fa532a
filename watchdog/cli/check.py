"""``check-config``: every problem of a configuration at once, each naming its key and line."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from watchdog import settings
from watchdog.cli.options import ConfigOption, default_path
from watchdog.errors import BadSettings


def check_config(
    config: ConfigOption = None,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of the configuration and do nothing else.")] = False,
) -> None:
    """Read the configuration and say everything that is wrong with it."""
    if schema:
        print(json.dumps(settings.model().model_json_schema(), indent=2))
        return
    path = config or default_path()
    try:
        loaded = settings.load(path)
    except settings.ManyBadSettings as error:
        print(f"{error.source}: {len(error.problems)} problem{'s' if len(error.problems) != 1 else ''}", file=sys.stderr)
        for problem in error.problems:
            print(f"  {problem}", file=sys.stderr)
        raise typer.Exit(78) from None
    except BadSettings as error:
        print(str(error), file=sys.stderr)
        raise typer.Exit(78) from None
    missing = secret_problems(loaded)
    for sentence in missing:
        print(f"  {sentence}", file=sys.stderr)
    if missing:
        raise typer.Exit(78)
    targets = loaded.targets()
    where = str(path) if path else "no file: the defaults"
    print(f"{where}: good. {len(targets)} target{'s' if len(targets) != 1 else ''}.")
    for panel, target in targets:
        print(f"  {panel}/{target.name}: mode {target.mode.value}")


PLAIN_FILES = frozenset({"pid_file", "ca_file"})
"""Keys that end in ``_file`` and name no secret."""


def secret_problems(loaded: settings.SettingsBase) -> list[str]:
    """Return one sentence for each ``*_file`` secret that cannot be read now."""
    from watchdog.runtime.fields import read_secret  # noqa: PLC0415

    problems = []
    for key, path in secret_files(loaded.model_dump(), ""):
        try:
            read_secret(Path(path))
        except BadSettings as error:
            problems.append(f"{key}: {error}")
    return problems


def secret_files(value: object, key: str) -> list[tuple[str, str]]:
    """Return (dotted key, path) of every secret's ``*_file`` that is set below ``value``."""
    found: list[tuple[str, str]] = []
    if isinstance(value, dict):
        for name, below in value.items():
            dotted = f"{key}.{name}" if key else str(name)
            if str(name).endswith("_file") and name not in PLAIN_FILES and below:
                found.append((dotted, str(below)))
            else:
                found += secret_files(below, dotted)
    elif isinstance(value, list | tuple):
        for index, below in enumerate(value):
            found += secret_files(below, f"{key}[{index}]")
    return found
