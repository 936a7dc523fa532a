"""The pauses of the whole server against what it shows: one ruling, and what is remembered of it. Pure. Contract section 4, 1 to 5."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from watchdog.model.approvals import Holding
from watchdog.model.drifts import Drift, Proposal, Scalar, Subject
from watchdog.model.memory import decode
from watchdog.model.moments import Moment
from watchdog.model.parts import Part, joined, one
from watchdog.model.repairs import LedgerFacts
from watchdog.panels.duplicati import remedies_pause
from watchdog.panels.duplicati.cases import Case
from watchdog.panels.duplicati.leases import Posted, named, orders_of
from watchdog.panels.duplicati.ruling import Bounds, Ruling, Scene, rule
from watchdog.panels.duplicati.settings import DuplicatiSettings
from watchdog.panels.duplicati.view import DuplicatiView

HELD: Final = "pause"
"""What our record calls a server that we paused."""
TOO_OLD: Final = "this release is only observed: pause it in its own pages"
NOTED: Final = "pause"


@dataclass(frozen=True, slots=True)
class PauseNote:
    """What is remembered of the server's pauses: orders that a person ended, orders seen in force, and somebody else's pause."""

    respected: str = ""
    in_force: str = ""
    theirs: str = ""


def judge(case: Case) -> Part:
    """Return what is to be said of the server's pause, and of a run inside it."""
    scene = scene_of(case.settings, case.view, case.facts, case.posted, case.now)
    ruling = rule(scene)
    _remember(case, scene, ruling)
    subject = Subject("pause", "server", case.settings.name)
    parts = [one(subject, _drift(case, subject, scene, ruling), again=ruling.again)]
    if ruling.kind != "pause_on_paper":
        parts.append(_run_inside(case, scene))
    return joined(parts)


def scene_of(settings: DuplicatiSettings, view: DuplicatiView, facts: LedgerFacts, posted: Posted | None, now: Moment) -> Scene:
    """Return what the ruling is made from; a remedy makes it anew from a fresh reading before it sends."""
    note = decode(PauseNote, facts.memory.get(NOTED)) or PauseNote()
    ended = frozenset() if settings.enforce else _set(note.respected)
    return Scene(
        orders=orders_of(facts.pauses, ended), state=view.state, pulse=view.pulse, capabilities=view.capabilities,
        bounds=Bounds(settings.lease, settings.tolerance, settings.enforce), now=now, posted=posted, held=held(facts.holdings),
        respected=_set(note.respected), in_force=_set(note.in_force), theirs=note.theirs, skew=view.clock_skew or 0.0,
    )  # fmt: skip


def held(holdings: tuple[Holding, ...]) -> Holding | None:
    """Return our record of having paused the server, None = we have not."""
    return next((each for each in holdings if each.what == HELD and each.object.kind == "server"), None)


def _remember(case: Case, scene: Scene, ruling: Ruling) -> None:
    every = orders_of(case.facts.pauses)
    names = every.names if every is not None else frozenset()
    respected = (scene.respected & names) | ruling.respects
    in_force = (scene.in_force | (names if ruling.keeps else frozenset())) & names
    theirs = named(scene.state) if scene.state.paused and not scene.ours else ""
    if scene.held is not None and not scene.watched and scene.theirs != theirs:
        theirs = ""  # what came up unwatched is nobody's until it was seen to be ordered
    case.notes.keep(NOTED, PauseNote(_text(respected), _text(in_force), theirs))


def _drift(case: Case, subject: Subject, scene: Scene, ruling: Ruling) -> Drift | None:
    if not ruling.kind:
        return None
    evidence: dict[str, Scalar] = {"program": scene.state.program, "release": case.view.capabilities.family}
    proposal: Proposal | None = None
    hold: str | None = None
    if ruling.send is not None:
        proposal = remedies_pause.of_server(case.settings.name, ruling.send, {"family": case.view.capabilities.family})
        hold = None if case.view.capabilities.mendable else TOO_OLD
    return case.drift(ruling.kind, subject, ruling.truth, _belief(scene), evidence, proposal, hold)


def _belief(scene: Scene) -> str:
    if scene.orders is None:
        return "no pause of it stands"
    return "it is to be paused until further notice" if scene.orders.left is None else "it is to be paused"


def _run_inside(case: Case, scene: Scene) -> Part:
    """Tell of a run under way inside a pause of ours, and what this release does with it (contract section 2)."""
    active = scene.state.active
    subject = Subject("pause", "server/run", case.settings.name)
    if scene.orders is None or not scene.state.paused or active is None:
        return one(subject)
    stands = case.view.capabilities.stops_active
    told = {
        False: "it goes on to its end: this release does not stop a run that has begun",
        True: "it stands still until the end of the pause; uploads under way are finished first",
        None: "it is not known whether this release stops a run that has begun",
    }[stands]
    job = case.view.backup(active.backup)
    name = job.name if job is not None else active.backup or "no job"
    return one(subject, case.drift("run_under_pause", subject, f"a run of {name} is under way", told, {"job": active.backup}))


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split()) if text else frozenset()


def _text(names: frozenset[str]) -> str:
    return " ".join(sorted(names))
