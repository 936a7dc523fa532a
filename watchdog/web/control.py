"""The other end: how the commands of this host talk to the running program. Imports neither FastAPI nor uvicorn."""

from __future__ import annotations

import json
from collections.abc import Container, Mapping
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import ValidationError

from watchdog.errors import (
    Conflict,
    DeadlinePassed,
    Forbidden,
    LedgerUnavailable,
    MalformedAnswer,
    NotFound,
    Refused,
    ServerFault,
    Throttled,
    Unreachable,
    WatchdogError,
)
from watchdog.model.moments import Clock
from watchdog.runtime.answers import Answer
from watchdog.runtime.fields import read_secret
from watchdog.runtime.http import Http, segment
from watchdog.web.bodies import ApprovalBody, Body, DriftBody, PauseBody
from watchdog.web.explained import ExplainAnswer
from watchdog.web.messages import (
    Count,
    DriftsAnswer,
    HealthAnswer,
    HoldingsAnswer,
    IgnoresAnswer,
    PauseCheckAnswer,
    PausesAnswer,
    PlansAnswer,
    ReleaseAnswer,
    ReloadAnswer,
    RepairsAnswer,
    StatusAnswer,
)
from watchdog.web.records import HoldingBody, IgnoreBody
from watchdog.web.targets import TargetBody

B = TypeVar("B", bound=Body)
Query = Mapping[str, str | int | float | bool | None]

_BY_CODE: Mapping[str, type[WatchdogError]] = {
    "not_found": NotFound,
    "conflict": Conflict,
    "forbidden": Forbidden,
    "changes_disabled": Forbidden,
    "token_unreadable": Forbidden,
    "wrong_token": Forbidden,
    "still_running": DeadlinePassed,
    "busy": Throttled,
    "stopping": ServerFault,
    "ledger_unavailable": LedgerUnavailable,
}
_FAULT = 500
_SLACK = 10.0  # seconds we wait longer than the program was asked to


def find(socket_path: Path, clock: Clock, *, url: str | None = None, token_file: Path | None = None) -> Control:
    """Return the way to the running program: ``url`` (with the token in ``token_file``) when given, else the control socket.

    Raises Unreachable, with the way out, when there is neither.
    """
    if url is not None:
        return Control(Http(url, clock=clock, headers=lambda: _bearer(token_file)), url)
    if not _is_socket(socket_path):
        raise Unreachable(
            f"the program is not running: no control socket at {socket_path}; start it with `panel-watchdog run`, or name one with --url"
        )
    return Control(Http(f"unix://{socket_path}", clock=clock), str(socket_path))


