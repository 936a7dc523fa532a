"""The JSON shapes of the panel's answers, turned into frozen values; a whitelist. Pure.

Part of the client: these two modules are the only ones that know what an answer looks like. Every function raises MalformedAnswer naming
the field when an answer has not the promised shape (contract sections 1.2 and 1.6; recordings/sysreptor). The panel's whole API is marked
unstable by its vendor: what is not needed is not asked of an answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final
from urllib.parse import parse_qs, urlsplit

from watchdog.errors import MalformedAnswer
from watchdog.panels.sysreptor.view import MICROSECONDS, Health, Licence, LogRow, LogType, Preflight
from watchdog.runtime.shapes import LONGEST_NAME, Json, listing, mapping, name, optional_flag, optional_number, optional_text, text

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TYPES: Final = {each.value: each for each in LogType}


@dataclass(frozen=True, slots=True)
class Page:
    """One page of the log, newest first, and the cursor of the next one ("" = this was the last)."""

    rows: tuple[LogRow, ...]
    cursor: str = ""


def health(body: object) -> Health:
    """Given the healthcheck's body ``{database, migrations, cache}``, return it (healthcheck_public.json)."""
    whole = mapping(body, "healthcheck")
    found = Health(optional_flag(whole, "database"), optional_flag(whole, "migrations"), optional_flag(whole, "cache"))
    if found == Health():
        raise MalformedAnswer("the healthcheck tells neither of database nor of migrations nor of cache: is this SysReptor's address?")
    return found


def licence(body: object) -> Licence:
    """Given the body of ``utils/license``, return what is known of the licence and of the release (license.json)."""
    whole = mapping(body, "license")
    return Licence(
        professional=text(whole, "type", "license") == "professional",
        error=optional_text(whole, "error")[:LONGEST_NAME],
        users=optional_number(whole, "users"),
        active_users=optional_number(whole, "active_users"),
        valid_until=_end_of(optional_text(whole, "valid_until")),
        version=optional_text(whole, "software_version")[:LONGEST_NAME],
        database_version=optional_text(whole, "database_version")[:LONGEST_NAME],
    )


def backup_on(body: object) -> bool | None:
    """Given the body of ``utils/settings``, return whether backups are possible in the panel's own word; None = we are not logged in."""
    return optional_flag(mapping(mapping(body, "settings").get("features"), "settings.features"), "backup")


def public_licence(body: object) -> Licence:
    """Given the body of ``utils/settings``, return what it tells of the licence to anybody."""
    whole = mapping(mapping(body, "settings").get("license"), "settings.license")
    return Licence(text(whole, "type", "settings.license") == "professional", optional_text(whole, "error")[:LONGEST_NAME])


def page(body: object) -> Page:
    """Given one page of ``utils/backuplogs``, return its rows and the next cursor (backuplogs_paged_1.json).

    Of the absolute URL in ``next`` the cursor alone is taken: behind a proxy its host is what the proxy says, and no redirect is followed.
    """
    whole = mapping(body, "backuplogs")
    rows = listing(whole.get("results"), "backuplogs.results")
    return Page(tuple(_row(mapping(row, "backuplogs.results[]")) for row in rows), _cursor_of(optional_text(whole, "next")))


def preflight(status: int, body: object) -> Preflight:
    """Given the answer to ``backup/`` with ``check: true``, return what it means. ``body`` is None when it was no JSON.

    Who asks is checked first, then the licence, then the key (contract section 1.2): a wrong key is not seen without a licence.
    """
    said = mapping(body, "backup") if isinstance(body, dict) else {}
    match status:
        case 200:
            return Preflight.READY
        case 401:
            return Preflight.TOKEN_WRONG
        case 403:
            return Preflight.NO_LICENCE if said.get("code") == "license" else Preflight.FORBIDDEN
        case 400:
            key = said.get("key")
            about_key = " ".join(map(str, key)) if isinstance(key, list) else ""
            if "not set" in about_key:
                return Preflight.KEY_MISSING
            return Preflight.KEY_WRONG if "Invalid backup key" in about_key else Preflight.REFUSED
    return Preflight.REFUSED


def instant(text: str, where: str) -> int:
    """Given ISO 8601 with an offset, return whole microseconds since the epoch. Raises MalformedAnswer."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise MalformedAnswer(f"{where} is not a time") from None
    if when.tzinfo is None:
        raise MalformedAnswer(f"{where} is a time without an offset")
    return (when - _EPOCH) // timedelta(microseconds=1)


def _cursor_of(url: str) -> str:
    try:
        return parse_qs(urlsplit(url).query).get("cursor", [""])[0]
    except ValueError:
        raise MalformedAnswer("backuplogs.next is no address") from None


def _row(item: Json) -> LogRow:
    return LogRow(
        id=name(item.get("id"), "backuplogs.results[].id"),
        type=_TYPES.get(text(item, "type", "backuplogs.results[]"), LogType.OTHER),
        at_us=instant(text(item, "created", "backuplogs.results[]"), "backuplogs.results[].created"),
        by=optional_text(item, "user")[:LONGEST_NAME],
    )


def _end_of(day: str) -> float | None:
    try:
        last = date.fromisoformat(day)
        midnight = datetime(last.year, last.month, last.day, tzinfo=UTC) + timedelta(days=1)
    except (ValueError, OverflowError):
        return None
    return (midnight - _EPOCH) / timedelta(microseconds=1) / MICROSECONDS
