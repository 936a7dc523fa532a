"""What the fake panel answers to which request; every status and content type cites its recording."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from watchdog.panels.mcsmanager.fake import shapes
from watchdog.panels.mcsmanager.fake.daemon import FakeDaemon
from watchdog.panels.mcsmanager.fake.instances import RPC_SECONDS, Failure, FakeInstance, Silence

if TYPE_CHECKING:
    from watchdog.panels.mcsmanager.fake.panel import FakePanel

JSON, TEXT = "application/json", "text/plain"
OK, BAD, FORBIDDEN, MISSING, FAILED = 200, 400, 403, 404, 500
OFFLINE = (
    "The remote node is unavailable! \nPlease contact the administrator to go to the node list to check the status of the remote node! "
    "IP: localhost"
)
TIMEOUT = "Request timeout! \nPlease contact the administrator to check the status of the remote node!"
NO_DAEMON = "Initialization failed, the remote node does not exist!"
Answer = tuple[int, str, bytes]


@dataclass(frozen=True, slots=True)
class Request:
    """One request, read."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any = None


class Reply(Exception):
    """An answer that ends a route early: status, data, content type."""

    def __init__(self, status: int, data: object, content_type: str = JSON) -> None:
        super().__init__(status)
        self.status, self.data, self.content_type = status, data, content_type


def answer(panel: FakePanel, request: Request) -> Answer:
    """Answer one request to the panel."""
    if panel.switches.answer is not None and request.path == panel.switches.answer_path:
        return OK, JSON, panel.switches.answer
    try:
        route = ROUTES.get((request.method, request.path))
        if route is None:
            raise Reply(MISSING, "[404] Not Found", TEXT)  # noqa: TRY301  # one door for all answers
        _admit(panel, request, admin=not request.path.startswith("/api/protected_instance") and request.path != "/api/instance")
        status, data, kind = OK, route(panel, request), JSON
        if request.path.endswith("/outputlog"):
            kind = TEXT  # head-outputlog.json
    except Reply as reply:
        status, data, kind = reply.status, reply.data, reply.content_type
    except Failure as failure:
        status, data, kind = FAILED, str(failure), JSON
    if status != OK and isinstance(data, str) and panel.switches.language != "en_us":
        data = "操作失败, 请联系管理员"
    return status, kind, json.dumps({"status": status, "data": data, "time": int(panel.now() * 1000)}, ensure_ascii=False).encode()


def control(panel: FakePanel, request: Request) -> Answer:
    """Answer on the control port: POST /daemons/UUID/restart restarts a daemon, as ``systemctl restart`` would."""
    match request.path.strip("/").split("/"):
        case ["daemons", uuid, "restart"] if request.method == "POST" and uuid in panel.daemons:
            panel.daemons[uuid].restart()
            return OK, TEXT, b"restarted\n"
    return MISSING, TEXT, b"POST /daemons/UUID/restart\n"


def _admit(panel: FakePanel, request: Request, *, admin: bool) -> None:
    permission = panel.permission(request.headers, request.query)
    if permission and not panel.switches.api_keys_enabled:
        raise Reply(FORBIDDEN, "API key creation feature is not enabled", TEXT)
    if permission == 0:
        raise Reply(FORBIDDEN, "Insufficient Permissions", TEXT)  # head-operation-logs-err-nokey.json
    if permission is None or (admin and permission < 10):  # noqa: PLR2004  # ADMIN
        raise Reply(FORBIDDEN, "Incorrect key", TEXT)  # head-operation-logs-err-userkey.json: a weak key and a wrong one look alike
    if not admin and not panel.release.header_suffices and not request.query.get("apikey"):
        if request.path == "/api/instance" and request.method == "GET":
            raise Reply(FAILED, "Insufficient Permissions")
        if request.path.startswith("/api/protected_instance"):
            raise Reply(FORBIDDEN, "[Forbidden] [Middleware] Incorrect parameters or unauthorized access to the instance.")
    if not admin and panel.too_fast(request.headers.get("cookie", "")):
        raise Reply(FAILED, "Too many requests", TEXT)


