"""Settings of the web server. Imports nothing heavy: the configuration is read before anything is served."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from watchdog.runtime.fields import AbsolutePath, Duration, Strict

_LISTEN = re.compile(r"(?:\[(?P<v6>[0-9a-fA-F:.]+(?:%\w+)?)\]|(?P<host>[^\s:\[\]/]+)):(?P<port>\d{1,5})", re.ASCII)
_HIGHEST_PORT = 65535


def parse_listen(value: str) -> tuple[str, int]:
    """Given ``127.0.0.1:9877``, ``name:9877`` or ``[::1]:9877``, return host and port. Raise ValueError for anything else."""
    match = _LISTEN.fullmatch(value)
    if match is None or int(match["port"]) > _HIGHEST_PORT:
        raise ValueError(f"{value!r} is no address to listen on: write HOST:PORT, such as 127.0.0.1:9877, 0.0.0.0:9877 or [::1]:9877")
    return match["v6"] or match["host"], int(match["port"])


def _listen(value: str) -> str:
    parse_listen(value)
    return value


class ServerSettings(Strict):
    """Where metrics, the JSON API and the status page are served."""

    listen: Annotated[str, AfterValidator(_listen)] = "127.0.0.1:9877"
    """Address for HTTP, ``HOST:PORT`` (``[::1]:PORT`` for IPv6; port 0 picks a free one). Reading needs no token: mind who can reach it."""
    control_socket: AbsolutePath | None = None
    """Unix socket for the commands of this host, mode 0600 (owner and root need no token); default ``control.sock`` beside the ledger."""
    api_token_file: AbsolutePath | None = None
    """File with the bearer token that changing calls over TCP need, read anew at each call. Without it they are refused."""
    download_token_file: AbsolutePath | None = None
    """File with the bearer token that downloads of archives need, not that for changes; read anew at each call. Without it they are off."""
    alertmanager_token_file: AbsolutePath | None = None
    """File with the bearer token that Alertmanager sends to ``/api/v1/alertmanager``, read anew at each call. Without it that is off."""
    downloads: int = Field(default=4, ge=1, le=64)
    """Downloads of archives at once."""
    allowed_hosts: tuple[str, ...] = ()
    """Names by which browsers may call this server, such as a reverse proxy's; addresses, ``localhost`` and the host's name always may."""
    max_connections: int = Field(default=64, ge=4, le=4096)
    """Connections served at once; the one that has said nothing for longest makes room for a new one."""
    header_timeout: Duration = 10.0
    """Seconds a client may take to send a request."""
    send_timeout: Duration = 30.0
    """Seconds a client may take to read an answer."""
