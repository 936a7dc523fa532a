"""Alertmanager for tests: a small fake of its silences with its faults, and the real one where it is installed.

The fake's rules are those of Alertmanager 0.25 to 0.28 (silence/silence.go): a POST with the id of a live silence and the same matchers and
start changes it, else the old one is expired and a new id comes; an end that lies in the past is refused; a DELETE moves the end to now.
"""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import threading
import time
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from watchdog.model.moments import Clock
from watchdog.runtime.loopback import Asked, Connection, Server

PROGRAM = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
_LISTENING = re.compile(r"Listening on.*address=(127\.0\.0\.1:\d+)")


def text(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


class FakeAlertmanager:
    """``silences`` by id; it hangs while ``go_on`` is not set.

    ``fault``: refuse (503), forbid (403), malform (200, no JSON), lose and lose_post (carry out, then cut the connection).
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.silences: dict[str, dict[str, Any]] = {}
        self.fault = ""
        self.go_on = threading.Event()
        self.go_on.set()
        self.requests: list[str] = []
        self._lock = threading.Lock()
        self._server = Server(type("Handler", (_Handler,), {"fake": self}), "fake-alertmanager-http")
        self.url = self._server.url

    def live(self) -> list[dict[str, Any]]:
        return [each for each in self.silences.values() if self._shown(each)["status"]["state"] == "active"]

    def add(self, comment: str, created_by: str, lasts: float = 3600.0) -> str:
        """A silence of somebody else."""
        now = self.clock.now().wall
        return self._new({
            "matchers": [{"name": "target", "value": "games", "isRegex": False, "isEqual": True}], "startsAt": text(now),
            "endsAt": text(now + lasts), "createdBy": created_by, "comment": comment,
        })["silenceID"]  # fmt: skip

    def close(self) -> None:
        self.go_on.set()
        self._server.close()

    def play(self, handler: Connection, asked: Asked) -> None:
        """Carry one request out, or what the fault makes of it."""
        body = json.loads(asked.body) if asked.body else None
        self.go_on.wait(120)
        with self._lock:
            self.requests.append(asked.method)
            status = {"refuse": 503, "forbid": 403}.get(self.fault, 200)
            try:
                answer: Any = self._done(asked, body) if status == 200 else {"error": "no"}
            except ValueError as error:
                status, answer = 400, str(error)
            except KeyError:
                status, answer = 404, ""
            if self.fault == "lose" or (self.fault == "lose_post" and asked.method == "POST"):
                handler.connection.shutdown(socket.SHUT_RDWR)
                return
        told = b"<html>" if self.fault == "malform" else json.dumps(answer).encode()
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(told)))
        handler.end_headers()
        handler.wfile.write(told)

    def _done(self, asked: Asked, body: Any) -> object:
        if asked.method == "GET":
            return [self._shown(each) for each in self.silences.values()]
        return self._post(body) if asked.method == "POST" else self._delete(asked.path.rsplit("/", 1)[1])

    def _shown(self, silence: dict[str, Any]) -> dict[str, Any]:
        state = "expired" if seconds(silence["endsAt"]) <= self.clock.now().wall else "active"
        return {**silence, "status": {"state": state}}

    def _post(self, body: dict[str, Any]) -> dict[str, str]:
        now = self.clock.now().wall
        if seconds(body["endsAt"]) <= now:
            raise ValueError("end time can't be in the past")
        old = self.silences.get(body.get("id", ""))
        if body.get("id") and old is None:
            raise KeyError(body["id"])
        same = old and old["matchers"] == body["matchers"] and int(seconds(old["startsAt"])) == int(seconds(body["startsAt"]))
        if old and same and seconds(old["endsAt"]) > now:
            old.update({**body, "id": old["id"], "updatedAt": text(now)})
            return {"silenceID": old["id"]}
        if old and seconds(old["endsAt"]) > now:
            self._delete(old["id"])
        return self._new(body)

    def _new(self, body: dict[str, Any]) -> dict[str, str]:
        number, now = str(uuid.uuid4()), text(self.clock.now().wall)
        self.silences[number] = {**body, "id": number, "updatedAt": now, "startsAt": max(body["startsAt"], now)}
        return {"silenceID": number}

    def _delete(self, number: str) -> dict[str, str]:
        now = text(self.clock.now().wall)
        self.silences[number].update({"endsAt": now, "updatedAt": now})
        return {}


class _Handler(Connection):
    protocol_version = "HTTP/1.0"
    fake: FakeAlertmanager

    def answer(self, asked: Asked) -> None:
        self.fake.play(self, asked)


@contextmanager
def fake_alertmanager(clock: Clock) -> Iterator[FakeAlertmanager]:
    fake = FakeAlertmanager(clock)
    try:
        yield fake
    finally:
        fake.close()


@contextmanager
def real_alertmanager(folder: Path, config: str = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n") -> Iterator[str]:
    """Give the address of a real one of our own, with the text ``config`` as its configuration; see ``PROGRAM``."""
    assert PROGRAM is not None
    (folder / "alertmanager.yml").write_text(config, encoding="utf-8")
    told = folder / "alertmanager.log"
    with told.open("wb") as log:
        process = subprocess.Popen(
            [PROGRAM, f"--config.file={folder}/alertmanager.yml", f"--storage.path={folder}/store", "--cluster.listen-address=",
             "--web.listen-address=127.0.0.1:0"],
            stdout=log, stderr=log, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    try:
        until = time.monotonic() + 120
        while (found := _LISTENING.search(told.read_text())) is None or not _ready(f"http://{found[1]}"):
            assert process.poll() is None and time.monotonic() < until, told.read_text()
            time.sleep(0.1)
        yield f"http://{found[1]}"
    finally:
        process.terminate()
        process.wait(60)


def _ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/-/ready", timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


def ask(url: str, method: str = "GET", body: object = None) -> Any:
    """One exchange with a real Alertmanager."""
    request = urllib.request.Request(
        url, method=method, data=None if body is None else json.dumps(body).encode(), headers={"Content-Type": "application/json"}
    )  # fmt: skip
    with urllib.request.urlopen(request, timeout=60) as answer:
        told = answer.read()
    return json.loads(told) if told else None
