"""What the rules are given: one target with all that may be known of it, and what a rule gives back. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeVar

from watchdog.model.drifts import Drift, Proposal, Scalar, Subject
from watchdog.model.moments import Moment
from watchdog.model.repairs import LedgerFacts
from watchdog.model.snapshots import Actual, Snapshot
from watchdog.panels.pterodactyl import stock
from watchdog.panels.pterodactyl.notes import Notes
from watchdog.panels.pterodactyl.remedies import PANEL_NAME
from watchdog.panels.pterodactyl.settings import PterodactylSettings
from watchdog.panels.pterodactyl.sides import Engine, engine_of
from watchdog.panels.pterodactyl.stock import Stock
from watchdog.panels.pterodactyl.traces import NOTHING, Evidence
from watchdog.panels.pterodactyl.view import Node, PterodactylView, Server

FactsT = TypeVar("FactsT")
SETTLING: Final = 120.0
"""Seconds after a start of Wings in which nothing is judged by it (contract section 6.1)."""
STALE_RECORDS: Final = 1800.0
"""Seconds after which backup records are too old to judge by: a sweep of 600 servers takes minutes at the most."""
ELSEWHERE: Final = "it is on another node: the agent there mends it"


@dataclass(frozen=True, slots=True)
class Scene:
    """All that the rules may know of one target.

    ``node`` is the uuid of the node on this host, "" = none is proven, and then ``place_word`` and ``place_message`` say why. ``engine`` is
    how well the local containers can be seen. ``good_here`` counts the panel's good backups of this node, ``lying_here`` those of
    them whose archive is there.
    """

    settings: PterodactylSettings
    view: PterodactylView
    evidence: Evidence
    stock: Stock
    engine: Engine
    facts: LedgerFacts
    notes: Notes
    now: Moment
    node: str = ""
    place_word: str = ""
    place_message: str = ""
    good_here: int = 0
    lying_here: int = 0

    @property
    def unmounted(self) -> bool:
        """Whether the directory is empty although the panel has good backups of this node: then it may not be mounted."""
        return self.stock.clear and not self.stock.files and self.good_here > 0

    @property
    def all_local(self) -> bool:
        """Whether the panel keeps backups with Wings: good ones lie here, and the log knows of no object store."""
        return self.lying_here > 0 and not any(story.adapter == "s3" for story in self.evidence.log.backups.values())

    @property
    def wall(self) -> float:
        """Return UNIX seconds."""
        return self.now.wall

    @property
    def settling(self) -> bool:
        """Whether the local Wings was started a moment ago (contract section 6.1)."""
        process = self.evidence.process
        return process is not None and 0.0 <= self.wall - process.began < SETTLING

    def here(self, server: Server) -> bool:
        """Whether a server is on the node of this host, proven (house rule 12)."""
        return bool(self.node) and server.node == self.node

    def ours(self, node: str) -> bool:
        """Whether this agent may mend what is on a node."""
        return (bool(self.node) and node == self.node) or self.settings.owner

    def drift(
        self, kind: str, subject: Subject, truth: str, belief: str, evidence: dict[str, Scalar], proposal: Proposal | None = None,
        hold: str | None = None,
    ) -> Drift:  # fmt: skip
        """Return one drift of this target."""
        return Drift(kind, PANEL_NAME, self.settings.name, subject, truth, belief, evidence, proposal, hold)

    def panel(self) -> Subject:
        """Return the panel as a subject."""
        return Subject("panel", self.settings.name, self.settings.name)


def prepare(
    settings: PterodactylSettings, actual: Actual, view: PterodactylView, evidence: Evidence | None, facts: LedgerFacts, now: Moment
) -> Scene:
    """Put beside each other what the rules are given; a remedy and the metrics look at the same."""
    seen = evidence or NOTHING
    notes = Notes(facts.memory, now.wall)
    node, word, message = _place(settings, view, seen)
    engine = engine_of(settings.flavour, fresh(actual.docker, now), view, node, notes.engine)
    if engine.proven:
        notes.keep_engine(engine.ident)
    for each in view.nodes:
        notes.keep_version(each.uuid, each.wings.version)
    lies = stock.look(settings, actual, now)
    good = [
        each.uuid for server in view.servers if node and server.node == node for each in server.backups or () if each.state == "complete"
    ]
    there = sum(1 for uuid in good if uuid in lies.files)
    return Scene(settings, view, seen, lies, engine, facts, notes, now, node, word, message, len(good), there)


def server_subject(server: Server) -> Subject:
    """Return a server as a subject."""
    return Subject("server", server.uuid, server.name)


def node_subject(node: Node) -> Subject:
    """Return a node as a subject."""
    return Subject("node", node.uuid, node.name)


def fresh(snapshot: Snapshot[FactsT] | None, now: Moment) -> FactsT | None:
    """Return the facts of a snapshot that is young and good enough to judge by, else None."""
    return snapshot.facts if snapshot is not None and snapshot.success and snapshot.fresh(now) else None


def _place(settings: PterodactylSettings, view: PterodactylView, evidence: Evidence) -> tuple[str, str, str]:
    if settings.node is None:
        return "", "no_local_node", "no node of this host is configured"
    local = evidence.local
    if local is None:
        return "", "no_local_node", evidence.error or "Wings' configuration of this host has not been read"
    if evidence.mismatch:
        return "", "paths_differ", evidence.mismatch
    if view.nodes and view.node(local.uuid) is None:
        return "", "other_node", f"the panel has no node with the uuid {local.uuid} of the local Wings configuration"
    return local.uuid, "", ""
