"""Which form of the metrics a scrape gets: the content negotiation of /metrics. Answered straight from memory, in the server's own loop."""

from __future__ import annotations

from collections.abc import Iterator

from starlette.requests import Request
from starlette.responses import Response

from watchdog.web.ports import Pages

_OPENMETRICS = "application/openmetrics-text"
_VERSIONS = frozenset({"", "0.0.1", "1.0.0"})
_TEXT = frozenset({"text/plain", "text/*", "*/*"})


def wants_openmetrics(accept: str) -> bool:
    """Given an Accept header, say whether OpenMetrics is wanted more than plain text. On a tie OpenMetrics wins if it was named."""
    best = {"openmetrics": 0.0, "text": 0.0}
    for kind, parameters in _entries(accept):
        quality = _quality(parameters)
        if kind == _OPENMETRICS and parameters.get("version", "").strip('"') in _VERSIONS:
            best["openmetrics"] = max(best["openmetrics"], quality)
        elif kind in _TEXT:
            best["text"] = max(best["text"], quality)
    return best["openmetrics"] > 0 and best["openmetrics"] >= best["text"]


def accepts_gzip(accept_encoding: str) -> bool:
    """Given an Accept-Encoding header, say whether gzip is welcome (``gzip;q=0`` is not; ``*`` is unless gzip is named)."""
    found = {kind: _quality(parameters) for kind, parameters in _entries(accept_encoding)}
    gzip = found.get("gzip", found.get("x-gzip", found.get("*", 0.0)))
    return gzip > 0 and gzip >= found.get("identity", 0.0)


def scrape(request: Request, pages: Pages) -> Response:
    """Return the answer to one scrape. Raises NotFound for an unknown source."""
    page = pages.page(
        openmetrics=wants_openmetrics(request.headers.get("accept", "")),
        gzip=accepts_gzip(request.headers.get("accept-encoding", "")),
        collect=frozenset(request.query_params.getlist("collect[]")),
        names=frozenset(request.query_params.getlist("name[]")),
    )
    headers = {"content-type": page.content_type, "vary": "Accept, Accept-Encoding"}
    if page.encoding is not None:
        headers["content-encoding"] = page.encoding
    return Response(page.body, headers=headers)


def _entries(header: str) -> Iterator[tuple[str, dict[str, str]]]:
    for entry in header.lower().split(","):
        kind, *parameters = (part.strip() for part in entry.split(";"))
        yield kind, {name.strip(): value.strip() for name, _, value in (each.partition("=") for each in parameters)}


def _quality(parameters: dict[str, str]) -> float:
    try:
        quality = float(parameters.get("q", "1"))
    except ValueError:
        return 0.0
    return quality if 0.0 <= quality <= 1.0 else 0.0
