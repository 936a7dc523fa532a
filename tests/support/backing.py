"""A program for the web to stand before: the real exposition, and orders that are only written down."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from contextlib import contextmanager
from dataclasses import replace

from watchdog.app import inbound
from watchdog.app.inbound import Inlets
from watchdog.errors import Conflict, NotFound, Refused
from watchdog.exposition import pages
from watchdog.exposition.instruments import Book
from watchdog.exposition.pages import Exposition
from watchdog.model.approvals import Approval, ApprovalState, Holding, Ignore
from watchdog.model.drifts import Drift, DriftKind, DriftState, Episode, ObjectKey, Proposal, Subject, UnknownSubject
from watchdog.model.holdings import Release
from watchdog.model.pauses import Pause, PauseCheck, PauseSays, StandingPause
from watchdog.model.places import Place
from watchdog.model.repairs import Held, Mode, Outcome, PlannedRepair, RepairRecord, RepairState, Risk
from watchdog.reconciler.commands import PlanReport
from watchdog.reconciler.explaining import explain, meant
from watchdog.reconciler.status import Condition, TargetStatus
from watchdog.runtime.clock import SystemClock
from watchdog.web import server
from watchdog.web.ports import Report
from watchdog.web.server import Server
from watchdog.web.settings import ServerSettings

T0 = 1_800_000_000.0
OBJECT = ObjectKey("mcsmanager", "home", "instance", "i1")
SUBJECT = Subject("instance", "i1", "<script>alert(1)</script>")
DRIFT = Drift("ghost", "mcsmanager", "home", SUBJECT, "no container", "running", {"status": 3}, Proposal("open", OBJECT), None)
EPISODE = Episode(1, DRIFT, T0, T0 + 10, 2, T0, opened_at=T0 + 10)
REPAIR = PlannedRepair(Proposal("open", OBJECT), Risk.DISRUPTIVE, (DRIFT.key,), needs_approval=True, approval_id="a1")
APPROVAL = Approval("a1", "hash", "home", "open", OBJECT, {}, (DRIFT.key,), "disruptive", ("GET /x",), ApprovalState.WAITING, T0)
RECORD = RepairRecord(
    7, OBJECT, "open", {}, Risk.SAFE, RepairState.VERIFIED, (DRIFT.key,), "us", T0, T0 + 1, T0 + 2, T0 + 9, Outcome.done("ok", ("GET /x",))
)
PAUSE = Pause(3, "home", "", "person", "moving", "me", T0, T0 + 7200, 7200.0, "boot", 9000.0, 2)
STATUS = TargetStatus(
    "mcsmanager",
    "home",
    kinds=(DriftKind("ghost", "A ghost.", "critical"),),
    mode=Mode.APPROVE,
    up=True,
    passes=3,
    last_pass_at=T0,
    last_judged_at=T0,
    last_result="judged",
    place=Place("e", proof="same ids"),
    subjects={SUBJECT: "drift"},
    unknown=(UnknownSubject(Subject("instance", "i2"), "stale", "old"),),
    episodes=((EPISODE, DriftState.OPEN),),
    approvals=(APPROVAL,),
    conditions=(Condition("Paused", False, "NoPause", "", T0),),
)


class Orders:
    """Answers questions about one target called ``home`` and writes orders down. ``gate`` holds calls up while it is closed."""

    def __init__(self):
        self.given = []
        self.gate = threading.Event()
        self.gate.set()
        self.started = threading.Semaphore(0)
        self.raises = None

    def _note(self, *order):
        self.started.release()
        self.gate.wait(60)
        if self.raises is not None:
            raise self.raises
        self.given.append(order)

    def _known(self, target):
        if target not in {None, "home"}:
            raise NotFound(f"no target is called '{target}' (known: home)")

    def statuses(self):
        self._note("statuses")
        return (STATUS,)

    def status(self, target):
        self._known(target)
        return STATUS

    def pause_says(self, target, standing):
        self._known(target)
        return PauseSays(wrong=tuple(f"no {each.pause.id}" for each in standing))

    def sync(self, target, seconds=90.0):
        self._known(target)
        self._note("sync", target, seconds)
        return STATUS

    def plan(self, target):
        self._known(target)
        return PlanReport(target, T0, ((REPAIR, ("GET /x",)),), (Held("other", "cooldown", "rests"),))

    def approvals(self, target=None, states=(ApprovalState.WAITING,)):
        self._known(target)
        return (APPROVAL,)

    def approve(self, approval_id, by):
        return self._decide("approve", approval_id, by, ApprovalState.APPROVED)

    def reject(self, approval_id, by):
        return self._decide("reject", approval_id, by, ApprovalState.REJECTED)

    def _decide(self, word, approval_id, by, state):
        if approval_id == "used":
            raise Refused("the request used does not wait any more")
        if approval_id != "a1":
            raise NotFound(f"no request {approval_id}")
        self._note(word, approval_id, by)
        return replace(APPROVAL, state=state, decided_by=by, decided_at=T0 + 60)

    def retry(self, target, drift_key, by):
        self._known(target)
        self._note("retry", target, drift_key, by)
        return APPROVAL

    def ignore(self, pattern, reason, until, by):
        self._note("ignore", pattern, reason, until, by)
        return Ignore(4, pattern, reason, until, by, T0)

    def unignore(self, ignore_id):
        self._note("unignore", ignore_id)

    def ignores(self):
        return (Ignore(4, "*", "why", None, "me", T0),)

    def baseline(self, target, what):
        self._known(target)
        self._note("baseline", target, what)
        return 5

    def acknowledge(self, target, by):
        self._known(target)
        self._note("acknowledge", target, by)
        return STATUS

    def holdings(self, *, released=False):
        return (Holding(9, "home", "moved a schedule", OBJECT, "move_back", {}, T0, released_at=T0 if released else None),)

    def release(self, holding_id):
        self._note("release", holding_id)
        return Release(self.holdings()[0], undone=True, message="the schedule is where it was")

    def repairs(self, target=None, limit=100):
        self._known(target)
        return (RECORD,)[:limit]

    def history(self, target=None, limit=100):
        self._known(target)
        return (replace(EPISODE, closed_at=T0 + 100),)

    def explain(self, asked):
        return explain(meant(asked, [DRIFT.key]), [EPISODE], STATUS, [APPROVAL], [RECORD])


class Siesta:
    """Answers about one pause of ``home`` and writes orders down among the others."""

    def __init__(self, orders):
        self.orders = orders

    def pause(self, order):
        if order.reason == "again":
            raise Conflict("pause 3 stands", PAUSE)
        self.orders._note("pause", order)
        return PAUSE

    def change(self, pause_id, version, order):
        if version != PAUSE.version:
            raise Conflict("pause 3 was changed meanwhile", PAUSE)
        self.orders._note("change", pause_id, version, order)
        return PAUSE

    def resume(self, pause_id, by, version=None):
        self.orders._note("resume", pause_id, by, version)
        return replace(PAUSE, ended_at=T0 + 60, end="resumed", ended_by=by)

    def pauses(self, target=None, *, ended=False, limit=100):
        self.orders._known(target)
        return (PAUSE, replace(PAUSE, id=2, ended_at=T0, end="expired", ended_by="time")) if ended else (PAUSE,)

    def check(self, target, says):
        self.orders._known(target)
        seen = says((StandingPause(PAUSE, 60.0),))
        return PauseCheck(target, ("the ledger keeps it", *seen.well), seen.wrong)


class Shelf:
    """What is known of archives."""

    def __init__(self):
        self.known = None
        self.at_work = ()

    def facts(self):
        return self.known

    def progress(self):
        return self.at_work


class Bell:
    """Takes alerts while it has ``room``."""

    def __init__(self):
        self.rung = []
        self.room = True

    def take(self, alarms):
        self.rung += alarms if self.room else ()
        return self.room


class Program:
    """The backing of the web."""

    def __init__(self):
        self.book = Book((*pages.METRICS, *server.METRICS, *inbound.METRICS))
        self.pages = Exposition(self.book, SystemClock())
        self.commands = Orders()
        self.pauses = Siesta(self.commands)
        self.archives = Shelf()
        self.inlets = Inlets((), SystemClock(), self.book)
        self.alarms = Bell()
        self.unhealthy = ()
        self.unready = ()

    def health(self):
        return Report(tuple(self.unhealthy))

    def readiness(self):
        return Report(tuple(self.unready))

    def reload(self):
        self.commands._note("reload")
        return ("log.level: info -> debug",)


@contextmanager
def serving(program, tmp_path, **settings):
    """A started server for ``program``; ended, within its bound, at the end."""
    served = Server(ServerSettings(listen="127.0.0.1:0", **settings), program, tmp_path / "control.sock", program.book)
    served.start()
    try:
        yield served
    finally:
        program.commands.gate.set()
        assert served.stop(30)


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path, timeout=60):
        super().__init__("localhost", timeout=timeout)
        self._path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def call(served, method, path, body=None, *, control=False, headers=None):
    """One exchange; return (status, headers, body as JSON or bytes)."""
    connection = UnixConnection(served.control_path) if control else http.client.HTTPConnection(*served.address, timeout=60)
    sent = {"Connection": "close"} | ({"Content-Type": "application/json"} if body is not None else {}) | (headers or {})
    try:
        connection.request(method, path, None if body is None else json.dumps(body), sent)
        answer = connection.getresponse()
        content = answer.read()
        found = {name.lower(): value for name, value in answer.getheaders()}
    finally:
        connection.close()
    if found.get("content-type", "").startswith("application/json"):
        return answer.status, found, json.loads(content)
    return answer.status, found, content