def _need(request: Request, *names: str) -> None:
    for name in names:
        if name not in request.query:
            raise Reply(BAD, f'Validator failed: "{name}" is required!', TEXT)  # head-err-400-validator.json


def _daemon(panel: FakePanel, request: Request, *, missing: int = FAILED, kind: str = JSON, name: str = "daemonId") -> FakeDaemon:
    _need(request, name)
    daemon = panel.daemons.get(request.query[name])
    if daemon is None:
        raise Reply(missing, NO_DAEMON, kind)
    if not daemon.available:
        raise Reply(missing, OFFLINE, kind)  # head-daemon-offline-list.json, head-daemon-offline-detail.json
    return daemon


def _wait(daemon: FakeDaemon) -> None:
    if daemon.hung:
        time.sleep(RPC_SECONDS / daemon.speed)
        raise Reply(FAILED, TIMEOUT)


def _silent(daemon: FakeDaemon) -> Reply:
    time.sleep(RPC_SECONDS / daemon.speed)
    return Reply(FAILED, TIMEOUT)


def _overview(panel: FakePanel, _: Request) -> object:
    time.sleep(panel.switches.overview_seconds)
    remotes = []
    for daemon in panel.daemons.values():
        answered = daemon.available
        if answered and (daemon.hung or (daemon.release.overview_asks_docker and _docker_is_silent(daemon))):
            time.sleep(RPC_SECONDS / daemon.speed)  # head-hang-overview.json: 6.0 s, then without version
            answered = False
        remotes.append(shapes.remote(daemon, answered=answered))
    return shapes.overview(panel.release, remotes)


def _docker_is_silent(daemon: FakeDaemon) -> bool:
    try:
        daemon.ask_docker()
    except Silence:
        return True
    except Failure:
        return False  # dockerPlatforms has a fallback (head-seed-nosocket-overview.json)
    return False


def _services(panel: FakePanel, _: Request) -> object:
    return [shapes.service(daemon) for daemon in panel.daemons.values()]


