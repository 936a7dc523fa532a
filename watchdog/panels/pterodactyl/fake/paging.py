"""Pages as Laravel cuts them, with their traps: a size over the most is cut, a page past the end is empty, links forget the size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar
from urllib.parse import urlencode

from watchdog.panels.pterodactyl.fake.replies import Request

T = TypeVar("T")


def cut(rows: Sequence[T], request: Request, usual: int, most: int) -> tuple[Sequence[T], int, int]:
    """Return (rows of the page asked for, page, size)."""
    size = min(_number(request.query.get("per_page"), usual), most)
    page = _number(request.query.get("page"), 1)  # page 0 is page 1 (remote-servers-1.11.8.json, remote-servers-page1-1.11.8.json)
    return rows[(page - 1) * size : page * size], page, size


def listed(rows: Sequence[Any], total: int, place: tuple[int, int], url: str, kept: str = "") -> dict[str, Any]:
    """Return a list envelope; ``place`` is (page, size), ``kept`` what links carry besides the page."""
    page, size = place
    last = max(1, -(-total // size))
    links: dict[str, str] = {}
    if page > 1:
        links["previous"] = _link(url, kept, page - 1)
    if page < last:
        links["next"] = _link(url, kept, page + 1)
    about = {"total": total, "count": len(rows), "per_page": size, "current_page": page, "total_pages": last, "links": links}
    return {"object": "list", "data": list(rows), "meta": {"pagination": about}}


def remote(rows: Sequence[Any], total: int, place: tuple[int, int], url: str) -> dict[str, Any]:
    """Return Laravel's own envelope, which the remote API shows (remote-servers-page3-1.11.8.json)."""
    page, size = place
    last = max(1, -(-total // size))
    before, after = (_link(url, "", page - 1) if page > 1 else None), (_link(url, "", page + 1) if page < last else None)
    first = (page - 1) * size + 1
    numbers = [{"url": _link(url, "", each), "label": str(each), "active": each == page} for each in range(1, last + 1)]
    around = [
        {"url": before, "label": "&laquo; Previous", "active": False},
        *numbers,
        {"url": after, "label": "Next &raquo;", "active": False},
    ]
    return {
        "data": list(rows),
        "links": {"first": _link(url, "", 1), "last": _link(url, "", last), "prev": before, "next": after},
        "meta": {
            "current_page": page, "from": first if rows else None, "last_page": last, "links": around, "path": url, "per_page": size,
            "to": first + len(rows) - 1 if rows else None, "total": total,
        },
    }  # fmt: skip


def _number(text: str | None, usual: int) -> int:
    return int(text) if text is not None and text.isdigit() and int(text) > 0 else usual


def _link(url: str, kept: str, page: int) -> str:
    return f"{url}?{kept}{'&' if kept else ''}{urlencode({'page': page})}"
