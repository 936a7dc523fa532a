"""A loopback S3 server with one bucket, for listings only: it checks each signature by itself, pages, and has its bad days.

Its check is written from AWS's description a second time, over what came in by the wire: nothing of ``runtime/buckets`` is used, so a
mistake there is no match here.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from watchdog.panels.sysreptor.fake import bucket_pages as pages
from watchdog.panels.sysreptor.fake.bucket_pages import Stored, Upload
from watchdog.runtime import loopback

ACCESS_KEY: Final = "AKIDEXAMPLEOFTHEFAKE"
SECRET_KEY: Final = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"  # noqa: S105  # the fake's own
SKEW: Final = 15 * 60.0
_CREDENTIAL: Final = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/s3/aws4_request, ?SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})"
)
_STATUS: Final[Mapping[str, int]] = {
    "AccessDenied": 403, "InvalidAccessKeyId": 403, "SignatureDoesNotMatch": 403, "RequestTimeTooSkewed": 403, "NoSuchBucket": 404,
    "NoSuchUpload": 404, "AuthorizationHeaderMalformed": 400, "PermanentRedirect": 301, "ExpiredToken": 400, "NotImplemented": 501,
    "InternalError": 500, "SlowDown": 503,
}  # fmt: skip


@dataclass(slots=True)
class BucketWorld:
    """One bucket and its server. ``refuse`` maps a listing (objects, uploads, parts) to the error code it answers with.

    ``page`` is the most entries of one page, ``hold`` lets every answer wait until it is set, ``raw`` is answered as it is in place of any
    listing. ``exact_only`` makes it a MinIO: unfinished uploads are listed for an exact key only.
    """

    name: str = "backups"
    region: str = "eu-central-1"
    objects: list[Stored] = field(default_factory=list)
    uploads: list[Upload] = field(default_factory=list)
    page: int = 1000
    token: str = ""
    refuse: dict[str, str] = field(default_factory=dict)
    exact_only: bool = False
    redirect: str = ""
    raw: bytes | None = None
    hold: threading.Event | None = None
    now: Callable[[], float] = time.time


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it came in; ``query`` is what the listing saw of it."""

    method: str
    host: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str] = field(repr=False)


class FakeBucket:
    """A server on 127.0.0.1 over one world, until ``close``. ``seen`` are the requests that came in."""

    def __init__(self, world: BucketWorld, port: int = 0) -> None:
        self.world = world
        self.seen: list[Asked] = []
        self._server = loopback.Server(type("Handler", (_Handler,), {"bucket": self}), "fake-s3-http", port)

    @property
    def url(self) -> str:
        """Return the server's address."""
        return self._server.url

    def close(self) -> None:
        """Stop serving."""
        if self.world.hold is not None:
            self.world.hold.set()
        self._server.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def answer(world: BucketWorld, method: str, target: str, headers: Mapping[str, str]) -> tuple[int, bytes]:
    """Return status and body for one request; ``target`` and ``headers`` (lower-case names) as they came in. Pure but for the clock."""
    refusal = refused(world, method, target, headers)
    if refusal:
        return _STATUS[refusal], pages.error(refusal)
    path, query = _split(target)
    bucket, key = _place(world, path, headers.get("host", ""))
    kind = "parts" if "uploadId" in query else "uploads" if "uploads" in query else "objects" if query.get("list-type") == "2" else ""
    code = world.refuse.get(kind, "")
    if bucket != world.name:
        code = "NoSuchBucket"
    elif method != "GET" or not kind or bool(key) != (kind == "parts"):
        code = "NotImplemented"  # whatever else there is in S3, the watchdog has no business with it
    if code:
        return _STATUS[code], pages.error(code)
    return (200, world.raw) if world.raw is not None else _listing(world, kind, key, query)


