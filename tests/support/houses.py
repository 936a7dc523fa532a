"""Small worlds for ``keeper``: one panel each, whose view is made from values as its own tests of pure rules make them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.support import containers as plain
from tests.support import mcsmanager as mcs
from tests.support import pterodactyl_looks as ptero
from tests.support.keeper import House
from watchdog.model.docker import Container, ContainerEvent, EventStream, Gate
from watchdog.model.snapshots import Actual
from watchdog.panels.containers import PANEL as CONTAINERS
from watchdog.panels.mcsmanager import PANEL as MCSMANAGER
from watchdog.panels.mcsmanager.view import Operation, Status
from watchdog.panels.pterodactyl import PANEL as PTERODACTYL
from watchdog.runtime.clock import SimulatedClock

LOG_GIVES = 200
"""So many entries of its operation log the panel gives at most (contract section 6)."""


class Games(House):
    """A panel with one daemon on this host and game servers with autostart; a foreign container proves the place."""

    panel = MCSMANAGER

    def __init__(self, clock: SimulatedClock, count: int, name: str = "games", **settings: Any) -> None:
        self.scene = mcs.Scene([], settings=mcs.settings(name=name, **settings))
        super().__init__(clock, self.scene.settings)
        now = clock.now().wall
        self.scene.instances = [mcs.instance(number) for number in range(1, count + 1)]
        self.scene.containers = [mcs.foreign(), *(mcs.container_of(each, started_at=now - 5000) for each in self.scene.instances)]
        self.scene.stream = EventStream(connected=True, connected_at=now - 100_000)
        self.scene.engine_started_at = now - 200_000
        self.engine_up = True
        self.operator = 0
        self.cpu = 0

    def actual(self) -> Actual:
        self.scene.now = self.clock.now()
        self.scene.events = tuple(each for each in self.scene.events if each.at >= self.scene.now.wall - 3600.0)
        self.scene.docker_error = None if self.engine_up else "Temporary"
        self.scene.gate = Gate(open=self.engine_up, error=None if self.engine_up else "Temporary")
        return self.scene.actual()

    def view(self) -> Any:
        self.scene.now = self.clock.now()
        self.scene.containers_error = "" if self.engine_up else "Temporary"
        return self.scene.view()

    def mend(self, repair: Any) -> None:
        if repair.proposal.remedy == "open_instance":
            self.start(repair.proposal.parameters["instance"], by="panel-watchdog")
        elif repair.proposal.remedy == "restart_daemon":
            self.daemon_restarts()

    # --- what happens here ---

    def find(self, uuid: str) -> mcs.Instance:
        return next(each for each in self.scene.instances if each.uuid == uuid)

    def change(self, uuid: str, **changes: Any) -> None:
        self.scene.instances = [replace(each, **changes) if each.uuid == uuid else each for each in self.scene.instances]

    def box(self, uuid: str) -> Container | None:
        labelled = (each for each in self.scene.containers if each.labels.get(mcs.LABEL) == uuid)
        return next(labelled, None)

    def tell(self, action: str, box: Container, code: int | None = None) -> None:
        event = ContainerEvent(action, box.id, box.name, self.clock.now().wall, code, box.labels)
        self.scene.events = (*self.scene.events, event)

    def log(self, kind: str, uuid: str, by: str = "admin") -> None:
        self.operator += 1
        entry = Operation(f"{self.operator}", kind, self.clock.now().wall, mcs.DAEMON, uuid, by)
        self.scene.operations = (*(self.scene.operations or ()), entry)[-LOG_GIVES:]

    def start(self, uuid: str, by: str = "admin") -> None:
        """Let the panel start it: its container is made anew."""
        item = self.find(uuid)
        self.change(uuid, status=Status.RUNNING, started=item.started + 1)
        box = mcs.container_of(self.find(uuid), started_at=self.clock.now().wall)
        self.scene.containers.append(box)
        self.tell("start", box)
        if by:
            self.log("instance_start", uuid, by)

    def stop(self, uuid: str, by: str = "admin") -> None:
        """Let somebody stop it in the panel: the container ends and is removed."""
        if by:
            self.log("instance_stop", uuid, by)
        box = self.box(uuid)
        if box is not None:
            self.tell("die", box, 0)
            self.scene.containers.remove(box)
        self.change(uuid, status=Status.STOPPED)

    def lose_docker(self) -> None:
        """Let dockerd go: the containers end with it, nothing is told."""
        self.engine_up = False
        self.scene.containers = [each for each in self.scene.containers if mcs.LABEL not in each.labels]
        self.scene.stream = replace(self.scene.stream, connected=False)

    def find_docker(self) -> None:
        """Let dockerd be back, with no container of the panel's."""
        self.engine_up = True
        now = self.clock.now().wall
        self.scene.engine_started_at = now
        self.scene.stream = EventStream(connected=True, connected_at=now)

    def dies_unseen(self, uuid: str) -> None:
        """Let a container end while the daemon's wait for it was cut: the panel says running for ever (state C)."""
        box = self.box(uuid)
        assert box is not None
        self.tell("die", box, 137)
        self.scene.containers.remove(box)

    def boots_in_vain(self, uuid: str) -> None:
        """Let the daemon begin anew and fail to start one that does not run (state B); the others are taken over."""
        box = self.box(uuid)
        assert box is not None
        self.scene.containers.remove(box)
        self.daemon_restarts(autostart=False)

    def put_right(self, uuid: str) -> None:
        """Let a person start it."""
        if self.box(uuid) is None:
            self.start(uuid)

    def daemon_boots(self) -> None:
        """Let the daemon begin with the host: nothing runs yet, its autostart has not come to any."""
        self.cpu += 1
        self.scene.daemon = replace(self.scene.daemon, process_cpu=1_000_000 - self.cpu)
        for item in self.scene.instances:
            self.change(item.uuid, status=Status.STOPPED, started=0)

    def daemon_restarts(self, *, autostart: bool = True) -> None:
        """Let the daemon begin anew: what runs is taken over, what does not run is started by its autostart, or fails once."""
        self.cpu += 1
        self.scene.daemon = replace(self.scene.daemon, process_cpu=1_000_000 - self.cpu)
        for item in self.scene.instances:
            alive = self.box(item.uuid) is not None
            self.change(item.uuid, status=Status.RUNNING if alive else Status.STOPPED, started=1 if alive else 0)
            if not alive and item.auto_start and autostart:
                self.start(item.uuid, by="")
            elif not alive and item.auto_start:
                self.change(item.uuid, started=1)  # a start that failed counts as one


