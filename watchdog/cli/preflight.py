"""``preflight``: go or no-go before a panel's upgrade, with each reason. Nothing is changed."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import Annotated, Any, cast

import typer

from watchdog import settings
from watchdog.cli.options import ConfigOption, JsonOption, default_path, spoken
from watchdog.errors import NotFound, Refused
from watchdog.model.metrics import Silent
from watchdog.model.panels import Ports
from watchdog.model.preflights import Check, Preflight, Preflighting
from watchdog.panels import discover
from watchdog.runtime.clock import SystemClock
from watchdog.runtime.hooks import Hooks
from watchdog.runtime.log import configure

GO, NO_GO, USAGE = 0, 1, 3
MARKS = {True: "ok  ", False: "NO  ", None: "?   "}


@spoken
def preflight(
    target: Annotated[str, typer.Argument(metavar="TARGET", help="The name of the panel in the configuration.")],
    to: Annotated[str, typer.Option("--to", metavar="VERSION", help="The panel's release that you want to go to, such as 1.11.8.")],
    accept: Annotated[
        list[str] | None,
        typer.Option("--accept", help="A check that you take upon yourself, by its name.", show_default=False),
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say go or no-go before an upgrade. Ends with 0 go, 1 no-go, 3 it was refused or the words are wrong. What cannot be told is no go."""
    configure("error", "console")
    try:
        panel, own = _target(settings.load(config or default_path()), target)
    except (Refused, NotFound) as error:
        print(f"panel-watchdog: refused: {error}", file=sys.stderr)
        raise typer.Exit(USAGE) from None
    clock = SystemClock()
    found = panel.preflight(own, Ports(clock, Silent(), Hooks(None)), to)
    looked = Preflight(to, found, frozenset(accept or ()))
    unknown = looked.accepted - {each.name for each in found}
    if unknown:
        print(f"panel-watchdog: refused: no check is called {', '.join(sorted(unknown))}", file=sys.stderr)
        raise typer.Exit(USAGE)
    _show(looked, as_json=as_json)
    raise typer.Exit(GO if looked.go else NO_GO)


def _target(loaded: settings.SettingsBase, name: str) -> tuple[Preflighting, Any]:
    panels = discover()
    for panel, own in loaded.targets():
        if own.name != name:
            continue
        if not hasattr(panels[panel], "preflight"):
            raise Refused(f"{panel} has no preflight")
        return cast(Preflighting, panels[panel]), own
    raise Refused(f"the configuration has no target '{name}'; it has: {', '.join(own.name for _, own in loaded.targets()) or 'none'}")


def _show(looked: Preflight, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({**asdict(looked), "accepted": sorted(looked.accepted), "go": looked.go}, indent=2))
        return
    for each in looked.checks:
        print(f"  {_mark(each, looked)} {each.name}: {each.message}")
    against = len(looked.reasons)
    print(
        f"go: nothing speaks against {looked.version}"
        if looked.go
        else f"no-go: {against} thing{'s' if against != 1 else ''} to settle first"
    )


def _mark(check: Check, looked: Preflight) -> str:
    if check.note:
        return "note"
    return "taken" if check.ok is not True and check.name in looked.accepted else MARKS[check.ok]
