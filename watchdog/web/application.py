"""The whole application: routes, errors, and the layers around them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from watchdog import __version__
from watchdog.errors import WatchdogError
from watchdog.model.metrics import Silent
from watchdog.web.alarms import alarm_routes
from watchdog.web.archives import archive_routes
from watchdog.web.calls import Lane
from watchdog.web.downloads import Places, Serving, download_routes
from watchdog.web.errors import answer_of, error_answer
from watchdog.web.guard import READING
from watchdog.web.landing import CONTENT_POLICY, landing
from watchdog.web.ordering import ordering_routes, target_routes
from watchdog.web.pauses import pause_routes
from watchdog.web.ports import Backing, Report
from watchdog.web.reading import reading_routes
from watchdog.web.scrapes import scrape

OPENAPI = Path("/api/v1/openapi.json")
_STATUS_CODES: Mapping[int, tuple[str, str]] = {
    404: ("not_found", "see / for what there is"),
    405: ("wrong_method", "see /api/v1/openapi.json for the method"),
}


def build_application(backing: Backing, questions: Lane, orders: Lane, serving: Serving | None = None) -> FastAPI:
    """Return the application without its guard.

    ``questions`` and ``orders`` bound the blocking calls of each sort, ``serving`` the downloads.
    """
    # the interactive documents load scripts from elsewhere: only the machine-readable one is served
    app = FastAPI(title="panel-watchdog", version=__version__, docs_url=None, redoc_url=None, openapi_url=str(OPENAPI))
    _plain_routes(app, backing, questions)
    reading_routes(app, backing, questions)
    archive_routes(app, backing, questions)
    download_routes(app, backing, serving or Serving(questions, Places(1), Silent()))
    target_routes(app, backing, orders)
    ordering_routes(app, backing, orders)
    pause_routes(app, backing, questions, orders)
    alarm_routes(app, backing)
    app.add_exception_handler(WatchdogError, _house_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(Exception, _crash)
    return app


def route_table(app: FastAPI) -> tuple[tuple[str, str], ...]:
    """Return (method, template) of every route, sorted; HEAD and OPTIONS left out. Raises TypeError for a route that hides others."""
    pairs = set()
    for route in app.routes:
        if not isinstance(route, Route):
            raise TypeError(f"{route!r} hides its routes: add them to the application itself, so that none is forgotten")
        pairs |= {(method, route.path) for method in route.methods or ()}
    return tuple(sorted(pair for pair in pairs if pair[0] not in {"HEAD", "OPTIONS"}))


def changing_routes(app: FastAPI) -> tuple[tuple[str, str], ...]:
    """Return the routes that change something."""
    return tuple(pair for pair in route_table(app) if pair[0] not in READING)


def _plain_routes(app: FastAPI, backing: Backing, questions: Lane) -> None:
    async def metrics(request: Request) -> Response:
        return scrape(request, backing.pages)

    async def healthy() -> Response:
        return _reported(backing.health())

    async def ready() -> Response:
        return _reported(backing.readiness())

    async def index() -> Response:
        statuses = await questions.run(backing.commands.statuses)
        page = landing(statuses, backing.health(), backing.readiness())
        return HTMLResponse(page, headers={"content-security-policy": CONTENT_POLICY})

    for path, handler in (("/metrics", metrics), ("/-/healthy", healthy), ("/-/ready", ready), ("/", index)):
        app.add_api_route(path, handler, methods=["GET", "HEAD"], response_model=None, include_in_schema=False)


def _reported(report: Report) -> Response:
    return JSONResponse({"ok": report.ok, "missing": list(report.missing)}, 200 if report.ok else 503)


def _house_error(_request: Request, error: Exception) -> Response:
    if not isinstance(error, WatchdogError):
        raise error
    return answer_of(error)


def _http_error(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    code, way_out = _STATUS_CODES.get(status, ("refused", "see /api/v1/openapi.json"))
    message = str(error.detail) if isinstance(error, HTTPException) else "error"
    return error_answer(status, code, message, way_out, dict(getattr(error, "headers", None) or {}))


def _invalid(_request: Request, error: Exception) -> Response:
    """Name what is wrong and where, never the value: it could be a secret in the wrong place."""
    found = error.errors() if isinstance(error, RequestValidationError) else []
    message = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in found)
    return error_answer(422, "invalid", message, "see /api/v1/openapi.json for what is expected")


def _crash(_request: Request, _error: Exception) -> Response:
    return error_answer(500, "internal", "this is a fault of panel-watchdog", "see the log of the program, and please report it")
