"""Which part of a file a request wants, by its conditions. Pure.

Source: RFC 9110, 13.1.1 (If-Match), 13.1.2 (If-None-Match), 13.1.5 (If-Range), 13.2.2 (their order), 14.1.2 and 14.2 (Range).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_ONE = re.compile(r"bytes=[ \t]*(\d{0,19})-(\d{0,19})[ \t]*", re.ASCII | re.IGNORECASE)
_TAG = re.compile(r'(W/)?"[^"]*"')


@dataclass(frozen=True, slots=True)
class Part:
    """What is answered: ``status`` 200, 206, 304, 412 or 416, and the bytes from ``start`` on, ``length`` of them."""

    status: int
    start: int = 0
    length: int = 0


def part_of(headers: Mapping[str, str], size: int, etag: str, *, reading: bool) -> Part:
    """Given a request's headers (lower-case names) and a file of ``size`` bytes whose strong tag is ``etag``, return what to answer.

    ``reading`` is False for HEAD, to which a range means nothing. Several ranges at once, other units and broken ones are passed over, as a
    server may: the whole is answered. A date in If-Range is never taken as proof that nothing has changed.
    """
    match, none_match = headers.get("if-match"), headers.get("if-none-match")
    if match is not None and match.strip() != "*" and not _names(match, etag, weak=False):
        return Part(412)
    if none_match is not None and (none_match.strip() == "*" or _names(none_match, etag, weak=True)):
        return Part(304)
    whole = Part(200, 0, size)
    wanted = headers.get("range")
    if not reading or wanted is None:
        return whole
    condition = headers.get("if-range")
    if condition is not None and condition.strip() != etag:
        return whole
    return _range(wanted, size, whole)


def _names(value: str, etag: str, *, weak: bool) -> bool:
    """Whether a list of tags has ``etag``; ``weak``: one marked as weak counts too."""
    return any(tag[0] == etag or (weak and tag[0] == f"W/{etag}") for tag in ((found.group(0),) for found in _TAG.finditer(value)))


def _range(value: str, size: int, whole: Part) -> Part:
    found = _ONE.fullmatch(value.strip())
    if found is None or found.groups() == ("", ""):
        return whole
    first, last = found.groups()
    if not first:
        length = min(int(last), size)
        return Part(206, size - length, length) if length else Part(416)
    start, stop = int(first), int(last) if last else size - 1
    if last and stop < start:
        return whole  # a broken one, not one that cannot be had
    if start >= size:
        return Part(416)
    return Part(206, start, min(stop, size - 1) - start + 1)
