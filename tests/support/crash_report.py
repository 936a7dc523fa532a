"""The crash-point table of a whole test run: each case tells its row, the run's end prints them as one, and says what is missing.

A row travels as a property of its test's report, so it comes from a worker as well as from this process. ``tests/conftest.py`` prints
``table`` and ``gaps`` at the end of a run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

PROPERTY = "crash_row"
TITLE = "crash points: SIGKILL there, and a new life"
Tell = Callable[[str, object], None]
"""pytest's ``record_property``."""


@dataclass(frozen=True)
class Told:
    """One line: of how many step boundaries how many were died at in this run, and whether what must hold held at each of them."""

    panel: str
    remedy: str
    case: str
    boundaries: int
    killed: int
    once: bool
    record: bool
    end: bool

    def tell(self, record_property: Tell) -> None:
        """Give it to the report of the test that is running."""
        record_property(PROPERTY, asdict(self))

    def line(self) -> tuple[str, ...]:
        """Return its cells as they are printed."""
        words = tuple("yes" if each else "NO" for each in (self.once, self.record))
        return (self.panel, self.remedy, self.case, str(self.boundaries), str(self.killed), *words, "as without" if self.end else "WRONG")


HEAD = ("panel", "remedy", "case", "boundaries", "killed", "effects at most one", "record complete", "end state")


def told_by(stats: Mapping[str, Iterable[Any]]) -> list[Told]:
    """Given the reports of a run by outcome, return the rows they carry, in the order of panels, remedies and cases."""
    every = [value for reports in stats.values() for report in reports for value in getattr(report, "user_properties", ())]
    found = {Told(**value) for name, value in every if name == PROPERTY}
    return sorted(found, key=lambda row: (row.panel, row.remedy, row.case))


def table(rows: Iterable[Told]) -> list[str]:
    """Return the printed table; nothing when no crash test was run."""
    rows = list(rows)
    if not rows:
        return []
    cells = [HEAD, *(row.line() for row in rows)]
    widths = [max(len(line[number]) for line in cells) for number in range(len(HEAD))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells]
    killed, boundaries = sum(row.killed for row in rows), sum(row.boundaries for row in rows)
    return [*lines, f"{len(rows)} cases, died at {killed} of {boundaries} boundaries (all of them: make soak)"]


def gaps(config: Any, rows: Iterable[Told]) -> list[str]:
    """Given how a run was asked for and its rows, return one line for each remedy that was killed nowhere; a part of the tests has none."""
    return missing(rows, registered()) if whole(config) else []


def registered() -> Mapping[str, list[str]]:
    """Return the names of the remedies that each panel registers."""
    from watchdog.panels import discover  # noqa: PLC0415  # not for each run of one test

    return {name: [remedy.name for remedy in panel.remedies] for name, panel in discover().items()}


def missing(rows: Iterable[Told], remedies: Mapping[str, Iterable[str]]) -> list[str]:
    """Return one line for each remedy that no row has killed anywhere."""
    seen = {(row.panel, row.remedy) for row in rows if row.killed}
    return [f"{panel}: {name} was killed nowhere" for panel in remedies for name in remedies[panel] if (panel, name) not in seen]


def whole(config: Any) -> bool:
    """Whether a run is of all the tests that are no soak, here (a worker has only some of them)."""
    asked = config.option
    part = asked.keyword or asked.collectonly or getattr(asked, "lf", False) or asked.deselect or hasattr(config, "workerinput")
    return config.args_source.name == "TESTPATHS" and asked.markexpr in {"", "not soak"} and not part
