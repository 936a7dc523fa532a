"""``demo``: the real program on shipped fakes."""

from __future__ import annotations

import signal
from typing import Annotated

import typer


def demo(
    seconds: Annotated[
        float | None,
        typer.Option(
            "--for", help="End by itself after so many seconds at most, with 0 only if every fault was proved.", show_default=False
        ),
    ] = None,
    listen: Annotated[str, typer.Option(help="Where to serve metrics and the status page.")] = "127.0.0.1:9877",
) -> None:
    """Run the real program on a fake Docker Engine, fake WireGuard and a fake MCSManager that a script breaks."""
    from watchdog.demo.play import play  # noqa: PLC0415  # the only way to the fakes

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends like Ctrl-C: the scratch folder goes, the program stops well
    raise typer.Exit(play(seconds, listen))
