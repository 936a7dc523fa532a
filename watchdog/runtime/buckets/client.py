"""One bucket as its listings show it: paged, bounded, each request with a deadline and the whole look with one. Reads names only.

No request reads an object: what is known of one is what a listing says, so it can never be called good.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final, Literal, TypeVar

from watchdog.errors import Blind, DeadlinePassed, MalformedAnswer, NotFound, WatchdogError
from watchdog.model.buckets import BucketLook, BucketObject, BucketUpload
from watchdog.model.moments import Clock
from watchdog.runtime.answers import Answer, Observe
from watchdog.runtime.buckets import answers
from watchdog.runtime.buckets.refusals import accepted
from watchdog.runtime.buckets.signing import Signer, canonical_path, canonical_query
from watchdog.runtime.fields import read_secret
from watchdog.runtime.http import Http, Tls

OPERATIONS: Final = ("s3_objects", "s3_uploads", "s3_parts")
"""Names of all our requests, for their count."""
TRUNCATED: Final = "truncated"
NOT_ASKED: Final = "not_configured"
PAGE: Final = 1000
LARGEST: Final = 4 << 20
"""Bytes of one answer: a thousand of the longest keys, each byte quoted."""
MOST_UPLOADS: Final = 5000
MOST_PAGES: Final = 1000
"""So many pages are read of one listing at most: a server may make them shorter than asked, even empty."""
MOST_COUNTED: Final = 10
"""Of so many uploads, the oldest, the parts are counted."""
MOST_PART_PAGES: Final = 10
"""An upload has 10,000 parts at most."""
EXACT_ONLY: Final = "minio"
"""Servers that call themselves so list unfinished uploads of an exact key only (minio/minio issues 7632 and 20989, as intended)."""

ReadT = TypeVar("ReadT")
PageT = TypeVar("PageT")


@dataclass(frozen=True, slots=True)
class Keys:
    """Where the credential lies; read anew for each request. ``token`` is for a temporary one."""

    access: Path
    secret: Path
    token: Path | None = None

    def signer(self, region: str) -> Signer:
        """Return the credential. Raises BadSettings."""
        return Signer(read_secret(self.access), read_secret(self.secret), region, read_secret(self.token) if self.token else "")


@dataclass(frozen=True, slots=True)
class Which:
    """What of a bucket is looked at: keys below ``prefix`` whose last part fits ``pattern``, of at most ``most`` objects.

    ``uploads``: whether unfinished uploads are asked for.
    """

    prefix: str = ""
    pattern: str = "*"
    most: int = 20_000
    uploads: bool = True

    def fits(self, key: str) -> bool:
        """Whether a key counts: not what some programs leave for a folder, nor what could steer the terminal of whoever reads it."""
        name = key.rpartition("/")[2]
        return bool(name) and key.isprintable() and key.startswith(self.prefix) and fnmatchcase(name, self.pattern)


class Bucket:
    """One bucket of one server, safe to use from many threads. ``seconds`` bounds one request; no I/O until ``look``.

    ``url`` is the server's address, without a path. With ``style`` path the bucket stands in the path, with ``virtual`` in the host's name.
    """

    def __init__(
        self,
        url: str,
        bucket: str,
        keys: Keys,
        *,
        clock: Clock,
        region: str = "us-east-1",
        style: Literal["path", "virtual"] = "path",
        seconds: float = 15.0,
        observe: Observe = lambda _operation, _result: None,
        tls: Tls | None = None,
    ) -> None:
        base = _address(url, bucket, style)
        self._host, self._root = base.partition("://")[2], f"/{bucket}" if style == "path" else ""
        self._keys, self._region, self._clock, self._seconds = keys, region, clock, seconds
        self._http = Http(base, clock=clock, seconds=seconds, limit=LARGEST, observe=observe, tls=tls)

    def look(self, which: Which, seconds: float) -> BucketLook:
        """List objects, then uploads, in ``seconds``; what could not be listed stands in the result with its reason. Raises nothing."""
        until = self._clock.now().mono + seconds
        objects, objects_error, objects_message = _tried(lambda: self.objects(which, until))
        uploads, uploads_error, uploads_message = (None, NOT_ASKED, "")
        if which.uploads:
            uploads, uploads_error, uploads_message = _tried(lambda: self.uploads(which, until))
        found, whole = objects if objects is not None else (None, True)
        begun, all_begun = uploads if uploads is not None else (None, True)
        return BucketLook(
            found,
            objects_error if whole else TRUNCATED,
            objects_message if whole else f"the bucket has more than {which.most} objects below the prefix: narrow s3.prefix",
            begun,
            uploads_error if all_begun else TRUNCATED,
            uploads_message if all_begun else f"the bucket has more than {MOST_UPLOADS} unfinished uploads below the prefix",
        )

    def objects(self, which: Which, until: float) -> tuple[tuple[BucketObject, ...], bool]:
        """Return the objects that fit, newest first, and whether every page was read. ``until`` is monotonic. Raises what exchanges do."""
        found: list[BucketObject] = []
        listed, after = 0, ""
        query = {"list-type": "2", "max-keys": str(min(PAGE, which.most)), "prefix": which.prefix, "encoding-type": "url"}
        for _ in range(MOST_PAGES):
            page = self._ask("s3_objects", query | ({"continuation-token": after} if after else {}), answers.objects_page, until)
            _moves(page.after, after)
            listed, after = listed + len(page.objects), page.after
            found += [each for each in page.objects if which.fits(each.key)]
            if not after or listed >= which.most:
                break
        return tuple(sorted(found, key=lambda each: (-each.stored_at, each.key))), not after

    def uploads(self, which: Which, until: float) -> tuple[tuple[BucketUpload, ...], bool]:
        """Return the unfinished uploads that fit, oldest first, and whether every page was read. Raises what exchanges do, and Blind."""
        found: list[BucketUpload] = []
        listed, server, after = 0, "", None
        for _ in range(MOST_PAGES):
            page = self._ask("s3_uploads", _uploads_query(which.prefix, after), answers.uploads_page, until)
            _moves(page.after, after)
            listed, server, after = listed + len(page.uploads), page.server, page.after
            found += [each for each in page.uploads if which.fits(each.key)]
            if after is None or listed >= MOST_UPLOADS:
                break
        if EXACT_ONLY in server.lower() and not listed:
            raise Blind(
                "MinIO lists unfinished uploads of an exact key only, so an empty listing proves nothing: set s3.uploads: false. It "
                "removes old ones by itself (mc admin config get ALIAS api: stale_uploads_expiry)"
            )
        ordered = sorted(found, key=lambda each: (each.began_at, each.key, each.upload_id))
        return (*self._counted(ordered[:MOST_COUNTED], until), *ordered[MOST_COUNTED:]), after is None

    def parts(self, upload: BucketUpload, until: float) -> BucketUpload:
        """Return ``upload`` with what has arrived of it. Raises what exchanges raise."""
        count = total = 0
        after: int | None = None
        query = {"uploadId": upload.upload_id, "max-parts": str(PAGE)}
        for _ in range(MOST_PART_PAGES):
            marker = {} if after is None else {"part-number-marker": str(after)}
            page = self._ask("s3_parts", query | marker, answers.parts_page, until, key=upload.key)
            _moves(page.after, after)
            count, total, after = count + page.parts, total + page.bytes, page.after
            if after is None:
                return replace(upload, parts=count, bytes=total)
        raise MalformedAnswer("s3_parts: an upload has more parts than there can be")

    def close(self) -> None:
        """Give back connections."""
        self._http.close()

    def _counted(self, uploads: list[BucketUpload], until: float) -> Iterator[BucketUpload]:
        """Yield ``uploads`` with their parts counted where that is possible, without those that have ended meanwhile."""
        for upload in uploads:
            if any(part in {"", ".", ".."} for part in upload.key.split("/")):
                yield upload  # on its way such a path would be made into another
                continue
            try:
                yield self.parts(upload, until)
            except NotFound:
                continue
            except WatchdogError:
                yield upload

    def _ask(self, operation: str, query: dict[str, str], parse: Callable[[Answer], PageT], until: float, key: str = "") -> PageT:
        seconds = min(self._seconds, until - self._clock.now().mono)
        if seconds <= 0:
            raise DeadlinePassed(f"{operation}: {self._http.server}: the time for this look is over")
        path = canonical_path(f"{self._root}/{key}" if key else self._root or "/")
        text = canonical_query(query)
        headers = self._keys.signer(self._region).headers(self._host, path, text, self._clock.now().wall)
        return self._http.ask(operation, "GET", f"{path}?{text}", parse, headers=headers, seconds=seconds, accept=accepted)


def _uploads_query(prefix: str, after: tuple[str, str] | None) -> dict[str, str]:
    query = {"uploads": "", "max-uploads": str(PAGE), "prefix": prefix, "encoding-type": "url"}
    return query if after is None else query | {"key-marker": after[0], "upload-id-marker": after[1]}


def _moves(after: object, before: object) -> None:
    """Raise MalformedAnswer when a listing goes on where it was: it would never end."""
    if after and after == before:
        raise MalformedAnswer("a listing of S3 goes on from where it began")


def _address(url: str, bucket: str, style: str) -> str:
    """Return the address that requests are built on: with style virtual, the bucket stands before the host."""
    scheme, _, rest = url.rstrip("/").partition("://")
    return f"{scheme}://{bucket}.{rest}" if style == "virtual" else f"{scheme}://{rest}"


def _tried(deed: Callable[[], ReadT]) -> tuple[ReadT | None, str, str]:
    """Return (what was read, "", ""), or (None, the class of what went wrong, what it says)."""
    try:
        return deed(), "", ""
    except WatchdogError as error:
        return None, type(error).__name__, str(error)
