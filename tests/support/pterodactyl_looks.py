"""One Pterodactyl target as the pure rules are given it, in order until a test changes something; each look is a little later."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from watchdog.model.archives import ArchiveFacts, ArchiveFile, Identity, Verification, WatchedDirectory
from watchdog.model.docker import Container, ContainerEvent, DockerFacts, EventStream, Gate
from watchdog.model.moments import Moment
from watchdog.model.repairs import LedgerFacts
from watchdog.model.snapshots import Actual, Snapshot
from watchdog.panels.pterodactyl import drift
from watchdog.panels.pterodactyl.settings import PterodactylSettings
from watchdog.panels.pterodactyl.traces import BackupLog, Evidence, Heartbeat, LocalWings, Log, WingsProcess
from watchdog.panels.pterodactyl.view import (
    Backup,
    Callback,
    Node,
    PterodactylView,
    RemoteServer,
    Server,
    Websocket,
    Wings,
    WingsServer,
)  # fmt: skip

START = 1_714_809_600.0
"""2024-05-04 08:00:00 UTC, a tick of the panel's prune."""
HOUR = 3600.0
DAY = 24 * HOUR
TARGET = "panel"
FOLDER = "/var/lib/pterodactyl/backups"
HERE = "1046d1d1-b8ef-4771-82b1-2b5946d33397"
THERE = "2046d1d1-b8ef-4771-82b1-2b5946d33397"
PAPER = "1a7ce997-259b-452e-8b4e-cecc464142ca"
OTHER = "2a7ce997-259b-452e-8b4e-cecc464142ca"
OLD = "5c0f7a3b-1111-4222-8333-944455556666"
STUCK = "0f6a9c0e-6d1b-4a55-9d0e-3a1f4c6b7d10"
SHA1 = "da39a3ee5e6b4b0d3255bfef95601890afd80709"
BAD = "bad"
GOOD = "good"


def uuid(number: int) -> str:
    """Return one of many uuids."""
    return f"{number:08x}-0000-4000-8000-000000000000"


def record(ident: str = STUCK, created: float = START - HOUR, server: str = PAPER, **other) -> Backup:
    """Return a pending record."""
    values = {"name": ident[:4], "successful": False, "locked": False, "checksum": None, "bytes": 0, "completed_at": None, **other}
    return Backup(ident, server=server, created_at=created, **values)


def complete(ident: str = OLD, created: float = START - 10 * HOUR, size: int = 1000, **other) -> Backup:
    """Return a complete record."""
    values = {"successful": True, "checksum": f"sha1:{SHA1}", "bytes": size, "completed_at": created + 60, **other}
    return record(ident, created, **values)


def archive(
    ident: str = STUCK, written: float = START - HOUR, verdict: str | None = GOOD, size: int = 1000, level: int = 2,
    sha1: str | None = SHA1, reason: str | None = None, folder: str = FOLDER, state: str = "result",
) -> ArchiveFile:  # fmt: skip
    """Return a file in the directory of archives; ``verdict`` None = not verified yet."""
    identity = Identity(7, int(ident[:6], 16), size, int(written * 1e9))
    found = Verification()
    if verdict is not None:
        found = Verification(state, verdict, level, reason, reason and f"it is {reason}", written + 60, identity, sha1=sha1)
    return ArchiveFile(f"{folder}/{ident}.tar.gz", f"pterodactyl-{TARGET}", identity, 0o600, True, "gzip", found)


def container(name: str = PAPER, state: str = "running", kind: str = "server_process", **other) -> Container:
    """Return a container as Wings makes it."""
    labels = {"Service": "Pterodactyl", "ContainerType": kind}
    return Container(f"id-{name}", name, "example/java:21", state, labels=labels, **other)


def story(ident: str = STUCK, server: str = PAPER, began: float = START - HOUR, **other) -> BackupLog:
    """Return what the log says of a backup that began, and no more."""
    return BackupLog(ident, server, other.pop("adapter", "wings"), began, **other)


