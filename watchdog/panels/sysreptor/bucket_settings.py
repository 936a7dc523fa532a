"""Where a panel's backups land in a bucket: ``s3: {url, bucket, ...}`` of a target. It is listed; nothing in it is read or changed."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from watchdog.runtime.fields import AbsolutePath, Duration, Strict, panel_address

HOUR = 3600.0
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")


class S3Settings(Strict):
    """A bucket in which backups land (``manage.py backup --s3-params``, or the API's ``s3_params``)."""

    url: Annotated[str, panel_address("https://s3.REGION.amazonaws.com")]
    """The server's address, without the bucket: ``https://s3.eu-central-1.amazonaws.com``, or that of a MinIO or Ceph."""
    bucket: str
    """The bucket's name."""
    prefix: str = ""
    """What the keys of backups begin with, such as ``sysreptor/``. Only what is below it is listed."""
    pattern: str = Field("*.zip*", min_length=1)
    """Which keys count: a glob for what follows the last slash. One with characters that cannot be printed never does."""
    region: str = Field("us-east-1", pattern=r"^[A-Za-z0-9-]+$")
    """The region that requests are signed for."""
    style: Literal["path", "virtual"] = "path"
    """``path`` = https://HOST/BUCKET (MinIO, Ceph, and AWS still); ``virtual`` = https://BUCKET.HOST."""
    access_key_file: AbsolutePath
    """A file that holds the access key of an identity that may only list: s3:ListBucket, s3:ListBucketMultipartUploads,
    s3:ListMultipartUploadParts."""
    secret_key_file: AbsolutePath
    """A file that holds its secret key."""
    session_token_file: AbsolutePath | None = None
    """A file that holds the session token of a temporary credential; somebody else must renew all three."""
    max_age: Duration = Field(26 * HOUR, ge=60)
    """How old the newest object may be. An object is never verified: this says that something arrived, not that it is a backup."""
    uploads: bool = True
    """Whether unfinished uploads are listed. MinIO cannot do that: it lists those of an exact key only, and removes old ones by itself."""
    upload_age: Duration = Field(24 * HOUR, ge=60)
    """How long an upload may be under way before it counts as left behind by a backup that was killed."""
    every: Duration = Field(300.0, ge=10)
    """How often the bucket is listed; each time costs a request per 1000 keys, one per 1000 unfinished uploads, and one for each of ten.
    A listing that failed on the way is tried again at the next look."""
    max_objects: int = Field(20_000, ge=1, le=200_000)
    """How many keys below the prefix are listed at most; with more of them nothing is known to be missing."""
    timeout: Duration = Field(10.0, gt=0, le=20)
    """How long one request may take; all of one look have twice as long."""
    ca_file: AbsolutePath | None = None
    """Certificates to trust, if the server's is not signed by a public authority."""
    verify_tls: bool = True
    """Whether the server's certificate is checked."""

    @property
    def place(self) -> str:
        """Return what is looked at, as people write it."""
        return f"s3://{self.bucket}/{self.prefix}"

    @field_validator("url")
    @classmethod
    def _is_a_host(cls, value: str) -> str:
        if not urlsplit(value).hostname or urlsplit(value).path:
            raise ValueError(f"'{value}' must be the server alone: no bucket and no path (s3.bucket, s3.prefix)")
        return value

    @field_validator("bucket")
    @classmethod
    def _is_a_name(cls, value: str) -> str:
        if _BUCKET.fullmatch(value) is None:
            raise ValueError(f"'{value}' is not the name of a bucket")
        return value

    @field_validator("prefix")
    @classmethod
    def _begins_without_a_slash(cls, value: str) -> str:
        if value.startswith("/"):
            raise ValueError(f"'{value}': keys do not begin with a slash: write {value.lstrip('/')!r}")
        return value

    @model_validator(mode="after")
    def _has_a_name_to_stand_before(self) -> S3Settings:
        if self.style == "virtual" and _literal(urlsplit(self.url).hostname or ""):
            raise ValueError("style: virtual puts the bucket before a host's name, and the url has an address: use style: path")
        return self


def _literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
