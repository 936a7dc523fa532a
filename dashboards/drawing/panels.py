"""The kinds of panels: a number (stat), lines over time, states over time, and a table. Each says what it means in its description."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, Self, TypeVar

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.models import common as words
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models import prometheus as query

from dashboards.drawing.asks import PROMETHEUS, Ask
from dashboards.drawing.looks import COUNT, Look

_REFS = "ABCDEFGHIJ"
_OF_SCRAPING = ("Time", "__name__", "job")


class Drawable(Protocol):
    """What the builders of all kinds of panels have in common."""

    def build(self) -> model.Panel: ...
    def title(self, title: str) -> Self: ...
    def description(self, description: str) -> Self: ...
    def datasource(self, datasource: model.DataSourceRef) -> Self: ...
    def unit(self, unit: str) -> Self: ...
    def mappings(self, mappings: list[model.ValueMapping]) -> Self: ...
    def thresholds(self, thresholds: Any) -> Self: ...
    def color_scheme(self, color: Any) -> Self: ...
    def no_value(self, no_value: str) -> Self: ...
    def with_target(self, target: Any) -> Self: ...
    def data_links(self, links: list[Any]) -> Self: ...


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel without its place: the board gives it one, and an id."""

    title: str
    width: int
    height: int
    draw: Callable[[], Drawable]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of numbers in a table; the columns before it are the labels."""

    title: str
    expression: str
    look: Look = COUNT


_Some = TypeVar("_Some", bound=Drawable)


def figure(
    title: str, about: str, *asks: Ask, look: Look = COUNT, width: int = 6, height: int = 4, none: str = "none", name: bool = False
) -> Panel:
    """Return a panel of numbers as they are now, one for each series; with ``name`` it shows what each is called instead."""

    def draw() -> Drawable:
        builder = stat.Panel().graph_mode(words.BigValueGraphMode.NONE).color_mode(words.BigValueColorMode.VALUE)
        builder.text_mode(words.BigValueTextMode.NAME if name else words.BigValueTextMode.VALUE_AND_NAME)
        builder.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).fields(""))
        return _asking(_begun(builder, title, about, look, none), asks, instant=True)

    return Panel(title, width, height, draw)


def lines(title: str, about: str, *asks: Ask, look: Look = COUNT, width: int = 12, height: int = 8, none: str = "none") -> Panel:
    """Return a panel of lines over time."""

    def draw() -> Drawable:
        builder = timeseries.Panel().line_width(1).fill_opacity(8).show_points(words.VisibilityMode.AUTO)
        builder.legend(_legend()).tooltip(_tooltip(words.SortOrder.DESCENDING))
        by_name = dashboard.FieldColor().mode(model.FieldColorModeId.PALETTE_CLASSIC)
        return _asking(_begun(builder, title, about, look, none).color_scheme(by_name), asks)

    return Panel(title, width, height, draw)


def states(title: str, about: str, *asks: Ask, look: Look, width: int = 12, height: int = 8, none: str = "none") -> Panel:
    """Return a panel of states over time: one bar for each series, with the look's words and colours."""

    def draw() -> Drawable:
        builder = statetimeline.Panel().show_value(words.VisibilityMode.AUTO).merge_values(merge_values=True).fill_opacity(70)
        builder.legend(_legend()).tooltip(_tooltip(words.SortOrder.NONE))
        return _asking(_begun(builder, title, about, look, none), asks)

    return Panel(title, width, height, draw)


def rows(title: str, about: str, *columns: Column, width: int = 12, height: int = 8, none: str = "none", link: str | None = None) -> Panel:
    """Return a table as of now: a row for each set of labels, a column for each number; ``link`` leads from a row to another dashboard."""

    def draw() -> Drawable:
        builder = _begun(table.Panel().show_header(show_header=True), title, about, columns[0].look, none)
        many = len(columns) > 1
        renamed = {f"Value #{_REFS[at]}" if many else "Value": column.title for at, column in enumerate(columns)}
        if many:
            builder.with_transformation(model.DataTransformerConfig("merge", options={}))
        hidden = dict.fromkeys(_OF_SCRAPING, True)
        builder.with_transformation(
            model.DataTransformerConfig("organize", options={"excludeByName": hidden, "indexByName": {}, "renameByName": renamed})
        )
        for column in columns:
            builder.override_by_name(column.title, _shown(column.look))
        if link is not None:
            builder.data_links([dashboard.DashboardLink("Show").type(model.DashboardLinkType.LINK).url(link)])
        return _asking(builder, tuple(Ask(column.expression, column.title) for column in columns), instant=True, table=True)

    return Panel(title, width, height, draw)


def _begun(builder: _Some, title: str, about: str, look: Look, none: str) -> _Some:
    """Return the builder with what all kinds have; values are coloured by their thresholds and words."""
    builder.title(title).description(about).datasource(PROMETHEUS).unit(look.unit).no_value(none)
    builder.mappings(look.mappings()).thresholds(look.thresholds())
    return builder.color_scheme(dashboard.FieldColor().mode(model.FieldColorModeId.THRESHOLDS))


def _asking(builder: _Some, asks: tuple[Ask, ...], *, instant: bool = False, table: bool = False) -> _Some:
    for ref, ask in zip(_REFS, asks, strict=False):
        target = prometheus.Dataquery().ref_id(ref).expr(ask.expression).legend_format(ask.legend).datasource(PROMETHEUS)
        target.format(query.PromQueryFormat.TABLE if table else query.PromQueryFormat.TIME_SERIES)
        builder.with_target(target.instant() if instant else target.range())
    return builder


def _shown(look: Look) -> list[model.DynamicConfigValue]:
    """Return the look as what a table changes for one column."""
    return [
        model.DynamicConfigValue("unit", look.unit),
        model.DynamicConfigValue("mappings", look.mappings()),
        model.DynamicConfigValue("thresholds", look.thresholds().build()),
        model.DynamicConfigValue("custom.cellOptions", {"type": "color-text"}),
    ]


def _legend() -> common.VizLegendOptions:
    shown = common.VizLegendOptions().display_mode(words.LegendDisplayMode.LIST).placement(words.LegendPlacement.BOTTOM)
    return shown.show_legend(show_legend=True).calcs([])


def _tooltip(order: words.SortOrder) -> common.VizTooltipOptions:
    return common.VizTooltipOptions().mode(words.TooltipDisplayMode.MULTI).sort(order)
