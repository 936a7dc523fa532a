"""The fields of a decoded JSON answer, read one by one. Each function raises MalformedAnswer, naming the field, for another shape.

A panel's ``answers.py`` is made of these: a whitelist, so that nothing secret comes along. ``where`` is what messages call the object
that a field is in. An ``optional_...`` field that is missing or has another type is none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, cast

from watchdog.errors import MalformedAnswer

Json = Mapping[str, object]
LONGEST_NAME: Final = 255
LONGEST_IDENTIFIER: Final = 128
_MISSING: Final = object()


def member(item: Json, key: str, where: str) -> object:
    """Return a field of any type; null is a value."""
    value = item.get(key, _MISSING)
    if value is _MISSING:
        raise MalformedAnswer(f"{where}.{key} is missing")
    return value


def mapping(value: object, where: str) -> Json:
    """Return ``value`` as an object."""
    if not isinstance(value, dict):
        raise MalformedAnswer(f"{where} is not an object but {type(value).__name__}")
    return cast(Json, value)


def listing(value: object, where: str) -> Sequence[object]:
    """Return ``value`` as a list."""
    if not isinstance(value, list):
        raise MalformedAnswer(f"{where} is not a list but {type(value).__name__}")
    return value


def text(item: Json, key: str, where: str) -> str:
    """Return a field that is text, maybe empty."""
    value = member(item, key, where)
    if not isinstance(value, str):
        raise MalformedAnswer(f"{where}.{key} is not text but {type(value).__name__}")
    return value


def optional_text(item: Json, key: str) -> str:
    """Return a field that is text; "" when there is none."""
    value = item.get(key)
    return value if isinstance(value, str) else ""


def number(item: Json, key: str, where: str) -> int:
    """Return a field that is a whole number."""
    value = member(item, key, where)
    if isinstance(value, bool) or not isinstance(value, int):
        raise MalformedAnswer(f"{where}.{key} is not a whole number but {type(value).__name__}")
    return value


def optional_number(item: Json, key: str) -> int | None:
    """Return a field that is a whole number; None when there is none."""
    value = item.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def flag(item: Json, key: str, where: str) -> bool:
    """Return a field that is true or false."""
    value = member(item, key, where)
    if not isinstance(value, bool):
        raise MalformedAnswer(f"{where}.{key} is not true or false")
    return value


def optional_flag(item: Json, key: str) -> bool | None:
    """Return a field that is true or false; None when there is none."""
    value = item.get(key)
    return value if isinstance(value, bool) else None


def name(value: object, where: str) -> str:
    """Return ``value`` as a name: printable text, not empty, not endless."""
    if not isinstance(value, str) or not value or len(value) > LONGEST_NAME or not value.isprintable():
        raise MalformedAnswer(f"{where} is not a name")
    return value


def identifier(item: Json, key: str) -> str:
    """Return a field that can stand in an address as it is: printable ASCII without a slash, a query or a space."""
    value = text(item, key, "item")
    strange = not value.isascii() or not value.isprintable() or any(letter in value for letter in "/?&# ")
    if not value or len(value) > LONGEST_IDENTIFIER or strange:
        raise MalformedAnswer(f"{key} is not an identifier")
    return value
