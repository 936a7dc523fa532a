"""Commands that only ask: status, plan, history, holdings, ignores."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from watchdog.cli.options import ConfigOption, JsonOption, SocketOption, TokenOption, UrlOption, print_json, reach, spoken
from watchdog.web.bodies import ApprovalBody, DriftBody, PauseBody, Time
from watchdog.web.targets import PlanBody, TargetBody

TargetArgument = Annotated[str | None, typer.Argument(help="The target's name; all of them when left out.", show_default=False)]
PIPE_WIDTH = 1000
LimitOption = Annotated[int, typer.Option("--limit", help="At most so many, newest first.", min=1, max=1000)]


@spoken
def status(
    target: TargetArgument = None,
    config: ConfigOption = None,
    socket: SocketOption = None,
    url: UrlOption = None,
    token_file: TokenOption = None,
    json: JsonOption = False,
) -> None:
    """Show how the program and its targets stand."""
    control = reach(config, socket, url, token_file)
    body = control.status(target)
    if json:
        print_json(body)
        return
    print(f"panel-watchdog {body.version}: {'healthy' if body.healthy else 'NOT healthy'}, {'ready' if body.ready else 'not ready'}")
    for missing in body.missing:
        print(f"  missing: {missing}")
    print_status(body.targets, control.drifts(target))


@spoken
def plan(
    target: TargetArgument = None,
    once: Annotated[bool, typer.Option("--once", help="Look again first, then show the plan of that look.")] = False,
    config: ConfigOption = None,
    socket: SocketOption = None,
    url: UrlOption = None,
    token_file: TokenOption = None,
    json: JsonOption = False,
) -> None:
    """Show what the newest look would do, exactly what it would send, and why it leaves other drifts alone."""
    control = reach(config, socket, url, token_file)
    if once:
        for name in [target] if target else [each.target for each in control.status().targets]:
            control.sync(name)
    answer = control.plans(target)
    if json:
        print_json(answer)
        return
    for each in answer.plans:
        _print_plan(each)
    for approval in answer.approvals:
        _print_approval(approval)
    if not answer.plans:
        print("no target is configured: there is nothing to plan")


@spoken
def history(
    target: TargetArgument = None,
    limit: LimitOption = 50,
    config: ConfigOption = None,
    socket: SocketOption = None,
    url: UrlOption = None,
    token_file: TokenOption = None,
    json: JsonOption = False,
    lines: Annotated[bool, typer.Option("--lines", help="Print JSON, one record on each line.")] = False,
) -> None:
    """Show drifts and repairs of the past, the newest first."""
    control = reach(config, socket, url, token_file)
    drifts, repairs = control.history(target, limit), control.repairs(target, limit)
    if lines:
        for body in (*drifts, *repairs.repairs):
            print(body.model_dump_json())
        return
    if json:
        print_json((*drifts, *repairs.repairs))
        return
    names = {(each.target, each.subject.kind, each.subject.id): each.subject.name for each in drifts}
    print_table("drifts", ("first seen", "target", "kind", "subject", "truth / belief", "ended"), [_drift_row(drift) for drift in drifts])
    rows = [
        (
            at(each.intended),
            each.object.target,
            each.remedy,
            names.get((each.object.target, each.object.kind, each.object.id)) or f"{each.object.kind} {each.object.id}",
            each.state,
            each.outcome_message or each.message,
        )
        for each in repairs.repairs
    ]
    print_table("repairs", ("begun", "target", "remedy", "object", "state", "how it ended"), rows)


@spoken
def holdings(
    config: ConfigOption = None,
    socket: SocketOption = None,
    url: UrlOption = None,
    token_file: TokenOption = None,
    json: JsonOption = False,
) -> None:
    """Show changes of ours outside that outlive us, each with its undo."""
    found = reach(config, socket, url, token_file).holdings()
    if json:
        print_json(found)
    elif not found:
        print("there are no holdings: nothing of ours outlives us here")
    else:
        rows = [
            (str(each.id), each.target, each.what, f"{each.object.kind}/{each.object.id}", each.undo, at(each.expires) or "never")
            for each in found
        ]
        print_table("holdings", ("number", "target", "what", "of", "undo", "expires"), rows)


@spoken
def ignores(
    config: ConfigOption = None,
    socket: SocketOption = None,
    url: UrlOption = None,
    token_file: TokenOption = None,
    json: JsonOption = False,
) -> None:
    """Show what is ignored, by whom, why and until when."""
    found = reach(config, socket, url, token_file).ignores()
    if json:
        print_json(found)
    elif not found:
        print("nothing is ignored")
    else:
        rows = [(str(i.id), i.pattern, i.reason, i.by, at(i.until) if i.until else "its evidence changes") for i in found]
        print_table("ignores", ("number", "pattern", "reason", "by", "until"), rows)


def print_status(targets: tuple[TargetBody, ...], drifts: tuple[DriftBody, ...] = ()) -> None:
    """Print one block for each target, with its open drifts."""
    for each in targets:
        up = {True: "up", False: "DOWN", None: "not tried yet"}[each.up]
        print(f"{each.panel}/{each.target}: {up}, mode {each.mode}, last look {at(each.last_pass) or 'never'} ({each.last_result})")
        for pause in each.pauses:
            print(f"  PAUSED {pause_end(pause)} by {pause.by}: {pause.reason}")
        if each.subjects:
            print("  subjects: " + ", ".join(f"{count} {state}" for state, count in each.subjects.items()))
        for text in (each.message, each.ledger_error):
            if text:
                print(f"  {text}")
        for drift in (drift for drift in drifts if drift.target == each.target):
            name = drift.subject.name or drift.subject.id
            print(f"  {drift.state}: {drift.kind}, {drift.subject.kind} '{name}': {drift.truth}, but {drift.belief}")
        if each.approvals_waiting:
            print(f"  {each.approvals_waiting} waiting for your word: panel-watchdog plan {each.target}")
        if each.baseline == "taken" and each.drifts.get("baseline"):
            print(f"  what was there before us waits for your word: panel-watchdog baseline accept|repair {each.target}")
    if not targets:
        print("no target is configured")


def pause_end(pause: PauseBody) -> str:
    """Return what a pause is paused for: a task or all, until when."""
    task = f"task '{pause.task}' " if pause.task else ""
    return f"{task}until {at(pause.until)}" if pause.until else f"{task}until further notice"


def at(time: Time | None) -> str:
    """Return a time as text for a person, "" for none."""
    return time.rfc3339[:19] + "Z" if time else ""


def _print_plan(plan: PlanBody) -> None:
    print(f"{plan.target}: {len(plan.repairs)} planned, {len(plan.held)} held (look of {at(plan.at) or 'never'})")
    for repair in plan.repairs:
        asks = "; waits for approval" if repair.needs_approval else ""
        print(f"  {repair.remedy} on {repair.object.key} ({repair.risk}{asks})")
        for key in repair.drift_keys:
            print(f"    against {key}")
        for line in repair.sends:
            print(f"    sends   {line}")
    for held in plan.held:
        print(f"  held: {held.drift_key}\n    {held.reason}: {held.message}")


def _print_approval(approval: ApprovalBody) -> None:
    print(f"waiting for you: {approval.remedy} on {approval.object.key} ({approval.risk})")
    for line in approval.sends:
        print(f"    sends   {line}")
    print(f"    panel-watchdog approve {approval.id}    or    panel-watchdog reject {approval.id}")


def _drift_row(drift: DriftBody) -> tuple[str, ...]:
    name = drift.subject.name or f"{drift.subject.kind} {drift.subject.id}"
    return at(drift.first_seen), drift.target, drift.kind, name, f"{drift.truth} / {drift.belief}", at(drift.closed) or "still open"


def print_table(title: str, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """Print a plain table: without lines, so that it can be cut and searched; wide enough for everything when it goes into a pipe."""
    if not rows:
        print(f"no {title} are on record")
        return
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=not sys.stdout.isatty())
    for row in rows:
        table.add_row(*map(escape, row))
    Console(width=None if sys.stdout.isatty() else PIPE_WIDTH, highlight=False).print(table)
