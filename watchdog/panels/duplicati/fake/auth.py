"""Who may ask: bearer tokens that outlive a restart, PreAuth tokens, the host filter (contract section 1, recordings auth-*)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import json
import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from watchdog.panels.duplicati.fake.state import DuplicatiWorld

ACCESS_SECONDS: Final = 15 * 60.0
FOREVER_SECONDS: Final = 10 * 365 * 86_400.0
SKEW_SECONDS: Final = 5.0
_HEAD: Final = {"alg": "HS256", "typ": "JWT"}


def issue(world: DuplicatiWorld, seconds: float = ACCESS_SECONDS, kind: str = "AccessToken") -> str:
    """Return a token that is good for so long."""
    expires = int(world.clock.now().wall + seconds)
    claims = {
        "typ": kind,
        "sid": secrets.token_hex(8),
        "fam": secrets.token_hex(4),
        "exp": expires,
        "iss": "https://duplicati",
        "aud": "https://duplicati",
    }
    text = f"{_encoded(_HEAD)}.{_encoded(claims)}"
    return f"{text}.{_signature(world, text)}"


def good(world: DuplicatiWorld, token: str) -> bool:
    """Whether a token is ours and not yet over."""
    text, _, signature = token.rpartition(".")
    if text.count(".") != 1 or not hmac.compare_digest(signature, _signature(world, text)):
        return False
    body = text.partition(".")[2]
    claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return bool(claims["exp"] + SKEW_SECONDS > world.clock.now().wall)


def refused(world: DuplicatiWorld, headers: Mapping[str, str]) -> str | None:
    """Return None for a caller who may ask, else the header WWW-Authenticate ("" = none of it)."""
    kind, _, token = headers.get("authorization", "").partition(" ")
    if kind.lower() == "preauth" and not world.release.old_line:
        return None if token in world.preauth else ""
    if kind.lower() != "bearer":
        return "Bearer"
    return None if good(world, token) else 'Bearer error="invalid_token"'


def host_refused(world: DuplicatiWorld, headers: Mapping[str, str]) -> str | None:
    """Return the name by which the server is not to be called; None = it may."""
    host = headers.get("host", "")
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() and not host.endswith("]") else host
    allowed = {"localhost", *world.allowed_hosts}
    if not name or name in allowed or "*" in allowed:
        return None
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return name
    return None


def _encoded(value: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value, separators=(",", ":")).encode()).decode().rstrip("=")


def _signature(world: DuplicatiWorld, text: str) -> str:
    return base64.urlsafe_b64encode(hmac.new(world.key, text.encode(), hashlib.sha256).digest()).decode().rstrip("=")
