"""What a dashboard asks Prometheus: queries, the scope they share, and the choices at its top."""

from __future__ import annotations

from dataclasses import dataclass

from grafana_foundation_sdk.models import dashboard as model

PROMETHEUS = model.DataSourceRef(type_val="prometheus", uid="${datasource}")
RATE = "$__rate_interval"


@dataclass(frozen=True, slots=True)
class Ask:
    """One query: the expression, and what each of its series is called (``{{label}}`` is the label's value)."""

    expression: str
    legend: str


@dataclass(frozen=True, slots=True)
class Choice:
    """One variable at the top of a dashboard: the values of ``label`` that the series ``seen`` have."""

    label: str
    title: str
    seen: str


class Scope:
    """The matchers that all queries of one dashboard share: written once, so that no panel forgets what was chosen."""

    def __init__(self, *matchers: str) -> None:
        self._matchers = matchers

    def __call__(self, metric: str, *more: str) -> str:
        """Given a metric and further matchers, return its selector within the scope."""
        return f"{metric}{{{','.join((*self._matchers, *more))}}}"

    def increase(self, metric: str, *more: str, within: str = RATE) -> str:
        """Return by how much a counter has grown within a range."""
        return f"increase({self(metric, *more)}[{within}])"

    def rate(self, metric: str, *more: str) -> str:
        """Return how fast a counter grows, by the second."""
        return f"rate({self(metric, *more)}[{RATE}])"

    def age(self, metric: str, *more: str) -> str:
        """Return how many seconds ago the time was that a gauge holds."""
        return f"time() - {self(metric, *more)}"


def by(labels: str, expression: str, *, how: str = "sum") -> str:
    """Return an aggregation over all labels but these."""
    return f"{how} by ({labels}) ({expression})"


def each(labels: str, expression: str) -> Ask:
    """Return a query whose series are called by the values of these labels, parted by spaces."""
    return Ask(expression, " ".join(f"{{{{{label}}}}}" for label in labels.split()))


def per(labels: str, expression: str) -> Ask:
    """Return a query for the sums of an expression by these labels, which are what its series are called."""
    return each(labels, by(", ".join(labels.split()), expression))


HOST = Choice("instance", "Host", "watchdog_build_info")


def target_of(panel: str) -> Choice:
    """Return the choice among the targets of one kind of panel."""
    return Choice("target", "Target", f'watchdog_panel_up{{panel="{panel}",instance=~"$instance"}}')
