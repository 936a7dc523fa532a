"""The way in: weather, routes, keys, limits, and only then a controller; in the order in which Laravel's middlewares stand.

Which refusal costs a request of the limit follows from that order: a key of the wrong kind does, a wrong key and a wrong address do not
(client-403-application-key.json, client-401-bad-token.json, client-403-ip.json).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from watchdog.panels.pterodactyl.fake import application_routes as application
from watchdog.panels.pterodactyl.fake import client_routes as client
from watchdog.panels.pterodactyl.fake import remote_routes as remote
from watchdog.panels.pterodactyl.fake.replies import HTML, Refused, Reply, Request, missing, refusal
from watchdog.panels.pterodactyl.fake.rows import Key

if TYPE_CHECKING:
    from watchdog.panels.pterodactyl.fake.panel import FakePanel

_SERVER = r"/api/client/servers/(?P<server>[^/]+)"
_BACKUP = _SERVER + r"/backups/(?P<backup>[^/]+)"
_CLIENT: Final[tuple[tuple[str, str, Callable[..., Reply]], ...]] = (
    ("GET", "/api/client", client.servers),
    ("GET", _SERVER, client.server),
    ("GET", _SERVER + "/backups", client.backups),
    ("POST", _SERVER + "/backups", client.create),
    ("GET", _BACKUP, client.backup),
    ("DELETE", _BACKUP, client.delete),
    ("GET", _BACKUP + "/download", client.download),
    ("POST", _BACKUP + "/lock", client.lock),
    ("POST", _BACKUP + "/restore", client.restore),
    ("GET", _SERVER + "/resources", client.resources),
    ("POST", _SERVER + "/power", client.power),
    ("GET", _SERVER + "/schedules", client.schedules),
    ("GET", _SERVER + "/activity", client.activity),
    ("GET", _SERVER + "/websocket", client.websocket),
)
_APPLICATION: Final[tuple[tuple[str, str, Callable[..., Reply]], ...]] = (
    ("GET", "/api/application/nodes", application.nodes),
    ("GET", r"/api/application/nodes/(?P<number>[^/]+)", application.node),
    ("GET", r"/api/application/nodes/(?P<number>[^/]+)/configuration", application.configuration),
    ("GET", "/api/application/servers", application.servers),
    ("GET", r"/api/application/servers/(?P<number>[^/]+)", application.server),
    ("POST", r"/api/application/servers/(?P<number>[^/]+)/(?P<action>suspend|unsuspend)", application.suspend),
)
_REMOTE: Final[tuple[tuple[str, str, Callable[..., Reply]], ...]] = (
    ("POST", r"/api/remote/backups/(?P<uuid>[^/]+)", remote.complete),
    ("GET", r"/api/remote/backups/(?P<uuid>[^/]+)", remote.upload),
    ("POST", r"/api/remote/backups/(?P<uuid>[^/]+)/restore", remote.restored),
    ("GET", "/api/remote/servers", remote.servers),
    ("GET", r"/api/remote/servers/(?P<uuid>[^/]+)", remote.server),
    ("POST", "/api/remote/servers/reset", remote.reset),
    ("POST", r"/api/remote/servers/(?P<uuid>[^/]+)/install", remote.installed),
    ("POST", "/api/remote/activity", remote.accepted),
)
_TAKES_REQUEST: Final = frozenset({application.nodes, application.servers, application.server})


def answer(panel: FakePanel, request: Request, *, redirects: bool) -> Reply:
    """Return the answer to one request; ``redirects``: whether the web server at this port may send people elsewhere."""
    switches = panel.world.switches
    if redirects and switches.redirect:
        query = f"?{request.raw_query}" if request.raw_query else ""
        to = switches.redirect_to or f"{request.path}{query}"
        return Reply(switches.redirect, b"<html>Moved</html>", HTML, {"Location": f"{panel.secure_url}{to}"})
    if request.path == "/auth/login":
        return Reply(200, b"<!DOCTYPE html>\n<html><title>Login</title></html>", HTML)
    for prefix, status in switches.proxy.items():
        if request.path.startswith(prefix):
            return Reply(status, b"<html><center><h1>nginx</h1></center></html>", HTML)
    headers: dict[str, str] = {}
    try:
        return _with(_routed(panel, request, headers), headers)
    except Refused as refused:
        return _with(refusal(refused, request, f"{panel.app_url}/auth/login"), headers)


def _with(reply: Reply, headers: Mapping[str, str]) -> Reply:
    return Reply(reply.status, reply.body, reply.content_type, {**headers, **reply.headers}, reply.lost) if headers else reply


def _routed(panel: FakePanel, request: Request, headers: dict[str, str]) -> Reply:
    switches = panel.world.switches
    if switches.maintenance:  # down-client.json, down-remote.json
        retry = {} if switches.maintenance_retry is None else {"Retry-After": str(switches.maintenance_retry)}
        raise Refused(503, "HttpException", "Service Unavailable", headers=retry)
    if switches.database_down:
        raise Refused(500, "QueryException")  # client-database-down.json, remote-database-down.json, remote-probe-database-down.json
    panel.world.tick()
    if request.path.startswith("/api/remote/"):
        route, words = _find(_REMOTE, request)
        node = remote.authenticated(panel, request)
        return route(panel, request, *words.values(), node)
    if request.path.startswith("/api/application/"):
        route, words = _find(_APPLICATION, request)
        _let_in_application(panel, _key(panel, request), headers)
        return route(panel, request, **words) if route in _TAKES_REQUEST else route(panel, **words)
    route, words = _find(_CLIENT, request)
    key = _key(panel, request)
    _let_in_client(panel, key, headers)
    return _client(panel, request, (route, words), key)


def _client(panel: FakePanel, request: Request, found: tuple[Callable[..., Reply], dict[str, str]], key: Key) -> Reply:
    route, words = found
    if route is client.servers:
        return client.servers(panel, request, key.user, key.admin)
    row = panel.world.server(words["server"])
    if row is None or not (key.admin or row.owner == key.user):
        raise missing()  # client-404-server.json
    if route is client.server:
        return client.server(panel, request, row, key.user)
    client.admit(panel, row)
    more = {"uuid": words["backup"]} if "backup" in words else {}
    return route(panel, request, row, **more)


def _find(table: tuple[tuple[str, str, Callable[..., Reply]], ...], request: Request) -> tuple[Callable[..., Reply], dict[str, str]]:
    allowed: list[str] = []
    for method, pattern, route in table:
        found = re.fullmatch(pattern, request.path.rstrip("/"))
        if found is None:
            continue
        if method == request.method:
            return route, found.groupdict()
        allowed += ["GET", "HEAD"] if method == "GET" else [method]
    path = request.path.strip("/")
    if allowed:  # client-405.json
        named = ", ".join(allowed)
        text = f"The {request.method} method is not supported for route {path}. Supported methods: {named}."
        raise Refused(405, "MethodNotAllowedHttpException", text, headers={"Allow": named})
    raise Refused(404, "NotFoundHttpException", f"The route {path} could not be found.")  # client-404-route.json


def _key(panel: FakePanel, request: Request) -> Key:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    key = panel.world.keys.get(token) if scheme == "Bearer" else None
    if key is None:
        raise Refused(401, "AuthenticationException", "Unauthenticated.")  # client-401.json, client-401-bad-token.json
    if key.addresses and "127.0.0.1" not in key.addresses:  # client-403-ip.json
        text = "This IP address (127.0.0.1) does not have permission to access the API using these credentials."
        raise Refused(403, "AccessDeniedHttpException", text)
    if panel.world.switches.two_factor:  # client-2fa-required.json
        text = "Two-factor authentication is required on this account in order to access this endpoint."
        raise Refused(400, "TwoFactorAuthRequiredException", text)
    return key


def _count(panel: FakePanel, key: Key, api: str, headers: dict[str, str]) -> None:
    release, least = panel.world.release, panel.world.switches.throttle_after
    usual = release.client_limit if api == "client" else release.application_limit
    headers.update(panel.limits.count(api, key.user, usual if least is None else least, panel.world.clock.now().wall))


def _let_in_client(panel: FakePanel, key: Key, headers: dict[str, str]) -> None:
    _count(panel, key, "client", headers)
    if key.kind == "application":  # client-403-application-key.json
        text = "You are attempting to use an application API key on an endpoint that requires a client API key."
        raise Refused(403, "AccessDeniedHttpException", text)


def _let_in_application(panel: FakePanel, key: Key, headers: dict[str, str]) -> None:
    _count(panel, key, "application", headers)
    if not key.admin:  # application-nodes-owner-key.json
        raise Refused(403, "AccessDeniedHttpException", "This account does not have permission to access the API.")
    if not key.permitted:  # application-nodes-no-permission.json
        raise Refused(403, "AccessDeniedHttpException", "This action is unauthorized.")


__all__ = ["answer"]
