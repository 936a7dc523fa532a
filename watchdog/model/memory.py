"""How what is remembered from look to look (``Judgement.memory``) is written: one flat dataclass as one JSON list. Pure."""

from __future__ import annotations

import json
from dataclasses import MISSING, Field, fields
from typing import Any, ClassVar, Protocol, TypeVar

from watchdog.model.drifts import Scalar


class Memory(Protocol):
    """A dataclass whose fields are numbers, texts, truth values or None."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


MemoryT = TypeVar("MemoryT", bound=Memory)


def encode(value: Memory) -> str:
    """Return a memory as the ledger keeps it."""
    # not astuple: it copies deeply what is flat
    return json.dumps([getattr(value, field.name) for field in fields(value)], separators=(",", ":"))


def decode(kind: type[MemoryT], text: Scalar) -> MemoryT | None:
    """Given what the ledger kept, return the memory; None when there is none or it cannot be read."""
    if not isinstance(text, str):
        return None
    try:
        values = json.loads(text)
    except ValueError:
        return None
    known = fields(kind)
    if not isinstance(values, list) or len(values) > len(known):
        return None
    # an older release of ours wrote fewer: what was added since stands at the end and has a default
    if any(field.default is MISSING for field in known[len(values) :]):
        return None
    if not all(_fits(value, str(field.type)) for value, field in zip(values, known, strict=False)):
        return None
    return kind(*values)


def _fits(value: object, wanted: str) -> bool:
    if value is None:
        return "None" in wanted
    if "bool" in wanted:
        return isinstance(value, bool)
    if "str" in wanted:
        return isinstance(value, str)
    return isinstance(value, int | float) and not isinstance(value, bool)
