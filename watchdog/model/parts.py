"""What one rule says of its subjects, and how the parts of all rules become one judgement. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from watchdog.model.drifts import Drift, Judgement, Memory, Scalar, Subject, UnknownSubject


@dataclass(frozen=True, slots=True)
class Part:
    """What one rule adds to the judgement: as in ``Judgement``, in the rule's own order; ``memory`` are entries of the target's memory."""

    drifts: tuple[Drift, ...] = ()
    unknown: tuple[UnknownSubject, ...] = ()
    fine: tuple[Subject, ...] = ()
    memory: tuple[tuple[str, Scalar], ...] = ()
    again: float | None = None


NOTHING_SAID: Final = Part()


def one(subject: Subject, *drifts: Drift | None, again: float | None = None) -> Part:
    """Return what a rule found of one subject: its drifts, else that it is fine."""
    found = tuple(each for each in drifts if each is not None)
    return Part(found, (), () if found else (subject,), again=again)


def only(*drifts: Drift | None) -> Part:
    """Return drifts alone: that there is none says nothing of the subject."""
    return Part(tuple(each for each in drifts if each is not None))


def unsure(subject: Subject, reason: str, message: str) -> Part:
    """Return that a subject cannot be judged."""
    return Part(unknown=(UnknownSubject(subject, reason, message),))


def joined(parts: Iterable[Part]) -> Part:
    """Return several parts as one; the next pass is wanted as soon as the most impatient of them wants it."""
    every = tuple(parts)
    return Part(
        tuple(each for part in every for each in part.drifts),
        tuple(each for part in every for each in part.unknown),
        tuple(each for part in every for each in part.fine),
        tuple(each for part in every for each in part.memory),
        min((part.again for part in every if part.again is not None), default=None),
    )


def judgement(
    drifts: Iterable[Drift], unknown: Iterable[UnknownSubject], fine: Iterable[Subject], memory: Memory, again: float | None = None
) -> Judgement:
    """Return the judgement in its order: drifts by key, subjects by kind and ident."""
    return Judgement(
        drifts=tuple(sorted(drifts, key=lambda drift: drift.key)),
        unknown=tuple(sorted(unknown, key=lambda each: str(each.subject))),
        fine=tuple(sorted(fine, key=str)),
        memory=memory,
        again=again,
    )


def whole(parts: Iterable[Part]) -> Judgement:
    """Return all parts as the judgement, for rules of which each speaks of its own subjects."""
    every = joined(parts)
    return judgement(every.drifts, every.unknown, every.fine, dict(every.memory), every.again)