class Boxes(House):
    """Containers that are looked after, beside a database that nobody asked us to touch and that all of them depend on."""

    panel = CONTAINERS

    def __init__(self, clock: SimulatedClock, count: int, name: str = "plain", **settings: Any) -> None:
        self.scene = plain.Scene([], settings=plain.settings(name=name, **settings))
        super().__init__(clock, self.scene.settings)
        now = clock.now().wall
        self.scene.stream = EventStream(connected=True, connected_at=now - 100_000)
        self.scene.engine_started_at = now - 200_000
        self.engine_up = True
        base = plain.box("db", started_at=now - 90_000, created_at=now - 90_000, labels={plain.PROJECT: "shop", plain.SERVICE: "db"})
        services = (plain.service(f"s{number:03}", "db:service_healthy:false") for number in range(count))
        self.scene.containers = [base, *(replace(base, id=plain.id_of(each[plain.SERVICE]), name=each[plain.SERVICE], labels=each)
                                         for each in services)]  # fmt: skip

    def actual(self) -> Actual:
        self.scene.now = self.clock.now()
        self.scene.events_since = self.scene.now.wall - 3600.0
        self.scene.events = tuple(each for each in self.scene.events if each.at >= self.scene.events_since)
        self.scene.docker_error = None if self.engine_up else "Temporary"
        self.scene.gate = Gate(open=self.engine_up, error=None if self.engine_up else "Temporary")
        return self.scene.actual()

    def view(self) -> Any:
        return self.scene.wish()

    def evidence(self, _actual: Actual) -> Any:
        return self.scene.evidence

    def mend(self, repair: Any) -> None:
        name, hung = repair.proposal.object.id, repair.proposal.remedy == "restart_container"
        for action in ("kill", "die", "stop") if hung else ():
            self.tell(action, name, 0)
        self.change(name, state="running", health="healthy", started_at=self.clock.now().wall)
        self.tell("start", name)

    def change(self, name: str, **changes: Any) -> None:
        self.scene.containers = [replace(each, **changes) if each.name == name else each for each in self.scene.containers]

    def tell(self, action: str, name: str, code: int | None = None) -> None:
        box = next(each for each in self.scene.containers if each.name == name)
        self.scene.events = (*self.scene.events, ContainerEvent(action, box.id, name, self.clock.now().wall, code, box.labels))

    def crash(self, name: str, code: int = 1) -> None:
        """Let its first process end, and nobody asked for it."""
        self.ends(name, code)

    def put_right(self, name: str) -> None:
        """Let a person start it anew."""
        self.change(name, state="running", health="healthy", started_at=self.clock.now().wall)
        self.tell("start", name)

    def names(self) -> list[str]:
        """Return the names of those that are looked after."""
        return [each.name for each in self.scene.containers if each.name != "db"]

    def stop(self, name: str) -> None:
        """Let a hand stop it."""
        self.tell("kill", name)
        self.ends(name, 143)
        self.tell("stop", name)

    def ends(self, name: str, code: int) -> None:
        self.change(name, state="exited", health=None, exit_code=code, finished_at=self.clock.now().wall)
        self.tell("die", name, code)

    def made_anew(self, name: str) -> None:
        """Let Compose make it anew: another container of the same name, not yet started."""
        old = next(each for each in self.scene.containers if each.name == name)
        self.stop(name)
        self.tell("destroy", name)
        fresh = replace(
            old, id=plain.id_of(f"{name} {self.clock.now().wall}"), state="created", health=None, created_at=self.clock.now().wall
        )
        self.scene.containers = [fresh if each.name == name else each for each in self.scene.containers]
        self.tell("create", name)

    def docker_begins(self) -> None:
        """Let Docker be started anew: nothing of before is told any more."""
        now = self.clock.now().wall
        self.scene.engine_started_at = now
        self.scene.stream = EventStream(connected=True, connected_at=now)
        self.scene.events = ()

    def docker_restarts(self, health: str = "healthy") -> None:
        """Let Docker start all of them anew, with this health from then on."""
        self.docker_begins()
        now = self.clock.now().wall
        for name in self.names():
            self.change(name, started_at=now, health=health)


