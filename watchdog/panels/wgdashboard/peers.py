"""The rules about single peers: what the panel shows of them beside what the kernel has (contract sections 1.4, 2.1 E, 3.1). Pure.

A peer's identity is (configuration, public key). Restricted peers are no drift, peers of a configuration that is down are not judged, and
peers that a dead or blocked thread has made old are that drift's and not their own. Reported only: adopting a peer lets an intruder in,
removing one may cut somebody off.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from watchdog.model.drifts import Drift, Scalar, Subject, UnknownSubject
from watchdog.model.parts import Part
from watchdog.model.wireguard import Device
from watchdog.model.wireguard import Peer as KernelPeer
from watchdog.panels.wgdashboard.cases import Case, Patient
from watchdog.panels.wgdashboard.jobs import overdue
from watchdog.panels.wgdashboard.pulse import Pulse
from watchdog.panels.wgdashboard.texts import networks
from watchdog.panels.wgdashboard.tunnels import configuration_not_loaded
from watchdog.panels.wgdashboard.view import PANEL_NAME, Peer

LASTS: Final = 30.0
"""Seconds, beside the time between two answers, that a wrong state must last: up to 4.2 every healthy tunnel is shown as stopped for about
ten of each 125 s, until the pass after the renewal of its handshake, and our answer may be ten seconds old (seen on 4.2.3)."""
NEAR_THRESHOLD: Final = 10.0
"""Seconds before the panel's threshold within which nobody can say which state a peer should show."""
ONE_ROUND: Final = 30.0
"""Seconds behind the threshold within which the panel's last pass and our two looks may still lie."""


def about_the_peers(case: Case, patient: Patient, pulse: Pulse) -> Part:
    """Judge all peers of one configuration."""
    configuration, device = patient.configuration, patient.device
    if not configuration.up or configuration.error or configuration.unknown:
        return Part()
    if case.sight.elsewhere:
        # its kernel is not in sight by configuration: only what the panel itself owes can be judged
        return Part(tuple(late for peer in configuration.peers if (late := overdue(case, peer)) is not None))
    if not case.sight.clear or (device is not None and device.error is not None):
        return Part(unknown=tuple(UnknownSubject(_subject(each), *_why(case)) for each in configuration.peers))
    if device is None:
        return Part()  # that is the configuration's own drift
    drifts: list[Drift] = list(_strangers(case, patient, device))
    unknown: list[UnknownSubject] = []
    fine: list[Subject] = []
    kernel = {peer.public_key: peer for peer in device.peers}
    not_loaded = configuration_not_loaded(case, patient) is not None
    for peer in configuration.peers:
        found = list(_about(case, patient, peer, kernel.get(peer.public_key), not_loaded=not_loaded))
        wrong, reason = _state(case, patient, peer, kernel.get(peer.public_key), pulse)
        found += [wrong] if wrong else []
        drifts += found
        if found:
            continue
        if reason:
            unknown.append(UnknownSubject(_subject(peer), *reason))
        elif peer.public_key in kernel:
            fine.append(_subject(peer))
    return Part(tuple(drifts), tuple(unknown), tuple(fine))


def _why(case: Case) -> tuple[str, str]:
    if not case.sight.clear:
        return case.sight.reason, case.sight.message
    return "device_silent", "its WireGuard device does not answer"


def _strangers(case: Case, patient: Patient, device: Device) -> Iterator[Drift]:
    """Find peers that the kernel lets in and the panel does not know: a security finding, never adopted and never removed by us."""
    known = {each.public_key for each in (*patient.configuration.peers, *patient.configuration.restricted)}
    for peer in device.peers:
        if peer.public_key in known:
            continue
        in_file = None if patient.file is None or patient.file.error else peer.public_key in patient.file.peers
        evidence: dict[str, Scalar] = {"allowed_ips": ", ".join(sorted(peer.allowed_ips)), "in_file": in_file}
        hold = (
            f"whose is it? If nobody's: 'wg set {patient.name} peer {peer.public_key} remove'. If it is wanted, add it in the panel; "
            "a save and a re-read would adopt it, intruder or not"
        )
        subject = Subject("peer", f"{patient.name}/{peer.public_key}", peer.public_key)
        truth = "the kernel lets this peer in"
        belief = "the panel does not know it"
        yield Drift("peer_unknown_to_panel", PANEL_NAME, case.settings.name, subject, truth, belief, evidence, None, hold)


