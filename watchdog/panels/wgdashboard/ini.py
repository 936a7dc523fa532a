"""The panel's ``wg-dashboard.ini``, read and whitelisted: the bcrypt hash, TOTP key and passwords in it never leave this module."""

from __future__ import annotations

import configparser
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from watchdog.errors import Blind

FILE_NAME: Final = "wg-dashboard.ini"
_LARGEST: Final = 1 << 20
_TRUE: Final = ("1", "yes", "true", "on")
_FALSE: Final = ("0", "no", "false", "off")


@dataclass(frozen=True, slots=True)
class Ini:
    """What the ini on disk says now; a running worker may have older values in memory (contract section 3.3).

    Paths are as the panel sees them. ``api_keys`` and ``auth_required`` are None when their value is neither true nor false.
    ``autostart`` names the configurations that a start of the panel brings up. ``database`` is sqlite, postgresql or mysql.
    """

    version: str = ""
    wg_conf_path: str = ""
    awg_conf_path: str = ""
    app_prefix: str = ""
    app_port: int | None = None
    api_keys: bool | None = None
    auth_required: bool | None = None
    autostart: tuple[str, ...] = ()
    database: str = "sqlite"


def read_ini(directory: Path) -> Ini:
    """Given the panel's ``src`` folder, return its ini.

    Raises Blind when it cannot be read or has no ``version`` in ``[Server]``: the panel truncates the file and then writes it
    (DashboardConfig.py, SaveConfig), so a reader may meet it half done.
    """
    path = directory / FILE_NAME
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(_LARGEST)
    except (OSError, UnicodeDecodeError) as error:
        raise Blind(f"cannot read '{path}': {type(error).__name__}") from None
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(text)
    except configparser.Error as error:
        # its text would quote the line, and that may be a password's
        raise Blind(f"'{path}' is no ini file now: {type(error).__name__}") from None
    if not parser.has_option("Server", "version") or not parser.has_section("WireGuardConfiguration"):
        raise Blind(f"'{path}' is not whole: is it just being written, or another program's?")
    return _ini(parser)


def _ini(parser: configparser.RawConfigParser) -> Ini:
    def value(section: str, key: str) -> str:
        return parser.get(section, key, fallback="")

    port = value("Server", "app_port")
    return Ini(
        version=value("Server", "version"),
        wg_conf_path=value("Server", "wg_conf_path"),
        awg_conf_path=value("Server", "awg_conf_path"),
        app_prefix=value("Server", "app_prefix"),
        app_port=int(port) if port.isascii() and port.isdigit() else None,
        api_keys=_flag(value("Server", "dashboard_api_key")),
        auth_required=_flag(value("Server", "auth_req")),
        autostart=tuple(name for name in value("WireGuardConfiguration", "autostart").split("||") if name),
        database=value("Database", "type") or "sqlite",
    )


def _flag(text: str) -> bool | None:
    # the panel's own words for it (DashboardConfig.py, GetConfig)
    return True if text in _TRUE else False if text in _FALSE else None
