"""The tokens of nodes, for the senders only: the local one from Wings' configuration, others from the panel if the operator allows it.

Whoever has a node's token has its files (contract sections 1.4 and 2.1). A token is kept in an object that shows nothing of itself, is
told to the log's redaction at once, and is never part of a view.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from watchdog.errors import BadSettings, Blind
from watchdog.runtime import yaml
from watchdog.runtime.redaction import HIDDEN, register_secret

LARGEST_FILE: Final = 1 << 20
_EVERYWHERE: Final = frozenset({"", "0.0.0.0", "::", "[::]"})  # noqa: S104  # what Wings listens on, not we


class Token:
    """One node's token. ``id`` is needed towards the panel only; "" = not known."""

    __slots__ = ("_id", "_token")

    def __init__(self, token_id: str, token: str) -> None:
        self._id, self._token = token_id, token
        register_secret(token)

    def __repr__(self) -> str:
        return f"Token({HIDDEN})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Token) and (self._id, self._token) == (other._id, other._token)

    def __hash__(self) -> int:
        return hash((self._id, self._token))

    def for_wings(self) -> Mapping[str, str]:
        """Return the header that Wings wants: the token alone (section 2.4)."""
        return {"Authorization": f"Bearer {self._token}"}

    def for_panel(self) -> Mapping[str, str]:
        """Return the header that the panel's remote API wants: both, with one dot between them (section 3.1)."""
        return {"Authorization": f"Bearer {self._id}.{self._token}"}


@dataclass(frozen=True, slots=True)
class LocalNode:
    """What we need of the local Wings' configuration to speak for it. ``address`` is "" when it speaks TLS: then the panel's is used."""

    uuid: str
    remote: str
    address: str
    token: Token


class LocalConfiguration:
    """Wings' configuration file, read again whenever it has changed (Wings and the panel rewrite it)."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read: tuple[tuple[int, int, int, int], LocalNode] | None = None

    def node(self) -> LocalNode:
        """Return the local node. Raises Blind when the file cannot be read, BadSettings when it is no configuration of Wings."""
        try:
            with self._path.open("rb") as file:
                seen = os.fstat(file.fileno())
                identity = (seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns)
                if self._read is not None and self._read[0] == identity:
                    return self._read[1]
                if not stat.S_ISREG(seen.st_mode):
                    raise BadSettings(f"'{self._path}' is not a regular file")
                text = file.read(LARGEST_FILE + 1)
        except OSError as error:
            raise Blind(f"'{self._path}' cannot be read ({error.strerror}): it is Wings' own, mode 0600") from None
        node = parsed(text, str(self._path))
        self._read = identity, node
        return node


def parsed(content: bytes, name: str) -> LocalNode:
    """Given Wings' configuration, return the node. Raises BadSettings; no text of the file is in the message."""
    if len(content) > LARGEST_FILE:
        raise BadSettings(f"{name} is too large for a configuration of Wings")
    try:
        whole = yaml.parse(content.decode(), name).value
    except (UnicodeDecodeError, BadSettings):
        # the reason would quote the file, and the file holds the token
        raise BadSettings(f"{name} is not valid YAML") from None
    if not isinstance(whole, dict):
        raise BadSettings(f"{name} is not a configuration of Wings")
    uuid, token_id, token, remote = (whole.get(key) for key in ("uuid", "token_id", "token", "remote"))
    if not (isinstance(uuid, str) and isinstance(remote, str) and token_id and token):
        raise BadSettings(f"{name} lacks one of uuid, token_id, token and remote: is it Wings' configuration?")
    return LocalNode(uuid.lower(), remote.rstrip("/"), _address(whole.get("api")), Token(str(token_id), str(token)))


def _address(api: object) -> str:
    settings = api if isinstance(api, dict) else {}
    tls = settings.get("ssl")
    if isinstance(tls, dict) and tls.get("enabled") is True:
        return ""  # its certificate is for its public name
    host = str(settings.get("host") or "")
    host = "127.0.0.1" if host in _EVERYWHERE else host
    return f"http://{f'[{host}]' if ':' in host and not host.startswith('[') else host}:{settings.get('port') or 8080}"
