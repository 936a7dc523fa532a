"""What must never be written: registered secrets, and shapes that look like one (rule 17 of the house).

Pure but for one registry: the secrets that the program itself has read. Used by the log, by the output of children and by error texts.
"""

from __future__ import annotations

import base64
import re
import threading
from collections.abc import Mapping
from urllib.parse import quote

HIDDEN = "***"
SHORTEST_SECRET = 4
_MOST_SECRETS = 512
_DEEPEST = 6

_SECRET_NAME = re.compile(
    r"pass(word|wd|phrase|code)?$|password|token|secret|credential|authorization|^auth$|cookie|dsn$|(^|_|-)key$|api_?key|apikey",
    re.IGNORECASE,
)
_OPEN_NAMES = frozenset({"drift_key", "object_key", "public_key", "settings_key", "config_key", "tally_key"})

_SHAPES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\b(bearer|basic)(\s+)(?=[A-Za-z0-9._~+/=-]*[0-9._~+/=-])[A-Za-z0-9._~+/=-]{6,}", re.IGNORECASE), rf"\1\2{HIDDEN}"),
    (
        re.compile(
            r"((?:api[_-]?key|access[_-]?token|refresh[_-]?token|token|password|passwd|secret|authorization|x-request-api-key)"
            r"[\"']?\s*[=:]\s*[\"']?)(?!\*\*\*|bearer\b|basic\b)[^\s&\"',;}\])]+",
            re.IGNORECASE,
        ),
        rf"\1{HIDDEN}",
    ),
    (re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s/:@]*):[^\s/@]+@", re.IGNORECASE), rf"\1:{HIDDEN}@"),
    (
        re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|$)", re.DOTALL),
        HIDDEN,
    ),
)


class _Registry:
    """The secrets we have read, and every form in which they may come back; longest first, so a part never hides a whole."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._secrets: dict[str, tuple[str, ...]] = {}
        self.forms: tuple[str, ...] = ()

    def add(self, secret: str) -> None:
        with self._lock:
            if secret in self._secrets:
                return
            self._secrets[secret] = _forms(secret)
            while len(self._secrets) > _MOST_SECRETS:  # rotated long ago
                del self._secrets[next(iter(self._secrets))]
            self.forms = tuple(sorted({form for forms in self._secrets.values() for form in forms}, key=len, reverse=True))


def _forms(secret: str) -> tuple[str, ...]:
    escaped = secret.encode("unicode_escape").decode("ascii")
    packed = base64.b64encode(secret.encode()).decode("ascii")
    return tuple({secret, quote(secret, safe=""), escaped, packed, packed.rstrip("=")})


_registry = _Registry()


def register_secret(value: str) -> None:
    """Let ``value`` never appear again in what we write. Shorter than four characters is ignored: it would black out everything."""
    if len(value) >= SHORTEST_SECRET:
        _registry.add(value)


def secret_name(name: str) -> bool:
    """Return whether a field called ``name`` holds a secret by its name."""
    return name not in _OPEN_NAMES and _SECRET_NAME.search(name) is not None


def redact(text: str) -> str:
    """Return ``text`` without registered secrets and without fragments that look like one."""
    for form in _registry.forms:
        if form in text:
            text = text.replace(form, HIDDEN)
    for shape, instead in _SHAPES:
        text = shape.sub(instead, text)
    return text


def redact_value(value: object, depth: int = 0) -> object:
    """Return ``value`` with every text in it redacted; what is no plain value becomes its redacted text."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return redact(value)
    if depth >= _DEEPEST:
        return "..."
    if isinstance(value, Mapping):
        return {redact(str(name)): HIDDEN if secret_name(str(name)) else redact_value(inner, depth + 1) for name, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redact_value(inner, depth + 1) for inner in value]
    return redact(str(value))


def redact_fields(fields: Mapping[str, object]) -> dict[str, object]:
    """Return the fields of one log line, redacted by name and by content."""
    return {name: HIDDEN if secret_name(name) else redact_value(value) for name, value in fields.items()}
