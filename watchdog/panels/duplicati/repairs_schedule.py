"""The remedies of one job's pause: its schedule moved, and put back. Run twice they have one effect.

The job is read and put back within one exchange, and only if nobody changed anything in between; what it did is judged by reading again:
the slot is the wanted one, and everything else is what it was, by its fingerprint (contract section 3, rules 1 to 8).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from watchdog.errors import DeadlinePassed, NotFound, Refused, ServerFault, Unknown, Unreachable
from watchdog.model.drifts import Scalar
from watchdog.model.repairs import Outcome
from watchdog.panels.duplicati import putting, sends_pause, tasks_pause
from watchdog.panels.duplicati.client import DuplicatiClient
from watchdog.panels.duplicati.hands import Hands
from watchdog.panels.duplicati.releases import Capabilities
from watchdog.panels.duplicati.remedies import backup_object
from watchdog.panels.duplicati.remedies_pause import PUT_BACK
from watchdog.panels.duplicati.states import ServerState
from watchdog.panels.duplicati.task_ruling import TaskRuling, rule_task
from watchdog.panels.duplicati.view import Schedule

MAY_HAVE_WORKED: Final = (ServerFault, Unreachable, DeadlinePassed, Unknown, Refused)
BUSY_SECONDS: Final = 15.0
SOON: Final = 2.0
REFUSED_SECONDS: Final = 900.0
"""Seconds until a job that cannot be put back is looked at again: somebody may have changed it."""
REFUSED: Final = Refused.__name__


@dataclass(frozen=True, slots=True)
class Put:
    """How one exchange ended, with a sentence for a person.

    ``end``: ``nothing`` to send, ``done``, ``later``, ``refused`` (it cannot be put back as it is), ``doubtful`` (it is where it belongs,
    and somebody saved something in the same moment).
    """

    end: str
    message: str


@dataclass(frozen=True, slots=True)
class Wire:
    """What an exchange needs: the client, one deadline per request, the release."""

    client: DuplicatiClient
    seconds: Callable[[], float]
    capabilities: Capabilities


def move(hands: Hands) -> Outcome:
    """Move the job's slot behind its pause, if a fresh reading still asks for it."""
    backup = hands.parameter("backup")

    def announce(schedule: Schedule, to: float) -> None:
        parameters: dict[str, Scalar] = {"backup": backup, "time": schedule.time}
        hands.act.step("checked")
        hands.act.hold(tasks_pause.HELD, backup_object(hands.settings.name, backup), PUT_BACK, parameters, to)
        hands.act.step("held")

    return _ended(hands, _exchanged(hands, backup, lambda ruling: not ruling.release, announce))


def put_back(hands: Hands) -> Outcome:
    """Put the job's slot back to its own next one, if a fresh reading still asks for it; give the record of it back."""
    backup = hands.parameter("backup")

    def announce(schedule: Schedule, to: float) -> None:
        hands.act.step("checked")
        hands.act.hold(
            tasks_pause.HELD, backup_object(hands.settings.name, backup), PUT_BACK, {"backup": backup, "time": schedule.time}, to
        )
        hands.act.step("held")

    try:
        put = _exchanged(hands, backup, lambda ruling: ruling.release, announce)
    except NotFound:
        put = Put("nothing", "the job is not there any more")
    outcome = _ended(hands, put)
    if outcome.end == "done":
        for each in hands.told.holdings:
            if each.what == tasks_pause.HELD and each.object == backup_object(hands.settings.name, backup) and _is_over(hands, backup):
                hands.act.release(each.id)
    return outcome


