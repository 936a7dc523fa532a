"""What lies in a bucket of an S3 server, as its listings tell it; frozen. Nobody has read a byte of an object: level 0 at most."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BucketObject:
    """One object: its ``key``, size in bytes, when it was stored (UNIX seconds by the server's clock), and its ETag without quotes."""

    key: str
    bytes: int
    stored_at: float
    etag: str = ""

    @property
    def name(self) -> str:
        """Return what follows the last slash of its key."""
        return self.key.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class BucketUpload:
    """One upload in parts that was begun and neither completed nor aborted: no object came of it.

    ``began_at`` is UNIX seconds by the server's clock. ``parts`` and ``bytes`` are what has arrived of it; None = not counted.
    """

    key: str
    upload_id: str
    began_at: float
    parts: int | None = None
    bytes: int | None = None

    @property
    def name(self) -> str:
        """Return what follows the last slash of its key."""
        return self.key.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class BucketLook:
    """One look at one bucket: the objects and uploads whose names fit, newest object first, oldest upload first.

    ``objects`` or ``uploads`` None = they could not be listed at all. A word in ``*_error`` (``truncated``, ``not_configured``, or the
    class of what went wrong) means that what is not in the list may still be there; ``*_message`` says it to a person, with the way out.
    """

    objects: tuple[BucketObject, ...] | None = None
    objects_error: str = ""
    objects_message: str = ""
    uploads: tuple[BucketUpload, ...] | None = None
    uploads_error: str = ""
    uploads_message: str = ""

    @property
    def newest(self) -> BucketObject | None:
        """Return the newest object that is not empty; whether it is a backup nobody knows."""
        return next((each for each in self.objects or () if each.bytes), None)

    @property
    def empty(self) -> tuple[BucketObject, ...]:
        """Return the objects without a byte."""
        return tuple(each for each in self.objects or () if not each.bytes)
