"""After an outage of the callback path: one canary repair first, and when it is proven the rest, one at a time. Pure.

Contract section 3.5, guard 8, and section 0: on panel 1.11.6 every report is refused, and while they are the archives that we can save
gather. When the probe is healthy again nobody knows yet that the panel keeps what it is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from watchdog.model.repairs import ObjectHistory
from watchdog.panels.pterodactyl import remedies
from watchdog.panels.pterodactyl.judging import Case, with_refusal
from watchdog.panels.pterodactyl.notes import RecoveryNote
from watchdog.panels.pterodactyl.scene import Scene
from watchdog.panels.pterodactyl.view import Backup

OUTAGES: Final = frozenset({"broken_by_1_11_6", "database_down", "token_drift", "wrong_url", "maintenance", "unreachable"})
"""States of the callback in which the panel certainly takes no report."""
TRIED: Final = 1800.0
"""Seconds after an attempt on the canary that neither failed nor mended it, after which another goes first."""
UNTRIED: Final = 6 * 3600.0
"""Seconds after which another goes first although the canary was never tried: a person may have decided to leave it."""
FORGOTTEN: Final = 7 * 86400.0
"""Seconds after the end of an outage for which it explains what is still stuck."""
CANARY_FAILED: Final = "the first repair after the outage could not be proved: the rest wait for a person (retry)"
_ORDER: Final = {"proven": 0, "held": 1, "corrupt": 2, "absent": 3, "unproven": 4}
Judged = Mapping[str, tuple[Backup, Case]]


def note_outage(scene: Scene) -> None:
    """Remember an outage while it lasts, and when it ended."""
    note, state = scene.notes.recovery(), scene.view.callback.state
    if state in OUTAGES:
        began = note.began if note is not None and note.over_at is None else scene.wall
        note = RecoveryNote(state, min(began, scene.wall))
    elif note is not None and state == "healthy":
        note = replace(note, over_at=scene.wall if note.over_at is None else min(note.over_at, scene.wall))
    if note is not None and note.over_at is not None and scene.wall - note.over_at > FORGOTTEN:
        note = None
    scene.notes.keep_recovery(note)


def in_turn(scene: Scene, judged: Judged) -> dict[str, Case]:
    """Given every stuck backup with its case, by uuid, return the cases with all repairs but one held while an outage is being mended."""
    note = scene.notes.recovery()
    cases = {uuid: case for uuid, (_, case) in judged.items()}
    if note is None or note.over_at is None:
        return cases
    wanted = sorted(
        (uuid for uuid, case in cases.items() if case.proposal is not None),
        key=lambda uuid: (_ORDER.get(cases[uuid].name, 9), judged[uuid][0].created_at, uuid),
    )
    if not cases:
        scene.notes.keep_recovery(None)
        return cases
    note = _after_the_last(scene, note, cases)
    failed = not note.proven and any(_history(scene, uuid).unverified for uuid in wanted)
    current = note.current if note.current in wanted and not _put_off(scene, note, note.current) else ""
    if not current and wanted and not failed:
        current = next((uuid for uuid in wanted if not _put_off(scene, note, uuid)), wanted[0])
    if current and current != note.current:
        note = replace(note, current=current, chosen_at=scene.wall)
    scene.notes.keep_recovery(note)
    sentence = CANARY_FAILED if failed else ""
    return {
        uuid: with_refusal(case, "waiting_for_canary", sentence) if uuid in wanted and uuid != current else case
        for uuid, case in cases.items()
    }


def _after_the_last(scene: Scene, note: RecoveryNote, cases: Mapping[str, Case]) -> RecoveryNote:
    """Return the note after the repair that went last has ended what was the matter with its backup."""
    if not note.current or note.current in cases:
        return note
    record = scene.view.backup(note.current)
    return replace(note, current="", proven=note.proven or (record is not None and record.state in ("complete", "failed")))


def _put_off(scene: Scene, note: RecoveryNote, uuid: str) -> bool:
    """Whether another should go first: it was tried and put off, or it was neither mended nor tried again for long."""
    history, chosen = _history(scene, uuid), scene.wall - note.chosen_at if uuid == note.current else 0.0
    if history.unverified:
        return False
    if not history.attempts:
        return chosen > UNTRIED
    last = history.last_attempt_at or 0.0
    return history.not_before is not None or chosen > TRIED or scene.wall - last > TRIED


def _history(scene: Scene, uuid: str) -> ObjectHistory:
    return scene.facts.history.get(remedies.backup_object(scene.settings.name, uuid), ObjectHistory())
