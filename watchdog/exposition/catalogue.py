"""What a declared metric must be, and who owns its names.

client_python does not notice two collectors that emit one family: the answer then has two HELP/TYPE blocks and Prometheus refuses it whole.
Here every family has one owner, checked while the program is wired and not while it is scraped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from watchdog.model.metrics import Metric

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*", re.ASCII)
_LABEL = re.compile(r"(?!__)[a-zA-Z_][a-zA-Z0-9_]*", re.ASCII)
_RESERVED = ("_total", "_info", "_bucket", "_count", "_sum", "_created")
_SUFFIX = {"counter": "_total", "info": "_info"}


def bare_name(metric: Metric) -> str:
    """Return the family's OpenMetrics name: a counter loses ``_total`` and an info loses ``_info``."""
    return metric.name.removesuffix(_SUFFIX.get(metric.type, "\n"))


def checked(metric: Metric) -> Metric:
    """Given a declared metric, return it. Raise ValueError, naming it, when Prometheus or OpenMetrics would not accept it."""
    faults = [
        fault
        for fault, found in (
            ("its name is not a legal metric name", _NAME.fullmatch(metric.name) is None),
            ("its name must end in " + _SUFFIX.get(metric.type, ""), not metric.name.endswith(_SUFFIX.get(metric.type, ""))),
            # a gauge may be called x_info (peers do that), never x_total
            (
                "its name ends in a suffix that belongs to another type",
                metric.type in ("gauge", "histogram") and metric.name.endswith(tuple(s for s in _RESERVED if s != "_info")),
            ),
            ("a label name is not legal", not all(_LABEL.fullmatch(label) for label in metric.labels)),
            ("a label is named twice", len(set(metric.labels)) != len(metric.labels)),
            ("only histograms have buckets", bool(metric.buckets) != (metric.type == "histogram")),
            ("'le' belongs to the buckets", metric.type == "histogram" and "le" in metric.labels),
            ("its buckets must rise", any(low >= high for low, high in zip(metric.buckets, metric.buckets[1:], strict=False))),
            ("a seed has another number of labels", any(len(seed) != len(metric.labels) for seed in metric.seed)),
            ("its help is empty", not metric.help.strip()),
        )
        if found
    ]
    if faults:
        raise ValueError(f"metric {metric.name!r}: {'; '.join(faults)}")
    return metric


def claimed_names(metric: Metric) -> frozenset[str]:
    """Return every name this family uses in either format: its own, its OpenMetrics one, and those of its samples."""
    names = {metric.name, bare_name(metric)}
    if metric.type == "histogram":
        names |= {metric.name + suffix for suffix in ("_bucket", "_count", "_sum")}
    return frozenset(names)


class Claims:
    """Who owns which name. One name has one owner."""

    def __init__(self) -> None:
        self._owners: dict[str, tuple[str, str]] = {}

    def claim(self, owner: str, metrics: Iterable[Metric]) -> tuple[Metric, ...]:
        """Give the names of ``metrics`` to ``owner`` and return them. Raise ValueError naming both owners when a name is taken."""
        taken: dict[str, tuple[str, str]] = {}
        found = tuple(checked(metric) for metric in metrics)
        for metric in found:
            for name in claimed_names(metric):
                other = self._owners.get(name) or taken.get(name)
                if other is not None:
                    raise ValueError(
                        f"metric {metric.name!r} of {owner!r} and metric {other[1]!r} of {other[0]!r} share the name {name!r}: "
                        "one family has one owner"
                    )
                taken[name] = (owner, metric.name)
        self._owners |= taken
        return found
