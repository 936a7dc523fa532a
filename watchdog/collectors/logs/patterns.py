"""Patterns of panels: compiled, guarded, and matched against the lines of one log.

Python's matching cannot be interrupted and holds all threads meanwhile, so three things bound it: lines are cut at ``max_line`` before they
come here, a repeat of a repeat (the usual cause of exponential time) is refused when the pattern is compiled, and a pattern that has cost
more than BUDGET seconds in one look is suspended and named. What is left is one line's worth of polynomial time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from watchdog.errors import BadSettings
from watchdog.model.moments import Clock
from watchdog.model.needs import LogNeed

BUDGET = 2.0
_TOKEN = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?>|\((?:\?(?:P<\w+>|P=\w+\)|[aiLmsux-]+:|<?[=!]|:|#[^)]*\)))?|\)|.", re.DOTALL)
_REPEAT = re.compile(r"(?:[*+]|\{\d*,\})([?+]?)")


@dataclass(slots=True)
class Pattern:
    """One pattern of one log. ``spent`` is seconds of matching in the present look; ``suspended`` = it cost too much and is left out."""

    name: str
    regex: re.Pattern[str]
    spent: float = 0.0
    suspended: bool = False


def repeats_a_repeat(expression: str) -> bool:
    """Whether an unbounded repeat stands within an unbounded repeat, as in ``(a+)+`` (atomic groups and possessive repeats are safe)."""
    inner = [False]  # for each open group: whether an unbounded repeat stands in it
    atomic = [False]
    at, closed = 0, False
    while at < len(expression):
        repeat = _REPEAT.match(expression, at)
        if repeat is not None and at > 0:
            if repeat[1] != "+":
                if closed:
                    return True
                inner[-1] = True
            at, closed = repeat.end(), False
            continue
        token = _TOKEN.match(expression, at)
        if token is None:
            return False
        at, closed = token.end(), False
        if token[0].startswith("(") and not token[0].endswith(")"):
            inner.append(False)
            atomic.append(token[0] == "(?>")
        elif token[0] == ")" and len(inner) > 1:
            closed = inner.pop() and not atomic.pop()
            inner[-1] = inner[-1] or closed
    return False


def compiled(need: LogNeed) -> tuple[Pattern, ...]:
    """Compile what a panel asks for. Raises BadSettings naming the log and the pattern."""
    patterns = []
    for name, expression in need.patterns:
        if repeats_a_repeat(expression):
            raise BadSettings(
                f"log '{need.name}', pattern '{name}': a repeat within a repeat can take for ever; make one of them possessive (++)"
            )
        try:
            patterns.append(Pattern(name, re.compile(expression)))
        except re.error as error:
            raise BadSettings(f"log '{need.name}', pattern '{name}': {error}") from None
    return tuple(patterns)


class Matcher:
    """Matches lines of one log against all its patterns; a line may match several."""

    def __init__(self, patterns: Iterable[Pattern], clock: Clock, budget: float = BUDGET) -> None:
        self.patterns = tuple(patterns)
        self._clock = clock
        self._budget = budget

    def begin(self) -> None:
        """Begin a look: what was spent before is forgiven, what was suspended stays so."""
        for pattern in self.patterns:
            pattern.spent = 0.0

    def match(self, line: str) -> list[tuple[str, dict[str, str]]]:
        """Return (pattern's name, its named groups that took part) for each pattern found in ``line``."""
        found = []
        began = self._clock.now()
        for pattern in self.patterns:
            if pattern.suspended:
                continue
            match = pattern.regex.search(line)
            ended = self._clock.now()
            pattern.spent += ended.since(began)
            began = ended
            pattern.suspended = pattern.spent > self._budget
            if match is not None:
                found.append((pattern.name, {key: value for key, value in match.groupdict().items() if value is not None}))
        return found

    @property
    def suspended(self) -> tuple[str, ...]:
        """Return the names of patterns that cost too much."""
        return tuple(pattern.name for pattern in self.patterns if pattern.suspended)