def _instances(panel: FakePanel, request: Request) -> object:
    release = panel.release
    _need(request, "daemonId", "page", "page_size")
    daemon = _daemon(panel, request, missing=release.failed_list_status, kind=TEXT)
    _wait(daemon)
    if release.panel == "10.4.0" and "instance_name" not in request.query:
        raise Reply(FAILED, "TypeError: Cannot read properties of undefined (reading 'toLowerCase')", TEXT)  # v10.4.0-hang-list.json
    size = min(50, max(1, int(request.query["page_size"] or 10)))
    number = max(1, int(request.query["page"] or 1))
    ordered = sorted(daemon.instances, key=lambda item: (-item.status, item.nickname, item.uuid))
    if number > 1 and panel.switches.shifting_pages > 0:
        panel.switches.shifting_pages -= 1
        ordered = [ordered[-1], *ordered[:-1]]  # a status changed between two pages: one repeats, one is missed
    part = ordered[(number - 1) * size : number * size]
    listed = [shapes.instance(item, release) for item in part]
    return {"page": number, "pageSize": size, "maxPage": -(-len(ordered) // size), "allTags": [], "data": listed}


def _detail(panel: FakePanel, request: Request) -> object:
    _need(request, "daemonId", "uuid")
    daemon = _daemon(panel, request)
    _wait(daemon)
    return shapes.detail(daemon.find(request.query["uuid"]), panel.release)


def _containers(panel: FakePanel, request: Request) -> object:
    daemon = _daemon(panel, request) if "daemonId" in request.query else _daemon(panel, request, missing=BAD, kind=TEXT)
    _wait(daemon)
    try:
        return [shapes.container(item) for item in daemon.containers()]
    except Silence:
        raise _silent(daemon) from None


def _images(panel: FakePanel, request: Request) -> object:
    daemon = _daemon(panel, request)
    _wait(daemon)
    try:
        daemon.ask_docker()
    except Silence:
        raise _silent(daemon) from None
    image = {"Containers": -1, "Created": 1795197788, "Id": "sha256:8f39", "Labels": None, "ParentId": "", "RepoDigests": None}
    return [image | {"RepoTags": ["bb:latest"], "SharedSize": -1, "Size": 1982256, "VirtualSize": 1982256}]


def _link(panel: FakePanel, request: Request) -> object:
    _need(request, "uuid")
    daemon = panel.daemons.get(request.query["uuid"])
    if daemon is None:
        raise Reply(BAD, "Instance does not exist", TEXT)  # head-link-remote-service-unknown.json
    daemon.available = daemon.up
    return True


def _operations(panel: FakePanel, request: Request) -> object:
    if not panel.release.operation_log:
        raise Reply(MISSING, "[404] Not Found", TEXT)
    text = request.query.get("limit", "20")
    if not text.isdigit():
        raise Reply(FAILED, "Invalid limit value. It must be a number.")  # head-operation-logs-err-limit-nan.json
    if not 1 <= int(text) <= 200:  # noqa: PLR2004  # the panel's own bound
        raise Reply(FAILED, "Invalid limit value. It must be between 1 and 200.")  # head-operation-logs-err-limit201.json
    return panel.operations[-int(text) :]


def _act(kind: str, call: Callable[[FakeDaemon, str], FakeInstance]) -> Callable[[FakePanel, Request], object]:
    def route(panel: FakePanel, request: Request) -> object:
        _need(request, "daemonId", "uuid")
        daemon = _daemon(panel, request)
        try:
            _wait(daemon)
            item = call(daemon, request.query["uuid"])
        except Silence:
            if kind == "instance_start":
                return {}  # head-hang-open.json: a timeout of open is 200 with nothing in it, and it is not logged
            raise Reply(FAILED, TIMEOUT) from None
        except Reply as reply:
            if kind == "instance_start" and reply.data == TIMEOUT:
                return {}
            raise
        if panel.release.operation_log:
            key = request.query.get("apikey") or request.headers.get("x-request-api-key", "")
            panel.log_operation(kind, daemon, item.uuid, item.nickname, key=key)
        return shapes.acted(item, panel.release)

    return route


def _command(panel: FakePanel, request: Request) -> object:
    return {
        "instanceUuid": _daemon(panel, request).find(request.query["uuid"]).uuid
    }  # head-ghost-running-command.json: 200 for a dead console


def _status(panel: FakePanel, _: Request) -> object:
    return {"isInstall": True, "language": panel.switches.language, "settings": {}}


def _update(panel: FakePanel, request: Request) -> object:
    item = _daemon(panel, request).find(request.query["uuid"])
    events = (request.body or {}).get("eventTask") or {}
    item.auto_start = bool(events.get("autoStart", item.auto_start))
    item.auto_restart = bool(events.get("autoRestart", item.auto_restart))
    return {"instanceUuid": item.uuid}  # head-update-ok.json: a merge


ROUTES: dict[tuple[str, str], Callable[[FakePanel, Request], object]] = {
    ("GET", "/api/auth/status"): _status,
    ("GET", "/api/overview"): _overview,
    ("GET", "/api/overview/operation_logs"): _operations,
    ("GET", "/api/service/remote_services_list"): _services,
    ("GET", "/api/service/remote_service_instances"): _instances,
    ("GET", "/api/service/link_remote_service"): _link,
    ("GET", "/api/instance"): _detail,
    ("PUT", "/api/instance"): _update,
    ("GET", "/api/environment/containers"): _containers,
    ("GET", "/api/environment/image"): _images,
    ("GET", "/api/protected_instance/open"): _act("instance_start", FakeDaemon.open),
    ("GET", "/api/protected_instance/stop"): _act("instance_stop", FakeDaemon.stop),
    ("GET", "/api/protected_instance/restart"): _act("instance_restart", FakeDaemon.restart_instance),
    ("GET", "/api/protected_instance/kill"): _act("instance_kill", FakeDaemon.kill),
    ("GET", "/api/protected_instance/command"): _command,
}
