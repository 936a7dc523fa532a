"""The wire to one MCSManager panel, 10.4.0 to 10.18.2: requests out, frozen values back. No policy.

Only this module knows which status code means what, and only ``answers.py`` what the bodies look like. Messages are translated by the panel
and never looked at. Contract section 1: the key goes in a header (a query would stand in proxy logs); no cookies are kept (with them a
limiter of 8 requests/s counts in the session); the panel waits up to 6 s for a daemon, so a whole exchange may take 15 s.

Panels up to 10.8.2 let the header in at the door, but ask the query who may touch a single instance (service/passport_service.ts): a
detail is 500 and an open 403 without it. For these, and only there, the key goes in the query as well; docs/panels/mcsmanager.md says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from watchdog.errors import Blind, DeadlinePassed, NotFound, Refused, ServerFault, Throttled, Unknown
from watchdog.model.metrics import Instruments
from watchdog.model.moments import Clock
from watchdog.panels.mcsmanager import answers
from watchdog.panels.mcsmanager.remedies import PANEL_NAME
from watchdog.panels.mcsmanager.settings import McsmanagerSettings
from watchdog.panels.mcsmanager.view import (
    HEADER_SUFFICES_SINCE,
    Daemon,
    Instance,
    McsmanagerView,
    Operation,
    SeenContainer,
    Status,
    Version,
    parse_version,
)
from watchdog.runtime.answers import Answer
from watchdog.runtime.fan import side_by_side
from watchdog.runtime.fields import read_secret
from watchdog.runtime.http import Http, Tls, counted

PAGE_SIZE: Final = 50
"""10.18 caps page_size at 50 without a word (contract section 1)."""
ROUNDS: Final = 4
"""How often a list that shifts while it is read is read again before we say that we could not see it."""
LOG_LIMIT: Final = 200
"""The most entries ``operation_logs`` gives; more is an error (head-operation-logs-err-limit201.json)."""
LOOK_SECONDS: Final = 50.0
"""How long one look may take: less than the minute after which the house gives a reading up, so that one slow daemon blinds itself only."""
LOG_SECONDS: Final = 15.0
"""The part of it that is kept for the operation log. It is read last, so that a stop is never newer than what it explains."""
OPERATIONS: Final = ("overview", "services", "instances", "containers", "images", "detail", "operations", "open", "link")
"""Names of all our calls, for the count of requests."""

ReadT = TypeVar("ReadT")
ABOUT_ONE_DAEMON = (ServerFault, Refused, NotFound, DeadlinePassed, Throttled, Unknown)
"""What one daemon's trouble looks like: 400 or 500 when it is offline, silent or unknown (contract section 1). The rest is the panel's."""


@dataclass(slots=True)
class Wire:
    """What all clients of one target share: the exchange, the key for those calls that need it in the query, the panel's version."""

    http: Http
    key: Callable[[], str]
    panel: Version | None = None


def connect(settings: McsmanagerSettings, clock: Clock, instruments: Instruments) -> McsmanagerClient:
    """Build the client of one target; no I/O yet, the key is read anew for each exchange."""

    def key() -> str:
        return read_secret(settings.api_key_file)

    def headers() -> dict[str, str]:
        # X-Requested-With: not needed with a key, but some routes always want it (contract section 1, Access)
        return {"x-request-api-key": key(), "X-Requested-With": "XMLHttpRequest"}

    observe = counted(instruments, PANEL_NAME, settings.name, OPERATIONS)
    tls = Tls(ca_file=settings.ca_file, insecure=not settings.verify_tls)
    http = Http(settings.url, clock=clock, headers=headers, seconds=settings.timeout, observe=observe, tls=tls)
    return McsmanagerClient(Wire(http, key), clock, settings.timeout)