@dataclass
class Looks:
    """A target that a test may change between looks."""

    settings: PterodactylSettings
    now: float = START
    servers: dict[str, Server] = field(default_factory=dict)
    nodes: dict[str, Node] = field(default_factory=dict)
    wings: dict[str, WingsServer] = field(default_factory=dict)
    files: dict[str, ArchiveFile] = field(default_factory=dict)
    containers: dict[str, Container] = field(default_factory=dict)
    events: list[ContainerEvent] = field(default_factory=list)
    stories: dict[str, BackupLog] = field(default_factory=dict)
    log: Log = field(default_factory=lambda: Log(covered_from=START - 7 * DAY))
    evidence: Evidence = field(default_factory=Evidence)
    callback: Callback = field(default_factory=lambda: Callback("healthy", "", START))
    websockets: tuple[Websocket, ...] = ()
    remote: tuple[RemoteServer, ...] | None = ()
    memory: dict = field(default_factory=dict)
    history: dict = field(default_factory=dict)
    last_remedy_at: dict = field(default_factory=dict)
    version: str = "1.11.8"
    version_source: str = "settings"
    complete: bool = True
    records_age: float = 0.0
    archives_age: float = 0.0
    archives_error: str | None = None
    docker: bool = True
    schedules_age: float = 0.0
    activity_age: float = 0.0

    def copied(self) -> Looks:
        """Return another target like this one, that may be changed without it."""
        loose = ("servers", "nodes", "wings", "files", "containers", "events", "stories", "memory", "history", "last_remedy_at")
        return replace(self, **{name: type(value)(value) for name in loose if (value := getattr(self, name)) is not None})

    def actual(self) -> Actual:
        """Return the truth of the shared collectors."""
        at = Moment(self.now - self.archives_age, self.now - self.archives_age)
        directory = WatchedDirectory(f"pterodactyl-{TARGET}", FOLDER, len(self.files), error=self.archives_error)
        facts = ArchiveFacts((directory,), tuple(self.files[key] for key in sorted(self.files)))
        archives = Snapshot("archives", facts, at, at, 30.0)
        docker = None
        if self.docker:
            here = Moment(self.now, self.now)
            found = DockerFacts(
                "ENGINE", "20.10", tuple(self.containers.values()), tuple(self.events), EventStream(True, START - DAY),
                engine_started_at=START - 10 * DAY, events_since=START - DAY,
            )  # fmt: skip
            docker = Snapshot("docker", found, here, here, 15.0)
        return Actual(docker=docker, archives=archives, gate=Gate(open=True))

    def view(self) -> PterodactylView:
        """Return what the panel believes."""
        at = self.now - self.records_age
        servers = tuple(
            replace(
                each,
                backups_at=at if each.backups is not None and not each.blind else each.backups_at,
                schedules_at=self.now - self.schedules_age if each.schedules is not None else None,
                activity_at=self.now - self.activity_age if each.activity_at is not None else None,
            )
            for each in self.servers.values()
        )
        nodes = tuple(
            replace(node, wings=replace(node.wings, servers=self._loaded(node))) if node.wings.servers is not None else node
            for node in self.nodes.values()
        )
        return PterodactylView(
            self.now, self.version, self.version_source, servers, nodes, replace(self.callback, at=self.now), self.websockets, self.remote,
            self.now, "", self.complete, at if self.complete else None,
        )  # fmt: skip

    def _loaded(self, node: Node) -> tuple[WingsServer, ...]:
        return tuple(
            each for ident, each in self.wings.items() if self.servers.get(ident) is not None and self.servers[ident].node == node.uuid
        )

    def seen(self) -> Evidence:
        """Return what was seen of the node."""
        beat = self.evidence.heartbeat
        beat = replace(beat, at=self.now - 20) if beat.at == 0.0 else beat
        return replace(self.evidence, log=replace(self.log, backups=self.stories, read_to=self.now), heartbeat=beat)

    def facts(self) -> LedgerFacts:
        """Return what the ledger knows."""
        return LedgerFacts(self.memory, self.history, self.last_remedy_at)

    def look(self, seconds: float = 15.0):
        """Look once, ``seconds`` later; return the judgement and keep its memory."""
        self.now += seconds
        judgement = drift.detect(self.settings, self.actual(), self.view(), self.seen(), self.facts(), Moment(self.now, self.now))
        self.memory = dict(judgement.memory)
        return judgement

    def kinds(self, seconds: float = 15.0) -> set[str]:
        """Look once; return the kinds of drifts."""
        return {each.kind for each in self.look(seconds).drifts}

    def the(self, kind: str, seconds: float = 15.0):
        """Look once; return the one drift of a kind."""
        found = [each for each in self.look(seconds).drifts if each.kind == kind]
        assert len(found) == 1, f"{len(found)} drifts of kind {kind}"
        return found[0]

    def stuck(self, seconds: float = 15.0, ident: str = STUCK):
        """Look once; return the drift of a stuck backup."""
        return next(each for each in self.look(seconds).drifts if each.kind == "backup_stuck" and each.subject.id == ident)

    def settled(self, ident: str = STUCK):
        """Look for long enough that a look is not the first, and Wings has had its time; return the drift of a stuck backup."""
        self.look()
        self.look(60)
        return self.stuck(60, ident)

    def unknown(self, seconds: float = 15.0) -> dict[str, str]:
        """Look once; return the unknown subjects with their reasons."""
        return {str(each.subject): each.reason for each in self.look(seconds).unknown}

    def give(self, server: str = PAPER, **changes) -> None:
        """Change a server."""
        self.servers[server] = replace(self.servers[server], **changes)

    def add(self, *backups: Backup) -> None:
        """Give servers more records."""
        for each in backups:
            owner = self.servers[each.server]
            self.servers[each.server] = replace(owner, backups=(*(owner.backups or ()), each))

    def put(self, *files: ArchiveFile) -> None:
        """Lay archives into the directory."""
        for each in files:
            self.files[each.path] = each

    def take(self, ident: str) -> None:
        """Remove an archive."""
        self.files = {path: each for path, each in self.files.items() if ident not in path}

    def see(self, **changes) -> None:
        """Change the evidence."""
        self.evidence = replace(self.evidence, **changes)

    def process(self, **changes) -> None:
        """Change the Wings process."""
        assert self.evidence.process is not None
        self.see(process=replace(self.evidence.process, **changes))

    def node(self, ident: str = HERE, **changes) -> None:
        """Change a node."""
        self.nodes[ident] = replace(self.nodes[ident], **changes)

    def wings_is(self, ident: str = HERE, **changes) -> None:
        """Change a node's Wings."""
        self.node(ident, wings=replace(self.nodes[ident].wings, **changes))


