"""Every metric of the program: the instruments of all rooms, and the tables over facts and views."""

from __future__ import annotations

from watchdog.app import inbound, rooms
from watchdog.collectors import runner
from watchdog.collectors.wireguard import compat as wireguard_compat
from watchdog.exposition import pages, process
from watchdog.ledger import open as ledger
from watchdog.model import panels as panel_ports
from watchdog.model.metrics import Metric, borrowed_of
from watchdog.notify import metrics as notify
from watchdog.panels import discover
from watchdog.reconciler import alarms, pausing, ruling
from watchdog.reconciler import metrics as reconciler
from watchdog.runtime import supervision
from watchdog.web import server


def own_metrics() -> tuple[Metric, ...]:
    """Return what our own rooms count while they work."""
    return (
        *supervision.METRICS,
        *runner.METRICS,
        *rooms.METRICS,
        *ledger.METRICS,
        *reconciler.METRICS,
        *pausing.METRICS,
        *ruling.METRICS,
        *alarms.METRICS,
        *notify.METRICS,
        *pages.METRICS,
        *server.METRICS,
        *inbound.METRICS,
        *panel_ports.METRICS,
    )


def catalogue() -> tuple[Metric, ...]:
    """Return every metric that can occur, each once, sorted by name."""
    tables = [spec.metric for specs in rooms.SPECS.values() for spec in specs]
    tables += [spec.metric for spec in reconciler.SPECS]
    tables += [spec.metric for panel in discover().values() for spec in panel.metrics]
    return tuple(sorted({*own_metrics(), *process.METRICS, *tables}, key=lambda metric: metric.name))


def compat_catalogue() -> dict[str, tuple[Metric, ...]]:
    """Return the metrics of other exporters that can be switched on, by the word that does it."""
    of_rooms = {str(name): metrics for name, metrics in wireguard_compat.compat_metrics().items()}
    of_panels = {name: metrics for panel in discover().values() for name, metrics in borrowed_of(panel).items()}
    return of_rooms | of_panels