def _about(case: Case, patient: Patient, peer: Peer, true: KernelPeer | None, *, not_loaded: bool) -> Iterator[Drift]:
    """Find what does not depend on the panel's thread."""
    if true is None:
        if not not_loaded:  # else its file is ahead of the kernel, and that is one drift for all its peers
            yield _missing(case, patient, peer)
        return
    if (late := overdue(case, peer)) is not None:
        yield late
    if (other := _allowed_ips(case, patient, peer, true)) is not None:
        yield other


def _missing(case: Case, patient: Patient, peer: Peer) -> Drift:
    in_file = None if patient.file is None or patient.file.error else peer.public_key in patient.file.peers
    evidence: dict[str, Scalar] = {"in_file": in_file}
    hold = (
        f"restricting it and giving access again in the panel puts it back; so does 'wg syncconf {patient.name} "
        f"<(wg-quick strip {patient.name})' if its file has it, which takes out of the kernel what its file has not"
    )
    truth, belief = "the kernel does not have this peer", "the panel lists it as having access"
    return Drift("peer_missing_in_kernel", PANEL_NAME, case.settings.name, _subject(peer), truth, belief, evidence, None, hold)


def _allowed_ips(case: Case, patient: Patient, peer: Peer, true: KernelPeer) -> Drift | None:
    """Compare as sets of networks: the panel shows the file's text, the kernel its own."""
    kernel, shown = networks(true.allowed_ips), peer.allowed_ips
    file = patient.file.peers.get(peer.public_key) if patient.file is not None and not patient.file.error else None
    if kernel == shown and (file is None or file == kernel):
        return None
    evidence: dict[str, Scalar] = {"kernel": _text(kernel), "panel": _text(shown), "file": None if file is None else _text(file)}
    hold = "traffic would move: decide which is right, set it in the panel, which writes kernel and file"
    belief = f"the panel says {_text(shown)}" if kernel != shown else f"its file says {_text(file or ())}"
    truth = f"the kernel allows {_text(kernel)}"
    return Drift("allowed_ips_differ", PANEL_NAME, case.settings.name, _subject(peer), truth, belief, evidence, None, hold)


def _state(  # noqa: PLR0911  # a ladder
    case: Case, patient: Patient, peer: Peer, true: KernelPeer | None, pulse: Pulse
) -> tuple[Drift | None, tuple[str, str] | None]:  # fmt: skip
    """Return the drift of the state that the panel shows, or why it cannot be judged; neither when it is right."""
    if true is None:
        return None, None
    if pulse.covers(patient.name):
        return None, ("thread", "nothing samples it: that is the thread's drift, not its own")
    if pulse.word == "unsure":
        return None, (pulse.reason, pulse.message)
    if not true.handshake_trusted:
        if true.connected is False and not peer.running:
            return None, None  # no handshake for minutes since the jump: away, as the panel says
        return None, ("clock_jumped", "the wall clock jumped since its last handshake, so its age is unknown")
    if patient.tells and not patient.moving(case.now):
        return None, ("observing", "no pass has been seen to reach it lately")
    kind = _wrong(case, peer, true)
    if kind is None or case.notes.lasts(kind, _subject(peer).id) < LASTS + case.reading:
        return None, None
    evidence: dict[str, Scalar] = {"threshold": case.view.threshold, "sampling": peer.handshake.sampling.value}
    hold = "the panel's thread reaches its configuration and still shows it wrongly: compare the clocks, and read log/error_*.log"
    truth = "its tunnel is online" if kind == "peer_false_offline" else "its tunnel has had no handshake for long"
    belief = f"the panel says {'running' if peer.running else 'stopped'}"
    return Drift(kind, PANEL_NAME, case.settings.name, _subject(peer), truth, belief, evidence, None, hold), None


def _wrong(case: Case, peer: Peer, true: KernelPeer) -> str | None:
    age = None if true.last_handshake is None else case.now.wall - true.last_handshake
    if not peer.running and age is not None and age < case.view.threshold - NEAR_THRESHOLD:
        return "peer_false_offline"
    if peer.running and (age is None or age > case.view.threshold + ONE_ROUND):
        return "peer_false_online"
    return None


def _subject(peer: Peer) -> Subject:
    return Subject("peer", f"{peer.configuration}/{peer.public_key}", peer.name)


def _text(found: Iterable[str]) -> str:
    return ", ".join(sorted(found)) or "nothing"
