"""A run that came to nothing: what its part becomes, what killed it, and when the next may begin."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from watchdog.errors import Permanent, Stopping, Temporary, WatchdogError
from watchdog.model.archives import Verification
from watchdog.model.repairs import Outcome
from watchdog.panels.sysreptor.hands import Hands
from watchdog.panels.sysreptor.making import End
from watchdog.runtime.partfile import PartFile
from watchdog.runtime.quarantine import identity_of, set_aside

KILLED: Final = 137
REST: Final = 900.0
"""Seconds until the next try after a failure that says nothing about the next one."""
_NEWS: Final = 15.0
"""Seconds that Docker's own word of a kill is waited for."""
_NO_LICENCE: Final = "Professional license required"


@dataclass(frozen=True, slots=True)
class Begun:
    """When a run began, in UNIX seconds, and how many kills for want of memory the panel's container had had by then."""

    at: float
    kills: float

    @classmethod
    def now(cls, hands: Hands) -> Begun:
        """Return this moment."""
        return cls(hands.now, _kills(hands))


def by_error(hands: Hands, part: PartFile, error: WatchdogError, begun: Begun) -> Outcome:
    """End a run that an error broke off."""
    reason = part.wrong[0] if part.wrong is not None else type(error).__name__
    kept = set_part_aside(hands, part, reason, str(error))
    if starved := _out_of_memory(hands, begun):
        return hands.later(hands.settings.run.after_oom, f"{starved}; {error}. {kept}")
    if isinstance(error, Permanent):
        return hands.gave_up(f"{type(error).__name__}: {error}. {kept}")
    delay = getattr(error, "delay", None) if isinstance(error, Temporary) else None
    return hands.later(max(delay or 0.0, REST), f"{type(error).__name__}: {error}. {kept}")


def by_code(hands: Hands, part: PartFile, end: End, begun: Begun) -> Outcome:
    """End a run whose command did not end with 0, whatever it wrote."""
    kept = set_part_aside(hands, part, f"exit_{end.code}", f"the command ended with {end.code}: {end.said}")
    if _NO_LICENCE in end.said:
        return hands.gave_up(f"the panel has no Professional licence now: the command ended with {end.code} and {part.size} bytes. {kept}")
    if starved := _out_of_memory(hands, begun):
        return hands.later(hands.settings.run.after_oom, f"{starved} after {part.size} bytes: see to its memory first. {kept}")
    hint = " (killed, and Docker saw no want of memory)" if end.code == KILLED else ""
    return hands.later(REST, f"the command ended with {end.code}{hint}: {end.said or 'it said nothing'}. {kept}")


def unproven(hands: Hands, part: PartFile, found: Verification, reason: str) -> Outcome:
    """End a run whose stream ended well and whose archive is not proven."""
    kept = set_part_aside(hands, part, found.reason or found.verdict or "unproven", reason)
    return hands.later(REST, f"the stream ended well, and the archive is not proven: {reason}. {kept}")


def set_part_aside(hands: Hands, part: PartFile, reason: str, message: str) -> str:
    """Put a failed part into quarantine, or away when nothing is in it; return one sentence on where it is now."""
    part.close()
    try:
        if part.size == 0:
            part.path.unlink(missing_ok=True)
            return "Nothing had come, nothing is kept"
        note = {
            "reason": reason,
            "message": message,
            "at": hands.now,
            "bytes": part.size,
            "sha256": part.sha256,
            "target": hands.settings.name,
        }
        return f"What came is in {set_aside(part.path, identity_of(part.path), note | _salvage(hands, part.path))}"
    except (WatchdogError, OSError) as error:
        if isinstance(error, Stopping):
            raise
        return f"What came stays in {part.path}, which bears our mark ({error})"


def _salvage(hands: Hands, path: Path) -> dict[str, object]:
    """Tell what survives in a broken archive: the rows of the database come first in it (contract section 3)."""
    if hands.ports.archives is None:
        return {}
    found = hands.ports.archives(str(path), level=2, alive=lambda: hands.act.sleep(0.0)).salvage
    if found is None:
        return {}
    return {"salvageable_entries": found.entries, "salvageable_bytes": found.bytes, "salvageable_db": "backup.jsonl" in found.names}


def _out_of_memory(hands: Hands, begun: Begun) -> str:
    """Name a kill for want of memory by Docker's own facts, since exit code 137 alone is none (contract section 3); "" = none seen."""

    def look() -> bool:
        return hands.container() is None or bool(_kill_since(hands, begun))

    hands.wait_for(look, _NEWS)
    return _kill_since(hands, begun)


def _kill_since(hands: Hands, begun: Begun) -> str:
    facts, name = hands.docker(), hands.settings.run.container
    for event in facts.events if facts is not None else ():
        if event.action == "oom" and event.name == name and event.at >= begun.at:
            return f"a process of '{name}' was killed for want of memory (Docker's oom event)"
    return f"a process of '{name}' was killed for want of memory (its counter of kills)" if _kills(hands) > begun.kills else ""


def _kills(hands: Hands) -> float:
    facts = hands.docker()
    return facts.tallies.get(("oom", hands.settings.run.container), 0.0) if facts is not None else 0.0
