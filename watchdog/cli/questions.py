"""Commands that only ask: status, plan, history, holdings, ignores."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from watchdog.cli.options import ConfigOption, JsonOption, SocketOption, TokenOption, UrlOption, print_json, reach, spoken
from watchdog.web.bodies import ApprovalBody, DriftBody, PlanBody, TargetBody, Time

TargetArgument = Annotated[str | None, typer.Argument(help="The target's name; all of them when left out.", show_default=False)]
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
    body = reach(config, socket, url, token_file).status(target)
    if json:
        print_json(body)
        return
    print(f"panel-watchdog {body.version}: {'healthy' if body.healthy else 'NOT healthy'}, {'ready' if body.ready else 'not ready'}")
    for missing in body.missing:
        print(f"  missing: {missing}")
    print_status(body.targets)


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
) -> None:
    """Show drifts and repairs of the past, the newest first."""
    control = reach(config, socket, url, token_file)
    drifts, repairs = control.history(target, limit), control.repairs(target, limit)
    if json:
        print_json((*drifts, *repairs.repairs))
        return
    _table("Drifts", ("seen", "drift", "truth", "belief", "until"), (_drift_row(drift) for drift in drifts))
    rows = (
        (at(r.intended), f"{r.remedy} on {r.object.key}", r.state, r.requested_by, r.outcome_message or r.message) for r in repairs.repairs
    )
    _table("Repairs", ("when", "what", "state", "by", "how it ended"), rows)


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
        _table("Holdings", ("number", "target", "what", "undo"), ((str(each.id), each.target, each.what, each.undo) for each in found))


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
        rows = ((str(i.id), i.pattern, i.reason, i.by, at(i.until) if i.until else "its evidence changes") for i in found)
        _table("Ignores", ("number", "pattern", "reason", "by", "until"), rows)


def print_status(targets: tuple[TargetBody, ...]) -> None:
    """Print one block for each target."""
    for each in targets:
        up = {True: "up", False: "DOWN", None: "not tried yet"}[each.up]
        print(f"{each.panel}/{each.target}: {up}, mode {each.mode}, last look {at(each.last_pass) or 'never'} ({each.last_result})")
        if each.subjects:
            print("  subjects: " + ", ".join(f"{count} {state}" for state, count in each.subjects.items()))
        for text in (each.message, each.ledger_error):
            if text:
                print(f"  {text}")
        if each.baseline == "taken":
            print(f"  what was there before us waits: panel-watchdog baseline accept|repair {each.target}")
    if not targets:
        print("no target is configured")


def at(time: Time | None) -> str:
    """Return a time as text for a person, "" for none."""
    return time.rfc3339[:19].replace("T", " ") + " UTC" if time else ""


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
    end = at(drift.closed) or drift.state or "open"
    return at(drift.first_seen), drift.key, drift.truth, drift.belief, end


def _table(title: str, columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*row)
    Console().print(table)
