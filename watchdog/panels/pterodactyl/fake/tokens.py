"""The signed tokens by which the panel lets somebody through to Wings: HS256 JSON web tokens with the node's token as their key."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from typing import Any


def claims(issuer: str, audience: str, subject: str, now: float, seconds: float) -> dict[str, Any]:
    """Return what every token says (NodeJWTService.php); times are UNIX seconds."""
    return {
        "iss": issuer, "aud": [audience], "jti": hashlib.md5(subject.encode(), usedforsecurity=False).hexdigest(), "iat": int(now),
        "nbf": int(now) - 300, "exp": int(now + seconds), "unique_id": secrets.token_urlsafe(12),
    }  # fmt: skip


def signed(payload: dict[str, Any], key: str) -> str:
    """Return the token."""
    head = _packed(json.dumps({"typ": "JWT", "alg": "HS256", "jti": payload.get("jti")}).encode())
    body = _packed(json.dumps(payload).encode())
    return f"{head}.{body}.{_mark(f'{head}.{body}', key)}"


def read(token: str, key: str) -> dict[str, Any] | None:
    """Return what a token of this key says, None for any other text. Times are the reader's affair."""
    signed_part, _, mark = token.rpartition(".")
    if not hmac.compare_digest(mark, _mark(signed_part, key)):
        return None
    try:
        payload = signed_part.split(".")[1]
        said = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (ValueError, IndexError, binascii.Error):
        return None
    return said if isinstance(said, dict) else None


def _mark(text: str, key: str) -> str:
    return _packed(hmac.new(key.encode(), text.encode(), hashlib.sha256).digest())


def _packed(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")
