"""What most commands share: where the running program is, and how errors reach a person."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, ParamSpec

import typer
from pydantic import BaseModel

from watchdog import settings
from watchdog.errors import BadSettings, WatchdogError
from watchdog.runtime.clock import SystemClock
from watchdog.web.control import Control, find

P = ParamSpec("P")

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="The configuration file. Default: the one in /etc, when it exists.", show_default=False),
]
SocketOption = Annotated[
    Path | None, typer.Option("--socket", help="The control socket. Default: the one of the configuration.", show_default=False)
]
UrlOption = Annotated[str | None, typer.Option("--url", help="Talk over HTTP instead, such as http://127.0.0.1:9877.", show_default=False)]
TokenOption = Annotated[
    Path | None, typer.Option("--token-file", help="The file with the API token, for changes over --url.", show_default=False)
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def default_path() -> Path | None:
    """Return the configuration file in /etc if there is one."""
    return settings.DEFAULT_PATH if settings.DEFAULT_PATH.exists() else None


def reach(config: Path | None, socket: Path | None, url: str | None, token: Path | None) -> Control:
    """Return the way to the running program. Raises BadSettings or Unreachable, each with the way out."""
    if url is not None or socket is not None:
        return find(socket or Path(), SystemClock(), url=url, token_file=token)
    return find(settings.control_path(settings.load(config or default_path())), SystemClock())


def spoken(command: Callable[P, None]) -> Callable[P, None]:
    """Let a command say the house's errors in one line and end with 1, or 78 for a configuration that cannot be used."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except settings.ManyBadSettings as error:
            for problem in error.problems:
                print(f"{error.source}: {problem}", file=sys.stderr)
            raise typer.Exit(78) from None
        except WatchdogError as error:
            print(f"panel-watchdog: {error}", file=sys.stderr)
            raise typer.Exit(78 if isinstance(error, BadSettings) else 1) from None

    return run


def print_json(value: BaseModel | tuple[BaseModel, ...]) -> None:
    """Print one body, or several as a list."""
    plain: Any = [each.model_dump(mode="json") for each in value] if isinstance(value, tuple) else value.model_dump(mode="json")
    print(json.dumps(plain, indent=2, ensure_ascii=False))
