"""The shipped alerts and the sample configuration of Alertmanager with their durations scaled down, and somebody who is told.

How to use it::

    write_rules(folder, by=1 / 300)                        # alerts/*.yml: `for` is scaled, nothing else is touched
    with Inbox() as inbox:
        text = sample_configuration({"people": {"url": inbox.url("people")}}, by=1 / 100)
        ...
        inbox.heard("people", alertname="McsmanagerOrphan", target="games")
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import yaml

from tests.support.alerts import ALERTS, FILES, UNITS

ROOT = Path(__file__).resolve().parents[2]
_SCALED = ("group_wait", "group_interval")


def scaled(duration: str, by: float) -> str:
    """Return a Prometheus duration so many times as long, in whole milliseconds."""
    seconds = sum(int(number) * UNITS[unit] for number, unit in re.findall(r"(\d+)(ms|[smhdw])", duration))
    return f"{max(1, round(seconds * by * 1000))}ms" if seconds else "0s"


def write_rules(folder: Path, by: float) -> None:
    """Write every file of alerts/ into ``folder`` with its for-durations scaled."""
    for name in FILES:
        shipped = (ALERTS / name).read_text(encoding="utf-8")
        text = re.sub(r"^( +for: )(\S+)$", lambda found: found[1] + scaled(found[2], by), shipped, flags=re.MULTILINE)
        (folder / name).write_text(text, encoding="utf-8")


def sample_configuration(webhooks: Mapping[str, Mapping[str, Any]], by: float, also: Mapping[str, Any] | None = None) -> str:
    """Return deploy/stack/alertmanager.yml with its waits scaled (those of repeating are not) and a webhook for each receiver named.

    ``also`` is one more webhook of the first receiver.
    """
    document = yaml.safe_load((ROOT / "deploy/stack/alertmanager.yml").read_text(encoding="utf-8"))
    for route in (document["route"], *document["route"]["routes"]):
        route.update({key: scaled(route[key], by) for key in _SCALED if key in route})
    for receiver in document["receivers"]:
        if receiver["name"] in webhooks:
            receiver["webhook_configs"] = [{"send_resolved": True, **webhooks[receiver["name"]]}]
    if also is not None:
        document["receivers"][0]["webhook_configs"].append({"send_resolved": True, **also})
    return yaml.safe_dump(document)


@dataclass
class Heard:
    """What a receiver was told of one alert: how often that it has begun to fire, and whether it fires now.

    When it fired by its own word is no key: Alertmanager joins what overlaps.
    """

    labels: Mapping[str, str]
    begun: int = 0
    firing: bool = False


@dataclass
class _Told:
    notifications: list[dict[str, Any]] = field(default_factory=list)
    heard: dict[str, Heard] = field(default_factory=dict)


class Inbox:
    """A webhook receiver that remembers; each path is a receiver of its own."""

    def __init__(self) -> None:
        self._told: dict[str, _Told] = {}
        self._lock = threading.Lock()
        inbox = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                inbox._take(self.path.strip("/"), body)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join(60)
        self._server.server_close()

    def url(self, receiver: str) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/{receiver}"

    def notifications(self, receiver: str) -> list[dict[str, Any]]:
        with self._lock:
            return list(self._told.setdefault(receiver, _Told()).notifications)

    def heard(self, receiver: str, **labels: str) -> dict[str, Heard]:
        """Return what a receiver knows of alerts with these labels, by fingerprint."""
        with self._lock:
            known = self._told.setdefault(receiver, _Told()).heard
            return {key: replace(each) for key, each in known.items() if labels.items() <= each.labels.items()}

    def _take(self, receiver: str, body: dict[str, Any]) -> None:
        with self._lock:
            told = self._told.setdefault(receiver, _Told())
            told.notifications.append(body)
            for alert in body["alerts"]:
                heard = told.heard.setdefault(alert["fingerprint"], Heard(alert["labels"]))
                firing = alert["status"] == "firing"
                heard.begun += firing and not heard.firing
                heard.firing = firing
