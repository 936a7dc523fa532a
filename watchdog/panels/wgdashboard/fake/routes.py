"""What the fake panel answers to what: status, content type and body, each as the recording or source line named beside it shows."""

from __future__ import annotations

import ipaddress
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from watchdog.panels.wgdashboard.fake import shapes
from watchdog.panels.wgdashboard.fake.conf import write
from watchdog.panels.wgdashboard.fake.world import WgFailed, WorldPeer

if TYPE_CHECKING:
    from watchdog.panels.wgdashboard.fake.panel import FakePanel

JSON: Final = "application/json"
HTML: Final = "text/html; charset=utf-8"
UNAUTHORIZED, NOT_FOUND, ERROR = 401, 404, 500
OPEN_PATHS: Final = frozenset({
    "/api/validateAuthentication", "/api/authenticate", "/api/getDashboardTheme", "/api/getDashboardVersion", "/api/isTotpEnabled",
    "/api/locale",
})  # fmt: skip
"""What is let through without a session (v4.3.3 dashboard.py:256)."""
MOST_HOSTS: Final = 1 << 16
"""The real panel would write out every host and run out of memory; the fake stops here, and a test sees that nobody asked."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request; ``path`` is without the prefix. ``cookie`` is the session's."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    key: str = ""
    cookie: str = ""
    json: Any = None


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer. ``cookie`` is a session to set ("" = none)."""

    status: int
    body: bytes
    type: str = JSON
    cookie: str = ""


def answer(panel: FakePanel, request: Request) -> Reply:
    """Answer one request, as far as the key and session allow it (auth_req; v433/nokey.txt, wrongkey.txt, version_nokey.txt)."""
    worker = panel.worker
    if worker.release.logs_every_request and "api" in request.path:
        worker.store.log_request(request.path, f"ImmutableMultiDict({list(request.query.items())})")
    keyed = bool(request.key) and worker.settings["Server"]["dashboard_api_key"] == "true"
    if keyed:
        known = request.key in worker.keys
        worker.store.log_request(request.path, f"API Key Access: {str(known).lower()} - Key: {request.key}")
        if not known:
            return _denied("API Key does not exist")
    elif (
        worker.settings["Server"]["auth_req"] == "true" and not panel.has_session(request.cookie) and request.path not in OPEN_PATHS
    ):  # fmt: skip
        return _denied("Unauthorized access.")
    where = (request.method, request.path)
    route = ROUTES.get(where) or (NEWER_ROUTES.get(where) if worker.release.newer else None) or _named(request)
    if route is None:
        return Reply(NOT_FOUND, shapes.page(NOT_FOUND, "Not Found"), HTML)
    try:
        reply = route(panel, request)
    except (OSError, LookupError, sqlite3.Error, TypeError, RuntimeError):  # whatever the real one does not catch
        return Reply(ERROR, shapes.page(ERROR, "Internal Server Error"), HTML)
    return reply


def _denied(message: str) -> Reply:
    return Reply(UNAUTHORIZED, shapes.envelope(message=message, status=False))


def _said(data: object = None, message: str | None = None, *, status: bool = True, code: int = 200) -> Reply:
    return Reply(code, shapes.envelope(data, message, status=status))


def _authenticate(panel: FakePanel, request: Request) -> Reply:
    """Trade a key for a session; without one the password is missed: KeyError, HTML 500 (v4.3.3 dashboard.py:316)."""
    worker = panel.worker
    welcome = worker.settings["Other"]["welcome_session"] == "true"
    if worker.settings["Server"]["auth_req"] != "true":
        return _said(message=welcome)  # type: ignore[arg-type]  # the real one answers a bool here
    if request.key and worker.settings["Server"]["dashboard_api_key"] == "true":
        return Reply(200, shapes.envelope(message=welcome), cookie=panel.new_session())  # type: ignore[arg-type]
    if request.json["password"] != panel.password or request.json["username"] != worker.settings["Account"]["username"]:
        return _said(message="Sorry, your username or password is incorrect.", status=False)
    return Reply(200, shapes.envelope(message=welcome), cookie=panel.new_session())  # type: ignore[arg-type]


def _configurations(panel: FakePanel, _request: Request) -> Reply:
    """Answer the list, and rescan the folder (contract section 1.3)."""
    panel.worker.scan()
    return _said([shapes.configuration(item, panel.worker) for item in panel.worker.configurations.values()])


def _info(panel: FakePanel, request: Request) -> Reply:
    """v433/getWireguardConfigurationInfo_unknown.json for a name it does not know."""
    name = request.query.get("configurationName", "")
    if name not in panel.worker.configurations:
        return _said(message="Please provide configuration name", status=False)
    return _said(shapes.info(panel.worker.refresh(name), panel.worker))


def _toggle(panel: FakePanel, request: Request) -> Reply:
    """v433/toggle_up_wgs07.json, toggle_down_wgs07.json, toggle_fail_wgbad.json, toggle_unknown.json."""
    name = request.query.get("configurationName", "")
    if name not in panel.worker.configurations:
        return _said(message="Please provide a valid configuration name", status=False, code=NOT_FOUND)
    try:
        panel.worker.toggle(name)
    except WgFailed as failure:
        return _said(panel.worker.up(name), str(failure), status=False)
    return _said(panel.worker.up(name))


