"""What every board of a panel has: the drifts, what was done about them, what cannot be judged, and marks for repairs and pauses."""

from __future__ import annotations

from dashboards.drawing.asks import Ask, Scope, by, each, per
from dashboards.drawing.boards import Mark, Row, row
from dashboards.drawing.looks import FEW_ARE_GOOD, MINUTE, REQUESTS, SECONDS, YES_NO, young
from dashboards.drawing.panels import Column, Panel, figure, lines, rows

OPEN = 'state=~"open|awaiting_approval|repairing"'


def seen(of: Scope, panel: str, about: str, *, title: str = "Panel can be judged") -> Panel:
    """Return whether the newest pass could read the panel."""
    return figure(title, about, each("target", of("watchdog_panel_up", f'panel="{panel}"')), look=YES_NO)


def drifts(of: Scope, panel: str, *more: Panel) -> Row:
    """Return the row of drifts and repairs of one kind of panel, with more panels at its end."""
    mine = f'panel="{panel}"'
    return row(
        "Drifts and repairs",
        lines(
            "Drifts by kind",
            "Open, waiting for approval or being repaired; baseline and ignored ones are not in it.",
            per("target kind", of("watchdog_drifts", mine, OPEN)),
            look=FEW_ARE_GOOD,
        ),
        lines(
            "Repairs by result",
            "Verified: a fresh look at both sides found the drift gone. Those that carry out a pause are among them.",
            per("target remedy result", of.increase("watchdog_repairs_total", mine)),
        ),
        rows(
            "Open drifts",
            "Since when each has been open: `panel-watchdog explain` tells the rest.",
            Column("open for", of.age("watchdog_drift_open_timestamp_seconds", mine), young(MINUTE * 15, MINUTE * 60)),
            width=24,
            height=7,
        ),
        lines(
            "Subjects that cannot be judged",
            "Unknown is not drift: nothing is repaired on it, and it must not last.",
            per("target", of("watchdog_subjects", mine, 'state="unknown"')),
            look=FEW_ARE_GOOD,
            width=8,
        ),
        lines(
            "Left alone, by reason",
            "Confirmed drifts that the newest plan does not act on: mode, cooldown, budget, pause, baseline and so on.",
            per("target reason", of("watchdog_drifts_held", mine)),
            width=8,
        ),
        *more,
    )


def requests(of: Scope, panel: str) -> Panel:
    """Return how often a kind of panel is asked, and how that ends."""
    return lines(
        "Requests to the panel",
        "By result; ok and everything else.",
        per("target result", of.rate("watchdog_panel_requests_total", f'panel="{panel}"')),
        look=REQUESTS,
        width=8,
    )


def marks(of: Scope, *more: str) -> tuple[Mark, ...]:
    """Return the annotations of repairs and of pauses within a scope."""
    repaired = by("panel, target, remedy, result", of.increase("watchdog_repairs_total", *more, within="1m"))
    paused = by("panel, target, source", of("watchdog_pause_active", *more), how="max")
    return (
        Mark("Repairs", repaired, "{{panel}} {{target}}: {{remedy}} {{result}}", "blue"),
        Mark("Pauses", paused, "{{panel}} {{target}} paused ({{source}})", "purple"),
    )


def age(title: str, about: str, expression: str, legend: str, *, width: int = 6, height: int = 4) -> Panel:
    """Return an age as a number, without a judgement."""
    return figure(title, about, Ask(expression, legend), look=SECONDS, width=width, height=height)
