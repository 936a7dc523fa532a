"""Field types shared by all settings: durations, sizes, secrets in files, typed hooks.

Parsers raise ValueError with a text that says what would be right; pydantic adds the key.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from watchdog.errors import BadSettings
from watchdog.model.hooks import ArgvHook, ContainerHook, ExecHook, Hook, UnitHook
from watchdog.runtime.cron import parse_cron, zone_of, zone_or_host
from watchdog.runtime.redaction import register_secret

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_UNIT = re.compile(r"[A-Za-z0-9:_.\\][A-Za-z0-9:_.\\@-]{0,254}")
_CONTAINER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(B|KiB|MiB|GiB|TiB|kB|MB|GB|TB)?")
_BYTES = {
    "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
    "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
}  # fmt: skip


def parse_duration(value: object) -> float:
    """Given ``15s``, ``1h30m``, ``250ms`` or ``0``, return seconds. Raise ValueError for anything else."""
    text = str(value).strip()
    parts = _DURATION.findall(text)
    if parts and "".join(number + unit for number, unit in parts) == text:
        return sum(float(number) * _SECONDS[unit] for number, unit in parts)
    if text == "0":
        return 0.0
    raise ValueError(f"{value!r} is not a duration: write a number and a unit, such as 15s, 5m, 1h30m or 7d")


def parse_size(value: object) -> int:
    """Given ``10GiB``, ``500MB`` or a plain number of bytes, return bytes. Raise ValueError for anything else."""
    match = _SIZE.fullmatch(str(value).strip())
    if match is None:
        raise ValueError(f"{value!r} is not a size: write a number and a unit, such as 512MiB or 10GiB")
    return int(float(match[1]) * _BYTES[match[2] or "B"])


def _absolute(value: Path) -> Path:
    if not value.is_absolute():
        raise ValueError(f"'{value}' is not an absolute path: it must begin with /")
    return value


def _duration_or_number(value: object) -> object:
    # a float is what a default or an already parsed value looks like; YAML users must name a unit
    return value if isinstance(value, float) else parse_duration(value)


Duration = Annotated[
    float,
    BeforeValidator(_duration_or_number),
    Field(ge=0),
    WithJsonSchema({"type": "string", "pattern": "^([0-9.]+(ms|s|m|h|d|w))+$", "examples": ["15s"]}),
]
Size = Annotated[int, BeforeValidator(parse_size), Field(ge=0), WithJsonSchema({"type": ["string", "integer"], "examples": ["10GiB"]})]
AbsolutePath = Annotated[Path, AfterValidator(_absolute)]


def _cron(value: str) -> str:
    parse_cron(value)
    return value


def _zone(value: str) -> str:
    zone_of(value)
    return value


def _zone_or_host(value: str) -> str:
    zone_or_host(value)
    return value


CronLine = Annotated[str, AfterValidator(_cron)]
"""A cron expression such as ``30 3 * * *``, or ``@daily``; as it was written."""
CronLineOrNone = Annotated[str, AfterValidator(lambda value: _cron(value) if value else value)]
"""The same, or ""."""
ZoneName = Annotated[str, AfterValidator(_zone)]
"""A time zone such as Europe/Vienna."""
ZoneOrHost = Annotated[str, AfterValidator(_zone_or_host)]
"""The same, or "" = that of this host."""


def _hash(value: str) -> str:
    if _SHA256.fullmatch(value) is None:
        raise ValueError("this is no SHA-256 in hex: `panel-watchdog secret` prints a new secret and what belongs here")
    return value.lower()


SecretHash = Annotated[str, AfterValidator(_hash)]
"""The SHA-256 of a secret, in hex: what is kept of a secret that others send to us."""


def panel_address(example: str) -> AfterValidator:
    """Return what makes ``Annotated[str, ...]`` a panel's address, without its last slash; ``example`` stands in the error text.

    Refused is a query, a fragment and a user: a key has no place in an address, which stands in logs and answers.
    """

    def parse(value: str) -> str:
        if not value.startswith(("http://", "https://")) or "?" in value or "#" in value or "@" in value:
            raise ValueError(f"'{value}' is no panel address: write {example}, without a key or a query")
        return value.rstrip("/")

    return AfterValidator(parse)


class Strict(BaseModel):
    """Base of all settings: frozen, and an unknown key is an error that names the key."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, use_attribute_docstrings=True)


def _hook(value: Any) -> Any:
    if not isinstance(value, dict) or len(value) != 1:
        raise ValueError("a hook has exactly one of: unit, container, exec, argv")
    kind, body = next(iter(value.items()))
    match kind, body:
        case "unit", str():
            return UnitHook(_unit(body))
        case "container", str():
            return ContainerHook(_container(body))
        case "argv", [str(), *_]:
            return ArgvHook(tuple(map(str, body)))
        case "exec", {"container": str() as container, "argv": [str(), *_] as argv, **rest} if not rest:
            return ExecHook(_container(container), tuple(map(str, argv)))
    raise ValueError("write {unit: NAME}, {container: NAME}, {argv: [PROGRAM, ...]} or {exec: {container: NAME, argv: [PROGRAM, ...]}}")


def _unit(name: str) -> str:
    # systemd.unit(5): the characters of a unit's name; systemctl itself adds .service
    if _UNIT.fullmatch(name) is None:
        raise ValueError(
            f"{name!r} is not the name of a systemd unit: write it as systemctl shows it, such as wings or wg-dashboard.service"
        )
    return name


def _container(name: str) -> str:
    if _CONTAINER.fullmatch(name) is None:
        raise ValueError(f"{name!r} is not the name of a container: write it as docker ps shows it, such as sysreptor-app")
    return name


def _hook_or_parsed(value: Any) -> Any:
    return value if isinstance(value, UnitHook | ContainerHook | ExecHook | ArgvHook) else _hook(value)


HookField = Annotated[
    Hook,
    BeforeValidator(_hook_or_parsed),
    WithJsonSchema({
        "type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": False,
        "properties": {
            "unit": {"type": "string"}, "container": {"type": "string"},
            "argv": {"type": "array", "items": {"type": "string"}},
            "exec": {
                "type": "object",
                "properties": {"container": {"type": "string"}, "argv": {"type": "array", "items": {"type": "string"}}},
            },
        },
    }),
]  # fmt: skip


def read_secret(path: Path) -> str:
    """Given the path of a ``*_file`` secret, return its content without surrounding white space.

    Read anew at each use, so a rotated key needs no restart. Raise BadSettings naming the path when it cannot be read or is empty.
    """
    try:
        secret = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadSettings(f"cannot read the secret file '{path}': {type(error).__name__}; create it, readable for this user only") from None
    if not secret:
        raise BadSettings(f"the secret file '{path}' is empty: put the key in it")
    register_secret(secret)
    return secret
