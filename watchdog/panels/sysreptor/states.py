"""The rules about the panel itself: would it make a backup, is its release safe, do its tasks run (contract sections 1 and 4: D7, D8, D10).

Pure. Each has a subject of its own, so that one side in the dark hides no other.
"""

from __future__ import annotations

from typing import Final

from watchdog.model.drifts import Scalar
from watchdog.model.parts import Part, one, unsure
from watchdog.panels.sysreptor import remedies
from watchdog.panels.sysreptor.cases import Case
from watchdog.panels.sysreptor.releases import Method, broken_in, parse_version
from watchdog.panels.sysreptor.view import NOT_CONFIGURED, TASK_SECONDS, Preflight
from watchdog.panels.sysreptor.wishes import REFUSALS

TASKS_LATE: Final = 600.0
"""Seconds that a periodic task may begin late (contract section 4, D7)."""
NOT_LOGGED_IN: Final = "Forbidden"
"""The word beside a part of the view that the panel refused the token for."""


def about_refusals(case: Case) -> Part:
    """Report when the panel would make no backup (D8): licence, BACKUP_KEY, token. Nothing is tried again and again."""
    subject, view = case.subject("licence"), case.view
    if view.licence_error == NOT_CONFIGURED and view.preflight is Preflight.NOT_ASKED:
        return Part()
    word = _refusal(case)
    if word is not None:
        licence = view.licence
        evidence: dict[str, Scalar] = {"refusal": word.value, "licence_error": licence.error if licence else ""}
        hold = "a person must mend that; until then every backup fails, by the command with an empty file"
        belief = "nothing tells the people who use it"
        return one(subject, case.drift("backup_refused", subject, REFUSALS[word], belief, evidence, None, hold))
    if view.preflight is Preflight.UNKNOWN or (view.licence is None and view.preflight is not Preflight.READY):
        return unsure(subject, "panel_silent", f"the panel could not be asked ({view.licence_error or 'no answer to the harmless try'})")
    return one(subject)


def about_the_release(case: Case) -> Part:
    """Report a release whose backups are not to be trusted (D10)."""
    subject = case.subject("release")
    text = version_of(case)
    if not text:
        if case.view.licence_error == NOT_CONFIGURED:
            return Part()
        return unsure(subject, "version_unknown", "the panel's release is not known")
    method = case.settings.run.method
    methods: tuple[Method, ...] = ("exec", "api") if method == "none" else (method,)
    found = broken_in(parse_version(text), methods)
    if not found:
        return one(subject)
    fixed = max(each.fixed for each in found)
    evidence: dict[str, Scalar] = {"version": text, "causes": " ".join(each.name for each in found)}
    only_web = all("exec" not in each.methods for each in found)
    hold = f"update to {fixed[0]}.{fixed[1]} or later" + ("; until then make backups by the command, not by download" if only_web else "")
    truth = f"{text}: " + "; ".join(each.story for each in found)
    belief = "the panel says 200 and finished"
    return one(subject, case.drift("version_unsafe", subject, truth, belief, evidence, None, hold))


def about_tasks(case: Case) -> Part:
    """Report when the panel's daily tasks do not run (D7): they begin only when somebody asks for its health.

    All that are due begin together, so the newest start tells. Single rows do not: those of tasks that a release or a plugin has given up
    stay for ever as they were (tasks/querysets.py, get_pending_tasks).
    """
    subject, view = case.subject("tasks"), case.view
    if view.tasks is None and view.tasks_error == NOT_CONFIGURED:
        return Part()
    if view.tasks is None:
        return unsure(subject, "database_unreadable", f"the panel's tasks cannot be read ({view.tasks_error})")
    newest = max(view.tasks, key=lambda task: task.started, default=None)
    if newest is None or case.wall - newest.started <= TASK_SECONDS + TASKS_LATE:
        return one(subject)
    evidence: dict[str, Scalar] = {"newest": newest.id, "tasks": len(view.tasks)}
    proposal = remedies.poke_healthcheck(case.settings) if case.settings.url is not None else None
    hold = None if proposal is not None else "set url: the panel's healthcheck is what begins them"
    if view.health is not None and not view.health.well:
        proposal, hold = None, "the panel's own healthcheck fails: mend that first"
    truth = f"none of its {len(view.tasks)} tasks has begun for more than a day"
    return one(subject, case.drift("tasks_stand_still", subject, truth, "", evidence, proposal, hold))


def version_of(case: Case) -> str:
    """Return the panel's release: in its own word, else by the newest verified backup; "" = not known."""
    newest = case.shelf.newest_good
    return case.view.version or (newest.version if newest is not None else "")


def _refusal(case: Case) -> Preflight | None:
    view = case.view
    if view.preflight in REFUSALS:
        return view.preflight
    if view.licence is not None and not view.licence.professional:
        return Preflight.NO_LICENCE
    if NOT_LOGGED_IN in (view.licence_error, view.log_error):
        return Preflight.TOKEN_WRONG if view.licence_error == NOT_LOGGED_IN else Preflight.FORBIDDEN
    return None
