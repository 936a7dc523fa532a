"""The demo's live table: what was broken, what the program found, what it mended, and how it knows."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group
from rich.table import Table
from rich.text import Text

from watchdog.demo.script import Line, Progress

STYLES: dict[Progress, str] = {
    "to come": "dim", "injected": "yellow", "found": "bright_yellow", "mending": "cyan", "proved": "green", "missed": "bold red",
}  # fmt: skip


def draw(lines: Sequence[Line], facts: Sequence[str], footer: str) -> Group:
    """Given how every fault stands, facts about the program, and a last line, return what the terminal shows."""
    table = Table(title="What goes wrong, and what panel-watchdog makes of it", title_justify="left", expand=True)
    table.add_column("fault", no_wrap=True)
    table.add_column("what really happened", ratio=3)
    table.add_column("state", no_wrap=True)
    table.add_column("s", justify="right", no_wrap=True)
    table.add_column("how it knows", ratio=4)
    for line in lines:
        took = f"{line.took:.0f}" if line.progress != "to come" else ""
        table.add_row(line.fault.name, line.fault.story, Text(line.progress, STYLES[line.progress]), took, line.how)
    return Group(table, *(Text(fact) for fact in facts), Text(footer, "bold"))


def plain(line: Line) -> str:
    """Return one finished line for a log or a pipe."""
    return f"{line.progress.upper():7} {line.took:5.1f}s  {line.fault.name}: {line.how or line.fault.story}"
