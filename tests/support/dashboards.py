"""The dashboards as tests read them: every query of every panel, and what variables ask for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[2] / "dashboards"
FILES = sorted(FOLDER.glob("*.json"))
_LABEL_VALUES = re.compile(r"label_values\((.*),\s*\w+\)", re.DOTALL)


def load(file: Path) -> dict[str, Any]:
    """Return one dashboard."""
    return json.loads(file.read_text(encoding="utf-8"))


def panels(dashboard: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield all panels, those in rows too."""
    for panel in dashboard["panels"]:
        yield panel
        yield from panel.get("panels", ())


def queries(dashboard: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (where it stands, expression) of each query, the variables' first."""
    for variable in dashboard.get("templating", {}).get("list", ()):
        asked = variable.get("query")
        found = _LABEL_VALUES.fullmatch(asked["query"].strip()) if isinstance(asked, dict) else None
        if found:
            yield f"variable {variable['name']}", found[1]
    for panel in panels(dashboard):
        for target in panel.get("targets", ()):
            yield f"panel {panel['title']}", target["expr"]


def filled_in(expression: str, dashboard: dict[str, Any], window: str = "10s") -> str:
    """Return an expression as Grafana would send it with every variable at All."""
    for interval in ("$__rate_interval", "$__interval", "$__range"):
        expression = expression.replace(interval, window)
    for variable in dashboard.get("templating", {}).get("list", ()):
        expression = re.sub(rf"\$(?:{variable['name']}\b|\{{{variable['name']}(?::\w+)?\}})", ".*", expression)
    assert "$" not in expression, f"a variable that the dashboard does not have: {expression}"
    return expression
