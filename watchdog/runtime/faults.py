"""What requests, urllib3 and sockets raise, turned into the house's errors. Used by ``runtime/http`` only.

Their texts are dropped: they hold the whole URL, and sometimes a header.
"""

from __future__ import annotations

import http.client
import ssl
import zlib
from collections.abc import Callable, Sequence

import requests
import urllib3.exceptions

from watchdog.errors import BadSettings, Cut, DeadlinePassed, MalformedAnswer, Unreachable, WatchdogError


class translated:  # noqa: N801  # reads as a word in `with`
    """Turns what requests, urllib3 and sockets raise into the house's errors; their texts are dropped, they hold the whole URL."""

    def __init__(self, operation: str, server: str, seconds: float) -> None:
        self._operation, self._server, self._seconds = operation, server, seconds

    def __enter__(self) -> None:
        return

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if error is None or isinstance(error, WatchdogError):
            return
        said = f"{self._operation}: {self._server}"
        causes = list(_causes(error))
        if any(isinstance(cause, TimeoutError | urllib3.exceptions.TimeoutError) for cause in causes):
            raise DeadlinePassed(f"{said} did not finish within {self._seconds:g} s") from None
        if any(isinstance(cause, requests.exceptions.InvalidHeader | UnicodeEncodeError) for cause in causes):
            raise BadSettings(f"{said}: a header cannot be sent; does a key file hold a line break or a strange character?") from None
        if any(isinstance(cause, ssl.SSLError) for cause in causes):
            raise Unreachable(f"{said} and we do not agree on TLS: {_tls_reason(causes)}") from None
        if any(_not_http(cause) for cause in causes):
            raise MalformedAnswer(f"{said} does not speak proper HTTP") from None
        if isinstance(error, OSError | urllib3.exceptions.HTTPError | http.client.HTTPException | zlib.error):
            raise Unreachable(f"{said} cannot be reached: {_reason(causes)}") from None


class cut:  # noqa: N801  # reads as a word in `with`
    """Turns whatever the wire raises once content has begun to flow into Cut: of a stream that ended early nothing else matters.

    ``received`` says how many bytes have come.
    """

    def __init__(self, operation: str, server: str, received: Callable[[], int]) -> None:
        self._operation, self._server, self._received = operation, server, received

    def __enter__(self) -> None:
        return

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, OSError | urllib3.exceptions.HTTPError | http.client.HTTPException | ValueError):
            said = f"{self._operation}: {self._server} cut its answer after {self._received()} bytes"
            raise Cut(f"{said} ({_reason(_causes(error))})") from None


def _causes(error: BaseException | None) -> Sequence[BaseException]:
    """Return the error and all that led to it: causes, contexts, and the errors that requests and urllib3 keep in args and reason."""
    found: list[BaseException] = []
    waiting = [error]
    while waiting:
        one = waiting.pop(0)
        if isinstance(one, BaseException) and not any(one is other for other in found):
            found.append(one)
            inner = [arg for arg in one.args if isinstance(arg, BaseException)]
            waiting += [*inner, getattr(one, "reason", None), one.__cause__, one.__context__]
    return found


def _not_http(cause: BaseException) -> bool:
    if isinstance(cause, http.client.RemoteDisconnected | http.client.IncompleteRead | urllib3.exceptions.IncompleteRead):
        return False
    # a ValueError at the root is a chunk's length that is no number; http.client dresses it as an incomplete read
    return type(cause) is ValueError or isinstance(cause, http.client.HTTPException | urllib3.exceptions.InvalidChunkLength | zlib.error)


def _reason(causes: Sequence[BaseException]) -> str:
    for cause in causes:
        if isinstance(cause, OSError) and not isinstance(cause, requests.RequestException) and cause.strerror:
            return cause.strerror
    last = [cause for cause in causes if not isinstance(cause, requests.RequestException)]
    return type((last or list(causes))[-1]).__name__


def _tls_reason(causes: Sequence[BaseException]) -> str:
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted ({cause.verify_message}); name its authority as ca_file"
    return next((cause.reason for cause in causes if isinstance(cause, ssl.SSLError) and cause.reason), "handshake failed")
