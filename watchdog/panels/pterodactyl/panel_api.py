"""The panel's Client and Application API with one account key of an administrator (contract sections 1.1 to 1.4).

Requests out, frozen values back. No policy, but for what is never sent: no restore, no reinstall, no suspension; there is no method
for them. ``delete`` is for canaries of our own making, and ``client`` proves that one is. No address of an answer is followed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Literal, TypeVar

from watchdog.errors import Blind, Refused, ServerFault, Throttled
from watchdog.model.moments import Clock
from watchdog.panels.pterodactyl import activity, answers
from watchdog.panels.pterodactyl.answers import NodeRow
from watchdog.panels.pterodactyl.budget import Budget
from watchdog.panels.pterodactyl.paging import Page, whole
from watchdog.panels.pterodactyl.settings import PterodactylSettings
from watchdog.panels.pterodactyl.view import Backup, Power, Resources, Schedule, Server
from watchdog.runtime.answers import Answer, Observe, check, segment
from watchdog.runtime.fields import read_secret
from watchdog.runtime.http import Http, Query, Tls

OPERATIONS: Final = (
    "servers", "server", "backups", "backup", "download", "schedules", "activity", "resources", "console", "lock", "create", "delete",
    "power", "nodes", "places", "configuration",
)  # fmt: skip
SERVERS_A_PAGE: Final = 100
BACKUPS_A_PAGE: Final = 50
CLIENT_LIMITS: Final[Mapping[str, int]] = {"pterodactyl": 720, "pelican": 256}
APPLICATION_LIMITS: Final[Mapping[str, int]] = {"pterodactyl": 240, "pelican": 256}
BURST: Final = 30.0
"""Seconds whose requests may be saved up at least."""
ROUTE_LIMIT: Final = "ThrottleRequestsException"
UNREACHED: Final = "DaemonConnectionException"
NO_S3: Final = "InvalidArgumentException"
_UNAVAILABLE: Final = 503
_CONFLICT: Final = 409
_TOO_MANY: Final = 429

ReadT = TypeVar("ReadT")


class OfOneServer(Blind):
    """The panel answered for one server only, with ``word`` (status and code): nothing is known of that server, all else goes on."""

    def __init__(self, message: str, word: str) -> None:
        super().__init__(message)
        self.word = word


class PanelApi:
    """All calls of one target. Every method raises the house's errors and nothing else. Safe to use from many threads."""

    def __init__(self, settings: PterodactylSettings, clock: Clock, observe: Observe) -> None:
        def headers() -> Mapping[str, str]:
            return {"Authorization": f"Bearer {read_secret(settings.token_file)}"}

        self._clock = clock
        tls = Tls(ca_file=settings.ca_file, insecure=not settings.verify_tls)
        self._http = Http(settings.url, clock=clock, headers=headers, seconds=settings.timeout, observe=observe, tls=tls, limit=32 << 20)
        burst = max(settings.interval * 1.2, BURST)
        self.client = Budget("Client API", CLIENT_LIMITS[settings.flavour], settings.request_share, burst, clock)
        self.application = Budget("Application API", APPLICATION_LIMITS[settings.flavour], settings.request_share, burst, clock)

    @property
    def budgets(self) -> tuple[tuple[Literal["client", "application"], Budget], ...]:
        """Return both budgets by the name of their API."""
        return ("client", self.client), ("application", self.application)

    def servers(self) -> tuple[Server, ...]:
        """Return all servers of the panel, without their nodes. A key without administrator rights gets none, and no error."""

        def fetch(number: int) -> Page[Server]:
            query: Query = {"type": "admin-all", "per_page": SERVERS_A_PAGE, "page": number}
            return self._get(self.client, "servers", "/api/client", lambda answer: answers.servers(answer.json()), query)

        return whole("servers", fetch, lambda server: server.uuid)

    def server(self, uuid: str) -> Server:
        """Return one server, without its node. Raises NotFound."""
        return self._get(self.client, "server", _of(uuid), lambda answer: answers.one_server(answer.json()))

    def backups(self, server: str, seconds: float | None = None) -> tuple[Backup, ...]:
        """Return all backup records of a server. Raises OfOneServer when the panel has no answer for this one."""

        def fetch(number: int) -> Page[Backup]:
            query: Query = {"per_page": BACKUPS_A_PAGE, "page": number}
            path = f"{_of(server)}/backups"
            return self._get(self.client, "backups", path, lambda answer: answers.backups(answer.json(), server), query, seconds, of_server)

        return whole("backups", fetch, lambda backup: backup.uuid)

    def backup(self, server: str, uuid: str) -> Backup:
        """Return one record as it is now. Raises NotFound when it was deleted, OfOneServer (409) when nobody can tell."""
        path = f"{_of(server)}/backups/{segment(uuid)}"
        return self._get(self.client, "backup", path, lambda answer: answers.one_backup(answer.json(), server))

    def download_address(self, server: str, uuid: str) -> str | None:
        """Return where a backup would be downloaded from; None = on an S3 that the panel has no settings for any more.

        The address holds a token: compare and forget it. Leaves a line in the panel's activity log (section 1.2).
        """

        def accept(answer: Answer) -> Answer:
            return answer if answer.status == 500 and answers.code_of(answer) == NO_S3 else checked(answer)  # noqa: PLR2004

        def read(answer: Answer) -> str | None:
            return answers.signed_url(answer.json()) if answer.status // 100 == 2 else None  # noqa: PLR2004

        path = f"{_of(server)}/backups/{segment(uuid)}/download"
        return self._get(self.client, "download", path, read, accept=accept)

    def schedules(self, server: str, seconds: float | None = None) -> tuple[Schedule, ...]:
        """Return a server's schedules."""
        path = f"{_of(server)}/schedules"
        return self._get(
            self.client, "schedules", path, lambda answer: answers.schedules(answer.json(), server), None, seconds, of_server
        )  # fmt: skip

    def powers(self, server: str, seconds: float | None = None) -> tuple[tuple[Power, ...], float]:
        """Return the newest power signals that went through the panel, ours included, the oldest of them first.

        And by how many seconds the panel's clock is ahead of ours.
        """

        def read(answer: Answer) -> tuple[tuple[Power, ...], float]:
            return activity.powers(answer.json()), activity.ahead(answer, self._clock.now().wall)

        query: Query = {"per_page": 100, "sort": "-timestamp", "filter[event]": "server:power", "include": "actor"}
        return self._get(self.client, "activity", f"{_of(server)}/activity", read, query, seconds, of_server)

    def resources(self, server: str, seconds: float | None = None) -> Resources | None:
        """Return what a server uses; None = the panel did not get through to its Wings (section 5.3)."""

        def accept(answer: Answer) -> Answer:
            return answer if answers.code_of(answer) == UNREACHED else of_server(answer)

        def read(answer: Answer) -> Resources | None:
            return answers.resources(answer.json()) if answer.status // 100 == 2 else None  # noqa: PLR2004

        return self._get(self.client, "resources", f"{_of(server)}/resources", read, None, seconds, accept)

    def console(self, server: str) -> tuple[str, str]:
        """Return the address and the token of a server's console; for one handshake, never to be kept."""
        return self._get(
            self.client, "console", f"{_of(server)}/websocket", lambda answer: answers.console(answer.json()), None, None, of_server
        )

    def lock(self, server: str, uuid: str, seconds: float) -> Backup:
        """Turn the lock of a record over, and return it. The route toggles: look first."""
        path = f"{_of(server)}/backups/{segment(uuid)}/lock"
        return self._post("lock", path, lambda answer: answers.one_backup(answer.json(), server), None, seconds)

    def create(self, server: str, name: str, seconds: float) -> Backup:
        """Have a backup made, and return its pending record. Raises Throttled after two of one server within ten minutes."""
        body = {"name": name, "is_locked": False}
        return self._post("create", f"{_of(server)}/backups", lambda answer: answers.one_backup(answer.json(), server), body, seconds)

    def delete(self, server: str, uuid: str, seconds: float) -> None:
        """Delete a record and its archive on the node. Never a repair (section 1.2): for backups of our own making only."""
        path = f"{_of(server)}/backups/{segment(uuid)}"
        self.client.spend("delete")
        self._http.ask("delete", "DELETE", path, lambda _: None, seconds=seconds, accept=_noted(self.client, checked))

    def power(self, server: str, signal: str, seconds: float) -> None:
        """Have a signal sent. Returning means that it was taken, not that anything happened."""
        if signal not in {"start", "stop", "restart", "kill"}:
            raise Refused(f"'{signal}' is no power signal")
        self._post("power", f"{_of(server)}/power", lambda _: None, {"signal": signal}, seconds)

    def nodes(self) -> tuple[NodeRow, ...]:
        """Return all nodes."""

        def fetch(number: int) -> Page[NodeRow]:
            query = {"per_page": SERVERS_A_PAGE, "page": number}
            return self._get(self.application, "nodes", "/api/application/nodes", lambda answer: answers.nodes(answer.json()), query)

        return whole("nodes", fetch, lambda node: node.id)

    def places(self) -> Mapping[str, int]:
        """Return the node's id of each server."""

        def fetch(number: int) -> Page[tuple[str, int]]:
            query = {"per_page": SERVERS_A_PAGE, "page": number}
            return self._get(self.application, "places", "/api/application/servers", lambda answer: answers.places(answer.json()), query)

        return dict(whole("servers of the Application API", fetch, lambda each: each[0]))

    def node_token(self, node: int) -> tuple[str, str]:
        """Return the uuid and the token of a node. Only if the operator allows it; give it to ``credentials.Token`` at once."""
        path = f"/api/application/nodes/{node}/configuration"
        return self._get(self.application, "configuration", path, lambda answer: answers.node_token(answer.json()))

    def close(self) -> None:
        """Give back connections."""
        self._http.close()

    def _get(
        self,
        budget: Budget,
        operation: str,
        path: str,
        read: Callable[[Answer], ReadT],
        query: Query | None = None,
        seconds: float | None = None,
        accept: Callable[[Answer], Answer] | None = None,
    ) -> ReadT:
        budget.spend(operation)
        return self._http.ask(operation, "GET", path, read, query=query, seconds=seconds, accept=_noted(budget, accept or checked))

    def _post(self, operation: str, path: str, read: Callable[[Answer], ReadT], body: object, seconds: float) -> ReadT:
        self.client.spend(operation)
        return self._http.ask(operation, "POST", path, read, json=body, seconds=seconds, accept=_noted(self.client, checked))