class Control:
    """Typed calls to the running program. Each raises the house's errors with the program's own words and way out."""

    def __init__(self, http: Http, where: str) -> None:
        self._http = http
        self.where = where

    def status(self, target: str | None = None) -> StatusAnswer:
        """Return how the program and its targets stand."""
        return self._get("/api/v1/status", StatusAnswer, {"target": target})

    def health(self, *, ready: bool = False) -> HealthAnswer:
        """Return whether the program is healthy, or ready, and what it lacks."""
        path = "/-/ready" if ready else "/-/healthy"
        return self._order("GET", path, HealthAnswer, seconds=5.0, expected=(200, 503))

    def drifts(self, target: str | None = None, state: str | None = None) -> tuple[DriftBody, ...]:
        """Return open drifts."""
        return self._get("/api/v1/drifts", DriftsAnswer, {"target": target, "state": state}).drifts

    def plans(self, target: str | None = None) -> PlansAnswer:
        """Return plans and waiting approvals."""
        return self._get("/api/v1/plans", PlansAnswer, {"target": target})

    def repairs(self, target: str | None = None, limit: int = 100) -> RepairsAnswer:
        """Return the newest repairs."""
        return self._get("/api/v1/repairs", RepairsAnswer, {"target": target, "limit": limit})

    def history(self, target: str | None = None, limit: int = 100) -> tuple[DriftBody, ...]:
        """Return drifts, the closed ones too."""
        return self._get("/api/v1/history", DriftsAnswer, {"target": target, "limit": limit}).drifts

    def explain(self, drift: str) -> ExplainAnswer:
        """Return all that is known of one drift."""
        return self._get("/api/v1/explain", ExplainAnswer, {"drift": drift})

    def ignores(self) -> tuple[IgnoreBody, ...]:
        """Return the ignores that hold."""
        return self._get("/api/v1/ignores", IgnoresAnswer).ignores

    def holdings(self, *, released: bool = False) -> tuple[HoldingBody, ...]:
        """Return our changes outside that outlive us."""
        return self._get("/api/v1/holdings", HoldingsAnswer, {"released": released}).holdings

    def sync(self, target: str, seconds: float = 90.0) -> TargetBody:
        """Run a pass now; wait at most ``seconds``."""
        path = f"/api/v1/targets/{segment(target)}/sync"
        return self._order("POST", path, TargetBody, query={"seconds": seconds}, seconds=seconds + _SLACK)

    def approve(self, approval_id: str, who: str | None = None) -> ApprovalBody:
        """Approve a planned repair."""
        return self._order("POST", f"/api/v1/plans/{segment(approval_id)}/approve", ApprovalBody, {"who": who})

    def reject(self, approval_id: str, who: str | None = None) -> ApprovalBody:
        """Reject a planned repair."""
        return self._order("POST", f"/api/v1/plans/{segment(approval_id)}/reject", ApprovalBody, {"who": who})

    def retry(self, target: str, drift: str, who: str | None = None) -> ApprovalBody:
        """Let a repair behind its bounds be tried once more."""
        return self._order("POST", f"/api/v1/targets/{segment(target)}/retry", ApprovalBody, {"drift": drift, "who": who})

    def ignore(self, pattern: str, reason: str, until: float | None = None, who: str | None = None) -> IgnoreBody:
        """Ignore drifts by key or glob; ``until`` is UNIX seconds."""
        return self._order("POST", "/api/v1/ignores", IgnoreBody, {"pattern": pattern, "reason": reason, "until": until, "who": who})

    def unignore(self, ignore_id: int) -> None:
        """End an ignore."""
        self._order("DELETE", f"/api/v1/ignores/{ignore_id}", Count)

    def baseline(self, target: str, what: Literal["accept", "repair"], who: str | None = None) -> int:
        """Decide about what was there before us; return how many findings that touched."""
        return self._order("POST", f"/api/v1/targets/{segment(target)}/baseline", Count, {"what": what, "who": who}).count

    def acknowledge(self, target: str, who: str | None = None) -> TargetBody:
        """Let repairs go on after an act by our key that is not ours; return how the target stands then."""
        return self._order("POST", f"/api/v1/targets/{segment(target)}/acknowledge", TargetBody, {"who": who}, seconds=90.0 + _SLACK)

    def release(self, holding_id: int) -> ReleaseAnswer:
        """Let go of a holding; the answer says whether it was undone outside."""
        return self._order("POST", f"/api/v1/holdings/{holding_id}/release", ReleaseAnswer)

    def pauses(self, target: str | None = None, *, history: bool = False, limit: int = 100) -> tuple[PauseBody, ...]:
        """Return the pauses that stand; with ``history`` also those of the past."""
        return self._get("/api/v1/pauses", PausesAnswer, {"target": target, "history": history, "limit": limit}).pauses

    def check_pause(self, target: str) -> PauseCheckAnswer:
        """Say whether a pause of ``target`` is what it seems."""
        return self._get(f"/api/v1/targets/{segment(target)}/pauses/check", PauseCheckAnswer)

    def pause(self, terms: Mapping[str, object], change: tuple[int, int] | None = None) -> PauseBody:
        """Begin a pause, or ``change`` the standing one of (number, version). ``terms`` are those of the API."""
        if change is None:
            return self._order("POST", "/api/v1/pauses", PauseBody, dict(terms))
        return self._order("PUT", f"/api/v1/pauses/{change[0]}", PauseBody, {**terms, "version": change[1]})

    def resume(self, pause_id: int, who: str | None = None, version: int | None = None) -> PauseBody:
        """End a pause."""
        return self._order("POST", f"/api/v1/pauses/{pause_id}/resume", PauseBody, {"who": who, "version": version})

    def reload(self) -> tuple[str, ...]:
        """Read the configuration anew; return what changed."""
        return self._order("POST", "/-/reload", ReloadAnswer, seconds=60.0 + _SLACK).changes

    def _get(self, path: str, shape: type[B], query: Query | None = None) -> B:
        return self._order("GET", path, shape, query=query)

    def _order(
        self,
        method: str,
        path: str,
        shape: type[B],
        body: object = None,
        *,
        query: Query | None = None,
        seconds: float = 30.0 + _SLACK,
        expected: Container[int] = range(200, 300),
    ) -> B:
        try:
            answer = self._http.request(path, method, path, query=query, json=body, seconds=seconds)
        except Unreachable as error:
            raise Unreachable(
                f"the program does not answer at {self.where} ({error}): is it running, and are you its user or root?"
            ) from None
        if answer.status not in expected:
            raise _error(answer, self.where)
        try:
            return shape.model_validate_json(answer.body)
        except ValidationError as error:
            what = f"{len(error.errors())} fields are not as expected"
            raise MalformedAnswer(
                f"{self.where} answers, but not as this version of panel-watchdog does ({what}): is it the same one?"
            ) from None


def _error(answer: Answer, where: str) -> WatchdogError:
    """Given a refusal, return it as the error it was, in the program's own words."""
    try:
        said = json.loads(answer.body)["error"]
        code, text = str(said["code"]), f"{said['message']}; {said['way_out']}"
    except (ValueError, TypeError, KeyError, RecursionError):
        code, text = "", f"{where} answered {answer.status}: is it panel-watchdog?"
    return _BY_CODE.get(code, ServerFault if answer.status >= _FAULT else Refused)(text)


def _bearer(token_file: Path | None) -> dict[str, str]:
    # header text is Latin-1 for its bytes; the other side compares the file's bytes
    return {} if token_file is None else {"Authorization": f"Bearer {read_secret(token_file)}".encode().decode("latin-1")}


def _is_socket(path: Path) -> bool:
    try:
        return path.is_socket()
    except OSError as error:
        raise Forbidden(
            f"cannot look for the control socket {path} ({error.strerror}): run this as root or as the program's user"
        ) from None
