"""What an S3 server answers: pages of listings in XML, and errors in XML. Pure; hostile bytes are MalformedAnswer.

The documents have no types, entities or namespaces that we need: a document type is refused before anything could be expanded, and names
are compared without their namespace, for not every server sends the one of AWS.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from urllib.parse import unquote_plus
from xml.etree.ElementTree import Element, ParseError, TreeBuilder, XMLParser

from watchdog.errors import MalformedAnswer
from watchdog.model.buckets import BucketObject, BucketUpload
from watchdog.runtime.answers import Answer

LONGEST_KEY = 1024
MOST_ELEMENTS = 50_000
"""Elements of one answer; a full page has some 15,000."""


@dataclass(frozen=True, slots=True)
class ObjectsPage:
    """One page of objects; ``after`` continues it, "" = it was the last."""

    objects: tuple[BucketObject, ...]
    after: str


@dataclass(frozen=True, slots=True)
class UploadsPage:
    """One page of uploads; ``after`` (key, upload id) continues it, None = it was the last. ``server`` is what the server calls itself."""

    uploads: tuple[BucketUpload, ...]
    after: tuple[str, str] | None
    server: str


@dataclass(frozen=True, slots=True)
class PartsPage:
    """One page of an upload's parts: how many, their bytes, and the number to go on after (None = it was the last)."""

    parts: int
    bytes: int
    after: int | None


class _Builder(TreeBuilder):
    """A tree that has no document type, so no entities, and no more elements than an answer can have."""

    def __init__(self) -> None:
        super().__init__()
        self._left = MOST_ELEMENTS

    def start(self, tag: str, attrs: dict[str, str], /) -> Element:
        """Begin one element."""
        self._left -= 1
        if self._left < 0:
            raise MalformedAnswer("an answer of S3 has more elements than one can have")
        return super().start(tag, attrs)

    def doctype(self, *_: object) -> None:
        """Refuse."""
        raise MalformedAnswer("a document type in an answer of S3")


def objects_page(answer: Answer) -> ObjectsPage:
    """Given an answer to ListObjectsV2, return its page. Raises MalformedAnswer."""
    root = _root(answer, "ListBucketResult")
    plain = _plain(root)
    objects = tuple(
        BucketObject(_key(plain(_text(each, "Key"))), _count(_text(each, "Size")), _time(_text(each, "LastModified")), _etag(each))
        for each in _children(root, "Contents")
    )
    return ObjectsPage(objects, _text(root, "NextContinuationToken") if _truncated(root) else "")


def uploads_page(answer: Answer) -> UploadsPage:
    """Given an answer to ListMultipartUploads, return its page. Raises MalformedAnswer."""
    root = _root(answer, "ListMultipartUploadsResult")
    plain = _plain(root)
    uploads = tuple(
        BucketUpload(_key(plain(_text(each, "Key"))), _text(each, "UploadId"), _time(_text(each, "Initiated")))
        for each in _children(root, "Upload")
    )
    after = (plain(_text(root, "NextKeyMarker")), _optional(root, "NextUploadIdMarker")) if _truncated(root) else None
    return UploadsPage(uploads, after, answer.headers.get("server", ""))


def parts_page(answer: Answer) -> PartsPage:
    """Given an answer to ListParts, return its page. Raises MalformedAnswer."""
    root = _root(answer, "ListPartsResult")
    sizes = [_count(_text(each, "Size")) for each in _children(root, "Part")]
    return PartsPage(len(sizes), sum(sizes), _count(_text(root, "NextPartNumberMarker")) if _truncated(root) else None)


def error_code(answer: Answer) -> str:
    """Return the code of an error (``NoSuchBucket``), "" where the answer names none that could be one."""
    try:
        code = _optional(_root(answer, "Error"), "Code")
    except MalformedAnswer:
        return ""
    return code if code.isascii() and code.isalnum() and len(code) <= 64 else ""  # noqa: PLR2004  # longer than any


def _root(answer: Answer, name: str) -> Element:
    parser = XMLParser(target=_Builder())  # noqa: S314  # its entities are refused with the document type
    try:
        parser.feed(answer.body)
        root = parser.close()
    except (ParseError, ValueError, LookupError):
        raise MalformedAnswer(f"{answer.operation}: {answer.server} sent no XML ({len(answer.body)} bytes)") from None
    if not isinstance(root, Element) or _local(root) != name:
        raise MalformedAnswer(f"{answer.operation}: {answer.server} sent no {name}: is it an S3 server?")
    return root


def _local(element: Element) -> str:
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _children(root: Element, name: str) -> Iterator[Element]:
    return (each for each in root if _local(each) == name)


def _optional(root: Element, name: str) -> str:
    found = next(_children(root, name), None)
    return (found.text or "") if found is not None else ""


def _text(root: Element, name: str) -> str:
    found = _optional(root, name)
    if not found:
        raise MalformedAnswer(f"an answer of S3 has no {name}")
    return found


def _truncated(root: Element) -> bool:
    return _optional(root, "IsTruncated").strip().lower() == "true"


def _etag(root: Element) -> str:
    return _optional(root, "ETag").strip('"')[:128]


class _Names:
    """Turns names of a page into plain ones: quoted where we asked for it and the server said so."""

    def __init__(self, *, quoted: bool) -> None:
        self._quoted = quoted

    def __call__(self, text: str) -> str:
        return unquote_plus(text) if self._quoted else text


def _plain(root: Element) -> _Names:
    return _Names(quoted=_optional(root, "EncodingType") == "url")


def _key(text: str) -> str:
    if len(text) > LONGEST_KEY:
        raise MalformedAnswer("a key in an answer of S3 is longer than one can be")
    return text


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18:  # noqa: PLR2004  # an exabyte
        raise MalformedAnswer("a number in an answer of S3 is none")
    return int(text)


def _time(text: str) -> float:
    try:
        at = datetime.fromisoformat(text)
        seconds = at.timestamp() if at.tzinfo is not None else float("nan")
    except (ValueError, OverflowError):
        seconds = float("nan")
    if not isfinite(seconds):
        raise MalformedAnswer("a time in an answer of S3 is none")
    return seconds
