"""Lists that come in pages, read whole or not at all. Pure.

We count pages ourselves: the addresses that the panel gives drop ``per_page`` (contract section 1.1), and a list may change while it is
read. One exporter lost two hundred servers' backups by a wrong page; here a list counts only when every page told the same total and as
many different items came.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from watchdog.errors import Blind

ROUNDS: Final = 3
"""How often a list that shifts while it is read is read again before we say that we could not see it."""
MOST_PAGES: Final = 2000

ItemT = TypeVar("ItemT")


@dataclass(frozen=True, slots=True)
class Page(Generic[ItemT]):
    """One page: ``total`` is of the whole list, ``items`` are those on this page."""

    total: int
    items: tuple[ItemT, ...]


def whole(what: str, fetch: Callable[[int], Page[ItemT]], key: Callable[[ItemT], object]) -> tuple[ItemT, ...]:
    """Return all items; ``fetch`` is given page numbers from 1. Raises Blind after three rounds that did not fit together.

    ``what`` names the list in error texts; ``key`` tells items apart.
    """
    for _ in range(ROUNDS):
        found = _round(fetch, key)
        if found is not None:
            return tuple(found.values())
    raise Blind(f"{what}: the list kept shifting while it was read")


def _round(fetch: Callable[[int], Page[ItemT]], key: Callable[[ItemT], object]) -> dict[object, ItemT] | None:
    found: dict[object, ItemT] = {}
    total: int | None = None
    for number in range(1, MOST_PAGES + 1):
        page = fetch(number)
        total = page.total if total is None else total
        before = len(found)
        found.update((key(item), item) for item in page.items)
        if page.total != total or len(found) != before + len(page.items):
            return None
        if len(found) >= total or not page.items:
            break
    return found if len(found) == total else None
