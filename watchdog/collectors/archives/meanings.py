"""A panel's meaning in the child (level 3): imported by name before the walls stand, fed entry by entry, held to bounds.

What a meaning says is as little trusted as the archive that it read: it is cut in number and length here, and once more by the parent.
"""

from __future__ import annotations

import importlib
import json
import math
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, TypeVar

import watchdog
from watchdog.model.archives import EntryReader, Meaning, Meant

if TYPE_CHECKING:  # as in model/archives
    from watchdog.model.drifts import Scalar

T = TypeVar("T")
Begin = Callable[[], Meaning]
MOST_FACTS, MOST_REMARKS = 200, 20
_LONGEST_NAME, _LONGEST_TEXT = 100, 200
_LONGEST_MESSAGE = 400
_MOST_LETTERS = 24_000
"""Letters of one of the three things that a meaning says, as they stand in the line of an answer (order.ANSWER_LIMIT), escapes counted."""
_NAME = re.compile(r"watchdog\.panels\.([a-z][a-z0-9_]*)\.meaning")
_PANELS = Path(watchdog.__file__).parent / "panels"


def named(module: str) -> bool:
    """Whether ``module`` is the name of a panel's meaning, and there is one."""
    match = _NAME.fullmatch(module)
    return match is not None and (_PANELS / match[1] / "meaning.py").is_file()


def of_panel(panel: str) -> str:
    """Return the module of a panel's meaning."""
    return f"watchdog.panels.{panel}.meaning"


def panels_with_meaning() -> tuple[str, ...]:
    """Return the panels whose archives can be verified by their meaning."""
    return tuple(sorted(found.parent.name for found in _PANELS.glob("*/meaning.py")))


def load(module: str) -> Begin:
    """Import the panel's ``module`` and return what begins a meaning. Raises ImportError when it is none.

    The panel's own package is not imported, it would bring its whole flat: an empty one stands in for it.
    """
    match = _NAME.fullmatch(module)
    if match is None:
        raise ImportError(f"'{module}' is not the meaning of a panel")
    _stand_in("watchdog.panels", _PANELS)
    _stand_in(f"watchdog.panels.{match[1]}", _PANELS / match[1])
    begin = getattr(importlib.import_module(module), "begin", None)
    if not callable(begin):
        raise ImportError(f"'{module}' has no begin()")  # noqa: TRY004  # it is no module of that sort
    return begin  # type: ignore[no-any-return]  # the protocol of model/archives, by shape


def _stand_in(name: str, path: Path) -> None:
    if name not in sys.modules:
        package = ModuleType(name)
        package.__path__ = [str(path)]
        sys.modules[name] = package


class Tap:
    """Passes the content of one entry on to its reader."""

    def __init__(self, hosted: Hosted, reader: EntryReader) -> None:
        self._hosted = hosted
        self._reader = reader

    def feed(self, piece: bytes) -> None:
        """Take the next bytes."""
        if piece:
            self._hosted.ask(lambda: self._reader.feed(piece))

    def end(self) -> None:
        """Say that all of it was whole."""
        self._hosted.ask(self._reader.end)


class Hosted:
    """One meaning at work. What it raises ends it and is kept in ``failure``; the bytes are proven on without it.

    ``asked`` is set by who will tell it of all entries there are, even when there is none.
    """

    def __init__(self, begin: Begin) -> None:
        self.failure: str | None = None
        self.asked = False
        self._meaning = self.ask(begin)

    def ask(self, question: Callable[[], T]) -> T | None:
        """Ask the meaning; None when it fails or has failed before. A lack of memory is no failure of its own and goes on."""
        if self.failure is not None:
            return None
        try:
            return question()
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001  # a panel's mistake costs its own level, never what the bytes prove
            self.failure = f"{type(error).__name__}: {error}"[:_LONGEST_MESSAGE]
            return None

    def entry(self, name: bytes, size: int | None) -> Tap | None:
        """Tell it of the next entry; return who wants its content, if anybody does."""
        meaning = self._meaning
        if meaning is None:
            return None
        reader = self.ask(lambda: meaning.entry(name.decode("utf-8", "backslashreplace"), size))
        return None if reader is None else Tap(self, reader)

    def end(self) -> Meant | None:
        """Return its judgement, in bounds; None when it failed."""
        meaning = self._meaning
        meant = None if meaning is None else self.ask(meaning.end)
        return None if meant is None else self.ask(lambda: bounded(meant))


def bounded(meant: Meant) -> Meant:
    """Return what was meant, cut to the bounds of number and length."""
    return Meant(said(meant.bad), said(meant.remarks), facts(meant.facts))


def said(told: object) -> tuple[tuple[str, str], ...]:
    """Read (word, text) pairs from what was told, of any shape; what is none is left out, too much is cut."""
    kept: list[tuple[str, str]] = []
    letters = 0
    for pair in told if isinstance(told, (list, tuple)) else ():
        match pair:
            case [str() as word, str() as text]:
                remark = _clean(word, _LONGEST_NAME), _clean(text, _LONGEST_MESSAGE)
                letters += len(json.dumps(remark))
                if len(kept) >= MOST_REMARKS or letters > _MOST_LETTERS:
                    break
                kept.append(remark)
    return tuple(kept)


def facts(told: object) -> tuple[tuple[str, Scalar], ...]:
    """Read (name, value) pairs likewise. A number that is none, or too long a one to be a float, is left out."""
    kept: list[tuple[str, Scalar]] = []
    letters = 0
    for pair in told if isinstance(told, (list, tuple)) else ():
        match pair:
            case [str() as name, None | bool() | int() | float() | str() as value] if _finite(value):
                fact = _clean(name, _LONGEST_NAME), _clean(value, _LONGEST_TEXT) if isinstance(value, str) else value
                letters += len(json.dumps(fact))
                if len(kept) >= MOST_FACTS or letters > _MOST_LETTERS:
                    break
                kept.append(fact)
    return tuple(kept)


def _finite(value: object) -> bool:
    try:
        return not isinstance(value, (int, float)) or math.isfinite(value)
    except OverflowError:
        return False


def _clean(text: str, limit: int) -> str:
    return "".join(char if char.isprintable() else "?" for char in text[:limit])
