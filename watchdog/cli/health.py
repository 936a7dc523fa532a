"""The command that a container's health check and a script ask: is the program well."""

from __future__ import annotations

from typing import Annotated

import typer

from watchdog.cli.options import ConfigOption, SocketOption, UrlOption, reach, spoken


@spoken
def health(
    ready: Annotated[
        bool, typer.Option("--ready", help="Ask whether it is ready (ledger, first looks), not only whether it lives.")
    ] = False,
    config: ConfigOption = None,
    socket: SocketOption = None,
    url: UrlOption = None,
) -> None:
    """Say whether the program is healthy, and end with 0 only then. A panel's state has no say in it."""
    answer = reach(config, socket, url, None).health(ready=ready)
    word = "ready" if ready else "healthy"
    print(word if answer.ok else f"not {word}")
    for missing in answer.missing:
        print(f"  missing: {missing}")
    raise typer.Exit(0 if answer.ok else 1)
