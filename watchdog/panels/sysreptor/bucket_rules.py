"""The rules about the bucket: an upload left behind, an empty object, the newest one's age (contract sections 1.1 and 4: D9, D5). Pure.

Nobody reads an object, so none is ever good: the most that is known of one is level 0, that something of some size is there. Nothing here
is mended by us, for we may only list: each drift says what a person types.
"""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Mapping
from typing import Final

from watchdog.model.buckets import BucketLook, BucketObject, BucketUpload
from watchdog.model.drifts import Drift, Scalar, Subject
from watchdog.model.parts import Part, one, unsure
from watchdog.panels.sysreptor.bucket_settings import S3Settings
from watchdog.panels.sysreptor.cases import Case
from watchdog.panels.sysreptor.view import NOT_CONFIGURED

LEVEL: Final = 0
"""How deep an object is known: by its name and size."""
MOST: Final = 20
"""Of so many empty objects and old uploads, the oldest, each is a drift; of more the metrics tell the number."""
NOT_LISTED: Final = "not_listed"


def about_bucket(case: Case) -> Part:
    """Report when the newest object is too old, or when there is none."""
    settings = case.settings.s3
    if settings is None:
        return Part()
    subject, look = case.subject("bucket"), case.view.bucket or _NEVER
    newest = look.newest
    if newest is not None and case.wall - newest.stored_at <= settings.max_age:
        return one(subject)  # what is there is there, even when not everything was listed
    if look.objects_error:
        return unsure(subject, look.objects_error, look.objects_message)
    return one(subject, _too_old(case, settings, subject, newest))


def about_objects(case: Case) -> Part:
    """Report objects without a byte."""
    settings, look = case.settings.s3, case.view.bucket
    if settings is None or look is None:
        return Part()
    oldest = sorted(look.empty, key=lambda each: (each.stored_at, each.key))
    return Part(tuple(_empty(case, settings, each, max(0, len(oldest) - MOST)) for each in oldest[:MOST]))


def about_uploads(case: Case) -> Part:
    """Report uploads that were begun long ago and never ended: a backup that is killed leaves one, and no object (contract section 1.1)."""
    settings, look = case.settings.s3, case.view.bucket or _NEVER
    if settings is None or not settings.uploads:
        return Part()
    subject = case.subject("uploads")
    old = [each for each in look.uploads or () if case.wall - each.began_at >= settings.upload_age]
    drifts = tuple(_left(case, settings, each, max(0, len(old) - MOST)) for each in old[:MOST])
    whole = unsure(subject, look.uploads_error, look.uploads_message) if look.uploads_error else one(subject)
    return Part(drifts, whole.unknown, whole.fine)


def blind(case: Case) -> Mapping[str, str]:
    """Return why what is not listed may still be there, by side ("" = it is not)."""
    if case.settings.s3 is None:
        return {}
    look = case.view.bucket or _NEVER
    uploads = "" if look.uploads_error == NOT_CONFIGURED else look.uploads_error
    return {"objects": look.objects_error, "uploads": uploads}


def upload_subject(settings: S3Settings, upload: BucketUpload) -> Subject:
    """Return the subject of one upload; its own id is too long for a label, and one key may have several."""
    short = hashlib.sha256(upload.upload_id.encode()).hexdigest()[:12]
    return Subject("upload", f"s3://{settings.bucket}/{upload.key}#{short}", upload.name)


_NEVER: Final = BucketLook(
    objects_error=NOT_LISTED, objects_message="the bucket has not been listed yet", uploads_error=NOT_LISTED,
    uploads_message="the bucket has not been listed yet",
)  # fmt: skip


def _too_old(case: Case, settings: S3Settings, subject: Subject, newest: BucketObject | None) -> Drift:
    truth = f"no object at {settings.place} fits {settings.pattern} and holds a byte"
    evidence: dict[str, Scalar] = {"place": settings.place, "max_age": settings.max_age, "level": LEVEL, "newest": ""}
    if newest is not None:
        truth = f"the newest object at {settings.place} is {newest.name}, and it is too old (level {LEVEL}: nobody has read it)"
        evidence |= {"newest": newest.name, "bytes": newest.bytes, "etag": newest.etag, "stored_at": newest.stored_at}
    begun = len(case.view.bucket.uploads or ()) if case.view.bucket is not None else 0
    evidence["uploads_unfinished"] = begun
    listing = _command(settings, "s3", "ls", settings.place)
    hold = f"look why nothing newer arrived ('{listing}'): the panel writes its row before an upload is complete, so its log proves none"
    return case.drift("backup_too_old", subject, truth, "", evidence, None, hold)


def _empty(case: Case, settings: S3Settings, found: BucketObject, others: int) -> Drift:
    place = f"s3://{settings.bucket}/{found.key}"
    subject = Subject("object", place, found.name)
    evidence: dict[str, Scalar] = {
        "reason": "empty",
        "level": LEVEL,
        "bytes": 0,
        "etag": found.etag,
        "stored_at": found.stored_at,
        "cause": "an empty file was uploaded, such as the command leaves without a Professional licence (contract 1.1)",
        "others": others,
    }
    remove = _command(settings, "s3", "rm", place)
    hold = f"it holds nothing that a restore could use; when you know why, remove it: '{remove}'. Nothing here may write to the bucket"
    return case.drift("backup_bad", subject, "it is empty", "its name says that it is a backup", evidence, None, hold)


def _left(case: Case, settings: S3Settings, upload: BucketUpload, others: int) -> Drift:
    evidence: dict[str, Scalar] = {
        "object": upload.key,
        "began_at": upload.began_at,
        "parts": upload.parts,
        "bytes": upload.bytes,
        "upload_id": upload.upload_id,
        "others": others,
    }
    abort = _command(
        settings, "s3api", "abort-multipart-upload", "--bucket", settings.bucket, "--key", upload.key, "--upload-id", upload.upload_id
    )
    hold = (
        f"its backup was killed, unless it still runs; what arrived of it costs money and is of no use. When none runs, end it: '{abort}'. "
        "Nothing here may write to the bucket"
    )
    truth = "an upload of a backup began and never ended, so there is no object of it"
    return case.drift("leftover", upload_subject(settings, upload), truth, "", evidence, None, hold)


def _command(settings: S3Settings, *words: str) -> str:
    """Return what a person types; the credential is that person's own."""
    return shlex.join(("aws", *words, "--endpoint-url", settings.url, "--region", settings.region))
