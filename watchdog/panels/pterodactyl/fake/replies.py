"""Requests, answers and refusals of the fake panel, in the envelope of its Handler.php (contract section 1.1)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

JSON: Final = "application/json"
HTML: Final = "text/html; charset=utf-8"
UNEXPECTED: Final = "An unexpected error was encountered while processing this request, please try again."
MISSING: Final = "The requested resource could not be found on the server."


@dataclass(frozen=True, slots=True)
class Request:
    """One request. ``headers`` have lower-case names."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    raw_query: str = ""

    @property
    def wants_json(self) -> bool:
        """Whether Laravel's ``expectsJson`` says so; without it refusals are pages or redirects (contract section 1.1)."""
        accept = self.headers.get("accept", "")
        return "/json" in accept or "+json" in accept

    @property
    def fields(self) -> Mapping[str, Any]:
        """Return the JSON body, {} without a good one."""
        try:
            said = json.loads(self.body) if self.body else {}
        except ValueError:
            return {}
        return said if isinstance(said, dict) else {}


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer. ``lost``: the connection ends instead."""

    status: int
    body: bytes = b""
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    lost: bool = False


class Refused(Exception):
    """The request ends here: (status, code, detail) of one error, or several errors with their fields."""

    def __init__(
        self, status: int, code: str, detail: str = UNEXPECTED, *, headers: Mapping[str, str] | None = None, meta: Any = None
    ) -> None:
        super().__init__(status, code)
        self.status, self.headers = status, dict(headers or {})
        error: dict[str, Any] = {"code": code, "status": str(status), "detail": detail}
        self.errors = [error | ({"meta": meta} if meta else {})]

    def and_more(self, errors: list[dict[str, Any]]) -> Refused:
        """Return this refusal with these errors instead."""
        self.errors = errors
        return self


def said(body: object, status: int = 200) -> Reply:
    """Return an answer of JSON."""
    return Reply(status, json.dumps(body, separators=(",", ":")).encode())


NOTHING: Final = Reply(204, b"", "")


def missing() -> Refused:
    """Return what everything unknown answers (client-404-server.json, remote-unknown-1.11.8.json)."""
    return Refused(404, "NotFoundHttpException", MISSING)


def invalid(*findings: tuple[str, str, str]) -> Refused:
    """Return a 422 with one entry per (field, rule, detail) (remote-missing-checksum-1.11.8.json)."""
    errors = [
        {"code": "ValidationException", "status": "422", "detail": detail, "meta": {"source_field": name, "rule": rule}}
        for name, rule, detail in findings
    ]
    return Refused(422, "ValidationException").and_more(errors)


def refusal(refused: Refused, request: Request, login: str) -> Reply:
    """Return a refusal as this client is told it; ``login`` is where a person without a key is sent."""
    if request.wants_json:
        return Reply(refused.status, json.dumps({"errors": refused.errors}).encode(), JSON, refused.headers)
    if refused.status == HTTPStatus.UNAUTHORIZED and not request.path.startswith("/api/remote"):
        page = f"<!DOCTYPE html>\n<html><head><title>Redirecting to {login}</title></head></html>\n"  # client-401-no-accept.json
        return Reply(302, page.encode(), HTML, {"Location": login})
    title = HTTPStatus(refused.status).phrase  # down-client-no-accept.json, remote-not-json-accept-1.11.8.json
    page = f'<!DOCTYPE html>\n<html lang="en"><head><title>{title}</title></head></html>\n'
    return Reply(refused.status, page.encode(), "text/html; charset=UTF-8", refused.headers)
