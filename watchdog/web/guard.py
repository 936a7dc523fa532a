"""The door in front of every call: whose browser may read, and who may change something.

Pure ASGI around the whole application, by method and not by route: a new route that changes something is guarded before anybody thinks
of it. Reading needs no token, but for downloads of archives, which have one of their own. A stranger's page in somebody's browser reaches a
loopback server in two ways: it posts across sites (refused by Origin, Sec-Fetch-Site and Content-Type), or it rebinds its own name to our
address (refused by Host).
"""

from __future__ import annotations

import ipaddress
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from watchdog.errors import BadSettings, WatchdogError
from watchdog.runtime.fields import read_secret
from watchdog.runtime.log import get_logger
from watchdog.web.callers import Caller
from watchdog.web.calls import Lane
from watchdog.web.errors import answer_of, error_answer
from watchdog.web.intake import read_body
from watchdog.web.settings import ServerSettings

log = get_logger(__name__)

READING = frozenset({"GET", "HEAD", "OPTIONS"})
BODY_LIMIT = 64 * 1024  # bytes; the longest order is a pattern and a reason
# machines ask these by whatever name their configuration has; they tell nothing that a stranger's page could use
DOWNLOADS = "/api/v1/archives/"
"""What begins so is read by nobody without the token for it: a backup is all of a client's data."""
ALARMS = "/api/v1/alertmanager"
"""Where Alertmanager reports, with a token that is good for nothing else."""
ALARMS_LIMIT = 4 << 20  # bytes; one notification may group many alerts
_ANY_HOST = frozenset({"/metrics", "/-/healthy", "/-/ready"})


@dataclass(frozen=True, slots=True)
class _Secret:
    """What proves one sort of caller: the token in ``file``, named by ``setting``; ``disabled`` is the code when there is none."""

    file: Path | None
    setting: str
    disabled: str
    what: str


class Guard:
    """ASGI application around another one."""

    def __init__(self, app: ASGIApp, settings: ServerSettings, lane: Lane) -> None:
        self._app = app
        self._lane = lane
        self.configure(settings)

    def configure(self, settings: ServerSettings) -> None:
        """Take other settings, while running."""
        self._changes = _Secret(settings.api_token_file, "server.api_token_file", "changes_disabled", "changing calls")
        self._downloads = _Secret(settings.download_token_file, "server.download_token_file", "downloads_disabled", "downloads")
        self._alarms = _Secret(settings.alertmanager_token_file, "server.alertmanager_token_file", "alerts_disabled", "alerts")
        self._hosts = frozenset({"localhost", socket.gethostname().lower(), *(host.lower() for host in settings.allowed_hosts)})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the call through, or answer why not."""
        headers = Headers(scope=scope)
        caller: Caller = scope["state"]["caller"]
        changing = scope["method"] not in READING
        refusal = self._stranger(scope, headers, caller, changing=changing)
        if refusal is None and changing:
            refusal = await self._unproven(headers, caller, self._alarms if scope["path"] == ALARMS else self._changes)
        elif refusal is None and scope["path"].startswith(DOWNLOADS):
            refusal = await self._unproven(headers, caller, self._downloads)
            scope["state"]["may_download"] = refusal is None
        body: bytes | None = b""
        limit = ALARMS_LIMIT if scope["path"] == ALARMS else BODY_LIMIT
        if refusal is None and changing:
            body = await read_body(headers, receive, limit)
        if body is None:
            refusal = error_answer(413, "too_large", f"a body may have {limit} bytes", "send less", {"connection": "close"})
        if refusal is not None:
            await refusal(scope, receive, send)
        elif changing:
            await self._app(scope, _Replay(body or b"", receive), send)
        else:
            await self._app(scope, receive, send)

    def _stranger(self, scope: Scope, headers: Headers, caller: Caller, *, changing: bool) -> Response | None:
        """Return a refusal for what only a browser on a stranger's page would send."""
        if caller.listener == "control":  # browsers cannot reach a unix socket
            return None
        host = headers.get("host", "")
        if (changing or (caller.local and scope["path"] not in _ANY_HOST)) and not self._known(host):
            way_out = "call it by its address or by localhost, or add the name to server.allowed_hosts"
            return error_answer(421, "unknown_host", f"this server is not known as '{host[:100]}'", way_out)
        if not changing:
            return None
        origin = headers.get("origin")
        if headers.get("sec-fetch-site", "none") not in {"none", "same-origin"} or (
            origin is not None and origin not in {f"http://{host}", f"https://{host}"}
        ):
            return error_answer(403, "cross_site", "a page of another site may not change anything here", "call it from this host's pages")
        content_type = headers.get("content-type")
        if content_type is not None and content_type.partition(";")[0].strip().lower() != "application/json":
            return error_answer(415, "not_json", "a body must be JSON", "send Content-Type: application/json")
        return None

    def _known(self, host: str) -> bool:
        name = _without_port(host).lower()
        if name in self._hosts or name.endswith(".localhost"):
            return True
        try:  # an address cannot be bound to something else
            ipaddress.ip_address(name.strip("[]"))
        except ValueError:
            return False
        return True

    async def _unproven(self, headers: Headers, caller: Caller, secret: _Secret) -> Response | None:
        """Return a refusal unless the kernel or the token vouches for the caller."""
        if caller.trusted:
            return None
        path = secret.file
        if path is None:
            way_out = f"set {secret.setting} to a file with a token and reload, or use the control socket on the host itself"
            return error_answer(403, secret.disabled, f"{secret.what} over TCP are switched off: no token is configured", way_out)
        try:
            token = await self._lane.run(lambda: read_secret(path), 5.0)
        except BadSettings as error:
            log.warning("a call was refused", what=secret.what, reason=str(error))
            return error_answer(403, "token_unreadable", f"{secret.setting} cannot be read", "see the log of the program")
        except WatchdogError as error:
            return answer_of(error)
        scheme, _, given = headers.get("authorization", "").partition(" ")
        # header text is Latin-1 for its bytes; clients send the file's bytes
        if scheme.lower() == "bearer" and secrets.compare_digest(given.strip(" \t").encode("latin-1"), token.encode()):
            return None
        way_out = f"send 'Authorization: Bearer TOKEN' with the token of {secret.setting}"
        return error_answer(401, "wrong_token", "the bearer token is missing or wrong", way_out, {"www-authenticate": "Bearer"})


class _Replay:
    """Gives a body that was read already, then whatever comes."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> Message:
        if self._body is None:
            return await self._receive()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]
