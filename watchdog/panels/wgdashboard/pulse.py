"""Does the panel's thread still sample? The detectors of contract section 2.1 combined, purely.

A (answers that must change and do not, over at least three of them and 45 s) decides, and only A: the database's time (B) moves with
every write of settings, so a dead thread may look alive by it. The log and the worker's threads (D) tell a dead thread from one that is
blocked by a configuration or hangs. A death in the middle of a pass leaves the first configurations one period younger (seen on 4.2.3).

A long pass shows itself, for answers change one after another while it goes on; but not on its way over configurations whose answers
never change (no peer has ever connected). Up to 4.2 nothing tells such a pass from a dead thread but the log, so each of these
configurations buys the thread a while.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from watchdog.panels.wgdashboard.cases import MIN_AGED, Case, Patient
from watchdog.panels.wgdashboard.view import SEED_BUG_UNTIL, Sampling

BROKEN_LATELY: Final = 45.0
"""Seconds within which a blocked thread must have logged an error: it does so in every pass."""
HANGS_AFTER: Final = 180.0
"""Seconds without a sample after which a thread that is still there counts as hanging, and one configuration as left out."""

SILENT_PACE: Final = 3.0
"""Seconds that a pass of a slow panel may spend on one configuration: three calls of ``wg``, a second each, were seen to be survived."""
SILENT_PACE_LOGGED: Final = 10.0
"""The same where a death would stand in the log, which we read, and does not: the thread of 4.2.3 is not known to end without a word."""

Word = Literal["alive", "idle", "dead", "blocked", "unsure"]
Cause = Literal["file_missing", "no_device", "device_silent", "unreadable", "pass_failed", "unknown"]


@dataclass(frozen=True, slots=True)
class Suspect:
    """The configuration at which passes break, why as far as it can be seen, and the names of those that they do not reach."""

    patient: Patient
    cause: Cause
    blinds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pulse:
    """What can be said of the thread. ``unsure`` has a ``reason`` and a ``message``. ``hangs``: dead, but its thread is still there.

    ``idle``: no tunnel is up or no peer has ever connected, so nothing shows whether it samples, and nothing is wrong for anybody.
    """

    word: Word
    reason: str = ""
    message: str = ""
    frozen: tuple[Patient, ...] = ()
    suspects: tuple[Suspect, ...] = ()
    hangs: bool = False

    @property
    def well(self) -> bool:
        """Whether nothing is the matter with the thread."""
        return self.word in ("alive", "idle")

    def covers(self, name: str) -> bool:
        """Whether a verdict on the thread explains whatever is old about this configuration."""
        if self.word == "dead":
            return True
        return self.word == "blocked" and any(name in suspect.blinds for suspect in self.suspects)


def take(case: Case, patients: Sequence[Patient]) -> Pulse:  # noqa: PLR0911  # a ladder
    """Return what can be said of the thread; ``patients`` in the order in which a pass takes them."""
    if not case.sight.clear and not case.sight.elsewhere:
        return Pulse("unsure", case.sight.reason, case.sight.message)
    if any(each.vanished for each in patients):
        return Pulse("unsure", "reading_anew", "the panel does not know all its configurations just now")
    telling = _telling(case, patients)
    frozen = tuple(each for each in telling if each.frozen)
    moving = [each for each in telling if each.moving(case.now)]
    if case.now.mono - case.notes.panel.booted < case.settings.grace and (not telling or len(moving) < len(telling)):
        # a change seen since then is proof of a pass; what a pass has not reached yet is no fault
        return Pulse("unsure", "settling", "the panel has just begun: its first pass takes a while")
    if not telling:
        return _silent(case)
    if not frozen:
        return Pulse("alive") if moving else Pulse("unsure", "observing", "its answers have not been watched for long enough")
    if moving and case.sight.elsewhere:
        return Pulse("alive")  # what stands still may be peers that its kernel does not have
    if moving:
        return _partly(case, patients, telling, frozen, moving)
    if not all(each.still for each in telling):
        return Pulse("unsure", "observing", "some answers have not been watched for long enough")
    return _wholly(case, patients, frozen, telling)


def _telling(case: Case, patients: Sequence[Patient]) -> list[Patient]:
    found = [each for each in patients if each.tells]
    aged = sum(peer.handshake.sampling is Sampling.AGED for each in found for peer in each.configuration.peers)
    return found if case.sight.clear or aged >= MIN_AGED else []


def _silent(case: Case) -> Pulse:
    journal = case.evidence.journal
    if journal is not None and journal.died:
        return Pulse("dead")
    return Pulse("idle")


def _wholly(case: Case, patients: Sequence[Patient], frozen: tuple[Patient, ...], telling: Sequence[Patient]) -> Pulse:
    """Say what it is when no pass reaches anything: the thread has died, or its passes break at the first tunnel, or it hangs."""
    lives, known = case.evidence.thread_lives(), broken_lately(case)
    blinds = tuple(each.name for each in telling)
    suspect = _suspect(case, patients, [each for each in patients if each.configuration.up], telling[0], blinds)
    dead, blocked = Pulse("dead", frozen=frozen), Pulse("blocked", frozen=frozen, suspects=(suspect,))
    if lives is False:
        return dead
    if lives is None:
        # by its answers alone this looks the same; but only some versions can lose their thread, and a broken pass says so in the log.
        # A daemon that hangs holds the thread of every version in its ``wg show``, and a restart would meet it again
        broken = known or suspect.cause == "device_silent" or not case.view.may_lose_its_thread
        return blocked if broken else _dead_or_slow(case, patients, dead, telling)
    if known or suspect.cause not in ("unknown", "unreadable"):
        return blocked
    if min(each.memory.unchanged for each in frozen) >= HANGS_AFTER:
        return Pulse("dead", frozen=frozen, hangs=True)
    return Pulse("unsure", "slow_pass", "its thread is there, and nothing says that its passes break: one may just take long")


def _dead_or_slow(case: Case, patients: Sequence[Patient], dead: Pulse, telling: Sequence[Patient]) -> Pulse:
    if min(each.memory.unchanged for each in dead.frozen) >= longest_silence(case, patients, telling):
        return dead
    return Pulse("unsure", "slow_pass", "its pass may just be on its way over configurations whose answers never change")


def longest_silence(case: Case, patients: Sequence[Patient], telling: Sequence[Patient]) -> float:
    """Return for how many seconds a living thread of a slow panel may change no answer, as far as can be known without seeing it.

    Its passes go over all that is up, also over devices of its network namespace that it has not told us of.
    """
    silent = {each.name for each in patients if each.configuration.up} | case.sight.devices()
    count = len(silent - {each.name for each in telling})
    logged = case.evidence.journal is not None and case.view.numbers == SEED_BUG_UNTIL
    return max(
        case.settings.frozen_after, min(HANGS_AFTER, case.settings.frozen_after + count * (SILENT_PACE_LOGGED if logged else SILENT_PACE))
    )


def _partly(
    case: Case, patients: Sequence[Patient], telling: list[Patient], frozen: tuple[Patient, ...], moving: list[Patient]
) -> Pulse:  # fmt: skip
    """Say what breaks where some are reached and some are not: the thread lives, and what stands still is behind what ends its passes."""
    last = telling.index(moving[-1])
    behind = telling[last + 1 :]
    alone = [Suspect(each, _cause(case, each), (each.name,)) for each in telling[:last] if each.frozen]
    # a slow pass leaves the first alone for as long as it takes: without anything the matter with one, only minutes count
    suspects = [each for each in alone if each.cause != "unknown" or each.patient.memory.overdue >= HANGS_AFTER]
    if any(each.frozen for each in behind) and all(each.still for each in behind):
        if case.evidence.journal is not None and not broken_lately(case):
            return Pulse("unsure", "slow_pass", "no pass has broken by the panel's log: one may just take long")
        start, end = patients.index(moving[-1]), patients.index(behind[0])
        between = patients[start + 1 : end + 1] if case.view.ordered else [each for each in patients if each not in moving]
        candidates = [each for each in between if each.configuration.up]
        suspect = _suspect(case, patients, candidates, behind[0], tuple(each.name for each in behind))
        if case.evidence.journal is not None or suspect.cause != "unknown" or behind[0].memory.unchanged >= HANGS_AFTER:
            suspects.append(suspect)
        elif not suspects:
            return Pulse("unsure", "slow_pass", "without the panel's log (directory), only minutes tell a broken pass from a slow one")
    return Pulse("blocked", frozen=frozen, suspects=tuple(suspects)) if suspects else Pulse("alive")


def broken_lately(case: Case) -> bool:
    """Whether the panel's log has told of a broken pass just now."""
    journal = case.evidence.journal
    return journal is not None and journal.broken_at is not None and case.now.wall - journal.broken_at <= BROKEN_LATELY


