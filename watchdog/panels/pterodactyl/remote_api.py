"""The remote API of the panel, which Wings calls, with the local node's token and at the very address that Wings has (contract section 3).

Two things are sent: the probe, which changes nothing, and the completion of a local backup. Callbacks of installs, transfers and restores
are never sent; there is no method for them. ``POST /servers/reset`` neither.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final
from uuid import uuid4

from watchdog.errors import BadSettings, DeadlinePassed, Refused, Unreachable, WatchdogError
from watchdog.model.moments import Clock
from watchdog.panels.pterodactyl import answers, node_answers
from watchdog.panels.pterodactyl.credentials import LocalNode
from watchdog.panels.pterodactyl.paging import Page, whole
from watchdog.panels.pterodactyl.view import Callback, CallbackState, RemoteServer
from watchdog.runtime.answers import Answer, Observe, check, segment
from watchdog.runtime.http import Http, Tls

OPERATIONS: Final = ("callback_probe", "callback_follow_up", "complete", "remote_servers")
SERVERS_A_PAGE: Final = 50
QUERY_FAILED: Final = "QueryException"
BODY_KEYS: Final = frozenset({"successful", "checksum", "checksum_type", "size", "parts"})
_REFUSED: Final = (401, 403)
_OF_A_PROXY: Final = (502, 503, 504)
_MEANINGS: Final[Mapping[tuple[int, str], tuple[CallbackState, str]]] = {
    (404, "NotFoundHttpException"): ("healthy", "it looks a reported backup up, and does not know this one"),
    (400, "BadRequestHttpException"): ("token_drift", "the token in Wings' configuration is not of the form that it takes"),
    (403, "AccessDeniedHttpException"): ("token_drift", "the token in Wings' configuration is not the one that it has for this node"),
    (503, "HttpException"): ("maintenance", "it is in maintenance mode"),
}


class RemoteApi:
    """The remote API as the local Wings sees it; ``local`` is asked anew for each call, for the configuration may have changed."""

    def __init__(self, local: Callable[[], LocalNode], clock: Clock, observe: Observe, seconds: float, tls: Tls) -> None:
        self._local, self._clock, self._observe, self._seconds, self._tls = local, clock, observe, seconds, tls

    def probe(self) -> Callback:
        """Try the callback path without an effect: a backup that cannot exist must be called unknown (section 3.6). Never raises."""
        now = self._clock.now().wall
        seen: list[Answer] = []

        def accept(answer: Answer) -> Answer:
            seen.append(answer)
            return answer if verdict(answer)[0] == "healthy" else check(answer)

        try:
            http = self._http()
            http.ask("callback_probe", "GET", f"/api/remote/backups/{uuid4()}", lambda _: None, query={"size": 1}, accept=accept)
        except BadSettings as error:
            return Callback("wrong_url", str(error), now)
        except WatchdogError as error:
            if not seen:
                return Callback("unreachable" if isinstance(error, Unreachable | DeadlinePassed) else "unknown", str(error), now)
        answer = seen[0]
        if answer.status == 500 and answers.code_of(answer) == QUERY_FAILED:  # noqa: PLR2004
            return self._follow_up(http, now)
        return Callback(*verdict(answer), now)

    def complete(self, backup: str, body: Mapping[str, object], seconds: float) -> Answer:
        """Report a local backup as complete or failed, exactly as Wings would, and return the answer, whatever its status.

        A 204 proves nothing yet: re-read the record (section 3.4). Raises Refused for a body that Wings would never send for a local
        archive, and what the wire raises: after those, too, the write may have happened.
        """
        if not set(body) <= BODY_KEYS or body.get("parts") is not None or not isinstance(body.get("successful"), bool):
            raise Refused("this is no completion of a local backup")
        return self._http().request("complete", "POST", f"/api/remote/backups/{segment(backup)}", json=dict(body), seconds=seconds)

    def servers(self) -> tuple[RemoteServer, ...]:
        """Return all servers that the panel gives this node. Raises, and never returns a part: it is the authority on what belongs here."""
        http = self._http()

        def fetch(number: int) -> Page[RemoteServer]:
            # page 0 is page 1 again, so we count from 1 (section 3.2)
            query = {"page": number, "per_page": SERVERS_A_PAGE}
            return http.ask(
                "remote_servers", "GET", "/api/remote/servers", lambda answer: node_answers.remote_servers(answer.json()), query=query
            )  # fmt: skip

        return whole("servers of the remote API", fetch, lambda server: server.uuid)

    def _follow_up(self, http: Http, now: float) -> Callback:
        """Tell 1.11.6's fault from a database that is down: they answer the same, byte for byte, but not to this."""
        try:
            answer = http.request("callback_follow_up", "GET", "/api/remote/servers", query={"per_page": 1})
        except WatchdogError as error:
            return Callback("unknown", f"the probe failed in the panel's database, and the second question did not end: {error}", now)
        if answer.status // 100 == 2:  # noqa: PLR2004
            said = "every backup that is reported ends in an error of the panel's database query: the fault of panel 1.11.6"
            return Callback("broken_by_1_11_6", said, now)
        if answer.status == 500 and answers.code_of(answer) == QUERY_FAILED:  # noqa: PLR2004
            return Callback("database_down", "the panel cannot ask its database", now)
        return Callback("unknown", f"the probe failed in the panel's database, and the second question was answered {answer.status}", now)

    def _http(self) -> Http:
        node = self._local()
        return Http(
            node.remote, clock=self._clock, headers=node.token.for_panel, seconds=self._seconds, observe=self._observe, tls=self._tls,
            limit=32 << 20,
        )  # fmt: skip


def verdict(answer: Answer) -> tuple[CallbackState, str]:
    """Given the probe's answer, return what it means, and a sentence. Pure."""
    code = answers.code_of(answer)
    said = f"the panel answered {answer.status} {code}".strip()
    found = _MEANINGS.get((answer.status, code))
    if found is not None:
        return found[0], f"{said}: {found[1]}"
    if answer.status // 100 == 3:  # noqa: PLR2004
        return "wrong_url", f"{said}, a redirect: Wings' `remote` is not the panel's final address"
    if not code:
        state: CallbackState = "unreachable" if answer.status in _OF_A_PROXY else "unknown"
        return state, f"{said}, but not in the panel's words: something stands in front of it"
    return ("token_drift" if answer.status in _REFUSED else "unknown"), said
