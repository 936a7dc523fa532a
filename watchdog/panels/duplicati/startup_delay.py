"""The server's own startup delay, set where the settings here ask for it, and put back. Contract section 4, Boot race.

On 2.1.0.x a job that fell due while the server was down is active before anybody can ask; only the server itself can wait. 2.1.1 to 2.2.0.2
ignore it at boot. It is a holding: what the server had before stands in our record.
"""

from __future__ import annotations

from typing import Final

from watchdog.errors import DeadlinePassed, Refused, ServerFault, Unknown, Unreachable
from watchdog.model.approvals import Holding
from watchdog.model.drifts import Proposal, Subject
from watchdog.model.parts import Part, one
from watchdog.model.repairs import Outcome
from watchdog.panels.duplicati import sends_pause
from watchdog.panels.duplicati.cases import Case
from watchdog.panels.duplicati.client import DuplicatiClient
from watchdog.panels.duplicati.hands import Hands
from watchdog.panels.duplicati.remedies import server_object
from watchdog.panels.duplicati.remedies_pause import SET_DELAY
from watchdog.panels.duplicati.rules_pause import TOO_OLD
from watchdog.panels.duplicati.schedules import repeat_of

HELD: Final = "startup_delay"
IGNORED: Final = "this release ignores a startup delay"
NONE: Final = "0s"
"""What the server itself writes for none."""
MAY_HAVE_WORKED: Final = (ServerFault, Unreachable, DeadlinePassed, Unknown, Refused)


def judge(case: Case) -> Part:
    """Return whether the server has the delay that is asked for, and no other of ours."""
    wanted, has = case.settings.startup_delay, case.view.startup_delay
    record = held(case.facts.holdings)
    subject = Subject("server", f"{case.settings.name}/startup-delay", case.settings.name)
    if wanted and not same(wanted, has):
        hold = None if case.view.capabilities.mendable else TOO_OLD
        hold = IGNORED if case.view.capabilities.honours_delay is False else hold
        proposal = _proposal(case, wanted)
        told = case.drift("startup_delay_missing", subject, f"it has {has or 'none'}", f"it is to have {wanted}", {}, proposal, hold)
        return one(subject, told)
    if not wanted and record is not None:
        before = str(record.parameters.get("before") or "")
        if not same(str(record.parameters.get("set") or ""), has):
            before = has  # somebody set another one meanwhile: that is left, and only the record is given back
        told = case.drift(
            "startup_delay_left", subject, f"it has {has or 'none'}", f"it had {before or 'none'}", {}, _proposal(case, before)
        )
        return one(subject, told)
    return one(subject)


def held(holdings: tuple[Holding, ...]) -> Holding | None:
    """Return our record of the delay, None = there is none."""
    return next((each for each in holdings if each.what == HELD), None)


def same(first: str, second: str) -> bool:
    """Whether two delays are as long."""
    return seconds(first) == seconds(second)


def seconds(delay: str) -> float:
    """Given a delay as the server writes it, return seconds; 0 for none."""
    found = repeat_of(delay)
    return found.seconds if found is not None else 0.0


def set_delay(hands: Hands) -> Outcome:
    """Set the delay, or put the old one back and give the record of it back; nothing is sent when it is there already."""
    wanted, settings = hands.parameter("delay"), hands.settings
    back = not settings.startup_delay
    has = hands.client.startup_delay()
    if not same(wanted, has):
        hands.act.step("checked")
        if not back:
            _hold(hands, wanted, has)
        hands.act.step("held")
        hands.act.fence()
        hands.sent.append(sends_pause.delay_line(settings, wanted or NONE))
        hint = _send(hands.client, wanted, hands.seconds(settings.timeout))
        hands.act.step("sent")
        has = hands.client.startup_delay()
        if not same(wanted, has):
            return hands.later(5.0, f"the server has another delay{hint}")
    if back:
        for each in hands.told.holdings:
            if each.what == HELD:
                hands.act.release(each.id)
    return hands.done(f"the server's startup delay is {has or 'none'}")


def undo(client: DuplicatiClient, holding: Holding) -> str:
    """Put the server's own delay back. Raises what exchanges raise, and Refused when it did not take it."""
    before, has = str(holding.parameters.get("before") or ""), client.startup_delay()
    if not same(str(holding.parameters.get("set") or ""), has):
        return f"somebody set another startup delay ({has or 'none'}) meanwhile: that is left"
    if not same(before, has):
        hint = _send(client, before, None)
        if not same(before, client.startup_delay()):
            raise Refused(f"the server has another delay{hint}")
    return f"the server's startup delay is {before or 'none'} again"


def _hold(hands: Hands, wanted: str, has: str) -> None:
    """Record the delay that the server had before ours; of an older delay of ours, the one before that."""
    old = held(hands.told.holdings)
    before = has
    if old is not None and same(str(old.parameters.get("set") or ""), has):
        before = str(old.parameters.get("before") or "")
    if old is not None:
        hands.act.release(old.id)
    hands.act.hold(HELD, server_object(hands.settings.name), SET_DELAY, {"before": before, "set": wanted})


def _send(client: DuplicatiClient, delay: str, limit: float | None) -> str:
    try:
        client.set_startup_delay(delay or NONE, limit)
    except MAY_HAVE_WORKED as error:
        return f" (it answered {type(error).__name__})"
    return ""


def _proposal(case: Case, delay: str) -> Proposal:
    return Proposal(SET_DELAY, server_object(case.settings.name), {"delay": delay}, {})