class McsmanagerClient:
    """All calls of one target. Every method raises the house's errors and nothing else.

    ``seconds`` bounds an exchange; after ``until`` (monotonic seconds of the clock, None = never) every call raises DeadlinePassed.
    """

    def __init__(self, wire: Wire, clock: Clock, seconds: float, until: float | None = None) -> None:
        self._wire = wire
        self._clock = clock
        self._seconds = seconds
        self._until = until

    def view(self) -> McsmanagerView:
        """Read everything one look needs. One daemon's failure stands in that daemon; the panel's own failure is raised."""
        whole, part = self.within(LOOK_SECONDS), self.within(LOOK_SECONDS - LOG_SECONDS)
        overview = part.overview()
        # side by side: each silent daemon costs up to twelve seconds
        asked = [daemon for daemon in overview.daemons if daemon.available]
        filled = dict(zip(asked, side_by_side(part.filled, asked, part.left), strict=True))
        daemons = tuple(filled.get(daemon) or _unseen(daemon) for daemon in overview.daemons)
        log, error = self._try(whole.operations)
        entries, ahead = log or (None, 0.0)
        return McsmanagerView(version=overview.version, daemons=daemons, operations=entries, operations_error=error, ahead=ahead)

    def daemon(self, uuid: str) -> Daemon | None:
        """Return one daemon with its instances and containers as they are now; None = the panel does not know it."""
        found = next((item for item in self.overview().daemons if item.uuid == uuid), None)
        if found is None:
            return None
        return self.filled(found) if found.available else _unseen(found)

    def overview(self) -> answers.Overview:
        """Return the panel and its daemons, without what is behind them."""
        found = self._get("overview", "/api/overview", answers.overview)
        self._wire.panel = parse_version(found.version)
        return found

    def services(self) -> tuple[Daemon, ...]:
        """Return the daemons as the panel has them in memory: cheap, and it works while they are down."""
        return self._get("services", "/api/service/remote_services_list", answers.services)

    def instances(self, daemon: str) -> tuple[Instance, ...]:
        """Return all instances of one daemon, sorted by uuid.

        Pages shift while statuses change (they are sorted by status), so a repeated uuid, or two rounds over several pages that disagree,
        mean reading again; raises Blind after four rounds.
        """
        before: frozenset[str] | None = None
        for _ in range(ROUNDS):
            found, pages, repeated = self._round(daemon)
            names = frozenset(found)
            if not repeated and (pages <= 1 or names == before):
                return tuple(found[uuid] for uuid in sorted(found))
            before = None if repeated else names
        raise Blind("the list of instances kept shifting while it was read")

    def containers(self, daemon: str) -> tuple[SeenContainer, ...]:
        """Return what the daemon's own Docker runs. Any failure means not known, never "none" (contract section 6)."""
        return self._get("containers", "/api/environment/containers", answers.containers, daemonId=daemon)

    def detail(self, daemon: str, uuid: str) -> answers.Detail:
        """Return one instance as it is now."""
        return self._of_instance("detail", "/api/instance", answers.detail, None, daemon, uuid)

    def operations(self) -> tuple[tuple[Operation, ...], float]:
        """Return the newest 200 entries of the operation log, oldest first, and by how many seconds the panel's clock is ahead of ours.

        Panels up to 10.6.1 have none: NotFound.
        """

        def read(answer: Answer) -> tuple[tuple[Operation, ...], float]:
            body = answer.json()
            return answers.operations(answers.envelope(body)), answers.panel_time(body) - self._clock.now().wall

        return self._ask("operations", "/api/overview/operation_logs", read, None, {"limit": str(LOG_LIMIT)})

    def images(self, daemon: str) -> frozenset[str]:
        """Return the image names the daemon's Docker has; also the remote readiness probe: it raises while Docker does not answer."""
        return self._get("images", "/api/environment/image", answers.images, daemonId=daemon)

    def open(self, daemon: str, uuid: str, seconds: float | None = None) -> bool:
        """Start one instance; return False when the answer was empty, which means not known: poll (head-hang-open.json).

        Raises ServerFault when the daemon refused or failed; what it did then must be looked at, a status code proves nothing.
        """
        return self._of_instance("open", "/api/protected_instance/open", answers.says_something, seconds, daemon, uuid)

    def link(self, daemon: str, seconds: float | None = None) -> None:
        """Let the panel connect to a daemon anew. It drops a live connection first, so never on an online one (contract section 6)."""
        self._get("link", "/api/service/link_remote_service", answers.says_something, seconds, uuid=daemon)

    def close(self) -> None:
        """Give back connections."""
        self._wire.http.close()

    def within(self, seconds: float) -> McsmanagerClient:
        """Return the same wire for a look that must end after ``seconds``."""
        return McsmanagerClient(self._wire, self._clock, self._seconds, self._clock.now().mono + seconds)

    @property
    def left(self) -> float:
        """Return how many seconds the next exchange may take."""
        return self._seconds if self._until is None else self._until - self._clock.now().mono

    def filled(self, daemon: Daemon) -> Daemon:
        """Return an online daemon with its instances and containers; what fails stands in it."""
        instances, instances_error = self._try(lambda: self.instances(daemon.uuid))
        if daemon.overview_hung:
            # the overview asked Docker and hung for 6 s; asking again would hang as long (head-hang-overview.json)
            return replace(daemon, instances=instances, instances_error=instances_error, containers_error="its overview hung")
        seen, containers_error = self._try(lambda: self.containers(daemon.uuid))
        starting = any(instance.status is Status.STARTING for instance in instances or ())
        images = self._try(lambda: self.images(daemon.uuid))[0] if starting and seen is not None else None
        return replace(
            daemon, instances=instances, instances_error=instances_error, containers=seen, containers_error=containers_error, images=images
        )  # fmt: skip

    @staticmethod
    def _try(read: Callable[[], ReadT]) -> tuple[ReadT | None, str]:
        try:
            return read(), ""
        except ABOUT_ONE_DAEMON as error:
            return None, type(error).__name__

    def _round(self, daemon: str) -> tuple[dict[str, Instance], int, bool]:
        found: dict[str, Instance] = {}
        number, last = 1, 1
        while number <= last:
            page = self._page(daemon, number)
            last = min(page.last, 10_000)
            for instance in page.instances:
                if instance.uuid in found:
                    return found, last, True
                found[instance.uuid] = instance
            number += 1
        return found, last, False

    def _page(self, daemon: str, number: int) -> answers.Page:
        # without instance_name 10.4.0 answers 500 with a TypeError (v10.4.0-hang-list.json)
        query = {"daemonId": daemon, "page": str(number), "page_size": str(PAGE_SIZE), "instance_name": "", "status": ""}
        return self._get("instances", "/api/service/remote_service_instances", answers.page, None, **query)

    def _of_instance(
        self, operation: str, path: str, parse: Callable[[object], ReadT], seconds: float | None, daemon: str, uuid: str
    ) -> ReadT:  # fmt: skip
        """Ask about one instance, with the key where this panel looks for it; which panel it is must be known, so it is asked first."""
        if self._wire.panel is None:
            self.overview()
        query = {"daemonId": daemon, "uuid": uuid}
        if self._wire.panel is not None and self._wire.panel < HEADER_SUFFICES_SINCE:
            query["apikey"] = self._wire.key()
        return self._get(operation, path, parse, seconds, **query)

    def _get(self, operation: str, path: str, parse: Callable[[object], ReadT], seconds: float | None = None, /, **query: str) -> ReadT:
        return self._ask(operation, path, lambda answer: parse(answers.envelope(answer.json())), seconds, query)

    def _ask(self, operation: str, path: str, read: Callable[[Answer], ReadT], seconds: float | None, query: Mapping[str, str]) -> ReadT:
        most = self._seconds if seconds is None else seconds
        if self._until is not None:
            most = min(most, self.left)
        if most <= 0:
            raise DeadlinePassed(f"{operation}: the time for this look is over")
        return self._wire.http.ask(operation, "GET", path, read, query=query, seconds=most)


def _unseen(daemon: Daemon) -> Daemon:
    """Return a daemon of which nothing could be read: the panel has it offline, or it did not answer within the look."""
    reason = "DeadlinePassed" if daemon.available else "the daemon is offline in the panel"
    return replace(daemon, instances_error=reason, containers_error=reason)
