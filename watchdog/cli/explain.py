"""The command that tells the whole story of one drift."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from watchdog.cli.options import ConfigOption, JsonOption, SocketOption, TokenOption, UrlOption, print_json, reach, spoken
from watchdog.cli.questions import at
from watchdog.model.drifts import Scalar
from watchdog.web.bodies import DriftBody, RepairBody, Time
from watchdog.web.explained import ExplainAnswer, StepBody

MARKS: Final = {True: "passed", False: "HELD", None: "not reached"}


@spoken
def explain(
    drift: Annotated[str, typer.Argument(help="The drift's key, the end of it (`instance/lobby`) or a glob that means one.")],
    config: ConfigOption = None,
    socket: SocketOption = None,
    url: UrlOption = None,
    token_file: TokenOption = None,
    json: JsonOption = False,
) -> None:
    """Tell all that is known of one drift: both sides, its rule, the checks before its repair, what was done and how that ended."""
    told = reach(config, socket, url, token_file).explain(drift)
    if json:
        print_json(told)
        return
    print(told.key)
    if told.kind_help:
        print(f"  rule: {told.kind_help}")
    _print_life(told.lives[0])
    _print_plan(told)
    for repair in told.repairs:
        _print_repair(repair)
    for former in told.lives[1:]:
        print(f"  before that: from {at(former.first_seen)} to {at(former.closed) or 'now'}{_lasted(former.first_seen, former.closed)}")


def _print_life(drift: DriftBody) -> None:
    print(f"  truth:  {drift.truth}\n  belief: {drift.belief}")
    for name, value in sorted(drift.evidence.items()):
        print(f"    {name} = {_plain(value)}")
    confirmed = f", confirmed {at(drift.opened)}" if drift.opened else ", not confirmed"
    ended = f"ended {at(drift.closed)}{_lasted(drift.first_seen, drift.closed)}" if drift.closed else f"it is {drift.state or 'open'} now"
    print(f"  first seen {at(drift.first_seen)}{confirmed}, last seen {at(drift.last_seen)}; {ended}")
    if drift.ignore_reason:
        print(f"  ignored: {drift.ignore_reason}")


def _print_plan(told: ExplainAnswer) -> None:
    if told.remedy_help:
        print(f"  remedy {told.lives[0].remedy}: {told.remedy_help}")
    if told.planned is not None:
        asks = "; waits for approval" if told.planned.needs_approval else ""
        print(f"  planned now on {told.planned.object.key} ({told.planned.risk}{asks})")
        for line in told.planned.sends:
            print(f"    would send {line}")
    for step in told.steps:
        print(f"    {MARKS[step.passed]:<11} {step.name}{_why(step)}")
    for approval in told.approvals:
        by = f" by {approval.decided_by}" if approval.decided_by else ""
        print(f"  approval {approval.id} asked {at(approval.requested)}: {approval.state}{by} {at(approval.decided)}".rstrip())


def _print_repair(repair: RepairBody) -> None:
    print(f"  repair {repair.id}, {repair.remedy} on {repair.object.key}, asked for by {repair.requested_by}: {repair.state}")
    moments = (("intended", repair.intended), ("acted", repair.acted), ("outcome", repair.outcome_at), ("verdict", repair.verdict_at))
    print("    " + ", ".join(f"{name} {at(moment)}" for name, moment in moments if moment))
    for line in repair.sent:
        print(f"    sent {line}")
    for text in (repair.outcome_message, repair.message):
        if text:
            print(f"    {text}")


def _why(step: StepBody) -> str:
    return f": {step.message}" if step.passed is False else ""


def _lasted(begin: Time | None, end: Time | None) -> str:
    return f" after {end.unix - begin.unix:.0f} s" if begin and end else ""


def _plain(value: Scalar) -> str:
    if value is None:
        return "unknown"
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)
