"""What a release hides of a job's secrets, and what it makes of the stars that come back (contract section 3, rule 3; put-secrets.json)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from watchdog.panels.duplicati.fake.releases import Release

SECRET: Final = frozenset({"passphrase", "new-passphrase", "auth-password", "send-mail-password", "aws-secret-access-key"})
STARS: Final = ("**********", "***************")


class PlaceholderError(Exception):
    """A placeholder came that this release does not put anything in place of: 500."""


def masked(settings: Sequence[dict[str, Any]], placeholder: str) -> list[dict[str, Any]]:
    """Return settings with their secrets hidden."""
    return [{**each, "Value": placeholder} if _secret(each) and each.get("Value") else dict(each) for each in settings]


def unmasked(settings: Sequence[dict[str, Any]], stored: Sequence[dict[str, Any]], release: Release) -> list[dict[str, Any]]:
    """Return settings as they are stored: 2.2.1 and later put the former value in place of stars, older ones keep fifteen as they come."""
    former = {_name(each): each.get("Value") for each in stored}
    found: list[dict[str, Any]] = []
    for each in settings:
        value = each.get("Value")
        if value in STARS and release.masks:
            if _name(each) not in former:
                raise PlaceholderError
            value = former[_name(each)]
        elif value == release.placeholder:
            raise PlaceholderError
        found.append({"Filter": each.get("Filter") or "", "Name": each["Name"], "Value": value, "Argument": each.get("Argument")})
    return found


def _name(setting: dict[str, Any]) -> str:
    return str(setting.get("Name", "")).lstrip("-").lower()


def _secret(setting: dict[str, Any]) -> bool:
    return _name(setting) in SECRET
