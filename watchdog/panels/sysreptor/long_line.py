"""One long line of ``backup.jsonl``, read piece by piece: is it JSON, and what are the few values that matter? Pure.

A project's design may be a line of many megabytes; unpacked into objects it would need several times as much. So nothing is kept of it but
what ``Row`` names. The grammar is that of RFC 8259; depth is bounded.
"""

from __future__ import annotations

import json
import re
from typing import Final

MOST_DEPTH: Final = 500
"""Deeper than this nothing is nested that the panel writes; Python's own reader gives up at about twice that."""
MOST_TEXT: Final = 4096
"""Bytes that are kept of a key or a value; longer ones are none of those that matter, or are useless."""
PATHS: Final = (("model",), ("pk",), ("fields",), ("fields", "file"), ("fields", "type"), ("fields", "created"))
_PLAIN: Final = re.compile(rb'[^"\\\x00-\x1f]*')
_SPACE: Final = re.compile(rb"[ \t\r\n]*")
_WORD: Final = re.compile(rb"[-+.0-9A-Za-z]*")
_SCALAR: Final = re.compile(rb"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?|true|false|null")
_TEXT: Final = rb'"[^"\\\x00-\x1f]*"'
_SIMPLE: Final = rb"(?:%b|%b)" % (_TEXT, _SCALAR.pattern)
_LIST_RUN: Final = re.compile(rb"(?:%b[ \t]*,[ \t]*)+" % _SIMPLE)
_OBJECT_RUN: Final = re.compile(rb"(?:%b[ \t]*:[ \t]*%b[ \t]*,[ \t]*)+" % (_TEXT, _SIMPLE))
_WORD_BEGINS: Final = frozenset(b"-0123456789tfn")
_HEX: Final = frozenset(b"0123456789abcdefABCDEF")
_VALUE, _FIRST_VALUE, _KEY, _FIRST_KEY, _COLON, _NEXT, _DONE = range(7)


class NotJson(ValueError):
    """The line is not JSON; the text says at which of its bytes."""


