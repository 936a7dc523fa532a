"""Verdicts on repairs: the same detect() that raised a drift must find its subject in order, on a look taken after the act. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from watchdog.model.drifts import Judgement
from watchdog.model.moments import Moment
from watchdog.model.needs import Needs
from watchdog.model.repairs import Remedy, RepairRecord, RepairState, Settle
from watchdog.model.snapshots import Actual

DEFAULT_SETTLE = Settle()


@dataclass(frozen=True, slots=True)
class FreshLook:
    """One judged look and how old its two sides are.

    ``view_age`` is seconds since the reading of the panel *began*; ``truth_age`` since the oldest needed snapshot was read (infinite
    when one is missing). ``ignored`` are the keys of drifts that a person does not want to hear of.
    """

    judgement: Judgement
    view_age: float
    truth_age: float
    ignored: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Finding:
    """The verdict on one repair, ready to be written."""

    record: RepairRecord
    state: RepairState
    message: str


def sources(needs: Needs) -> tuple[str, ...]:
    """Given what a target wants watched, return the collectors whose snapshots a verdict must be younger than."""
    wanted = {
        "docker": needs.docker or bool(needs.containers),
        "archives": bool(needs.directories),
        "logs": bool(needs.logs),
        "wireguard": needs.wireguard,
    }
    return tuple(name for name, needed in wanted.items() if needed)


def truth_age(actual: Actual, names: Iterable[str], now: Moment) -> float:
    """Return the age in seconds of the oldest named snapshot; infinite when one has never been read."""
    ages = [0.0]
    for name in names:
        snapshot = getattr(actual, name)
        ages.append(float("inf") if snapshot is None or snapshot.good is None else now.since(snapshot.good))
    return max(ages)


def findings(
    records: Iterable[tuple[RepairRecord, float]], look: FreshLook, remedies: Mapping[str, Remedy], running: Collection[int]
) -> tuple[Finding, ...]:
    """Given unfinished repairs with their age in seconds since their outcome (or act), return the verdicts that can be given now.

    ``running`` are the ids whose thread still lives: they get none. A repair in doubt is resolved by looking as well: in order =
    verified, not so after ``settle.max`` = unverified.
    """
    found = (_finding(record, age, look, remedies) for record, age in records if record.id not in running)
    return tuple(each for each in found if each is not None)


def wait_for(record: RepairRecord, age: float, remedies: Mapping[str, Remedy]) -> float:
    """Return the seconds until a look could decide something about this repair."""
    settle = _settle(record, remedies)
    return max(0.0, (settle.min if age < settle.min else settle.max) - age)


def left(record: RepairRecord, look: FreshLook, leaves: Collection[str] = ()) -> tuple[str, ...] | None:
    """Return the keys of the drifts that a repair's subjects still have; None when one of them could not be judged.

    Of any kind, for a drift may only have changed its name (a ghost that is now a failed autostart is not mended). What is ignored does
    not count, nor do the kinds that its remedy ``leaves``, but what the repair was for always does.
    """
    subjects = {key.split("/", 3)[3] for key in record.drift_keys}
    if subjects & {str(each.subject) for each in look.judgement.unknown}:
        return None
    mine = [drift for drift in look.judgement.drifts if str(drift.subject) in subjects]
    meant = look.ignored | {drift.key for drift in mine if drift.kind in leaves}
    return tuple(sorted({drift.key for drift in mine} - (meant - set(record.drift_keys))))


def _finding(record: RepairRecord, age: float, look: FreshLook, remedies: Mapping[str, Remedy]) -> Finding | None:
    if record.state not in {RepairState.SETTLING, RepairState.IN_DOUBT} or look.view_age >= age or look.truth_age >= age:
        return None
    settle = _settle(record, remedies)
    remedy = remedies.get(record.remedy)
    drifts = left(record, look, remedy.leaves if remedy is not None else ())
    if drifts is None:
        return None
    doubt = "after a repair in doubt " if record.state is RepairState.IN_DOUBT else ""
    if not drifts and age >= settle.min:
        return Finding(record, RepairState.VERIFIED, f"{doubt}a fresh look finds the drift gone")
    if drifts and age >= settle.max:
        return Finding(record, RepairState.UNVERIFIED, f"{doubt}{_still(record, drifts)} {age:.0f} s later")
    return None


def _still(record: RepairRecord, drifts: tuple[str, ...]) -> str:
    if set(drifts) & set(record.drift_keys):
        return "the drift is still there"
    return f"the drift is gone, but {drifts[0].split('/')[2]} is there instead"


def _settle(record: RepairRecord, remedies: Mapping[str, Remedy]) -> Settle:
    remedy = remedies.get(record.remedy)
    return remedy.settle if remedy is not None else DEFAULT_SETTLE
