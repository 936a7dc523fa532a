"""The bucket in which backups land, as metrics. A table; the rows are computed purely. Nothing of it says that a backup is good."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from watchdog.model.buckets import BucketLook
from watchdog.model.metrics import Metric, MetricSpec, Row
from watchdog.model.snapshots import Actual
from watchdog.panels.sysreptor.view import NOT_CONFIGURED, SysreptorView

LISTED: Final = "From listings of the bucket: nobody has read an object, so this proves no backup (level 0)."
_TARGET: Final = ("target",)
Rows = Callable[[str, Actual, SysreptorView], Iterable[Row]]


def _of(value: Callable[[BucketLook], float | None]) -> Rows:
    def rows(target: str, _: Actual, view: SysreptorView) -> Iterator[Row]:
        number = value(view.bucket) if view.bucket is not None else None
        if number is not None:
            yield (target,), float(number)

    return rows


def _answers(target: str, _: Actual, view: SysreptorView) -> Iterator[Row]:
    look = view.bucket
    if look is None:
        return
    for listing, error in (("objects", look.objects_error), ("uploads", look.uploads_error)):
        if error != NOT_CONFIGURED:
            yield (target, listing), float(not error)


def _objects(look: BucketLook) -> float | None:
    return None if look.objects is None else len(look.objects)


def _bytes(look: BucketLook) -> float | None:
    return None if look.objects is None else sum(each.bytes for each in look.objects)


def _empty(look: BucketLook) -> float | None:
    return None if look.objects is None else len(look.empty)


def _newest_at(look: BucketLook) -> float | None:
    return look.newest.stored_at if look.newest is not None else None


def _newest_bytes(look: BucketLook) -> float | None:
    return look.newest.bytes if look.newest is not None else None


def _uploads(look: BucketLook) -> float | None:
    return None if look.uploads is None else len(look.uploads)


def _upload_bytes(look: BucketLook) -> float | None:
    """Return the bytes of the parts of all uploads; nothing where one was not counted, for a part of a sum is no sum."""
    counted = [each.bytes for each in look.uploads or ()]
    return None if look.uploads is None or None in counted else sum(each for each in counted if each is not None)


def _oldest_upload(look: BucketLook) -> float | None:
    return look.uploads[0].began_at if look.uploads else None


def _spec(name: str, text: str, rows: Rows, labels: tuple[str, ...] = _TARGET) -> MetricSpec:
    return MetricSpec(Metric(f"watchdog_sysreptor_bucket_{name}", "gauge", f"{text} {LISTED}", labels), rows)


BUCKET_METRICS: Final[tuple[MetricSpec, ...]] = (
    _spec("listed", "Whether the last listing was whole, of objects and of unfinished uploads.", _answers, ("target", "listing")),
    _spec("objects", "Objects whose names fit.", _of(_objects)),
    _spec("bytes", "Bytes of them.", _of(_bytes)),
    _spec("empty_objects", "Those without a byte.", _of(_empty)),
    _spec("newest_timestamp_seconds", "When the newest that is not empty was stored, by the server's clock.", _of(_newest_at)),
    _spec("newest_bytes", "Size of the newest that is not empty.", _of(_newest_bytes)),
    _spec("uploads", "Uploads in parts that were begun and not ended.", _of(_uploads)),
    _spec("upload_bytes", "Bytes of their parts, while there are ten at most and all could be counted.", _of(_upload_bytes)),
    _spec("oldest_upload_timestamp_seconds", "When the oldest of them was begun, by the server's clock.", _of(_oldest_upload)),
)
