"""The rows behind ``metrics``: what the panel believes, what Wings say, what was seen of the local node. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from watchdog.model.drifts import Drift
from watchdog.model.metrics import Row
from watchdog.model.snapshots import Actual
from watchdog.panels.pterodactyl import stock
from watchdog.panels.pterodactyl.cases import CASES
from watchdog.panels.pterodactyl.settings import PterodactylSettings
from watchdog.panels.pterodactyl.stock import Stock
from watchdog.panels.pterodactyl.traces import NOTHING, CanaryWord, Evidence
from watchdog.panels.pterodactyl.view import CALLBACK_STATES, Backup, Node, PterodactylView, Server, WingsServer

SERVER_LIMIT: Final = 600
STATES: Final = ("pending", "complete", "failed", "odd")
VERDICTS: Final = ("good", "bad", "unverifiable", "pending")
CANARIES: Final = ("due", "waiting", "good", "failed")


@dataclass(frozen=True, slots=True)
class Told:
    """What a target knows beside its view: its settings, its evidence, and the drifts of its newest judgement."""

    settings: PterodactylSettings | None = None
    evidence: Evidence = NOTHING
    drifts: tuple[Drift, ...] = ()


Rows = Callable[[str, Actual, PterodactylView, Told], Iterable[Row]]


def info(target: str, _: Actual, view: PterodactylView, told: Told) -> Iterator[Row]:
    """Yield the panel's version and who says so."""
    del told
    yield (target, view.version or "unknown", view.version_source or "unknown"), 1.0


def callback(target: str, _: Actual, view: PterodactylView, told: Told) -> Iterator[Row]:
    """Yield each state of the callback path, 1 for the one it is in."""
    del told
    yield from (((target, state), float(view.callback.state == state)) for state in CALLBACK_STATES)


def of_view(value: Callable[[PterodactylView], float | None]) -> Rows:
    """Return the one row of a number of the whole view; None = not known."""

    def rows(target: str, _: Actual, view: PterodactylView, told: Told) -> Iterator[Row]:
        del told
        number = value(view)
        if number is not None:
            yield (target,), float(number)

    return rows


def servers_by_status(target: str, _: Actual, view: PterodactylView, told: Told) -> Iterator[Row]:
    """Yield how many servers each node has in each status."""
    del told
    found = Counter((server.node, "transferring" if server.transferring else server.status or "normal") for server in view.servers)
    yield from (((target, node_name(view, node), status), float(count)) for (node, status), count in sorted(found.items()))


def backups_by_state(target: str, _: Actual, view: PterodactylView, told: Told) -> Iterator[Row]:
    """Yield how many records each node has in each state."""
    del told
    found = Counter((server.node, each.state) for server in view.servers for each in server.backups or ())
    for node in sorted({server.node for server in view.servers}):
        yield from (((target, node_name(view, node), state), float(found[node, state])) for state in STATES)


def limits(target: str, _: Actual, view: PterodactylView, told: Told) -> Iterator[Row]:
    """Yield how many requests a minute each API allows."""
    del told
    yield from (((target, each.api), float(each.limit)) for each in view.limits)


def remaining(target: str, _: Actual, view: PterodactylView, told: Told) -> Iterator[Row]:
    """Yield how many requests each API has left in this minute."""
    del told
    yield from (((target, each.api), float(each.remaining)) for each in view.limits if each.remaining is not None)


def node_name(view: PterodactylView, node: str) -> str:
    """Return what the panel calls a node."""
    found = view.node(node)
    return found.name if found is not None else "unknown"


def stuck(target: str, _: Actual, view: PterodactylView, told: Told) -> Iterator[Row]:
    """Yield how many stuck backups are of each case."""
    del view
    found = Counter(each.evidence.get("case") for each in told.drifts if each.kind == "backup_stuck")
    yield from (((target, case), float(found[case])) for case in CASES)


def listed(view: PterodactylView) -> list[Server]:
    """Return the servers that have rows of their own."""
    return sorted(view.servers, key=lambda server: server.uuid)[:SERVER_LIMIT]


def per_server(value: Callable[[Server], float | None]) -> Rows:
    """Return a row per server; None = not known."""

    def rows(target: str, _: Actual, view: PterodactylView, told: Told) -> Iterator[Row]:
        del told
        for server in listed(view):
            number = value(server)
            if number is not None:
                yield (target, server.uuid, server.name), float(number)

    return rows


def per_wings(value: Callable[[WingsServer], float]) -> Rows:
    """Return a row per server that its Wings has loaded."""

    def rows(target: str, _: Actual, view: PterodactylView, told: Told) -> Iterator[Row]:
        del told
        loaded = {(node.uuid, each.uuid): each for node in view.nodes for each in node.wings.servers or ()}
        for server in listed(view):
            wings = loaded.get((server.node, server.uuid))
            if wings is not None:
                yield (target, server.uuid, server.name), float(value(wings))

    return rows


