"""Commands that change something: they go to the running program, which holds all the guards."""

from __future__ import annotations

import getpass
import sys
from typing import Annotated, Literal

import typer

from watchdog.cli.options import ConfigOption, JsonOption, SocketOption, TokenOption, UrlOption, print_json, reach, spoken
from watchdog.cli.questions import print_status
from watchdog.errors import Refused, WatchdogError
from watchdog.runtime.clock import SystemClock
from watchdog.runtime.fields import parse_duration

TargetArgument = Annotated[str | None, typer.Argument(help="The target's name; all of them when left out.", show_default=False)]


def who() -> str:
    """Return the name under which this person's orders are recorded (the program adds how they came in)."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "somebody"


@spoken
def sync(
    target: TargetArgument = None,
    config: ConfigOption = None,
    socket: SocketOption = None,
    url: UrlOption = None,
    token_file: TokenOption = None,
    json: JsonOption = False,
) -> None:
    """Look again now, and wait for the look's end."""
    control = reach(config, socket, url, token_file)
    names = [target] if target else [each.target for each in control.status().targets]
    bodies = tuple(control.sync(name) for name in names)
    if json:
        print_json(bodies)
    else:
        print_status(bodies, tuple(drift for name in names for drift in control.drifts(name)))


@spoken
def approve(
    plan: Annotated[str, typer.Argument(help="The id that `panel-watchdog plan` shows.")],
    config: ConfigOption = None,
    socket: SocketOption = None,
    url: UrlOption = None,
    token_file: TokenOption = None,
) -> None:
    """Approve a planned repair: once, for an hour, for exactly these drifts, this object and these parameters."""
    body = reach(config, socket, url, token_file).approve(plan, who())
    expires = body.expires.rfc3339 if body.expires else "soon"
    print(f"approved: {body.remedy} on {body.object.key}, good until {expires}; it runs within the next look")


@spoken
def reject(
    plan: Annotated[str, typer.Argument(help="The id that `panel-watchdog plan` shows.")],
    config: ConfigOption = None,
    socket: SocketOption = None,
    url: UrlOption = None,
    token_file: TokenOption = None,
) -> None:
    """Reject a planned repair; it is not asked for again while the same drift lasts."""
    body = reach(config, socket, url, token_file).reject(plan, who())
    print(f"rejected: {body.remedy} on {body.object.key}")


@spoken
def retry(
    drift: Annotated[str, typer.Argument(help="The key of a drift, as `panel-watchdog plan` shows it.")],
    config: ConfigOption = None,
    socket: SocketOption = None,
    url: UrlOption = None,
    token_file: TokenOption = None,
) -> None:
    """Let a repair that stands behind its attempts, budget or breaker be tried once more."""
    control = reach(config, socket, url, token_file)
    parts = drift.split("/")
    if len(parts) < 3:  # noqa: PLR2004  # panel/target/kind/...
        raise Refused(f"'{drift}' is no drift key: take one from `panel-watchdog plan`")
    body = control.retry(parts[1], drift, who())
    print(f"approved once more: {body.remedy} on {body.object.key}")


@spoken
def baseline(
    what: Annotated[Literal["accept", "repair"], typer.Argument(help="accept = leave what was there before us; repair = mend it.")],
    target: Annotated[str, typer.Argument(help="The target's name.")],
    config: ConfigOption = None,
    socket: SocketOption = None,
    url: UrlOption = None,
    token_file: TokenOption = None,
) -> None:
    """Decide about the drifts that were there before the watchdog."""
    count = reach(config, socket, url, token_file).baseline(target, what, who())
    print(f"{count} finding{'s' if count != 1 else ''} of '{target}': {'left as they are' if what == 'accept' else 'free for repair'}")


@spoken
def acknowledge(
    target: Annotated[str, typer.Argument(help="The target's name.")],
    config: ConfigOption = None,
    socket: SocketOption = None,
    url: UrlOption = None,
    token_file: TokenOption = None,
) -> None:
    """Let repairs go on that stopped because of an act by our key that our ledger lacks (a second installation)."""
    reach(config, socket, url, token_file).acknowledge(target, who())
    print(f"acknowledged: repairs of '{target}' go on; another such act stops them again")


@spoken
def ignore(
    pattern: Annotated[str, typer.Argument(help="A drift key, or a glob over keys such as 'mcsmanager/games/paused/*'.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; the next person will ask.")],
    until: Annotated[
        str | None, typer.Option("--until", help="For how long, such as 7d; else until its evidence changes.", show_default=False)
    ] = None,
    config: ConfigOption = None,
    socket: SocketOption = None,
    url: UrlOption = None,
    token_file: TokenOption = None,
) -> None:
    """Keep a drift visible as ignored: not alerted, not repaired; it comes back when its evidence changes."""
    try:
        end = SystemClock().now().wall + parse_duration(until) if until else None
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--until") from None
    body = reach(config, socket, url, token_file).ignore(pattern, reason, end, who())
    print(f"ignored: {body.pattern} (number {body.id}); end it with: panel-watchdog unignore {body.id}")


@spoken
def unignore(
    number: Annotated[int, typer.Argument(help="The number that `panel-watchdog ignores` shows.")],
    config: ConfigOption = None,
    socket: SocketOption = None,
    url: UrlOption = None,
    token_file: TokenOption = None,
) -> None:
    """End an ignore."""
    reach(config, socket, url, token_file).unignore(number)
    print(f"ignore {number} has ended")


@spoken
def release(
    number: Annotated[int | None, typer.Argument(help="The number that `panel-watchdog holdings` shows.", show_default=False)] = None,
    every: Annotated[bool, typer.Option("--all", help="All of them, as before uninstalling.")] = False,
    config: ConfigOption = None,
    socket: SocketOption = None,
    url: UrlOption = None,
    token_file: TokenOption = None,
) -> None:
    """Undo changes of ours that outlive us, where their panel can do that; else they are only marked, and it says what is left to do."""
    control = reach(config, socket, url, token_file)
    if number is None and not every:
        raise Refused("name a holding by its number, or say --all")
    # the newest first: what was held last was held inside of what was held before
    numbers = sorted((each.id for each in control.holdings()), reverse=True) if every else [number or 0]
    refused = False
    for each in numbers:
        try:
            answer = control.release(each)
        except WatchdogError as error:
            if not every:
                raise
            refused = True  # one that cannot be undone now keeps no other from it
            print(f"holding {each} stays: {error}", file=sys.stderr)
        else:
            print(f"holding {each} is {'undone' if answer.undone else 'released'}: {answer.message}")
    if not numbers:
        print("there are no holdings: nothing of ours outlives us here")
    if refused:
        raise typer.Exit(1)


@spoken
def reload(config: ConfigOption = None, socket: SocketOption = None, url: UrlOption = None, token_file: TokenOption = None) -> None:
    """Let the running program read its configuration anew; a bad one is refused and the old one goes on."""
    for line in reach(config, socket, url, token_file).reload():
        print(line)
