"""All remedies by their name, and the short ones: the lock, and the hooks. Each reads its precondition again right before it acts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from watchdog.errors import DeadlinePassed, MalformedAnswer, NotFound, Refused, ServerFault, Temporary, Throttled, Unknown, Unreachable
from watchdog.model.hooks import Hook
from watchdog.model.repairs import Outcome
from watchdog.panels.pterodactyl import remedies
from watchdog.panels.pterodactyl.completing import complete_backup, first_record
from watchdog.panels.pterodactyl.failing import fail_backup
from watchdog.panels.pterodactyl.hands import Hands
from watchdog.panels.pterodactyl.powering import power, sync
from watchdog.panels.pterodactyl.replying import WAIT
from watchdog.panels.pterodactyl.sends import lock_line
from watchdog.panels.pterodactyl.view import Schedule
from watchdog.runtime.hooklines import hook_line

HOOK_SECONDS: Final = 120.0
CURED: Final = 60.0
"""Seconds that a worker has to take up its work after a restart; a schedule is looked at once a minute by the panel itself."""
_LOST: Final = (Unreachable, DeadlinePassed, MalformedAnswer, ServerFault, Throttled)


def lock_backup(hands: Hands) -> Outcome:
    """Lock a good backup. The route toggles: the client reads the record before it, and puts right what a second hand did."""
    record = first_record(hands)
    if isinstance(record, Outcome):
        return record
    if record.locked:
        return hands.done("it is locked")
    if record.state != "complete":
        return hands.gave_up(f"it is {record.state}: there is nothing to keep")
    hands.act.step("checked")
    hands.act.fence()
    hands.sent.append(lock_line(hands.settings, hands.server, hands.backup))
    try:
        hands.client.lock(hands.server, hands.backup, hands.seconds(hands.settings.timeout))
    except (Temporary, Unknown) as error:
        hint = f" ({type(error).__name__})"
    else:
        hint = ""
    hands.act.step("sent")
    now = hands.reread()
    return hands.done("it is locked") if now is not None and now.locked else hands.later(WAIT, f"it does not read as locked{hint}")


def restart_queue(hands: Hands) -> Outcome:
    """Restart the queue worker by its hook while a task still waits in its queue."""
    return _restart(hands, hands.settings.hooks.restart_queue, lambda each: each.processing and bool(each.queued))


def restart_cron(hands: Hands) -> Outcome:
    """Restart what runs the schedule by its hook while a schedule is still overdue."""
    late = hands.settings.thresholds.cron

    def overdue(each: Schedule) -> bool:
        return each.active and not each.processing and each.next_run_at is not None and hands.now - each.next_run_at > late

    return _restart(hands, hands.settings.hooks.restart_cron, overdue)


def _restart(hands: Hands, hook: Hook | None, ill: Callable[[Schedule], bool]) -> Outcome:
    if hook is None or hook_line(hook) != hands.parameter("hook"):
        return hands.gave_up("the hook was changed or removed since this was planned")
    if not _ill(hands, ill):
        return hands.done("what it was to mend is gone")
    hands.act.step("checked")
    hands.act.fence()
    hands.sent.append(hook_line(hook))
    hands.hooks.run(hook, hands.seconds(HOOK_SECONDS))
    hands.act.step("restarted")
    if hands.wait_for(lambda: not _ill(hands, ill), CURED):
        return hands.done("the hook ended, and the schedule moves again")
    return hands.done("the hook ended; the schedule has not moved yet, the next looks tell")


def _ill(hands: Hands, ill: Callable[[Schedule], bool]) -> bool:
    """Whether a schedule that the proposal was made for is still ill; what cannot be read is taken for ill as it was."""
    facts = hands.repair.proposal.facts
    try:
        schedules = hands.client.schedules(str(facts.get("server", "")))
    except NotFound:
        return False
    except (*_LOST, Unknown, Refused):
        return True
    return any(each.id == facts.get("schedule") and ill(each) for each in schedules)


REPAIRS: Final[Mapping[str, Callable[[Hands], Outcome]]] = {
    remedies.COMPLETE: complete_backup,
    remedies.FAIL: fail_backup,
    remedies.LOCK: lock_backup,
    **dict.fromkeys(remedies.POWER, power),
    remedies.SYNC: sync,
    remedies.QUEUE: restart_queue,
    remedies.CRON: restart_cron,
}
"""What carries out each remedy of ``remedies.REMEDIES``."""
