"""The whole program: a report is answered while the ledger is locked, reaches the target's own method, and survives a reload."""

from __future__ import annotations

import hashlib
import http.client
import sqlite3
import threading

import pytest

from tests.support.small_world import add_target, program_in, rewrite, samples, scrape, small_world, wait_until, wrapped
from watchdog.model.inbound import Inbound

SECRET = "a-Secret-of-the-test"
pytestmark = pytest.mark.timeout(600)


class Open:
    """A target with a door: what came, and whether it is closed."""

    def __init__(self, target):
        self._target = target
        self.got, self.late = [], []
        self.closed = False
        self.gate = threading.Event()
        self.gate.set()

    def __getattr__(self, name):
        return getattr(self._target, name)

    def inbound(self):
        return (Inbound("report", (hashlib.sha256(SECRET.encode()).hexdigest(),), self.receive),) if self.name == "games" else ()

    def receive(self, received):
        self.gate.wait(60)
        (self.late if self.closed else self.got).append(received.body)

    def close(self):
        self.closed = True
        self._target.close()


@pytest.fixture
def made(monkeypatch):
    return wrapped(monkeypatch, lambda target, _ports: Open(target))


@pytest.fixture
def program(made):
    with small_world() as world, program_in(world) as running:
        running.made, running.files = made, world
        yield running


def report(program, body):
    connection = http.client.HTTPConnection(*program.server.address, timeout=60)
    try:
        connection.request("POST", f"/api/v1/mcsmanager/report/{SECRET}", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


def test_reports_are_answered_with_the_ledger_locked_and_go_through_a_reload(program):
    (target,) = program.made
    locked = sqlite3.connect(program._settings.ledger.path, isolation_level=None)
    try:
        locked.execute("BEGIN EXCLUSIVE")
        assert report(program, b"{}") == 204
        wait_until(lambda: target.got == [b"{}"], "the report, though nobody can write the ledger")
    finally:
        locked.close()
    target.gate.clear()
    assert [report(program, body) for body in (b"1", b"2")] == [204, 204]
    target.gate.set()
    rewrite(program.files.config, add_target("again"))
    program.reload()
    assert (target.got, target.late) == ([b"{}", b"1", b"2"], [])
    assert [report(program, b"new")] == [204]
    wait_until(lambda: program.made[1].got == [b"new"], "a report in the new world")
    found = samples(scrape(program)[1])
    assert found['watchdog_inbound_reports_total{panel="mcsmanager",result="received",target="games"}'] == 4
    assert not any("watchdog_inbound_reports_total" in name and '"again"' in name for name in found)