def refused(world: BucketWorld, method: str, target: str, headers: Mapping[str, str]) -> str:
    """Return the code by which a request's signature is refused, "" = it is right."""
    found = _CREDENTIAL.fullmatch(headers.get("authorization", ""))
    stamp = headers.get("x-amz-date", "")
    if found is None or not {"host", "x-amz-date", "x-amz-content-sha256"} <= set(found[4].split(";")):
        return "AccessDenied"
    access, day, region, names, signature = found.groups()
    if access != ACCESS_KEY:
        return "InvalidAccessKeyId"
    if region != world.region:
        return "AuthorizationHeaderMalformed"
    if world.token != headers.get("x-amz-security-token", ""):
        return "ExpiredToken"
    at = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    if abs(world.now() - at) > SKEW or not stamp.startswith(day):
        return "RequestTimeTooSkewed"
    path, _, query = target.partition("?")
    # name and value by bytes, not as pairs of a form: a plus is a plus
    pairs = sorted(tuple(map(_again, each.partition("=")[::2])) for each in query.split("&") if each)
    lines = [method, _again(path, slash="/"), "&".join(f"{name}={value}" for name, value in pairs)]
    lines += [f"{name}:{headers.get(name, '').strip()}" for name in names.split(";")]
    lines += ["", names, headers["x-amz-content-sha256"]]
    scope = f"{day}/{region}/s3/aws4_request"
    wanted = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256("\n".join(lines).encode()).hexdigest()])
    key = ("AWS4" + SECRET_KEY).encode()
    for word in (*scope.split("/"), wanted):
        key = hmac.digest(key, word.encode(), "sha256")
    return "" if hmac.compare_digest(key.hex(), signature) else "SignatureDoesNotMatch"


def _listing(world: BucketWorld, kind: str, key: str, query: Mapping[str, str]) -> tuple[int, bytes]:
    prefix, quoted = query.get("prefix", ""), query.get("encoding-type") == "url"
    if kind == "objects":
        kept = sorted((each for each in world.objects if each.key.startswith(prefix)), key=lambda each: each.key)
        after = bytes.fromhex(query.get("continuation-token", "")).decode()
        most = min(world.page, int(query.get("max-keys", "1000")))
        return 200, pages.objects([each for each in kept if each.key > after], most, quoted=quoted)
    if kind == "uploads":
        begun = [each for each in world.uploads if (each.key == prefix if world.exact_only else each.key.startswith(prefix))]
        marker = (query.get("key-marker", ""), query.get("upload-id-marker", ""))
        begun = sorted((each for each in begun if (each.key, each.id) > marker), key=lambda each: (each.key, each.id))
        return 200, pages.uploads(begun, min(world.page, int(query.get("max-uploads", "1000"))), quoted=quoted)
    upload = next((each for each in world.uploads if (each.key, each.id) == (key, query["uploadId"])), None)
    if upload is None:
        return 404, pages.error("NoSuchUpload")
    return 200, pages.parts(upload, int(query.get("part-number-marker", "0")), min(world.page, int(query.get("max-parts", "1000"))))


def _split(target: str) -> tuple[str, dict[str, str]]:
    parts = urlsplit(target)
    return unquote(parts.path), dict(parse_qsl(parts.query, keep_blank_values=True))


def _place(world: BucketWorld, path: str, host: str) -> tuple[str, str]:
    """Return (bucket, key) of a request: the bucket before the host's name, or first in the path."""
    if host.startswith(f"{world.name}."):
        return world.name, path[1:]
    bucket, _, key = path[1:].partition("/")
    return bucket, key


def _again(text: str, slash: str = "") -> str:
    """Return a piece of a URL in the one way that is signed: unquoted, and quoted byte by byte."""
    free = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~" + slash.encode()
    return "".join(chr(byte) if byte in free else f"%{byte:02X}" for byte in unquote(text).encode())


class _Handler(loopback.Connection):
    """One connection."""

    bucket: FakeBucket

    def answer(self, asked: loopback.Asked) -> None:
        """Answer one request."""
        world = self.bucket.world
        path, query = _split(self.path)
        self.bucket.seen.append(Asked(asked.method, asked.headers.get("host", ""), path, query, asked.headers))
        if world.hold is not None:
            world.hold.wait()
        status, body = (307, pages.error("TemporaryRedirect")) if world.redirect else answer(world, asked.method, self.path, asked.headers)
        self._send(status, body, world)

    def _send(self, status: int, body: bytes, world: BucketWorld) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/xml")
        if world.redirect:
            self.send_header("Location", world.redirect)
        if status == 503:  # noqa: PLR2004  # Service Unavailable
            self.send_header("Retry-After", "7")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def version_string(self) -> str:
        """Return what the server calls itself."""
        return "MinIO" if self.bucket.world.exact_only else "AmazonS3"
