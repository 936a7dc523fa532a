"""A whole dashboard: its rows of panels put on the grid, its choices, links and annotations, and the JSON of it."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pkgutil import iter_modules

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as model

import dashboards
from dashboards.drawing.asks import HOST, PROMETHEUS, Choice
from dashboards.drawing.panels import Panel

TAG = "panel-watchdog"
GRID = 24
_ALL = model.VariableOption(text="All", value="$__all", selected=True)


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under one heading, laid from left to right and wrapped at the edge."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """An annotation: wherever ``expression`` is above 0, drawn over every panel. Its texts know ``{{label}}``."""

    title: str
    expression: str
    heading: str
    color: str


@dataclass(frozen=True, slots=True)
class Board:
    """One dashboard, named after its module. ``choices`` come after those of the data source and the host."""

    title: str
    about: str
    rows: tuple[Row, ...]
    choices: tuple[Choice, ...] = ()
    marks: tuple[Mark, ...] = ()
    since: str = "now-6h"
    every: str = "30s"


def row(title: str, *panels: Panel) -> Row:
    """Return a row."""
    return Row(title, panels)


def boards() -> dict[str, Board]:
    """Return every board by its name: that of its module, which is also that of its JSON."""
    names = [found.name for found in iter_modules(dashboards.__path__) if not found.ispkg and not found.name.startswith("_")]
    return {name: import_module(f"dashboards.{name}").BOARD for name in sorted(names)}


def text(name: str, board: Board) -> str:
    """Return the JSON of a board as it is committed."""
    return json.dumps(drawn(name, board), cls=JSONEncoder, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def drawn(name: str, board: Board) -> model.Dashboard:
    """Return a board in Grafana's own model."""
    whole = build.Dashboard(f"Panel Watchdog / {board.title}").uid(f"{TAG}-{name}").description(board.about).tags([TAG])
    whole.timezone("browser").refresh(board.every).time(board.since, "now").version(1).tooltip(model.DashboardCursorSync.CROSSHAIR)
    whole.variables(list(_variables(board))).annotations([_annotation(mark) for mark in board.marks]).link(_to_the_others())
    for panel in _placed(board):
        whole.with_row(panel) if isinstance(panel, build.Row) else whole.with_panel(panel)
    return whole.build()


def _placed(board: Board) -> Iterator[build.Row | _Ready]:
    """Yield headings and panels with their places: panels fill a line from the left, the next line begins below the highest of it."""
    top = 0
    for row in board.rows:
        yield build.Row(row.title).id(_id(f"row {row.title}")).grid_pos(model.GridPos(h=1, w=GRID, x=0, y=top))
        top, left, height = top + 1, 0, 0
        for panel in row.panels:
            if left + panel.width > GRID:
                top, left, height = top + height, 0, 0
            ready = panel.draw().build()
            ready.id_val, ready.grid_pos = _id(panel.title), model.GridPos(h=panel.height, w=panel.width, x=left, y=top)
            yield _Ready(ready)
            left, height = left + panel.width, max(height, panel.height)
        top += height


class _Ready(build.Panel):
    """A panel that is built already, as the SDK's dashboard wants one: by its builder."""

    def __init__(self, panel: model.Panel) -> None:
        self._internal = panel


def _id(title: str) -> int:
    """Return a panel's id: it follows from the title alone, so that links to it outlive panels added before it."""
    return zlib.crc32(title.encode()) % 1_000_000 + 1


def _variables(board: Board) -> Iterator[build.DatasourceVariable | build.QueryVariable]:
    yield build.DatasourceVariable("datasource").label("Data source").type("prometheus")
    for choice in (HOST, *board.choices):
        asked: dict[str, object] = {"query": f"label_values({choice.seen}, {choice.label})", "refId": choice.label}
        variable = build.QueryVariable(choice.label).label(choice.title).datasource(PROMETHEUS).query(asked)
        variable.multi(multi=True).include_all(include_all=True).all_value(".*").current(_ALL)
        yield variable.refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED).sort(model.VariableSort.ALPHABETICAL_ASC)


class _PrometheusAnnotation(model.AnnotationQuery):
    """An annotation with the fields that Grafana's Prometheus data source adds (grafana-prometheus, annotations.ts)."""

    def __init__(self, mark: Mark) -> None:
        super().__init__(name=mark.title, datasource=PROMETHEUS, enable=True, icon_color=mark.color, expr=mark.expression)
        self.heading = mark.heading

    def to_json(self) -> dict[str, object]:
        return super().to_json() | {
            "titleFormat": self.heading,
            "textFormat": "",
            "tagKeys": "panel,target",
            "step": "60s",
            "useValueForTime": False,
        }


class _Annotation(build.AnnotationQuery):
    def __init__(self, mark: Mark) -> None:
        super().__init__()
        self._internal = _PrometheusAnnotation(mark)


def _annotation(mark: Mark) -> build.AnnotationQuery:
    return _Annotation(mark)


def _to_the_others() -> build.DashboardLink:
    """Return the menu of our dashboards; it keeps the time and what was chosen."""
    link = build.DashboardLink("Panel Watchdog").type(model.DashboardLinkType.DASHBOARDS).tags([TAG]).icon("external link")
    return link.as_dropdown(as_dropdown=True).include_vars(include_vars=True).keep_time(keep_time=True)