def checked(answer: Answer) -> Answer:
    """Return a good answer; raise the house's error for any other. 409 means that nobody can tell, for this one server (section 1.2)."""
    if answer.status == _CONFLICT:
        raise _of_one(answer)
    if answer.status // 100 == 5 and answers.code_of(answer):  # noqa: PLR2004
        raise ServerFault(f"{answer.operation}: {answer.server} answered {word_of(answer)}", answer.retry_after)
    return check(answer)


def of_server(answer: Answer) -> Answer:
    """Like ``checked``, for a read that any one server may fail at: an answer 404, 409 or 5xx of the panel itself is that server's own.

    Maintenance (503) and whatever a proxy answers in the panel's place are not.
    """
    own = answer.status in {404, _CONFLICT} or (answer.status // 100 == 5 and answer.status != _UNAVAILABLE)  # noqa: PLR2004
    if own and answers.code_of(answer):
        raise _of_one(answer)
    return checked(answer)


def word_of(answer: Answer) -> str:
    """Return what an answer said: its status, and the panel's code if it has one."""
    return f"{answer.status} {answers.code_of(answer)}".strip()


def _of_one(answer: Answer) -> OfOneServer:
    word = word_of(answer)
    return OfOneServer(f"{answer.operation}: {answer.server} answered {word}", word)


def _noted(budget: Budget, accept: Callable[[Answer], Answer]) -> Callable[[Answer], Answer]:
    def note(answer: Answer) -> Answer:
        budget.note(answer.headers)
        if answer.status == _TOO_MANY:
            # the other 429, TooManyRequestsHttpException, is about the backups of one server (section 1.1)
            code = answers.code_of(answer)
            if code in {ROUTE_LIMIT, ""}:
                budget.pause(answer.retry_after)
            raise Throttled(f"{answer.operation}: {answer.server} answered {word_of(answer)}", answer.retry_after)
        return accept(answer)

    return note


def _of(server: str) -> str:
    return f"/api/client/servers/{segment(server)}"