def _suspect(
    case: Case, patients: Sequence[Patient], candidates: Sequence[Patient], default: Patient, blinds: tuple[str, ...]
) -> Suspect:  # fmt: skip
    """Name whom the panel's log names; else the first that has something the matter with it; else the first frozen one.

    The log goes first, for the order of a pass is only believed: after a re-read a configuration may stand last (seen on 4.3.3).
    """
    journal = case.evidence.journal
    named = journal.broken_device if journal is not None and broken_lately(case) else ""
    for each in patients:
        if named and each.name == named and not each.moving(case.now):
            cause = _cause(case, each)
            return Suspect(each, "pass_failed" if cause == "unknown" else cause, blinds)
    for each in candidates:
        if (cause := _cause(case, each)) != "unknown":
            return Suspect(each, cause, blinds)
    return Suspect(default, "unknown", blinds)


def _cause(case: Case, patient: Patient) -> Cause:
    name, journal = patient.name, case.evidence.journal
    if case.evidence.files is not None and name not in case.evidence.files:
        return "file_missing"
    if patient.configuration.up and patient.device is None and case.sight.clear:
        return "no_device"
    if patient.device is not None and patient.device.error is not None:
        return "device_silent"
    if journal is not None and broken_lately(case) and journal.broken_device == name:
        return "pass_failed"
    if patient.configuration.error:
        return "unreadable"
    return "unknown"
