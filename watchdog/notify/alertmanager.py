"""Alertmanager's silences, by its API of version 2: find, set, expire. The only place that knows its shapes (api/v2/openapi.yaml)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from watchdog.errors import MalformedAnswer, NotFound
from watchdog.model.moments import Clock
from watchdog.notify.settings import AlertmanagerSettings
from watchdog.runtime.answers import Answer
from watchdog.runtime.fields import read_secret
from watchdog.runtime.http import MIB, Http, Tls, segment

SECONDS: Final = 10.0
MOST_BYTES: Final = 16 * MIB
_MOMENT: Final = 2.0

Matcher = tuple[str, str, bool]
"""A label, its value, and whether that is a regular expression."""


@dataclass(frozen=True, slots=True)
class Silence:
    """One silence as Alertmanager shows it. Times are UNIX seconds; ``state`` is active, pending or expired."""

    id: str
    comment: str
    created_by: str
    starts_at: float
    ends_at: float
    state: str
    matchers: frozenset[Matcher]
    updated_at: float = 0.0

    @property
    def cut(self) -> bool:
        """Whether somebody ended it before its time: that moves its end to the moment of its last change."""
        return self.state == "expired" and abs(self.ends_at - self.updated_at) < _MOMENT

    @property
    def live(self) -> bool:
        """Whether it silences, or will."""
        return self.state in {"active", "pending"}


class Alertmanager:
    """One Alertmanager. Every call raises the house's errors."""

    def __init__(self, settings: AlertmanagerSettings, clock: Clock) -> None:
        self._http = Http(
            settings.url.rstrip("/"), clock=clock, headers=_bearer(settings), seconds=SECONDS, limit=MOST_BYTES,
            tls=Tls(ca_file=settings.ca_file),
        )  # fmt: skip

    def version(self) -> str:
        """Return its version. For ``doctor``."""
        return self._http.ask("alertmanager status", "GET", "/api/v2/status", _version)

    def silences(self) -> tuple[Silence, ...]:
        """Return all silences that it remembers, expired ones too."""
        return self._http.ask("alertmanager silences", "GET", "/api/v2/silences", _silences)

    def put(self, silence: Silence) -> str:
        """Make a silence, or change the one of its ``id``; return its id, which may be another than before."""
        body: dict[str, Any] = {
            "matchers": [
                {"name": name, "value": value, "isRegex": regex, "isEqual": True} for name, value, regex in sorted(silence.matchers)
            ],
            "startsAt": _text(silence.starts_at), "endsAt": _text(silence.ends_at), "createdBy": silence.created_by,
            "comment": silence.comment,
        }  # fmt: skip
        if silence.id:
            body["id"] = silence.id
        return self._http.ask("alertmanager silence", "POST", "/api/v2/silences", _made, json=body)

    def expire(self, silence_id: str) -> None:
        """End a silence; one that is gone is fine."""
        try:
            self._http.ask("alertmanager expire", "DELETE", f"/api/v2/silence/{segment(silence_id)}", lambda _answer: None)
        except NotFound:
            return


def _bearer(settings: AlertmanagerSettings) -> Callable[[], Mapping[str, str]]:
    path = settings.token_file
    if path is None:
        return dict
    return lambda: {"Authorization": f"Bearer {read_secret(path)}"}


def _version(answer: Answer) -> str:
    return _word(_object(_object(answer.json()).get("versionInfo")), "version")


def _made(answer: Answer) -> str:
    return _word(_object(answer.json()), "silenceID")


def _object(found: object) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise MalformedAnswer("alertmanager: not the object that was expected")
    return found


def _word(found: Mapping[str, Any], name: str) -> str:
    word = found.get(name)
    if not isinstance(word, str) or not word:
        raise MalformedAnswer(f"alertmanager: an answer without its {name}")
    return word


def _silences(answer: Answer) -> tuple[Silence, ...]:
    found = answer.json()
    if not isinstance(found, list):
        raise MalformedAnswer("alertmanager silences: not a list")
    try:
        return tuple(_silence(each) for each in found)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise MalformedAnswer(f"alertmanager silences: not in the promised shape ({type(error).__name__})") from None


def _silence(raw: Mapping[str, Any]) -> Silence:
    matchers = frozenset((str(each["name"]), str(each["value"]), bool(each["isRegex"])) for each in raw["matchers"])
    return Silence(
        str(raw["id"]), str(raw["comment"]), str(raw["createdBy"]), _seconds(raw["startsAt"]), _seconds(raw["endsAt"]),
        str(raw["status"]["state"]), matchers, _seconds(raw["updatedAt"]),
    )  # fmt: skip


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _text(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