def exchange(
    wire: Wire, backup: str, wanted: Callable[[Schedule | None], TaskRuling], announce: Callable[[Schedule, float], None],
    send: Callable[[Mapping[str, Any], float], str],
) -> Put:  # fmt: skip
    """Read the job, ask ``wanted`` where its slot belongs, ``announce`` that, ``send`` it, and read again.

    Raises what reading raises, before anything was sent.
    """
    before, life = wire.client.state(wire.seconds()), wire.client.pulse().restarts
    if before.busy_with(backup):
        return Put("later", tasks_pause.BUSY)
    job = putting.whole(wire.client.job(backup, wire.seconds()))
    schedule = putting.schedule_of(job)
    ruling = wanted(schedule)
    if ruling.to is None or schedule is None:
        return Put("nothing", ruling.truth or "its slot is where it belongs")
    if reason := putting.refusal(job, wire.capabilities):
        return Put("refused", reason)
    announce(schedule, ruling.to)
    now = wire.client.state(wire.seconds())
    if now.busy_with(backup) or now.last_data != before.last_data or wire.client.pulse().restarts != life:
        return Put("later", "something was changed on the server at this moment")
    hint = send(putting.body(job, ruling.to, wire.capabilities), ruling.to)
    return _judged(wire, backup, ruling.to, putting.fingerprint(job), now, hint)


def _judged(wire: Wire, backup: str, to: float, fingerprint: str, before: ServerState, hint: str) -> Put:
    job, after = putting.whole(wire.client.job(backup, wire.seconds())), wire.client.state(wire.seconds())
    schedule = putting.schedule_of(job)
    if putting.fingerprint(job) != fingerprint:
        return Put("refused", "something else of the job was changed at this moment: look at the job in the server's own pages")
    if schedule is None or schedule.time is None or abs(schedule.time - to) > 1.0:
        return Put("refused" if REFUSED in hint else "later", f"its slot is not where it was put{hint}")
    said = f"its next slot is {putting.written(to)}, and all else is as it was"
    if after.last_data - before.last_data > 1 and before.active is None and after.active is None:
        more = "something else was saved on the server at the same moment; if it was this job, that is overwritten: look at it"
        return Put("doubtful", f"{said}; {more}")
    return Put("done", said + ("; it waits in the queue already" if after.busy_with(backup) else ""))


def _exchanged(
    hands: Hands, backup: str, meant: Callable[[TaskRuling], bool], announce: Callable[[Schedule, float], None]
) -> Put:  # fmt: skip
    def wanted(schedule: Schedule | None) -> TaskRuling:
        ruling = _ruling(hands, backup, schedule)
        return ruling if meant(ruling) else TaskRuling(truth="it is not asked for any more")

    def send(body: Mapping[str, Any], to: float) -> str:
        hands.act.fence()
        hands.sent.append(sends_pause.put_line(hands.settings, backup, putting.written(to)))
        hint = ""
        try:
            hands.client.put_job(backup, body, hands.seconds(hands.settings.timeout))
        except MAY_HAVE_WORKED as error:
            hint = f" (it answered {type(error).__name__})"
        hands.act.step("sent")
        return hint

    wire = Wire(hands.client, lambda: hands.seconds(hands.settings.timeout), hands.view.capabilities)
    return exchange(wire, backup, wanted, announce, send)


def _ruling(hands: Hands, backup: str, schedule: Schedule | None) -> TaskRuling:
    facts = replace(hands.told, pauses=hands.standing())
    wall = hands.clock.now().wall + (hands.view.clock_skew or 0.0)
    return rule_task(tasks_pause.scene_of(hands.view, facts, backup, schedule, wall))


def _is_over(hands: Hands, backup: str) -> bool:
    """Whether no pause of the job stands by now: else the record is still needed."""
    return not tasks_pause.of_job(hands.view, hands.standing(), backup)


def _ended(hands: Hands, put: Put) -> Outcome:
    match put.end:
        case "nothing":
            return hands.done(f"nothing sent: {put.message}")
        case "done":
            return hands.done(put.message)
        case "later":
            return hands.later(BUSY_SECONDS if put.message == tasks_pause.BUSY else SOON, put.message)
        case "doubtful":
            return hands.gave_up(put.message)
    return hands.later(REFUSED_SECONDS, put.message)
