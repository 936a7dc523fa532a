"""From what docker-py and the wire raise to the errors of the house."""

from __future__ import annotations

from collections.abc import Iterator

from docker.errors import DockerException, TLSParameterError

from watchdog.errors import (
    BadSettings,
    DeadlinePassed,
    Forbidden,
    MalformedAnswer,
    NotFound,
    Refused,
    ServerFault,
    Throttled,
    Unreachable,
    WatchdogError,
)

_SOCKET_FORBIDDEN = (
    "no permission for the Docker socket {url}: add this program's user to the group 'docker' (and start it anew), "
    "or point `url` at a socket proxy that allows it"
)
_PROXY_FORBIDDEN = (
    "the engine at {url} forbids {what} ({status}): allow it in the socket proxy (such as CONTAINERS=1, EVENTS=1, INFO=1, POST=1)"
)
_MESSAGE_LIMIT = 200


def of_status(status: int, text: str, what: str, url: str) -> WatchdogError:
    """Given an HTTP status of 300 or more and the engine's message, return the house's error."""
    message = f"{what}: {status} {' '.join(text.split())[:_MESSAGE_LIMIT]}"
    match status:
        case 404:
            return NotFound(message)
        case 401 | 403:
            return Forbidden(_PROXY_FORBIDDEN.format(url=url, what=what, status=status))
        case 429:
            return Throttled(message)
        case _ if status >= 500:  # noqa: PLR2004  # HTTP's server errors
            return ServerFault(message)
        case _ if status >= 400:  # noqa: PLR2004  # HTTP's client errors
            return Refused(message)
        case _:
            return MalformedAnswer(f"{what}: a redirect ({status}) is no answer of an engine")


def of_error(error: Exception, what: str, url: str, *, expired: bool, seconds: float | None) -> WatchdogError:
    """Given what was raised during an exchange, return the house's error. ``expired``: the deadline cut it, whatever was raised then."""
    if isinstance(error, WatchdogError):
        return error
    chain = tuple(_chain(error))
    failures = [link for link in chain if isinstance(link, OSError)]
    if expired or any(isinstance(link, TimeoutError) or "Timeout" in type(link).__name__ for link in chain):
        return DeadlinePassed(f"{what}: no whole answer from {url}" + ("" if seconds is None else f" within {seconds:g} s"))
    if any(isinstance(link, PermissionError) for link in failures):  # by class: SSLError's errno 1 would pass for EPERM
        return Forbidden(_SOCKET_FORBIDDEN.format(url=url))
    if isinstance(error, TLSParameterError):
        return BadSettings(f"the TLS files for {url} cannot be used: {error}")
    if isinstance(error, DockerException | ValueError):
        return MalformedAnswer(f"{what}: {type(error).__name__}: {str(error)[:_MESSAGE_LIMIT]}")
    reason = next((link.strerror for link in failures if link.strerror), type(error).__name__)
    return Unreachable(f"{what}: {url}: {reason}")


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield the error, its causes, and errors carried as arguments or reasons (urllib3 wraps the real one there)."""
    seen: set[int] = set()
    queue: list[object] = [error]
    while queue:
        link = queue.pop(0)
        if not isinstance(link, BaseException) or id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        queue += [link.__cause__, link.__context__, getattr(link, "reason", None), *link.args]
