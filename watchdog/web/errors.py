"""The house's errors as answers: one shape, ``{"error": {"code", "message", "way_out"}}``, and the status that goes with it."""

from __future__ import annotations

import json

from starlette.responses import Response

from watchdog import errors
from watchdog.model.pauses import Pause
from watchdog.web.bodies import Body, PauseBody

_PLAIN = "application/json"
# the first class that fits decides, so children stand before their parents
_BY_CLASS: tuple[tuple[type[errors.WatchdogError], int, str, str], ...] = (
    (errors.NotFound, 404, "not_found", "look at /api/v1/status for the names that exist"),
    (errors.Forbidden, 403, "forbidden", "check the credential that is configured for it"),
    (errors.BadSettings, 422, "bad_settings", "mend the configuration and reload again; the old one goes on"),
    (errors.Conflict, 409, "conflict", "read it again, and name the version that it has now"),
    (errors.Permanent, 409, "refused", "read the message: the same call will be refused again"),
    (errors.DeadlinePassed, 504, "still_running", "look at /api/v1/status in a while"),
    (errors.Throttled, 503, "busy", "try again in a few seconds"),
    (errors.Stopping, 503, "stopping", "try again when the program runs"),
    (errors.LedgerUnavailable, 503, "ledger_unavailable", "see /-/ready and the log for what is wrong with the ledger"),
    (errors.Temporary, 503, "try_again", "try again in a while"),
    (errors.Unknown, 502, "unknown", "the other side gave no usable answer; see the log"),
)


def error_answer(
    status: int, code: str, message: str, way_out: str, headers: dict[str, str] | None = None, current: Body | None = None
) -> Response:
    """Return one error as an answer; with it, what a stale order did not know, as it is now."""
    body: dict[str, object] = {"error": {"code": code, "message": message, "way_out": way_out}}
    if current is not None:
        body["current"] = current.model_dump(mode="json")
    return Response(json.dumps(body, ensure_ascii=False), status, headers, _PLAIN)


def answer_of(error: errors.WatchdogError) -> Response:
    """Given one of the house's errors, return its answer."""
    status, code, way_out = next(
        ((status, code, way_out) for kind, status, code, way_out in _BY_CLASS if isinstance(error, kind)),
        (500, "internal", "see the log"),
    )
    delay = getattr(error, "delay", None)
    known = error.current if isinstance(error, errors.Conflict) else None
    current = PauseBody.of(known) if isinstance(known, Pause) else None
    return error_answer(status, code, str(error), way_out, {"retry-after": str(max(1, round(delay)))} if delay else None, current)