class LongLine:
    """Feed it the bytes of one line; ``values`` then holds, by path, the texts, numbers and literals found at ``PATHS``.

    What is an object or a list there is told as ``{}`` or ``[]``.
    """

    def __init__(self) -> None:
        self.values: dict[tuple[str, ...], object] = {}
        self._open = bytearray()
        self._keys: list[str] = []
        self._state = _VALUE
        self._text: bytearray | None = None
        self._quoted = self._is_key = False
        self._escape = 0
        self._read = 0

    def feed(self, piece: bytes) -> None:
        """Take the next bytes. Raise NotJson."""
        at = 0
        while at < len(piece):
            if self._text is not None:
                at = self._string(piece, at) if self._quoted else self._word(piece, at)
                continue
            at = _end(_SPACE, piece, self._run(piece, _end(_SPACE, piece, at)))
            if at < len(piece):
                at = self._token(piece, at)
        self._read += len(piece)

    def end(self) -> None:
        """Take note that the line is over. Raise NotJson when it stops in the middle."""
        if self._text is not None and not self._quoted:
            self._finish_word()
        if self._state != _DONE or self._text is not None:
            raise NotJson(f"it stops in the middle, after {self._read} bytes")

    def _run(self, piece: bytes, at: int) -> int:
        """Step over simple values in a row where none can be one that is wanted; return where it goes on."""
        if self._state == _VALUE and self._open[-1:] == b"[":
            return _end(_LIST_RUN, piece, at)
        if self._state == _KEY and len(self._open) > 2:  # noqa: PLR2004  # deeper than PATHS go
            return _end(_OBJECT_RUN, piece, at)
        return at

    def _token(self, piece: bytes, at: int) -> int:
        byte = piece[at : at + 1]
        state = self._state
        if byte == b'"' and state in (_VALUE, _FIRST_VALUE, _KEY, _FIRST_KEY):
            self._text, self._quoted, self._is_key = bytearray(), True, state in (_KEY, _FIRST_KEY)
        elif byte in (b"{", b"[") and state in (_VALUE, _FIRST_VALUE):
            self._enter(byte)
        elif self._closes(byte):
            self._leave()
        elif byte == b":" and state == _COLON:
            self._state = _VALUE
        elif byte == b"," and state == _NEXT:
            self._state = _KEY if self._open[-1:] == b"{" else _VALUE
        elif state in (_VALUE, _FIRST_VALUE) and piece[at] in _WORD_BEGINS:
            self._text, self._quoted, self._is_key = bytearray(), False, False
            return at
        else:
            raise NotJson(f"byte {self._read + at} is none that may stand there")
        return at + 1

    def _enter(self, byte: bytes) -> None:
        if len(self._open) >= MOST_DEPTH:
            raise NotJson(f"it is nested deeper than {MOST_DEPTH}")
        self._note("{}" if byte == b"{" else "[]")
        self._open += byte
        self._keys.append("")
        self._state = _FIRST_KEY if byte == b"{" else _FIRST_VALUE

    def _closes(self, byte: bytes) -> bool:
        innermost, state = bytes(self._open[-1:]), self._state
        if innermost == b"{":
            return byte == b"}" and state in (_NEXT, _FIRST_KEY)
        return innermost == b"[" and byte == b"]" and state in (_NEXT, _FIRST_VALUE)

    def _leave(self) -> None:
        self._open.pop()
        self._keys.pop()
        self._value_over()

    def _value_over(self) -> None:
        self._state = _NEXT if self._open else _DONE

    def _string(self, piece: bytes, at: int) -> int:
        text = self._text
        assert text is not None  # the caller saw it
        if self._escape:
            return self._escaped(piece, at, text)
        end = _end(_PLAIN, piece, at)
        if len(text) <= MOST_TEXT:
            text += piece[at : min(end, at + MOST_TEXT + 1)]
        if end == len(piece):
            return end
        byte = piece[end]
        if byte == 0x22:  # noqa: PLR2004  # a quotation mark
            self._string_over(bytes(text))
        elif byte == 0x5C:  # noqa: PLR2004  # a backslash
            self._escape = -1
            text += b"\\"
        else:
            raise NotJson(f"byte {self._read + end} is a control character within a text")
        return end + 1

    def _escaped(self, piece: bytes, at: int, text: bytearray) -> int:
        byte = piece[at]
        if self._escape > 0:
            if byte not in _HEX:
                raise NotJson(f"byte {self._read + at} is no hexadecimal digit")
            self._escape -= 1
        elif byte == 0x75:  # noqa: PLR2004  # u, and four digits
            self._escape = 4
        elif byte in b'"\\/bfnrt':
            self._escape = 0
        else:
            raise NotJson(f"byte {self._read + at} is no escape")
        if len(text) <= MOST_TEXT:
            text.append(byte)
        else:
            del text[MOST_TEXT + 1 :]
        return at + 1

    def _string_over(self, text: bytes) -> None:
        self._text = None
        whole = None if len(text) > MOST_TEXT else _decoded(text)
        if self._is_key:
            self._keys[-1] = whole if whole is not None else ""
            self._state = _COLON
            return
        self._note(whole)
        self._value_over()

    def _word(self, piece: bytes, at: int) -> int:
        end = _end(_WORD, piece, at)
        assert self._text is not None  # the caller saw it
        self._text += piece[at : min(end, at + MOST_TEXT + 1)]
        if len(self._text) > MOST_TEXT:
            raise NotJson(f"byte {self._read + at} is in a number longer than {MOST_TEXT} digits")
        if end < len(piece):
            self._finish_word()
        return end

    def _finish_word(self) -> None:
        text = bytes(self._text or b"")
        self._text = None
        if not _SCALAR.fullmatch(text):
            raise NotJson(f"about byte {self._read} stands what is no value")
        self._note(json.loads(text))
        self._value_over()

    def _note(self, value: object) -> None:
        """Keep a value whose path is wanted, unless it lies in a list."""
        depth = len(self._open)
        if 1 <= depth <= 2 and b"[" not in self._open and (path := tuple(self._keys)) in PATHS:  # noqa: PLR2004  # as deep as PATHS go
            self.values[path] = value
        elif not depth:
            self.values[()] = value


def _end(pattern: re.Pattern[bytes], piece: bytes, at: int) -> int:
    found = pattern.match(piece, at)
    return found.end() if found else at


def _decoded(text: bytes) -> str:
    try:
        return str(json.loads(b'"' + text + b'"'))
    except ValueError as error:
        raise NotJson("a text in it is not UTF-8") from error
