"""The JSON shapes of the panel's answers, turned into frozen values; a whitelist. Pure.

Part of the client: these two modules are the only ones that know what an answer looks like. Every function raises MalformedAnswer naming
the field when an answer has not the promised shape (contract sections 1.2 and 1.6; recordings/sysreptor). The panel's whole API is marked
unstable by its vendor: what is not needed is not asked of an answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final, cast
from urllib.parse import parse_qs, urlsplit

from watchdog.errors import MalformedAnswer
from watchdog.panels.sysreptor.view import MICROSECONDS, Health, Licence, LogRow, LogType, Preflight

Json = Mapping[str, object]
LONGEST: Final = 255
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TYPES: Final = {each.value: each for each in LogType}


@dataclass(frozen=True, slots=True)
class Page:
    """One page of the log, newest first, and the cursor of the next one ("" = this was the last)."""

    rows: tuple[LogRow, ...]
    cursor: str = ""


def health(body: object) -> Health:
    """Given the healthcheck's body ``{database, migrations, cache}``, return it (healthcheck_public.json)."""
    whole = _mapping(body, "healthcheck")
    found = Health(_flag(whole, "database"), _flag(whole, "migrations"), _flag(whole, "cache"))
    if found == Health():
        raise MalformedAnswer("the healthcheck tells neither of database nor of migrations nor of cache: is this SysReptor's address?")
    return found


def licence(body: object) -> Licence:
    """Given the body of ``utils/license``, return what is known of the licence and of the release (license.json)."""
    whole = _mapping(body, "license")
    return Licence(
        professional=_text(whole, "type", "license") == "professional",
        error=_optional_text(whole, "error"),
        users=_number(whole, "users"),
        active_users=_number(whole, "active_users"),
        valid_until=_end_of(_optional_text(whole, "valid_until")),
        version=_optional_text(whole, "software_version"),
        database_version=_optional_text(whole, "database_version"),
    )


def backup_on(body: object) -> bool | None:
    """Given the body of ``utils/settings``, return whether backups are possible in the panel's own word; None = we are not logged in."""
    return _flag(_mapping(_mapping(body, "settings").get("features"), "settings.features"), "backup")


def public_licence(body: object) -> Licence:
    """Given the body of ``utils/settings``, return what it tells of the licence to anybody."""
    whole = _mapping(_mapping(body, "settings").get("license"), "settings.license")
    return Licence(_text(whole, "type", "settings.license") == "professional", _optional_text(whole, "error"))


def page(body: object) -> Page:
    """Given one page of ``utils/backuplogs``, return its rows and the next cursor (backuplogs_paged_1.json).

    Of the absolute URL in ``next`` the cursor alone is taken: behind a proxy its host is what the proxy says, and no redirect is followed.
    """
    whole = _mapping(body, "backuplogs")
    rows = whole.get("results")
    if not isinstance(rows, list):
        raise MalformedAnswer("backuplogs.results is not a list")
    following = whole.get("next")
    cursor = parse_qs(urlsplit(following).query).get("cursor", [""])[0] if isinstance(following, str) else ""
    return Page(tuple(_row(_mapping(row, "backuplogs.results[]")) for row in rows), cursor)


def preflight(status: int, body: object) -> Preflight:
    """Given the answer to ``backup/`` with ``check: true``, return what it means. ``body`` is None when it was no JSON.

    Who asks is checked first, then the licence, then the key (contract section 1.2): a wrong key is not seen without a licence.
    """
    said = cast(Json, body) if isinstance(body, dict) else {}
    match status:
        case 200:
            return Preflight.READY
        case 401:
            return Preflight.TOKEN_WRONG
        case 403:
            return Preflight.NO_LICENCE if said.get("code") == "license" else Preflight.FORBIDDEN
        case 400:
            about_key = " ".join(map(str, cast("list[object]", said["key"]))) if isinstance(said.get("key"), list) else ""
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


def _row(item: Json) -> LogRow:
    return LogRow(
        id=_text(item, "id", "backuplogs.results[]"),
        type=_TYPES.get(_text(item, "type", "backuplogs.results[]"), LogType.OTHER),
        at_us=instant(_text(item, "created", "backuplogs.results[]"), "backuplogs.results[].created"),
        by=_optional_text(item, "user"),
    )


def _end_of(day: str) -> float | None:
    try:
        last = date.fromisoformat(day)
    except ValueError:
        return None
    midnight = datetime(last.year, last.month, last.day, tzinfo=UTC) + timedelta(days=1)
    return (midnight - _EPOCH) / timedelta(microseconds=1) / MICROSECONDS


def _mapping(value: object, where: str) -> Json:
    if not isinstance(value, dict):
        raise MalformedAnswer(f"{where} is not an object but {type(value).__name__}")
    return cast(Json, value)


def _text(item: Json, key: str, where: str) -> str:
    value = item.get(key)
    if not isinstance(value, str) or not value or len(value) > LONGEST:
        raise MalformedAnswer(f"{where}.{key} is not text")
    return value


def _optional_text(item: Json, key: str) -> str:
    value = item.get(key)
    return value[:LONGEST] if isinstance(value, str) else ""


def _number(item: Json, key: str) -> int | None:
    value = item.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _flag(item: Json, key: str) -> bool | None:
    value = item.get(key)
    return value if isinstance(value, bool) else None
