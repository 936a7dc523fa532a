"""The lab in which the Pterodactyl recordings were made, rebuilt in the fake: same nodes, servers, records, keys, the same moment."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

from watchdog.panels.pterodactyl.fake import ADMIN_KEY, APPLICATION_KEY, OWNER_KEY, Backup, FakePanel, PanelWorld, Server
from watchdog.panels.pterodactyl.fake.world import ADDRESS_KEY, WEAK_KEY
from watchdog.runtime.clock import SimulatedClock

RECORDINGS = Path(__file__).parents[1] / "recordings/pterodactyl"
APP_URL = "http://panel.example.test"
SEEDED = datetime.fromisoformat("2026-11-21T00:06:24+00:00").timestamp()


def recorded(name: str) -> dict[str, Any]:
    return json.loads((RECORDINGS / f"{name}.json").read_text(encoding="utf-8"))


def seconds(text: str | None) -> float | None:
    return None if text is None else datetime.fromisoformat(text).timestamp()


class _StandIn(BaseHTTPRequestHandler):
    """What the lab had for Wings: 202 to power and backup, a running state to reads, 404 to deletes."""

    protocol_version = "HTTP/1.1"
    STATE: ClassVar = {
        "state": "running", "is_suspended": False,
        "utilization": {
            "memory_bytes": 588701696, "cpu_absolute": 1.234, "disk_bytes": 130156361, "uptime": 3600000,
            "network": {"rx_bytes": 694220, "tx_bytes": 337090},
        },
    }  # fmt: skip

    def _say(self, status: int, body: bytes = b"") -> None:
        self.rfile.read(int(self.headers.get("content-length") or 0))
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        self._say(200, json.dumps(self.STATE).encode())

    def do_POST(self) -> None:
        self._say(202)

    def do_DELETE(self) -> None:
        self._say(404, b'{"error":"The requested backup was not found on this server."}')

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing."""


class Lab:
    """The fake panel as the lab's panel was; ``replay`` sends a recording's request and returns what came back."""

    def __init__(self, panel: FakePanel, clock: SimulatedClock) -> None:
        self.panel, self.world, self.clock = panel, panel.world, clock
        self.panel.app_url = APP_URL

    def server(self, uuid: str) -> Server:
        found = self.world.server(uuid)
        assert found is not None, uuid
        return found

    def at(self, moment: float) -> None:
        self.clock.advance(moment - self.clock.now().wall)

    def put(self, record: dict[str, Any], server: str) -> Backup:
        """Place a record as it was shown."""
        attributes = record["attributes"]
        return self.world.add_backup(
            self.server(server), attributes["uuid"], name=attributes["name"], successful=attributes["is_successful"],
            locked=attributes["is_locked"], ignored=tuple(attributes["ignored_files"]), checksum=attributes["checksum"],
            bytes=attributes["bytes"], created_at=seconds(attributes["created_at"]), completed_at=seconds(attributes["completed_at"]),
            disk="s3" if attributes["name"] == "s3" else "wings",
        )  # fmt: skip

    def authorization(self, text: str) -> str:
        nodes = dict(zip("abc", self.world.rows.nodes.values(), strict=True))
        for word, key in (
            ("<key:root_client>", ADMIN_KEY), ("<key:root_app>", APPLICATION_KEY), ("<key:owner_client>", OWNER_KEY),
            ("<key:root_ip>", ADDRESS_KEY), ("<key:root_app_none>", WEAK_KEY),
        ):  # fmt: skip
            text = text.replace(word, key)
        for name, node in nodes.items():
            text = text.replace(f"<node token:{name}>", f"{node.token_id}.{node.token}")
            text = text.replace(f"<token_id:{name}>", node.token_id).replace(f"<token:{name}>", node.token)
        return text

    def replay(self, recording: dict[str, Any]) -> tuple[int, dict[str, str], Any]:
        """Send the request of a recording; return status, headers (lower case) and body."""
        request = recording["request"]
        headers = {name: value for name, value in request["headers"].items() if name != "Host"}
        if "Authorization" in headers:
            headers["Authorization"] = self.authorization(headers["Authorization"])
        body = None if request["body"] is None else json.dumps(request["body"])
        path = request["path"] + (f"?{request['query']}" if request["query"] else "")
        return self.send(request["method"], path, body, headers)

    def send(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> tuple[int, dict[str, str], Any]:
        connection = HTTPConnection("127.0.0.1", int(self.panel.url.rpartition(":")[2]), timeout=60)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            raw = answer.read()
            said = {name.lower(): value for name, value in answer.headers.items()}
        finally:
            connection.close()
        if not raw:
            return answer.status, said, None
        return answer.status, said, json.loads(raw) if "json" in said.get("content-type", "") else raw.decode()


@contextmanager
def lab(release: str = "1.11.8", *, full: bool = True) -> Iterator[Lab]:
    """Build the lab; without ``full`` only the servers that have a part to play, not the hundred others."""
    clock = SimulatedClock(wall=SEEDED)
    world = PanelWorld(clock, release)
    stand_in = ThreadingHTTPServer(("127.0.0.1", 0), _StandIn)
    threading.Thread(target=stand_in.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        with FakePanel(world) as panel:
            _furnish(world, stand_in.server_port, full=full)
            yield Lab(panel, clock)
    finally:
        stand_in.shutdown()
        stand_in.server_close()


def of_request(recording: dict[str, Any]) -> float:
    """Return when a recording was made, as its Date header says."""
    return parsedate_to_datetime(recording["headers"]["date"]).timestamp()


def _furnish(world: PanelWorld, port: int, *, full: bool) -> None:
    for each in recorded("application-nodes")["body"]["data"]:
        known = each["attributes"]
        # node a has the stand-in, b nobody (a port that is closed: 9), c is under maintenance
        world.add_node(known["name"], known["uuid"], port=port if known["id"] == 1 else 9, maintenance=known["maintenance_mode"])
    nodes = list(world.rows.nodes.values())
    for each in recorded("client-servers-admin-all-page1")["body"]["data"]:
        known = each["attributes"]
        node = next(node for node in nodes if node.name == known["node"])
        world.add_server(known["name"], node, known["uuid"], status=known["status"] or "", transferring=known["is_transferring"])
    named = {
        101: "761ec42b-e46a-4eb9-80f0-dbb341a39ce2", 103: "1bd559e0-ce10-4ec2-8a45-4bdcff27744f",
        9: "1a7ba136-bc2c-409e-a1e0-a7cd67d43079", 10: "b950b9e8-86d9-42af-a559-e03e2e1e9542",
        11: "fc35ee0d-879e-4c12-a737-11e8d11f876e",
    }  # fmt: skip
    for number in range(9, 119 if full else 12):
        world.add_server(f"bulk-{number - 9}", nodes[0], named.get(number, ""))
