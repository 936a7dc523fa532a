"""``join``: an archive in parts made whole again, without a configuration and without the running program."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

from watchdog.cli.options import spoken
from watchdog.runtime.log import configure
from watchdog.runtime.splits import join as join_parts


@spoken
def join(
    manifest: Annotated[Path, typer.Argument(metavar="MANIFEST", help="NAME.parts.json; its parts lie beside it.", show_default=False)],
    to: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Where the whole goes; default: its own name, beside the manifest.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace what lies there.")] = False,
) -> None:
    """Join the parts of an archive. Every part and the whole are compared with the manifest; on any difference nothing is left behind."""
    configure("error", "console")
    columns = (BarColumn(), DownloadColumn(binary_units=True), TransferSpeedColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=None)
        goal = join_parts(manifest, to, force=force, watch=lambda done, total: bar.update(task, completed=done, total=total))
    print(f"{goal} is whole")
