"""One pass of the fake panel's background thread, as each release does it.

Sources: v4.2.3 dashboard.py:826-906 and 3111-3129; v4.3.3 dashboard.py:80-111 and WireguardConfiguration.py:737-860.
"""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from watchdog.panels.wgdashboard.fake.store import Row
from watchdog.panels.wgdashboard.fake.world import WgFailed

if TYPE_CHECKING:
    from watchdog.panels.wgdashboard.fake.worker import FakeConfiguration, FakeWorker

GIB: Final = 1 << 30
TROUBLE: Final = (OSError, sqlite3.Error, WgFailed, LookupError, ValueError)
"""What a pass may fail of; the real one catches everything."""


class CalledProcessFailed(WgFailed):
    """Speaks like ``subprocess.CalledProcessError``, which the real panel logs; the argument is the command."""

    def __str__(self) -> str:
        return f"Command '{self.args[0]}' returned non-zero exit status 1."

    def __repr__(self) -> str:
        return f"CalledProcessError(1, {self.args[0]})"


def run_pass(worker: FakeWorker) -> None:
    """Sample everything once. What it raises ends the thread: RuntimeError, of the dictionary that changed (v4.2.3 only)."""
    if worker.release.walks_the_live_dictionary:
        for configuration in worker.configurations.values():
            _sample_quietly(worker, configuration)
            worker.let_others_work()
        return
    try:
        for name in list(worker.configurations):
            if name in worker.configurations:
                _sample(worker, worker.configurations[name])
            worker.let_others_work()
    except TROUBLE as error:
        worker.store.error(*_logged(error))


def _sample_quietly(worker: FakeWorker, configuration: FakeConfiguration) -> None:
    try:
        _sample(worker, configuration)
    except TROUBLE as error:
        worker.store.error(f"[WGDashboard] Background Thread #1 Error: {error}")


def _sample(worker: FakeWorker, configuration: FakeConfiguration) -> None:
    if not worker.up(configuration.name):
        return
    if worker.release.blocked_by_one:
        _sample_handshakes(worker, configuration)
        _sample_transfer(worker, configuration)
    else:
        try:
            _sample_transfer(worker, configuration)
        except WgFailed as error:  # v4.2.3 has a try of its own here
            worker.store.error(f"[WGDashboard] {configuration.name} Error: {error}")
        _sample_handshakes(worker, configuration)
    _sample_endpoints(worker, configuration)
    worker.read_peers(configuration)
    worker.read_restricted(configuration)


def _sample_handshakes(worker: FakeWorker, configuration: FakeConfiguration) -> None:
    try:
        peers = worker.world.show(configuration.name)
    except WgFailed:
        return
    now = datetime.fromtimestamp(worker.now())  # noqa: DTZ006  # as the real one: the difference is what counts
    changes: list[tuple[str, Row]] = []
    for peer in peers:
        age = now - datetime.fromtimestamp(int(peer.last_handshake))  # noqa: DTZ006
        status = "running" if age < timedelta(seconds=worker.release.threshold) else "stopped"
        text = str(age).split(".", maxsplit=1)[0] if int(peer.last_handshake) > 0 else "No Handshake"
        changes.append((peer.public_key, {"latest_handshake": text, "status": status}))
    worker.store.update(configuration.name, changes)


def _sample_transfer(worker: FakeWorker, configuration: FakeConfiguration) -> None:
    try:
        peers = worker.world.show(configuration.name)
    except WgFailed:
        raise CalledProcessFailed(["wg", "show", configuration.name, "transfer"]) from None
    rows = {row["id"]: row for row in worker.store.rows(configuration.name)}
    slack = 0.999 if worker.release.newer else 1.0
    changes: list[tuple[str, Row]] = []
    for peer in peers:
        row = rows.get(peer.public_key)
        if row is None:
            continue
        sent, received = peer.tx_bytes / GIB, peer.rx_bytes / GIB
        values: Row = {"total_receive": received, "total_sent": sent, "total_data": received + sent}
        if row["total_sent"] * slack > sent or row["total_receive"] * slack > received:
            # the interface began anew: what was counted moves to cumu_*, and this pass writes zeros
            moved = {which: row[f"cumu_{which}"] + row[f"total_{which}"] for which in ("receive", "sent")}
            values = {
                "total_receive": 0,
                "total_sent": 0,
                "total_data": 0,
                "cumu_receive": moved["receive"],
                "cumu_sent": moved["sent"],
            }
            values["cumu_data"] = moved["receive"] + moved["sent"]
        changes.append((peer.public_key, values))
    worker.store.update(configuration.name, changes)


def _sample_endpoints(worker: FakeWorker, configuration: FakeConfiguration) -> None:
    try:
        peers = worker.world.show(configuration.name)
    except WgFailed:
        return
    worker.store.update(configuration.name, [(peer.public_key, {"endpoint": peer.endpoint or "(none)"}) for peer in peers])


def _logged(error: BaseException) -> list[str]:
    """Return what the logging module prints for a call with a stray argument (contract section 2, gap 2)."""
    return [
        "--- Logging error ---",
        "Traceback (most recent call last):",
        '  File "/opt/WGDashboard/src/dashboard.py", line 92, in peerInformationBackgroundThread',
        f"{'subprocess.CalledProcessError' if isinstance(error, CalledProcessFailed) else type(error).__name__}: {error}",
        "",
        "During handling of the above exception, another exception occurred:",
        "",
        "Traceback (most recent call last):",
        '  File "/usr/lib/python3.12/logging/__init__.py", line 392, in getMessage',
        "    msg = msg % self.args",
        "TypeError: not all arguments converted during string formatting",
        "Call stack:",
        "Message: '[WGDashboard] Background Thread #1 Error'",
        f"Arguments: ({error!r},)",
    ]
