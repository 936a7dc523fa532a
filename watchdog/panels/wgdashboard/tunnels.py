"""The rules about single configurations: panel, kernel, autostart list and file beside each other (contract section 3.1). Pure.

All of them report only: what owns a name, whether a tunnel is wanted up, and which of file and kernel is right, only a person knows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from watchdog.model.drifts import Drift, Scalar, UnknownSubject
from watchdog.model.parts import Part
from watchdog.panels.wgdashboard.cases import Case, Patient
from watchdog.panels.wgdashboard.pulse import Pulse
from watchdog.panels.wgdashboard.rules import configuration_subject
from watchdog.panels.wgdashboard.view import PANEL_NAME

WRITTEN_WITHIN: Final = 30.0
"""Seconds that a change of a file may take to be loaded by whoever made it."""


def about_a_configuration(case: Case, patient: Patient, pulse: Pulse) -> Part:
    """Judge one configuration; in order is only one that a pass has reached lately, as far as that can be seen on it."""
    subject, configuration = configuration_subject(patient.name), patient.configuration
    if configuration.unknown:
        return Part()  # a file that the panel has not read yet; it reads its folder when somebody opens its page
    if configuration.error:
        return Part(unknown=(UnknownSubject(subject, "unreadable", f"the panel failed to answer for it ({configuration.error})"),))
    if case.sight.elsewhere:
        return _by_its_word(case, patient, pulse)
    if not case.sight.clear:
        return Part(unknown=(UnknownSubject(subject, case.sight.reason, case.sight.message),))
    drifts = tuple(_found(case, patient))
    if drifts:
        return Part(drifts)
    unsure = _unsure(case, patient, pulse)
    return Part(fine=(subject,)) if unsure is None else Part(unknown=(UnknownSubject(subject, *unsure),))


def _by_its_word(case: Case, patient: Patient, pulse: Pulse) -> Part:
    """Judge a configuration of a panel on another host: whether it is up that should be, and whether anything samples it."""
    subject = configuration_subject(patient.name)
    if (drift := autostart_down(case, patient)) is not None:
        return Part((drift,))
    if pulse.covers(patient.name):
        return Part(unknown=(UnknownSubject(subject, "thread", "nothing samples it: that is the thread's drift"),))
    return Part(fine=(subject,))


def _unsure(case: Case, patient: Patient, pulse: Pulse) -> tuple[str, str] | None:
    if patient.device is not None and patient.device.error is not None:
        return "device_silent", f"its WireGuard device does not answer ({patient.device.error})"
    if not patient.tells or patient.moving(case.now):
        return None
    if pulse.covers(patient.name):
        return "thread", "nothing samples it: that is the thread's drift"
    return "observing", "no pass has been seen to reach it lately"


def _found(case: Case, patient: Patient) -> Iterator[Drift]:
    for rule in (configuration_without_device, device_without_status, autostart_down, configuration_not_loaded):
        if (drift := rule(case, patient)) is not None:
            yield drift


def configuration_without_device(case: Case, patient: Patient) -> Drift | None:
    """Report what is up by its name only: the panel's Status is "an interface of that name has an address"."""
    if not patient.configuration.up or patient.device is not None:
        return None
    hold = f"something else owns the name: look at 'ip -d link show {patient.name}'"
    return _drift(case, patient, "configuration_without_device", "no WireGuard device has its name", "the panel says up", {}, hold)


def device_without_status(case: Case, patient: Patient) -> Drift | None:
    """Report a tunnel that works and that the panel calls down: its interface has lost its addresses."""
    device, configuration = patient.device, patient.configuration
    if configuration.up or device is None or not configuration.public_key or device.public_key != configuration.public_key:
        return None
    wanted = configuration.addresses or ("ADDRESS",)
    commands = "; ".join(f"ip address add {address} dev {patient.name}" for address in wanted)
    hold = f"its interface has no address: '{commands}'; switching it in the panel would end its tunnels"
    return _drift(case, patient, "device_without_status", "its WireGuard device is there", "the panel says down", {}, hold)


def autostart_down(case: Case, patient: Patient) -> Drift | None:
    """Report what should be up and is not. Never raised by us: the panel's switch flips, and two hands on it take a tunnel down."""
    wish, ini = case.settings.expect.get(patient.name), case.evidence.ini
    listed = ini is not None and patient.name in (ini.autostart or ())
    if patient.configuration.up or patient.device is not None or wish in ("down", "any") or not (listed or wish == "up"):
        return None
    belief = "it is on the panel's autostart list" if listed else "you expect it up"
    hold = (
        f"switch it on in the panel, after a look at whether it is still down ('wg-quick up {patient.name}' does it too); "
        f"or say that you want it down: expect: {{{patient.name}: down}}"
    )
    return _drift(case, patient, "autostart_down", "it is down", belief, {"autostart": listed}, hold)


def configuration_not_loaded(case: Case, patient: Patient) -> Drift | None:
    """Report a file that was changed and not loaded. The panel takes the file's peers over, and the kernel does not know them."""
    file, device = patient.file, patient.device
    if not differs(patient) or file is None or device is None or case.now.wall - file.changed_at < WRITTEN_WITHIN:
        return None
    if file.changed_at == patient.memory.agreed_at:
        return None  # it was the kernel that changed: its peers are judged one by one
    kernel = {peer.public_key for peer in device.peers}
    evidence: dict[str, Scalar] = {
        "only_in_file": ", ".join(sorted(set(file.peers) - kernel)),
        "only_in_kernel": ", ".join(sorted(kernel - set(file.peers))),
        "save_config": patient.configuration.save_config,
    }
    load = f"'wg syncconf {patient.name} <(wg-quick strip {patient.name})' loads it, and takes out of the kernel what it does not hold"
    overwrites = "; the next wg-quick down would write the kernel's state over it (SaveConfig)" if patient.configuration.save_config else ""
    truth = "the kernel has other peers than its file"
    return _drift(case, patient, "configuration_not_loaded", truth, "its file was changed and not loaded", evidence, load + overwrites)


def differs(patient: Patient) -> bool:
    """Whether file and kernel hold other peers, both being readable and its tunnel up."""
    file, device = patient.file, patient.device
    if file is None or file.error or device is None or device.error is not None or not patient.configuration.up:
        return False
    return set(file.peers) != {peer.public_key for peer in device.peers}


def _drift(case: Case, patient: Patient, kind: str, truth: str, belief: str, evidence: dict[str, Scalar], hold: str) -> Drift:
    subject = configuration_subject(patient.name)
    return Drift(kind, PANEL_NAME, case.settings.name, subject, truth, belief, evidence, None, hold)
