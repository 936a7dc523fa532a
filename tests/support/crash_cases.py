"""The cases of the crash table: at which boundaries of a row a test dies, what must hold at each, and the row that is told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.crash import Result, Row, boundaries, crash_at
from tests.support.crash_report import Tell, Told

ENDS = frozenset({"verified", "unverified", "later", "gave_up"})
"""How a record may end; whatever else it says, it is open."""


@dataclass(frozen=True)
class Case:
    """One row as a test takes it: killed at every boundary, or only where it tells most."""

    row: Row
    everywhere: bool

    def points(self, marks: list[str]) -> list[int]:
        """Return at which of the boundaries to die; most tells the last effect that nobody has noted yet."""
        if self.everywhere:
            return [*range(len(marks))]
        last = {mark: number for number, mark in enumerate(marks)}
        return [last[self.row.telling or [mark for mark in marks if mark.startswith("before ")][-1]]]


def chosen(rows: Iterable[Row], everywhere: Collection[str] | None = None) -> list[Any]:
    """Return the rows as parameters of a test; those not named ``everywhere`` (None = all are) die where it tells most, and in the
    soak at every boundary.
    """
    whole = [row for row in rows if everywhere is None or row.name in everywhere]
    rest = [row for row in rows if row not in whole]
    return [
        *(pytest.param(Case(row, everywhere=True), id=row.name) for row in whole),
        *(pytest.param(Case(row, everywhere=False), id=f"{row.name}, where it tells most") for row in rest),
        *(pytest.param(Case(row, everywhere=True), id=row.name, marks=pytest.mark.soak) for row in rest),
    ]


def hold(case: Case, directory: Path, record_property: Tell) -> None:
    """Crash at the boundaries of the case, tell its row for the table of the run, and assert what must hold."""
    row = case.row
    marks, expected = boundaries(row, directory / "dry")
    assert {"admitted", "intended", "acted", "outcome_written", "verdict_due", "verdict_written"} <= set(marks), marks
    points, results = case.points(marks), {}

    def die(number: int) -> None:
        results[number] = crash_at(row, directory / f"at-{number}", number)

    try:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(die, points))
    finally:
        held = [laws(row, result, expected) for result in results.values()]
        whole = len(results) == len(points)
        once, record, end = (all(one[number] for one in held) for number in range(3))
        Told(row.panel, row.remedy, row.name, len(marks), len(results), once, record, end and whole).tell(record_property)
    for number in points:
        judge(row, results[number], expected)


def laws(row: Row, result: Result, expected: Sequence[Any]) -> tuple[bool, bool, bool]:
    """Return whether each of the three held: no second effect, a complete record, the end of a life without a crash.

    Complete is a record that is not lost or left open, with each attempt counted from its intent on until a verdict.
    """
    done, wanted = (Counter(map(repr, (each for each in effects if each not in row.tolerated))) for effects in (result.effects, expected))
    intended = result.passed.count("intended")
    since = [*reversed(result.passed), "verdict_written"].index("verdict_written")
    counted = result.attempts == result.passed[len(result.passed) - since :].count("intended")
    record = counted and set(result.ends) <= ENDS and len(result.ends) >= max(intended, 0 if row.asks else 1)
    if row.asks and intended and "acted" not in result.passed:
        return done <= wanted, record, True  # the row's own check has seen that a person is asked, or that it is mended
    return done <= wanted, record, done == wanted and result.ends[-1:] == ("verified",)


def judge(row: Row, result: Result, expected: Sequence[Any]) -> None:
    """Assert the laws."""
    once, record, end = laws(row, result, expected)
    story = f"{row.name}, killed at {result.boundary}: attempts={result.attempts} ends={result.ends} effects={result.effects}"
    assert once, f"a second effect: {story}"
    assert record, f"the record is not complete: {story}"
    assert end, f"not the end of a life without a crash ({expected}): {story}"