def settings_of(**changes) -> PterodactylSettings:
    """Return settings of a target with a node here."""
    values = {
        "name": TARGET,
        "url": "http://panel.test",
        "token_file": "/run/token",
        "node": {},
        "disk": "wings",
        "node_tokens": True,
        **changes,
    }
    return PterodactylSettings(**values)


def looks(**changes) -> Looks:
    """Return a target in order: two nodes with a server each, a good backup here, its archive, its container."""
    found = Looks(settings_of(**changes))
    answers = Wings("1.11.11", True, (), "", True, START)
    found.nodes = {
        HERE: Node(1, HERE, "node-1", "https://node1.test:8080", False, True, answers, True, START),
        THERE: Node(2, THERE, "node-2", "https://node2.test:8080", False, False, answers, True, START),
    }
    found.servers = {
        PAPER: Server(PAPER, PAPER[:8], "Paper", HERE, backup_limit=5, backups=(), activity_at=START, memory_mib=2048, schedules=()),
        OTHER: Server(OTHER, OTHER[:8], "Other", THERE, backup_limit=5, backups=(), activity_at=START, schedules=()),
    }
    found.wings = {PAPER: WingsServer(PAPER, "running", False), OTHER: WingsServer(OTHER, "running", False)}
    found.containers = {PAPER: container()}
    found.remote = (RemoteServer(PAPER, "command", False),)
    found.evidence = Evidence(
        local=LocalWings(HERE), process=WingsProcess(321, START - 5 * DAY, True), heartbeat=Heartbeat(0.0), kept=(), volumes=(PAPER,),
        filesystem_kind="ext4", filesystem_local=True, utc_offset=0.0,
    )  # fmt: skip
    found.add(complete())
    found.put(archive(OLD, START - 10 * HOUR))
    return found
