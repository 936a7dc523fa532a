"""Pauses: leave a target alone for a while, end that, see what stands, and prove that it holds."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from watchdog.cli.options import ConfigOption, JsonOption, SocketOption, TokenOption, UrlOption, print_json, reach, spoken
from watchdog.cli.orders import who
from watchdog.cli.questions import LimitOption, at, pause_end, print_table
from watchdog.errors import NotFound, Refused
from watchdog.runtime.fields import parse_duration
from watchdog.web.bodies import PauseBody
from watchdog.web.control import Control

TargetName = Annotated[str, typer.Argument(help="The target's name.")]
TaskOption = Annotated[str, typer.Option("--task", help="One subject of it only, by id or name.", show_default=False)]


@spoken
def pause(
    target: TargetName,
    reason: Annotated[str, typer.Option("--reason", help="Why; the next person will ask.")],
    task: TaskOption = "",
    length: Annotated[str | None, typer.Option("--for", help="For how long, such as 2h or 1h30m.", show_default=False)] = None,
    until: Annotated[
        str | None,
        typer.Option("--until", help="Until when, such as 2026-12-01T06:00; in this host's zone unless it names one.", show_default=False),
    ] = None,
    indefinite: Annotated[bool, typer.Option("--indefinite", help="Until further notice: somebody must remember to resume it.")] = False,
    version: Annotated[
        int | None, typer.Option("--version", help="Change the pause that stands, which has this version.", show_default=False)
    ] = None,
    config: ConfigOption = None,
    socket: SocketOption = None,
    url: UrlOption = None,
    token_file: TokenOption = None,
    json: JsonOption = False,
) -> None:
    """Leave a target alone: its drifts are shown, nothing is repaired; what has begun goes on to its end."""
    if (length is not None) + (until is not None) + indefinite != 1:
        raise Refused("say one of --for, --until and --indefinite")
    terms: dict[str, object] = {"target": target, "task": task, "reason": reason, "who": who()}
    terms |= {"seconds": _seconds(length) if length is not None else None, "until": _moment(until) if until is not None else None}
    control = reach(config, socket, url, token_file)
    change = None if version is None else (_standing(control, target, task).id, version)
    body = control.pause(terms, change)
    if json:
        print_json(body)
        return
    print(f"paused: '{body.target}', {pause_end(body)} (pause {body.id}, version {body.version})")
    if indefinite:
        print("nothing ends this but a person: panel-watchdog resume " + body.target)


@spoken
def resume(
    target: TargetName,
    task: TaskOption = "",
    config: ConfigOption = None,
    socket: SocketOption = None,
    url: UrlOption = None,
    token_file: TokenOption = None,
) -> None:
    """End the pauses of a target now, whoever asked for them; with --task those of that task only."""
    control = reach(config, socket, url, token_file)
    standing = [each for each in control.pauses(target) if not task or each.task == task]
    if not standing:
        raise NotFound(f"no pause of '{target}'{f', task {task!r}' if task else ''} stands")
    for each in standing:
        body = control.resume(each.id, who())
        print(f"resumed: '{body.target}' (pause {body.id}: {body.reason})")


@spoken
def pauses(
    action: Annotated[str | None, typer.Argument(help="`check` proves the pause of a target; else the target's name, or nothing.")] = None,
    target: Annotated[str | None, typer.Argument(help="The target's name, after `check`.", show_default=False)] = None,
    history: Annotated[bool, typer.Option("--history", help="Those that are over, too; the newest first.")] = False,
    limit: LimitOption = 50,
    config: ConfigOption = None,
    socket: SocketOption = None,
    url: UrlOption = None,
    token_file: TokenOption = None,
    json: JsonOption = False,
) -> None:
    """Show the pauses that stand. `pauses check TARGET` ends with 0 only if a pause holds and would survive a restart."""
    control = reach(config, socket, url, token_file)
    if action == "check" and target is not None:
        _check(control, target, json=json)
        return
    if target is not None:
        raise Refused(f"'{action}' is no action of pauses: say `pauses check {target}`, or `pauses {target}`")
    found = control.pauses(action, history=history, limit=limit)
    if json:
        print_json(found)
    elif not found:
        print("nothing is paused" if not history else "there has been no pause")
    else:
        columns = ("number", "target", "task", "from", "until", "by", "reason", "ended")
        print_table("pauses", columns, [_row(each) for each in found])


def _check(control: Control, target: str, *, json: bool) -> None:
    answer = control.check_pause(target)
    if json:
        print_json(answer)
    else:
        for line in answer.well:
            print(f"ok    {line}")
        for line in answer.wrong:
            print(f"WRONG {line}")
    if not answer.ok:
        raise typer.Exit(1)


def _row(pause: PauseBody) -> tuple[str, ...]:
    end = f"{at(pause.ended)} {pause.end} by {pause.ended_by}" if pause.ended else ""
    source = "" if pause.source == "person" else f" ({pause.source})"
    until = at(pause.until) or "further notice"
    return str(pause.id), pause.target, pause.task, at(pause.created), until, pause.by + source, pause.reason, end


def _standing(control: Control, target: str, task: str) -> PauseBody:
    mine = [each for each in control.pauses(target) if each.task == task and each.source == "person"]
    if not mine:
        raise NotFound(f"no pause of '{target}' stands that could be changed")
    return mine[0]


def _seconds(text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--for") from None


def _moment(text: str) -> float:
    """Return UNIX seconds of an ISO 8601 time; without a zone it is this host's."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC).timestamp()
    except (ValueError, OverflowError):
        shape = "write a time such as 2026-12-01T06:00 or 2026-12-01T06:00+01:00"
        raise typer.BadParameter(f"'{text}' is no time: {shape}", param_hint="--until") from None
