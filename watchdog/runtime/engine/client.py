"""docker-py's low-level client behind one function: ``Door.open`` sends one request within one deadline."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docker import APIClient
from docker.constants import DEFAULT_DOCKER_API_VERSION
from docker.tls import TLSConfig

from watchdog.errors import BadSettings, MalformedAnswer, Refused, Temporary
from watchdog.runtime.engine.answers import of_error, of_status
from watchdog.runtime.engine.exchange import Exchange, WatchedUnixAdapter, watch_pools

ANSWER_LIMIT = 64 << 20
_ERROR_LIMIT = 64 << 10
_BAD = 300
_UNCHANGED = 304  # start of a running container, stop of a stopped one


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """The three files of Docker's TLS: authority, own certificate, own key."""

    ca: Path
    certificate: Path
    key: Path


class Door:
    """One engine endpoint. ``url`` is unix:///path or tcp://host:port (with ``tls``). No I/O at construction.

    The API version is asked for at the first call and again after any failure: the engine may have come back as another version.
    """

    def __init__(self, url: str, tls: TlsFiles | None = None, limit: int = ANSWER_LIMIT) -> None:
        if not url.startswith(("unix:///", "tcp://")):
            raise BadSettings(f"'{url}' is no engine URL: write unix:///path/to/docker.sock or tcp://host:port")
        self.url = url
        self._tls = tls
        self._limit = limit
        self._lock = threading.Lock()
        self._client: APIClient | None = None
        self._version: str | None = None

    def fetch(self, method: str, path: str, seconds: float, *, versioned: bool = True, **request: Any) -> bytes:
        """Send one request and return the whole body. Raises the house's errors only."""
        with self.open(method, path, seconds, versioned=versioned, **request) as answer:
            return self._body(answer, f"{method} {path}")

    @contextmanager
    def open(self, method: str, path: str, seconds: float, *, versioned: bool = True, **request: Any) -> Iterator[Any]:
        """Send one request and give the streamed answer (requests' Response); all of it within ``seconds``."""
        with Exchange(seconds) as exchange:
            try:
                with self.send(method, path, seconds, versioned=versioned, **request) as answer:
                    yield answer
                exchange.check()  # a body without a length just ends when it is cut
            except Exception as error:  # noqa: BLE001  # docker-py, requests, urllib3 and http.client: four families without a common root
                raise self.judged(error, f"{method} {path}", exchange, seconds) from None

    def send(self, method: str, path: str, seconds: float, *, versioned: bool = True, **request: Any) -> Any:
        """Send one request in the thread's exchange; return the answer with its body unread, or raise for its status."""
        prefix = f"/v{self._negotiate(seconds)}" if versioned else ""
        answer = self._request(method, prefix + path, seconds, **request)
        if answer.status_code < _BAD or answer.status_code == _UNCHANGED:
            return answer
        with answer:
            text = answer.raw.read(_ERROR_LIMIT, decode_content=True).decode(errors="replace")
        raise of_status(answer.status_code, _message(text), f"{method} {path}", self.url)

    def judged(self, error: Exception, what: str, exchange: Exchange, seconds: float | None) -> Exception:
        """Return the house's error for ``error``; forget the negotiated version when the engine may be another one now."""
        mapped = of_error(error, what, self.url, expired=exchange.expired, seconds=seconds)
        too_new = isinstance(mapped, Refused) and "client version" in str(mapped)
        if isinstance(mapped, Temporary | MalformedAnswer) or too_new:
            self._version = None
        return mapped

    def close(self) -> None:
        """Give back what the client holds; the next call makes a new one."""
        with self._lock:
            client, self._client, self._version = self._client, None, None
        if client is not None:
            client.close()

    def _negotiate(self, seconds: float) -> str:
        # what docker-py's version="auto" does in its constructor, where it would be I/O
        version = self._version
        if version is None:
            with self.send("GET", "/version", seconds, versioned=False) as answer:
                version = self._version = _api_version(self._body(answer, "GET /version"))
        return version

    def _body(self, answer: Any, what: str) -> bytes:
        """Return the body; raise MalformedAnswer when it grows beyond the limit."""
        pieces, size = [], 0
        for piece in answer.iter_content(1 << 16):
            pieces.append(piece)
            size += len(piece)
            if size > self._limit:
                raise MalformedAnswer(f"{what}: the answer is larger than {self._limit} bytes")
        return b"".join(pieces)

    def _request(self, method: str, path: str, seconds: float, **request: Any) -> Any:
        with self._lock:
            client = self._client = self._client or self._make()
        request.setdefault("timeout", seconds)
        return client.request(method, client.base_url + path, stream=True, allow_redirects=False, **request)

    def _make(self) -> APIClient:
        tls = self._tls and TLSConfig(client_cert=(str(self._tls.certificate), str(self._tls.key)), ca_cert=str(self._tls.ca), verify=True)
        client = APIClient(base_url=self.url, version=DEFAULT_DOCKER_API_VERSION, tls=tls or False)
        client.trust_env = False  # no proxies, no .netrc
        client.headers["Connection"] = "close"  # one connection per exchange: a restarted engine leaves no dead one behind
        if self.url.startswith("unix://"):
            client.mount("http+docker://", WatchedUnixAdapter("http+" + self.url))
        else:
            watch_pools(client.get_adapter(client.base_url))
        return client


def _api_version(body: bytes) -> str:
    version = object_of(body, "GET /version").get("ApiVersion")
    if not isinstance(version, str) or not version.replace(".", "").isdigit():
        raise MalformedAnswer("GET /version: no ApiVersion")
    return version


def object_of(body: bytes, what: str) -> Mapping[str, object]:
    """Parse ``body`` as a JSON object. Raise MalformedAnswer."""
    value = json_of(body, what)
    if not isinstance(value, dict):
        raise MalformedAnswer(f"{what}: not a JSON object")
    return value


def json_of(body: bytes, what: str) -> object:
    """Parse ``body`` as JSON. Raise MalformedAnswer."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise MalformedAnswer(f"{what}: not JSON ({len(body)} bytes)") from None


def _message(text: str) -> str:
    try:
        return str(json.loads(text)["message"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return text