class Archives(House):
    """A Pterodactyl panel with a node here and one server, whose clock must have begun at ``START`` on both hands."""

    panel = PTERODACTYL

    def __init__(self, clock: SimulatedClock, name: str = ptero.TARGET) -> None:
        self.looks = ptero.looks(name=name)
        super().__init__(clock, self.looks.settings)

    def actual(self) -> Actual:
        self.looks.now = self.clock.now().wall
        return self.looks.actual()

    def view(self) -> Any:
        self.looks.now = self.clock.now().wall
        return self.looks.view()

    def evidence(self, _actual: Actual) -> Any:
        return self.looks.seen()

    def mend(self, repair: Any) -> None:
        """Let the panel take the report: the record is complete."""
        ident = repair.proposal.parameters["backup"]
        owner = self.looks.servers[ptero.PAPER]
        done = {"successful": True, "completed_at": self.clock.now().wall, "checksum": f"sha1:{ptero.SHA1}", "bytes": 1000}
        self.looks.give(backups=tuple(replace(each, **done) if each.uuid == ident else each for each in owner.backups or ()))

    def interrupted(self, count: int, ago: float = 3600.0) -> None:
        """Let so many backups have been cut off between their archive and the report of it, by a restart of Wings."""
        created = self.clock.now().wall - ago
        for number in range(1, count + 1):
            ident = ptero.uuid(number)
            self.looks.add(ptero.record(ident, created + number))
            self.looks.put(ptero.archive(ident, created + 60))
            self.looks.stories[ident] = ptero.story(ident, began=created + number, generated=created + 60, interrupted=created + 600)
        self.looks.process(began=created + 600)
