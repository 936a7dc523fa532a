"""The names, labels and units of pterodactyl_exporter, so that its dashboard (Grafana 16575) works unchanged. Off by default. Pure.

Source: LOENS2/pterodactyl_exporter 1.0.7 (a5ca175). It leaves out servers that answer 409 and loses the backups of servers beyond its first
page; here each server has its rows. Beside that exporter these would double every sum.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from watchdog.model.metrics import Metric, MetricSpec, Row
from watchdog.panels.pterodactyl.view import PterodactylView, Resources, Server

NAME: Final = "pterodactyl_exporter"
MEBI: Final = float(1 << 20)
_LABELS: Final = ("server_name", "id")
Value = Callable[[PterodactylView, Server], float | None]


def _used(value: Callable[[Resources], float]) -> Value:
    """Return what a server uses: by the panel's word, else by that of its Wings."""

    def of(view: PterodactylView, server: Server) -> float | None:
        known = server.resources or _by_wings(view, server)
        return value(known) if known is not None else None

    return of


def _by_wings(view: PterodactylView, server: Server) -> Resources | None:
    wings = view.wings_of(server)
    if wings is None:
        return None
    return Resources(wings.state, wings.memory_bytes, wings.cpu, wings.disk_bytes, wings.rx, wings.tx, wings.uptime_ms)


def _newest(_: PterodactylView, server: Server) -> float | None:
    if server.backups is None:
        return None
    return max((each.completed_at or 0.0 for each in server.backups if each.state == "complete"), default=0.0)


def _spec(name: str, text: str, value: Value) -> MetricSpec:
    def rows(target: str, actual: object, view: PterodactylView, told: object = None) -> Iterator[Row]:
        del target, actual, told
        for server in view.servers:
            number = value(view, server)
            if number is not None:
                yield (server.name, server.identifier), float(number)

    return MetricSpec(Metric(f"pterodactyl_server_{name}", "gauge", text, _LABELS), rows)


SPECS: Final[tuple[MetricSpec, ...]] = (
    _spec("memory_mebibyte", "Memory that the server uses, in MiB.", _used(lambda used: used.memory_bytes / MEBI)),
    _spec("cpu_absolute", "Processor that the server uses, in percent of one.", _used(lambda used: used.cpu)),
    _spec("disk_mebibyte", "Disk that the server uses, in MiB.", _used(lambda used: used.disk_bytes / MEBI)),
    _spec("network_rx_mebibyte", "What the server has received since it began, in MiB.", _used(lambda used: used.rx / MEBI)),
    _spec("network_tx_mebibyte", "What the server has sent since it began, in MiB.", _used(lambda used: used.tx / MEBI)),
    _spec("uptime_milliseconds", "How long the server has been running, in milliseconds.", _used(lambda used: used.uptime_ms)),
    _spec("max_memory_mebibyte", "Memory that the server may use, in MiB.", lambda _, server: server.memory_mib),
    _spec("max_swap_mebibyte", "Swap that the server may use, in MiB.", lambda _, server: server.swap_mib),
    _spec("max_disk_mebibyte", "Disk that the server may use, in MiB.", lambda _, server: server.disk_mib),
    _spec("io", "The server's weight of block I/O.", lambda _, server: server.io),
    _spec("max_cpu_absolute", "Processor that the server may use, in percent of one.", lambda _, server: server.cpu_percent),
    _spec("most_recent_backup_time", "When the newest complete backup was finished, in UNIX seconds; 0 = there is none.", _newest),
)
BORROWED: Final = {NAME: tuple(spec.metric for spec in SPECS)}
"""What ``compat: [pterodactyl_exporter]`` switches on."""