def states(target: str, _: Actual, view: PterodactylView, told: Told) -> Iterator[Row]:
    """Yield what Wings says that each server does."""
    del told
    loaded = {(node.uuid, each.uuid): each for node in view.nodes for each in node.wings.servers or ()}
    for server in listed(view):
        wings = loaded.get((server.node, server.uuid))
        if wings is not None:
            yield (target, server.uuid, server.name, wings.state), 1.0


def newest_complete(server: Server) -> float | None:
    """Return when a server's newest complete backup was finished, 0 = it has none, None = not known."""
    if server.backups is None:
        return None
    return max((each.completed_at or 0.0 for each in server.backups if each.state == "complete"), default=0.0)


def newest_verified(target: str, actual: Actual, view: PterodactylView, told: Told) -> Iterator[Row]:
    """Return when the newest backup of each local server was made whose archive we have read to its end; 0 = none."""
    if told.settings is None or told.evidence.local is None or told.evidence.mismatch:
        return
    here = stock.look(told.settings, actual, None)
    for server in listed(view):
        if server.node == told.evidence.local.uuid and server.backups is not None:
            good = (each.completed_at or 0.0 for each in server.backups if verified(here, each))
            yield (target, server.uuid, server.name), float(max(good, default=0.0))


def verified(here: Stock, backup: Backup) -> bool:
    """Whether a backup's archive was read to its end and is what the panel has."""
    file = here.files.get(backup.uuid)
    if backup.state != "complete" or file is None or file.identity.size != backup.bytes:
        return False
    found = file.verification
    return found.verdict == "good" and found.identity == file.identity and found.sha1 is not None and found.sha1 == backup.sha1


def node_info(target: str, _: Actual, view: PterodactylView, told: Told) -> Iterator[Row]:
    """Yield each node's Wings."""
    del told
    for node in view.nodes:
        yield (target, node.uuid, node.name, node.wings.version or "unknown", "yes" if node.local else "no"), 1.0


def per_node(value: Callable[[Node], float | None]) -> Rows:
    """Return a row per node; None = not known."""

    def rows(target: str, _: Actual, view: PterodactylView, told: Told) -> Iterator[Row]:
        del told
        for node in view.nodes:
            number = value(node)
            if number is not None:
                yield (target, node.uuid, node.name), float(number)

    return rows


def consoles(target: str, _: Actual, view: PterodactylView, told: Told) -> Iterator[Row]:
    """Yield for each node whether its console could be opened."""
    del told
    for tried in view.websockets:
        if tried.state != "unknown":
            yield (target, tried.node, node_name(view, tried.node)), float(tried.state == "works")


def local(value: Callable[[Evidence], float | None]) -> Rows:
    """Return the one row of the node of this host; None = not known."""

    def rows(target: str, _: Actual, view: PterodactylView, told: Told) -> Iterator[Row]:
        local = told.evidence.local
        number = value(told.evidence) if local is not None else None
        if local is not None and number is not None:
            yield (target, local.uuid, node_name(view, local.uuid)), float(number)

    return rows


def archives(target: str, actual: Actual, _: PterodactylView, told: Told) -> Iterator[Row]:
    """Yield how many archives lie on the local node by verdict."""
    if told.settings is None or told.settings.node is None:
        return
    here = stock.look(told.settings, actual, None)
    if not here.clear:
        return
    results = [each.verification for each in here.files.values()]
    found = Counter(each.verdict if each.state == "result" and each.verdict is not None else "pending" for each in results)
    yield from (((target, verdict), float(found[verdict])) for verdict in VERDICTS)


def yes(value: bool | None) -> float | None:
    """Return 1 for yes, 0 for no, None for not known."""
    return None if value is None else float(value)


def canary_states(target: str, _: Actual, view: PterodactylView, told: Told) -> Iterator[Row]:
    """Yield how the newest canary stands, 1 for the state it is in."""
    del view
    word = told.evidence.canary
    if word is not None:
        yield from (((target, word.server, state), float(word.state == state)) for state in CANARIES)


def canary(value: Callable[[CanaryWord], float | None]) -> Rows:
    """Return rows of the newest canary."""

    def rows(target: str, _: Actual, view: PterodactylView, told: Told) -> Iterator[Row]:
        del view
        word = told.evidence.canary
        number = value(word) if word is not None else None
        if word is not None and number is not None:
            yield (target, word.server), float(number)

    return rows


def omitted(view: PterodactylView) -> float:
    """Return how many servers have no rows of their own."""
    return float(max(0, len(view.servers) - SERVER_LIMIT))
