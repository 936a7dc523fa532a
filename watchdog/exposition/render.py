"""One family to bytes, in Prometheus text 0.0.4 and OpenMetrics 1.0.0.

Both formats share the sample lines; only the lines above them differ. So one family is rendered once.
Sources: Prometheus "Exposition formats" (text 0.0.4), OpenMetrics 1.0.0. Bytes are proven equal to ``prometheus_client.generate_latest``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isnan

from watchdog.exposition.catalogue import bare_name
from watchdog.model.metrics import Family, Metric, Row

TEXT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"
OPENMETRICS_END = b"# EOF\n"

_GO_SWITCHES_AT = 6  # digits before the point from which Go's shortest form has an exponent
_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})
_HELP_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n"})


@dataclass(frozen=True, slots=True)
class RenderedFamily:
    """One family in bytes: the lines above for each format, and the sample lines they share. ``repeated`` rows were left out."""

    name: str
    text_head: bytes
    openmetrics_head: bytes
    body: bytes
    rows: int
    repeated: int = 0


def number(value: float) -> str:
    """Return ``value`` as Go's exposition writes it: ``1.0``, ``1.5e+06``, ``+Inf``, ``NaN``."""
    value = float(value)
    text = repr(value)
    if text[-1] in "nf":  # nan, inf
        return "NaN" if isnan(value) else "+Inf" if value == inf else "-Inf"
    if value >= 10**_GO_SWITCHES_AT:
        point = text.find(".")
        if point > _GO_SWITCHES_AT:  # not when Python itself already wrote an exponent
            mantissa = f"{text[0]}.{text[1:point]}{text[point + 1 :]}".rstrip("0").rstrip(".")
            return f"{mantissa}e+{point - 1:02d}"
    return text


def render(family: Family) -> RenderedFamily:
    """Given one family, return its bytes. Rows come out sorted by label values; of two rows with the same labels the last one counts.

    A histogram's rows carry one label value more than the metric declares, in this order for each label set: every bound as ``number``
    writes it up to ``+Inf`` (cumulative counts), then ``count`` and ``sum``. Raises ValueError when a row has another number of values.
    """
    metric = family.metric
    histogram = metric.type == "histogram"
    width = len(metric.labels) + histogram
    unique = dict(family.rows)
    widths = set(map(len, unique)) - {width}
    if widths and not (metric.ragged and all(each > width and (each - width) % 2 == 0 for each in widths)):
        raise ValueError(f"metric {metric.name!r}: a row needs {width} label values")
    rows = sorted(unique.items(), key=lambda row: row[0][:-1]) if histogram else sorted(unique.items(), key=_labels_of)
    lines = _histogram_lines(metric, rows) if histogram else _ragged_lines(metric, rows) if metric.ragged else _lines(metric, rows)
    # a lone surrogate (an undecodable file name) must not cost the whole source
    body = "".join(lines).encode("utf-8", "replace")
    return RenderedFamily(metric.name, *heads(metric), body, len(rows), len(family.rows) - len(rows))


def heads(metric: Metric) -> tuple[bytes, bytes]:
    """Return the HELP and TYPE lines for text and for OpenMetrics."""
    kind = "gauge" if metric.type == "info" else metric.type
    text = f"# HELP {metric.name} {metric.help.translate(_HELP_ESCAPES)}\n# TYPE {metric.name} {kind}\n"
    bare = bare_name(metric)
    openmetrics = f"# HELP {bare} {metric.help.translate(_ESCAPES)}\n# TYPE {bare} {metric.type}\n"
    return text.encode("utf-8", "replace"), openmetrics.encode("utf-8", "replace")


def _labels_of(row: Row) -> tuple[str, ...]:
    return row[0]


def _order(names: Sequence[str]) -> list[int]:
    return sorted(range(len(names)), key=names.__getitem__)


def _form(name: str, names: Sequence[str]) -> str:
    """Return a %-form of one sample line: labels sorted by name, as client_python writes them."""
    inner = ",".join(f'{label}="%s"' for label in sorted(names))
    return f"{name}{{{inner}}} %s\n" if names else f"{name} %s\n"


def _clean(labels: tuple[str, ...]) -> tuple[str, ...]:
    joined = "".join(labels)
    if "\\" in joined or '"' in joined or "\n" in joined:
        return tuple(label.translate(_ESCAPES) for label in labels)
    return labels


def _lines(metric: Metric, rows: Sequence[Row]) -> list[str]:
    form, order = _form(metric.name, metric.labels), _order(metric.labels)
    if order == sorted(order):
        return [form % (*_clean(labels), number(value)) for labels, value in rows]
    return [form % (*_clean(tuple(labels[i] for i in order)), number(value)) for labels, value in rows]


def _ragged_lines(metric: Metric, rows: Sequence[Row]) -> list[str]:
    """Return lines of which each has its own labels. Names that come twice or that Prometheus would refuse are the table's fault."""
    width, lines = len(metric.labels), []
    for labels, value in rows:
        clean = _clean(labels)
        own = sorted(zip((*metric.labels, *clean[width::2]), (*clean[:width], *clean[width + 1 :: 2]), strict=True))
        inner = ",".join([f'{name}="{text}"' for name, text in own if text])
        lines.append(f"{metric.name}{{{inner}}} {number(value)}\n")
    return lines


def _histogram_lines(metric: Metric, rows: Sequence[Row]) -> list[str]:
    bucket_names = (*metric.labels, "le")
    order, bucket_order = _order(metric.labels), _order(bucket_names)
    bucket = _form(f"{metric.name}_bucket", bucket_names)
    totals = {part: _form(f"{metric.name}_{part}", metric.labels) for part in ("count", "sum")}
    lines = []
    for labels, value in rows:
        clean, part = _clean(labels), labels[-1]
        form, chosen = (totals[part], order) if part in totals else (bucket, bucket_order)
        lines.append(form % (*(clean[i] for i in chosen), number(value)))
    return lines
