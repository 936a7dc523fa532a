"""Reads Wings' ``config.yml``: a whitelist, so that ``token_id`` and ``token`` never enter a value, a message or a log.

Absent keys are Wings' own defaults (config/config.go of Wings 1.11). Wings rewrites the file in place when it boots and when the panel
pushes one, so a moment of half a file is normal: that is Blind, not "there is no node".
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from watchdog.errors import BadSettings, Blind
from watchdog.panels.pterodactyl.naming import is_uuid
from watchdog.panels.pterodactyl.traces import LocalWings
from watchdog.runtime.yaml import parse

LARGEST: Final = 1 << 20


def read(path: Path) -> LocalWings:
    """Return what the configuration at ``path`` says. Raises Blind with the way out; the text of the file stands in no message."""
    try:
        content = _content(path)
    except FileNotFoundError:
        raise Blind(f"there is no {path}: is Wings on this host? set node.config to its configuration") from None
    except PermissionError:
        raise Blind(f"{path} may not be read: it is 0600 of root; run as root or with CAP_DAC_READ_SEARCH") from None
    except OSError as error:
        raise Blind(f"{path} cannot be read: {error.strerror}") from None
    return parsed(content, str(path))


def parsed(content: str, name: str) -> LocalWings:
    """Given the text and a name for messages, return what it says. Raises Blind."""
    try:
        whole = parse(content, name).value
    except BadSettings as error:
        raise Blind(f"{error}; Wings may just be writing it") from None
    if not isinstance(whole, Mapping) or not whole:
        raise Blind(f"{name} is empty or no mapping; Wings may just be writing it")
    system, api = _part(whole, "system", name), _part(whole, "api", name)
    ssl, crash, backups = _part(api, "ssl", name), _part(system, "crash_detection", name), _part(system, "backups", name)
    blank = LocalWings(uuid="")
    uuid = _text(whole, "uuid", "", name).lower()
    if not is_uuid(uuid):
        raise Blind(f"{name} has no uuid of a node: copy the node's configuration from the panel")
    return LocalWings(
        uuid=uuid,
        remote=_text(whole, "remote", "", name).rstrip("/"),
        backup_directory=_path(system, "backup_directory", blank.backup_directory, name),
        data=_path(system, "data", blank.data, name),
        root=_path(system, "root_directory", blank.root, name),
        log_directory=_path(system, "log_directory", blank.log_directory, name),
        zone=_text(system, "timezone", "", name),
        crash_timeout=_number(crash, "timeout", blank.crash_timeout, name),
        crash_detection=_truth(crash, "enabled", name, absent=True),
        write_limit=_number(backups, "write_limit", blank.write_limit, name),
        host=_text(api, "host", blank.host, name),
        port=_number(api, "port", blank.port, name),
        tls=_truth(ssl, "enabled", name, absent=False),
        log_rotate=_truth(system, "enable_log_rotate", name, absent=True),
    )


def _content(path: Path) -> str:
    # never block: somebody's FIFO of this name must not hang a look
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    with open(descriptor, "rb") as file:  # noqa: PTH123  (a descriptor)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise Blind(f"{path} is no regular file")
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise Blind(f"{path} is larger than {LARGEST >> 20} MiB: that is no configuration of Wings")
    return content.decode("utf-8", "replace")


def _part(whole: Mapping[object, object], key: str, name: str) -> Mapping[object, object]:
    value = whole.get(key)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise Blind(f"{name}: {key} is no mapping")
    return value


def _text(whole: Mapping[object, object], key: str, absent: str, name: str) -> str:
    value = whole.get(key)
    if value is None:
        return absent
    if not isinstance(value, str):
        raise Blind(f"{name}: {key} is no text")
    return value.strip() or absent


def _path(whole: Mapping[object, object], key: str, absent: str, name: str) -> str:
    value = _text(whole, key, absent, name)
    if not value.startswith("/"):
        raise Blind(f"{name}: system.{key} is no absolute path")
    return os.path.normpath(value)


def _number(whole: Mapping[object, object], key: str, absent: int, name: str) -> int:
    value = whole.get(key)
    if value is None:
        return absent
    if isinstance(value, bool) or not isinstance(value, int):
        raise Blind(f"{name}: {key} is no whole number")
    return value


def _truth(whole: Mapping[object, object], key: str, name: str, *, absent: bool) -> bool:
    value = whole.get(key)
    if value is None:
        return absent
    if not isinstance(value, bool):
        raise Blind(f"{name}: {key} is neither true nor false")
    return value
