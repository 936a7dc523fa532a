"""What the error codes of S3 mean, as the house's errors with the way out; the only map of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from watchdog.errors import Forbidden, NotFound, Permanent, Refused, Throttled
from watchdog.runtime.answers import Answer, check
from watchdog.runtime.buckets.answers import error_code

PERMISSIONS: Final[Mapping[str, str]] = {
    "s3_objects": "s3:ListBucket",
    "s3_uploads": "s3:ListBucketMultipartUploads",
    "s3_parts": "s3:ListMultipartUploadParts",
}
"""What each of our requests needs to be allowed."""
_REGION: Final = "the bucket is of another region or at another endpoint: check s3.region and s3.url"
_KEY: Final = "the server does not know the key in s3.access_key_file"
_TOKEN: Final = "the temporary credential is over or wrong: renew s3.session_token_file and both keys"  # noqa: S105  # a sentence
_WAYS_OUT: Final[Mapping[str, tuple[type[Permanent], str]]] = {
    "InvalidAccessKeyId": (Forbidden, _KEY),
    "SignatureDoesNotMatch": (
        Forbidden,
        "s3.secret_key_file is not the secret of s3.access_key_file, or a proxy on the way changes host or path",
    ),
    "ExpiredToken": (Forbidden, _TOKEN),
    "InvalidToken": (Forbidden, _TOKEN),
    "RequestTimeTooSkewed": (
        Refused,
        "the clocks of this host and of the server are more than 15 minutes apart: set this one (timedatectl set-ntp true)",
    ),
    "NoSuchBucket": (NotFound, "there is no such bucket: check s3.bucket, s3.style and s3.url"),
    "NoSuchUpload": (NotFound, "it was completed or aborted meanwhile"),
    "AuthorizationHeaderMalformed": (Refused, _REGION),
    "PermanentRedirect": (Refused, _REGION),
    "TemporaryRedirect": (Refused, _REGION),
    "NotImplemented": (Refused, "this server cannot be asked that"),
}
_DENIED: Final = frozenset({"AccessDenied", "AllAccessDisabled", "AccountProblem", "UnauthorizedAccess"})
_SLOWER: Final = frozenset({"SlowDown", "ServiceUnavailable", "RequestLimitExceeded", "TooManyRequests"})


def accepted(answer: Answer) -> Answer:
    """Return a 2xx answer; raise the house's error with the way out for any other. The server's own message is never repeated."""
    if answer.status // 100 == 2:  # noqa: PLR2004  # HTTP's successes
        return answer
    code = error_code(answer)
    said = f"{answer.operation}: {answer.server} answered {answer.status}{f' {code}' if code else ''}"
    if code in _DENIED:
        raise Forbidden(f"{said}: allow the key {PERMISSIONS.get(answer.operation, 'to list')} on this bucket")
    if code in _SLOWER:
        raise Throttled(f"{said}: the server asks for patience", answer.retry_after)
    if code in _WAYS_OUT:
        kind, way_out = _WAYS_OUT[code]
        raise kind(f"{said}: {way_out}")
    if answer.status // 100 == 3:  # noqa: PLR2004  # HTTP's redirects
        raise Refused(f"{said}: {_REGION}")
    return check(answer)
