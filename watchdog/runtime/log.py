"""The log: the only structlog. One line per event, redacted last, and never an exception into the caller.

Everybody else: ``log = get_logger(__name__)``, then ``log.info("sentence", key=value)``. The standard library's logging (uvicorn,
apscheduler, urllib3, alembic, docker) goes through the same door, at WARNING.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
from collections.abc import MutableMapping
from typing import Literal, Protocol, TextIO, cast

from watchdog.runtime.redaction import redact, redact_fields, register_secret

# structlog imports rich when it can, which `run` must not pay for (rule of the house): hide rich while it looks.
_rich_is_new = "rich" not in sys.modules
if _rich_is_new:
    sys.modules["rich"] = None  # type: ignore[assignment]
try:
    import structlog
finally:
    if _rich_is_new:
        sys.modules.pop("rich", None)

__all__ = ["Format", "Logger", "configure", "get_logger", "redact", "register_secret"]

Format = Literal["logfmt", "json", "console"]
FOREIGN = ("uvicorn", "uvicorn.error", "uvicorn.access", "apscheduler", "urllib3", "alembic", "docker", "asyncio", "sqlalchemy")
_FIRST = ["ts", "level", "logger", "msg"]


class Logger(Protocol):
    """What ``get_logger`` returns: ``event`` is a sentence, the rest are its facts."""

    def debug(self, event: str, **facts: object) -> object: ...

    def info(self, event: str, **facts: object) -> object: ...

    def warning(self, event: str, **facts: object) -> object: ...

    def error(self, event: str, **facts: object) -> object: ...

    def exception(self, event: str, **facts: object) -> object:
        """Like ``error``, with the traceback of the exception being handled."""
        ...

    def bind(self, **facts: object) -> Logger:
        """Return a logger that adds ``facts`` to each of its lines."""
        ...


def get_logger(name: str) -> Logger:
    """Return the logger of a module; usable before ``configure``: until then the standard library's last resort prints it."""
    return cast(Logger, structlog.stdlib.get_logger(name))


def configure(level: str = "info", form: Format = "logfmt", stream: TextIO | None = None) -> None:
    """Write the log of the whole process to ``stream`` (standard error), as ``form``, from ``level`` on; foreign libraries from WARNING on.

    May be called again (reload). Raises ValueError for an unknown level.
    """
    number = logging.getLevelNamesMapping().get(level.upper())
    if number is None:
        raise ValueError(f"{level!r} is not a log level: write debug, info, warning or error")
    handler = _Handler(stream or sys.stderr)
    handler.setFormatter(_formatter(form, colours=form == "console" and handler.stream.isatty()))
    root = logging.getLogger()
    for old in [known for known in root.handlers if isinstance(known, _Handler)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger("watchdog").setLevel(number)
    for name in FOREIGN:
        foreign = logging.getLogger(name)
        foreign.handlers.clear()
        foreign.propagate = True
        foreign.setLevel(max(logging.WARNING, number))
    logging.captureWarnings(capture=True)
    threading.excepthook = _thread_died


def _thread_died(died: threading.ExceptHookArgs) -> None:
    """Report a dying thread through the log; Python would print the raw traceback, which may hold a secret."""
    if not getattr(died.thread, "supervised", False) and not issubclass(died.exc_type, SystemExit):
        name = died.thread.name if died.thread else "?"
        get_logger(__name__).error("a thread died", thread=name, exc_info=(died.exc_type, died.exc_value, died.exc_traceback))


class _Handler(logging.StreamHandler[TextIO]):
    """Writes lines; a line that cannot be rendered or written is lost, never raised, and never shown raw (it may hold a secret)."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # the standard library's name
        kind = sys.exc_info()[0]
        with contextlib.suppress(OSError, ValueError):
            self.stream.write(f'level=error msg="a log line was lost" logger={record.name} error={kind.__name__ if kind else "?"}\n')


def _formatter(form: Format, *, colours: bool) -> logging.Formatter:
    chain: list[structlog.typing.Processor] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,
        _redact,
        _renderer(form, colours=colours),
    ]
    if form != "console":
        chain.insert(2, structlog.processors.EventRenamer("msg"))
    return structlog.stdlib.ProcessorFormatter(foreign_pre_chain=_SHARED, processors=chain)


def _renderer(form: Format, *, colours: bool) -> structlog.typing.Processor:
    match form:
        case "json":
            return structlog.processors.JSONRenderer(ensure_ascii=False)
        case "console":
            return structlog.dev.ConsoleRenderer(colors=colours, timestamp_key="ts", exception_formatter=structlog.dev.plain_traceback)
        case "logfmt":
            return structlog.processors.LogfmtRenderer(key_order=_FIRST, drop_missing=True)


def _redact(_logger: object, _method: str, raw: MutableMapping[str, object]) -> dict[str, object]:
    fields = redact_fields(raw)
    return {name: fields[name] for name in sorted(fields, key=lambda name: _FIRST.index(name) if name in _FIRST else len(_FIRST))}


_SHARED: list[structlog.typing.Processor] = [
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
]
structlog.configure(
    processors=[structlog.stdlib.filter_by_level, *_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
    wrapper_class=structlog.stdlib.BoundLogger,
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=False,
)
