"""The rules about the panel itself: its thread, its passes, its worker (contract sections 2 and 3). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from watchdog.model.drifts import Drift, Proposal, Scalar, Subject, UnknownSubject
from watchdog.model.parts import Part
from watchdog.panels.wgdashboard import dangers, remedies
from watchdog.panels.wgdashboard.cases import Case, Patient
from watchdog.panels.wgdashboard.pulse import Pulse, Suspect
from watchdog.panels.wgdashboard.view import LONGER_THRESHOLD_SINCE, PANEL_NAME, Access
from watchdog.runtime.hooklines import hook_line

ELSEWHERE = "it is not proven that the panel runs on this host: the agent there mends it, or set owner: true on this one"
NAMES_SHOWN: Final = 20
CAUSES: Final = {
    "file_missing": "its configuration file is gone while its tunnel is up",
    "no_device": "an interface of that name has an address, but it is no WireGuard device",
    "device_silent": "its WireGuard daemon does not answer",
    "pass_failed": "the panel's log names it",
    "unreadable": "the panel fails to answer for it",
    "unknown": "it is the first that stands still",
}
WAYS_OUT: Final = {
    "file_missing": "put its file back (WGDashboard_Backup beside it has copies), or delete the configuration in the panel",
    "no_device": "rename or remove the interface that took its name; a restart of the panel does not help",
    "device_silent": "restart its WireGuard daemon; a restart of the panel does not help",
    "pass_failed": "read the panel's log/error_*.log for the reason",
    "unreadable": "read the panel's log/error_*.log for the reason",
    "unknown": "read the panel's log/error_*.log for the reason",
}


def panel_subject(case: Case) -> Subject:
    """Return the subject of whatever is wrong with the panel as a whole."""
    return Subject("panel", case.settings.name, case.settings.name)


def configuration_subject(name: str) -> Subject:
    """Return one configuration as a subject."""
    return Subject("configuration", name, name)


def about_the_panel(case: Case, patients: Sequence[Patient], pulse: Pulse) -> Part:
    """Judge the thread and the worker; and note in the memory since when the panel is ill, and who was online when that was found."""
    stale = stale_worker(case, patients)
    ill = stale is not None or pulse.word in ("dead", "blocked")
    _note(case, patients, pulse, ill=ill, well=pulse.well and stale is None)
    drifts = [stale] if stale else []
    if pulse.word == "dead":
        drifts.append(thread_dead(case, patients, pulse))
    drifts += [pass_blocked(case, suspect) for suspect in pulse.suspects]
    subject = panel_subject(case)
    if any(drift.subject == subject for drift in drifts):
        return Part(tuple(drifts))
    if pulse.word == "unsure":
        return Part(tuple(drifts), (UnknownSubject(subject, pulse.reason, pulse.message),))
    if case.view.access is Access.FEATURE_OFF:
        message = "the panel refuses every key; without its ini (directory) nobody can tell a stale worker from a feature that is off"
        if case.evidence.ini is not None:
            message = "API keys are switched off in the panel's settings"
        return Part(tuple(drifts), (UnknownSubject(subject, "keys_off", message),))
    return Part(tuple(drifts), fine=(subject,))


def thread_dead(case: Case, patients: Sequence[Patient], pulse: Pulse) -> Drift:
    """Report that nothing is sampled any more: every state that the panel shows is old. One cause, whatever it shows of single peers."""
    journal, memory = case.evidence.journal, case.notes.panel
    lives = case.evidence.thread_lives()
    evidence: dict[str, Scalar] = {
        "version": case.view.version,
        "thread": {True: "there", False: "gone", None: "not seen"}[lives],
        "ended_by": journal.died if journal else "",
        "truly_online": memory.online,
        "wrongly_offline": memory.wrongly_offline,
    }
    proposal, hold = _restart(case, patients, pulse.frozen)
    truth = "its thread is there but has sampled nothing for minutes" if pulse.hangs else "no pass has sampled any tunnel since"
    belief = "the panel shows the states of its last pass as if they were new"
    return Drift("thread_dead", PANEL_NAME, case.settings.name, panel_subject(case), truth, belief, evidence, proposal, hold)


def pass_blocked(case: Case, suspect: Suspect) -> Drift:
    """Report that passes break at one configuration, so that all behind it are never sampled (gap 1 of contract section 2)."""
    name, memory = suspect.patient.name, case.notes.panel
    evidence: dict[str, Scalar] = {
        "version": case.view.version,
        "cause": suspect.cause,
        "blinds": _names(suspect.blinds),
        "order_known": case.view.ordered,
        "truly_online": memory.online,
        "wrongly_offline": memory.wrongly_offline,
    }
    if case.evidence.journal is not None:
        evidence["error"] = case.evidence.journal.broken_by
    proposal, hold = _reread(case, suspect)
    truth = f"every pass ends at {name}: {CAUSES[suspect.cause]}"
    belief = f"the panel shows old states of {len(suspect.blinds)} configurations"
    subject = configuration_subject(name)
    return Drift("pass_blocked", PANEL_NAME, case.settings.name, subject, truth, belief, evidence, proposal, hold)


def stale_worker(case: Case, patients: Sequence[Patient]) -> Drift | None:
    """Report a worker that was forked anew: it refuses keys that the ini allows, and its next save writes old settings (section 3.3)."""
    ini = case.evidence.ini
    if case.view.access is not Access.FEATURE_OFF or ini is None or ini.keys_enabled is not True:
        return None
    process = case.evidence.process
    respawned = None if process is None else process.respawned
    evidence: dict[str, Scalar] = {"version": case.view.version, "respawned": respawned}
    proposal, hold = _restart(case, patients, ())
    truth = "the ini says that API keys are enabled"
    belief = "the worker says that they are not: it has the settings of the master's start, and would save them over the ini"
    return Drift("stale_worker", PANEL_NAME, case.settings.name, panel_subject(case), truth, belief, evidence, proposal, hold)


def _restart(case: Case, patients: Sequence[Patient], frozen: Sequence[Patient]) -> tuple[Proposal | None, str | None]:
    """Return the proposal to restart the panel, or the sentence that says why not."""
    if not case.ours:
        return None, ELSEWHERE
    hook = case.hook
    if hook is None:
        return None, "only a full restart of the panel mends it: restart it yourself, or configure the hook restart_panel"
    facts = {**dangers.of_a_restart(case, patients, hook), **remedies.life_of(case.view, case.evidence)}
    if frozen:
        facts |= remedies.witness_of(frozen[0].configuration)
    return remedies.restart_panel(case.settings.name, hook_line(hook), facts), None


def _reread(case: Case, suspect: Suspect) -> tuple[Proposal | None, str | None]:
    """Return the proposal to let the panel forget a lost file, or the sentence that says what a person can do."""
    way_out = WAYS_OUT[suspect.cause]
    if suspect.cause != "file_missing" or not case.ours:
        return None, way_out
    ini, numbers, name = case.evidence.ini, case.view.numbers, suspect.patient.name
    if numbers is None or numbers < LONGER_THRESHOLD_SINCE:
        return None, f"{way_out}; a re-read could kill the thread of this version"
    if ini is None or not ini.wg_directory or suspect.patient.configuration.protocol != "wg":
        return None, way_out
    return remedies.reread(case.settings.name, ini.wg_directory, name, dangers.of_a_reread(case, name)), None


def _note(case: Case, patients: Sequence[Patient], pulse: Pulse, *, ill: bool, well: bool) -> None:
    memory = case.notes.panel
    if well:
        case.notes.keep_panel(replace(memory, ill_since=None, online="", wrongly_offline=""))
        return
    if ill and memory.ill_since is None:
        blinded = [each for each in patients if pulse.covers(each.name)]
        online = list(_online(case, blinded, shown_running=None))
        wrongly = list(_online(case, blinded, shown_running=False))
        memory = replace(memory, ill_since=case.now.wall, online=_names(online), wrongly_offline=_names(wrongly))
    case.notes.keep_panel(memory)


def _online(case: Case, patients: Iterable[Patient], *, shown_running: bool | None) -> Iterator[str]:
    """Yield the names of the peers that the kernel has online, all or those that the panel shows as running or not."""
    for each in patients:
        kernel = {peer.public_key: peer for peer in each.device.peers} if each.device is not None else {}
        for peer in each.configuration.peers:
            true = kernel.get(peer.public_key)
            if true is None or not true.handshake_trusted or true.last_handshake is None:
                continue
            if case.now.wall - true.last_handshake < case.view.threshold and shown_running in (None, peer.running):
                yield f"{each.name}: {peer.name or peer.public_key}"


def _names(names: Sequence[str]) -> str:
    """Return names as one text, not endless."""
    listed = ", ".join(sorted(names)[:NAMES_SHOWN])
    return f"{listed} and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else listed
