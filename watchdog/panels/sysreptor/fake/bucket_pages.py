"""What the fake S3 server answers: pages and errors in AWS's XML. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from urllib.parse import quote_plus

_SPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'


@dataclass(frozen=True, slots=True)
class Stored:
    """One object: key, size in bytes, UNIX seconds when it was stored, ETag."""

    key: str
    bytes: int
    at: float
    etag: str = "9b2cf535f27731c974343645a3985328"


@dataclass(frozen=True, slots=True)
class Upload:
    """One upload that was begun at ``at`` (UNIX seconds) and not ended, with the sizes of the parts that arrived."""

    key: str
    id: str
    at: float
    parts: tuple[int, ...] = ()


def objects(left: Sequence[Stored], most: int, *, quoted: bool) -> bytes:
    """Return one page of ``left``; its continuation is the last key of it, in hexadecimal."""
    shown, name = left[:most], _name(quoted=quoted)
    body = "".join(
        f"<Contents><Key>{name(each.key)}</Key><LastModified>{_time(each.at)}</LastModified><ETag>&quot;{each.etag}&quot;</ETag>"
        f"<Size>{each.bytes}</Size><StorageClass>STANDARD</StorageClass></Contents>"
        for each in shown
    )
    more = f"<NextContinuationToken>{shown[-1].key.encode().hex()}</NextContinuationToken>" if len(left) > most else ""
    return _page("ListBucketResult", f"<KeyCount>{len(shown)}</KeyCount>{_encoding(quoted=quoted)}{more}{body}", cut=len(left) > most)


def uploads(left: Sequence[Upload], most: int, *, quoted: bool) -> bytes:
    """Return one page of unfinished uploads."""
    shown, name = left[:most], _name(quoted=quoted)
    body = "".join(
        f"<Upload><Key>{name(each.key)}</Key><UploadId>{escape(each.id)}</UploadId><Initiated>{_time(each.at)}</Initiated></Upload>"
        for each in shown
    )
    more = ""
    if len(left) > most:
        last = shown[-1]
        more = f"<NextKeyMarker>{name(last.key)}</NextKeyMarker><NextUploadIdMarker>{escape(last.id)}</NextUploadIdMarker>"
    return _page("ListMultipartUploadsResult", f"{_encoding(quoted=quoted)}{more}{body}", cut=len(left) > most)


def parts(upload: Upload, after: int, most: int) -> bytes:
    """Return one page of an upload's parts, those after number ``after``."""
    shown = list(enumerate(upload.parts, start=1))[after : after + most]
    body = "".join(f"<Part><PartNumber>{number}</PartNumber><Size>{size}</Size></Part>" for number, size in shown)
    cut = after + most < len(upload.parts)
    more = f"<NextPartNumberMarker>{shown[-1][0]}</NextPartNumberMarker>" if cut else ""
    return _page("ListPartsResult", f"<UploadId>{escape(upload.id)}</UploadId>{more}{body}", cut=cut)


def error(code: str) -> bytes:
    """Return an error; its message has what a careless reader would copy into a log."""
    return f"{_HEAD}<Error><Code>{code}</Code><Message>said by the server: secret-looking text</Message></Error>".encode()


def _page(root: str, body: str, *, cut: bool) -> bytes:
    return f"{_HEAD}<{root} {_SPACE}><IsTruncated>{str(cut).lower()}</IsTruncated>{body}</{root}>".encode()


def _name(*, quoted: bool) -> Callable[[str], str]:
    return (lambda text: quote_plus(text, safe="/")) if quoted else escape


def _encoding(*, quoted: bool) -> str:
    return "<EncodingType>url</EncodingType>" if quoted else ""


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
