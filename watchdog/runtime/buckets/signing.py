"""AWS Signature Version 4 for requests without a body. Pure: hashlib and hmac, no library.

Source: "Authenticating Requests: Using the Authorization Header" of the S3 API reference. tests/runtime hold it to the examples of that
page.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote

NO_BODY = hashlib.sha256(b"").hexdigest()
ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True)
class Signer:
    """The credential of one request, read a moment ago; ``token`` is that of a temporary credential, "" = none."""

    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    region: str
    token: str = field(default="", repr=False)

    def headers(
        self, host: str, path: str, query: str, at: float, *, method: str = "GET", more: Mapping[str, str] | None = None
    ) -> Mapping[str, str]:  # fmt: skip
        """Return the headers that sign one request, Host among them.

        ``path`` and ``query`` (its pairs sorted by name) are quoted as they will be sent, ``at`` is UNIX seconds; ``more`` are further
        headers to send and sign.
        """
        stamp = datetime.fromtimestamp(at, UTC).strftime("%Y%m%dT%H%M%SZ")
        sent = {"Host": host, "X-Amz-Content-Sha256": NO_BODY, "X-Amz-Date": stamp, **(more or {})}
        if self.token:
            sent["X-Amz-Security-Token"] = self.token
        signed = sorted((name.lower(), value.strip()) for name, value in sent.items())
        names = ";".join(name for name, _ in signed)
        canonical = "\n".join((method, path, query, *(f"{name}:{value}" for name, value in signed), "", names, NO_BODY))
        scope = f"{stamp[:8]}/{self.region}/s3/aws4_request"
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        signature = hmac.new(self._key(stamp[:8]), f"{ALGORITHM}\n{stamp}\n{scope}\n{digest}".encode(), hashlib.sha256).hexdigest()
        sent["Authorization"] = f"{ALGORITHM} Credential={self.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
        return sent

    def _key(self, day: str) -> bytes:
        key = b"AWS4" + self.secret_key.encode()
        for word in (day, self.region, "s3", "aws4_request"):
            key = hmac.new(key, word.encode(), hashlib.sha256).digest()
        return key


def canonical_query(pairs: Mapping[str, str]) -> str:
    """Return a query as it is signed and sent: sorted, each character quoted but the unreserved ones."""
    return "&".join(f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in sorted(pairs.items()))


def canonical_path(path: str) -> str:
    """Return a path as it is signed and sent: quoted once, its slashes left."""
    return quote(path, safe="/-_.~")