def _set_item(panel: FakePanel, request: Request) -> Reply:
    """Set one item; the folder of configurations, set to itself, is the only re-read there is (contract section 3.4)."""
    worker, body = panel.worker, request.json
    if not {"section", "key", "value"} <= set(body):
        return _said(message="Invalid request.", status=False)
    section, key, value = body["section"], body["key"], body["value"]
    if key not in worker.settings.get(section, {}):
        return _said(message=f"{key} does not exist under {section}", status=False)
    worker.settings[section][key] = str(value).lower() if isinstance(value, bool) else str(value)
    worker.save()
    if (section, key) == ("Server", "wg_conf_path"):
        worker.configurations.clear()
        worker.scan()
    return _said(value)


def _new_key(panel: FakePanel, _request: Request) -> Reply:
    stamp = "2026-11-20 18:13:42"
    key = panel.make_key(stamp)
    return _said([{"CreatedAt": stamp, "ExpiredAt": None, "Key": key}])


def _add_configuration(panel: FakePanel, request: Request) -> Reply:
    """Write a file and put the configuration into the dictionary, up or not: in v4.2.3, during a pass, the thread's death."""
    body, worker = request.json, panel.worker
    name = body["ConfigurationName"]
    if name in worker.configurations:
        return _said("ConfigurationName", f'Already have a configuration with the name "{name}"', status=False)
    interface = {key: body[key] for key in ("PrivateKey", "Address", "ListenPort")} | {"SaveConfig": "true"}
    (worker.conf_path / f"{name}.conf").write_text(write(interface, ()), encoding="utf-8")
    worker.scan(only=frozenset({name}))
    return _said()


def _add_peers(panel: FakePanel, request: Request) -> Reply:
    """Add one peer to device, file and memory; bring the device up first if it is down (v433/addPeers_wgs20.json)."""
    worker, name, body = panel.worker, request.path.rpartition("/")[2], request.json
    if not worker.up(name):
        worker.toggle(name)
    worker.world.set_peer(name, WorldPeer(body["public_key"], allowed_ips=tuple(body["allowed_ips"])))
    panel.append_peer(name, body["public_key"], body["name"], body["allowed_ips"])
    item = worker.refresh(name)
    worker.scan(only=frozenset({name}))
    item = worker.configurations[name]
    whole = shapes.configuration(item, worker)
    return _said([shapes.peer(row, whole, []) for row in item.peers if row["id"] == body["public_key"]], "")


def _restrict(panel: FakePanel, request: Request) -> Reply:
    name = request.path.rpartition("/")[2]
    done = sum(panel.worker.restrict(name, key) for key in request.json["peers"])
    return _said(message=f"Restricted {done} peer(s)", status=done == len(request.json["peers"]))


def _inventory(panel: FakePanel, _request: Request) -> Reply:
    """v433/allConfigurationsPeers.json; walks over the live dictionary, so a concurrent add is an HTML 500."""
    items = panel.worker.configurations.items()
    return _said({name: [{"id": row["id"], "name": row["name"]} for row in item.peers] for name, item in items})


def _addresses(panel: FakePanel, _request: Request) -> Reply:
    """v433/ping_getAllPeersIpAddress.json: every host of every network is written out to see whether there is one (dashboard.py:1279)."""
    return _said(
        {
            name: {(f"{row['name']} - {row['id']}" if row["name"] else row["id"]): _address(row) for row in item.peers}
            for name, item in panel.worker.configurations.items()
        }
    )


def _address(row: Mapping[str, Any]) -> dict[str, Any]:
    networks = [ipaddress.ip_network(text, strict=False) for text in row["allowed_ip"].replace(" ", "").split(",")]
    if any(network.num_addresses > MOST_HOSTS for network in networks):
        raise OSError("out of memory")
    single = [hosts[0] for network in networks if len(hosts := list(network.hosts())) == 1]
    return {"allowed_ips": [str(host) for host in single], "endpoint": row["endpoint"].replace("(none)", "")}


def _named(request: Request) -> Route | None:
    """Return the route of a path that ends in a configuration's name."""
    return NAMED.get((request.method, request.path.rpartition("/")[0]))


Route = Callable[["FakePanel", Request], Reply]
ROUTES: Final[Mapping[tuple[str, str], Route]] = {
    ("GET", "/api/getDashboardVersion"): lambda panel, _: _said(panel.worker.release.says),
    ("GET", "/api/handshake"): lambda _panel, _: _said(),
    ("GET", "/api/isTotpEnabled"): lambda _panel, _: _said(data=False),
    ("POST", "/api/authenticate"): _authenticate,
    ("GET", "/api/getWireguardConfigurations"): _configurations,
    ("GET", "/api/getWireguardConfigurationInfo"): _info,
    ("GET", "/api/toggleWireguardConfiguration"): _toggle,
    ("POST", "/api/updateDashboardConfigurationItem"): _set_item,
    ("POST", "/api/newDashboardAPIKey"): _new_key,
    ("POST", "/api/addWireguardConfiguration"): _add_configuration,
    ("GET", "/api/ping/getAllPeersIpAddress"): _addresses,
}
NEWER_ROUTES: Final[Mapping[tuple[str, str], Route]] = {("GET", "/api/clients/allConfigurationsPeers"): _inventory}
NAMED: Final[Mapping[tuple[str, str], Route]] = {("POST", "/api/addPeers"): _add_peers, ("POST", "/api/restrictPeers"): _restrict}
