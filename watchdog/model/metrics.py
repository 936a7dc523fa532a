"""Metric families as values, and the two protocols by which rooms publish them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, cast

MetricType = Literal["gauge", "counter", "histogram", "info"]
Row = tuple[tuple[str, ...], float]


@dataclass(frozen=True, slots=True)
class Metric:
    """One line of a catalogue. ``name`` is the family's full name as Prometheus stores its samples, so a counter's ends in ``_total``.

    ``seed`` lists label value tuples that are born at 0 (rule 18); ``buckets`` only for histograms. ``ragged`` is for names of other
    exporters alone: empty labels are left out, and a row may go on after its label values with (name, value) pairs of its own.
    """

    name: str
    type: MetricType
    help: str
    labels: tuple[str, ...] = ()
    seed: tuple[tuple[str, ...], ...] = ()
    buckets: tuple[float, ...] = ()
    ragged: bool = False


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """A metric and where its rows come from: ``rows(*sources)`` is pure and yields (label values, value).

    A collector's specs take its facts; a panel's take (target name, actual, view).
    """

    metric: Metric
    rows: Callable[..., Iterable[Row]]


@dataclass(frozen=True, slots=True)
class Family:
    """One family ready to be rendered."""

    metric: Metric
    rows: tuple[Row, ...]


class Instruments(Protocol):
    """Where rooms count their own deeds. Names and labels must be in the catalogue; anything else raises at the first use."""

    def count(self, name: str, *labels: str, by: float = 1.0) -> None:
        """Add to a counter."""
        ...

    def set(self, name: str, *labels: str, value: float) -> None:
        """Set a gauge."""
        ...

    def drop(self, name: str, *labels: str) -> None:
        """Forget the rows of a gauge that begin with these label values."""
        ...

    def observe(self, name: str, *labels: str, value: float) -> None:
        """Add one observation to a histogram."""
        ...


def families(specs: Iterable[MetricSpec], *sources: Any) -> tuple[Family, ...]:
    """Given specs and what their rows are computed from, return the families."""
    return tuple(Family(spec.metric, tuple(spec.rows(*sources))) for spec in specs)


class Telling(Protocol):
    """A target that tells more than its view: optional for a target of a panel."""

    def families(self, actual: Any, view: Any, evidence: Any) -> Iterable[Family]:
        """Return its families, of the panel's own metrics and of the borrowed sets that are switched on. Pure; memory only."""
        ...


def families_of(
    target: object, specs: Iterable[MetricSpec], name: str, actual: Any, view: Any, evidence: Any
) -> tuple[Family, ...]:  # fmt: skip
    """Return the families of a target: those that it tells itself, else its panel's specs over (name, actual, view)."""
    if callable(getattr(target, "families", None)):
        return tuple(cast(Telling, target).families(actual, view, evidence))
    return families(specs, name, actual, view)


def borrowed_of(panel: object) -> Mapping[str, tuple[Metric, ...]]:
    """Return the other exporters' metrics that a panel can write, by the word that switches them on; none when it has none."""
    return cast("Mapping[str, tuple[Metric, ...]]", getattr(panel, "borrowed", {}))


class Silent:
    """Instruments that keep nothing, for callers that have none."""

    def count(self, name: str, *labels: str, by: float = 1.0) -> None:
        """Do nothing."""

    def set(self, name: str, *labels: str, value: float) -> None:
        """Do nothing."""

    def drop(self, name: str, *labels: str) -> None:
        """Do nothing."""

    def observe(self, name: str, *labels: str, value: float) -> None:
        """Do nothing."""
