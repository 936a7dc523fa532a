"""The fake panel's worker: the configurations in its memory, and what its two background threads do in one pass.

Sources: v4.2.3 dashboard.py:826-906 and 3111-3129, v4.3.3 dashboard.py:80-111 and WireguardConfiguration.py:737-860, PeerJobs.py runJob.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from watchdog.panels.wgdashboard.fake.conf import Conf, NoInterface, parse
from watchdog.panels.wgdashboard.fake.releases import Release
from watchdog.panels.wgdashboard.fake.store import Row, Settings, Store
from watchdog.panels.wgdashboard.fake.world import WgFailed, World, WorldPeer

GIB: Final = 1 << 30
TROUBLE: Final = (OSError, sqlite3.Error, WgFailed, LookupError, ValueError)
"""What a pass may fail of; the real one catches everything."""
NEVER: Final = {"endpoint": "N/A", "status": "stopped", "latest_handshake": "N/A"}
"""What a peer says until it was sampled (v423/bug_getWireguardConfigurationInfo_wgs24.json)."""


class CalledProcessFailed(WgFailed):
    """Speaks like ``subprocess.CalledProcessError``, which the real panel logs; the argument is the command."""

    def __str__(self) -> str:
        return f"Command '{self.args[0]}' returned non-zero exit status 1."

    def __repr__(self) -> str:
        return f"CalledProcessError(1, {self.args[0]})"


@dataclass(slots=True)
class FakeJob:
    """One job of the second thread, with the panel's own words (PeerJob.py)."""

    id: str
    configuration: str
    peer: str
    field: str
    operator: str
    value: str
    action: str


@dataclass(slots=True)
class FakeConfiguration:
    """One configuration in the worker's memory."""

    name: str
    path: Path
    interface: dict[str, str] = field(default_factory=dict)
    public_key: str = ""
    changed_at: float | None = None
    peers: list[Row] = field(default_factory=list)
    restricted: list[Row] = field(default_factory=list)


class FakeWorker:
    """One worker process: made with the settings and keys of the master's start, ends with the process.

    ``now`` is the host's UNIX time. ``meanwhile`` is called once in the middle of the next pass, behind the first configuration: what a
    request thread does at that moment. ``passes`` counts whole and broken ones.
    """

    def __init__(
        self, store: Store, world: World, release: Release, settings: Settings, keys: frozenset[str], *,
        now: Callable[[], float], public_key_of: Callable[[str], str],
    ) -> None:  # fmt: skip
        self.store = store
        self.world = world
        self.release = release
        self.settings = settings
        self.keys = keys
        self.configurations: dict[str, FakeConfiguration] = {}
        self.jobs: list[FakeJob] = []
        self.jobs_thread_lives = True
        self.meanwhile: Callable[[], None] | None = None
        self.passes = 0
        self._now = now
        self._public_key_of = public_key_of

    # -- what requests do

    @property
    def conf_path(self) -> Path:
        """Return the folder of configuration files."""
        return Path(self.settings["Server"]["wg_conf_path"])

    @property
    def autostart(self) -> list[str]:
        """Return the names in the autostart list."""
        return [name for name in self.settings["WireGuardConfiguration"]["autostart"].split("||") if name]

    def save(self) -> None:
        """Write all settings this worker has in memory to disk: also those that somebody else has changed there (section 3.3)."""
        self.store.save_settings(self.settings)

    def scan(self, *, startup: bool = False, only: frozenset[str] | None = None) -> None:
        """Take in new files, and those that changed; names are never dropped (InitWireguardConfigurationsList)."""
        for file in sorted(path.name for path in self.conf_path.iterdir() if path.name.endswith(".conf")):
            name = file.replace(".conf", "")
            if only is not None and name not in only:
                continue
            known = self.configurations.get(name)
            if known is None or known.changed_at != known.path.stat().st_mtime:
                try:
                    self.configurations[name] = self._made(name, startup=startup)
                except NoInterface:
                    self.store.error(f"{name} have an invalid configuration file.")

    def up(self, name: str) -> bool:
        """Whether an interface of this name has an address (WireguardConfiguration.py:349)."""
        return name in self.world.interfaces()

    def toggle(self, name: str) -> None:
        """Flip a configuration by its state now. Raises WgFailed."""
        configuration = self.configurations[name]
        names = self.autostart
        if self.up(name):
            self.world.down(name)
            names = [each for each in names if each != name]
        else:
            self.world.up(name, _world_peers(parse(configuration.path.read_text(encoding="utf-8"))))
            names = [*names, *([name] if name not in names else [])]
        self.settings["WireGuardConfiguration"]["autostart"] = "||".join(names)
        self.save()

    def restrict(self, name: str, key: str) -> bool:
        """Take a peer out of the device and note it as restricted; bring the device up first if it is down (contract section 1.3)."""
        row = next((row for row in self.configurations[name].peers if row["id"] == key), None)
        if row is None:
            return False
        if not self.up(name):
            self.toggle(name)
        self.world.remove_peer(name, key)
        self.store.insert(f"{name}_restrict_access", {**row, "status": "stopped"})
        self.store.delete(name, key)
        self._write_conf(name, without=key)
        self._read_peers(self.configurations[name])
        self._read_restricted(self.configurations[name])
        return True

    def refresh(self, name: str) -> FakeConfiguration:
        """Return a configuration as an answer shows it: v4.2 reads sqlite (or the file) anew, v4.3 has it in memory.

        Raises OSError when the file is gone (v4.2: an HTML 500), sqlite3.Error when the database is locked.
        """
        configuration = self.configurations[name]
        if not self.release.newer:
            self._read_peers(configuration)
        self._read_restricted(configuration)
        return configuration

    # -- thread 1

    def run_pass(self) -> None:
        """Sample everything once. What it raises ends the thread: RuntimeError, of the dictionary that changed (v4.2.3 only)."""
        self.passes += 1
        if self.release.walks_the_live_dictionary:
            for configuration in self.configurations.values():
                self._sample_quietly(configuration)
                self._let_others_work()
            return
        try:
            for name in list(self.configurations):
                if name in self.configurations:
                    self._sample(self.configurations[name])
                self._let_others_work()
        except TROUBLE as error:
            self.store.error(*_logged(error))

    def _sample_quietly(self, configuration: FakeConfiguration) -> None:
        try:
            self._sample(configuration)
        except TROUBLE as error:
            self.store.error(f"[WGDashboard] Background Thread #1 Error: {error}")

    def _sample(self, configuration: FakeConfiguration) -> None:
        if not self.up(configuration.name):
            return
        if self.release.blocked_by_one:
            self._sample_handshakes(configuration)
            self._sample_transfer(configuration)
        else:
            try:
                self._sample_transfer(configuration)
            except WgFailed as error:  # v4.2.3 has a try of its own here
                self.store.error(f"[WGDashboard] {configuration.name} Error: {error}")
            self._sample_handshakes(configuration)
        self._sample_endpoints(configuration)
        self._read_peers(configuration)
        self._read_restricted(configuration)

    def _sample_handshakes(self, configuration: FakeConfiguration) -> None:
        try:
            peers = self.world.show(configuration.name)
        except WgFailed:
            return
        now = datetime.fromtimestamp(self._now())  # noqa: DTZ006  # as the real one: the difference is what counts
        changes: list[tuple[str, Row]] = []
        for peer in peers:
            age = now - datetime.fromtimestamp(int(peer.last_handshake))  # noqa: DTZ006
            status = "running" if age < timedelta(seconds=self.release.threshold) else "stopped"
            text = str(age).split(".", maxsplit=1)[0] if int(peer.last_handshake) > 0 else "No Handshake"
            changes.append((peer.public_key, {"latest_handshake": text, "status": status}))
        self.store.update(configuration.name, changes)

    def _sample_transfer(self, configuration: FakeConfiguration) -> None:
        try:
            peers = self.world.show(configuration.name)
        except WgFailed:
            raise CalledProcessFailed(["wg", "show", configuration.name, "transfer"]) from None
        rows = {row["id"]: row for row in self.store.rows(configuration.name)}
        slack = 0.999 if self.release.newer else 1.0
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
        self.store.update(configuration.name, changes)

    def _sample_endpoints(self, configuration: FakeConfiguration) -> None:
        try:
            peers = self.world.show(configuration.name)
        except WgFailed:
            return
        self.store.update(configuration.name, [(peer.public_key, {"endpoint": peer.endpoint or "(none)"}) for peer in peers])

    def _let_others_work(self) -> None:
        act, self.meanwhile = self.meanwhile, None
        if act is not None:
            act()

    # -- thread 2

    def run_jobs(self) -> None:
        """Do what is due: restrict or delete peers (PeerJobs.py, runJob). Nothing happens when the thread is gone."""
        if not self.jobs_thread_lives:
            return
        for job in list(self.jobs):
            configuration = self.configurations.get(job.configuration)
            row = next((row for row in configuration.peers if row["id"] == job.peer), None) if configuration else None
            if row is not None and _due(job, row, self._now()) and self.restrict(job.configuration, job.peer):
                self.jobs.remove(job)

    # -- files and tables

    def _made(self, name: str, *, startup: bool) -> FakeConfiguration:
        path = self.conf_path / f"{name}.conf"
        conf = parse(path.read_text(encoding="utf-8"))
        made = FakeConfiguration(name, path, conf.interface, self._public_key_of(conf.interface.get("PrivateKey", "")))
        self.store.create_tables(name)
        self._read_peers(made)
        self._read_restricted(made)
        if startup and name in self.autostart and not self.up(name):
            self.world.up(name, _world_peers(conf))
        if startup and self.up(name) and name not in self.autostart:
            self.settings["WireGuardConfiguration"]["autostart"] = "||".join([*self.autostart, name])
            self.save()
        return made

    def _read_peers(self, configuration: FakeConfiguration) -> None:
        changed_at = configuration.path.stat().st_mtime  # raises when the file is gone (contract section 2, gap 1)
        if changed_at != configuration.changed_at:
            configuration.changed_at = changed_at
            rows = {row["id"]: row for row in self.store.rows(configuration.name)}
            for peer in parse(configuration.path.read_text(encoding="utf-8")).peers:
                row = rows.get(peer.get("PublicKey", "")) or self._fresh(peer)
                self.store.insert(configuration.name, {**row, "allowed_ip": peer.get("AllowedIPs", "N/A")})
        configuration.peers = self.store.rows(configuration.name)

    def _read_restricted(self, configuration: FakeConfiguration) -> None:
        configuration.restricted = self.store.rows(f"{configuration.name}_restrict_access")

    def _fresh(self, peer: dict[str, str]) -> Row:
        defaults = self.settings["Peers"]
        return {
            "id": peer.get("PublicKey", ""), "private_key": "fake-peer-private-key", "DNS": defaults["peer_global_dns"],
            "endpoint_allowed_ip": defaults["peer_endpoint_allowed_ip"], "name": peer["name"], "total_receive": 0, "total_sent": 0,
            "total_data": 0, **NEVER, "cumu_receive": 0, "cumu_sent": 0, "cumu_data": 0, "mtu": int(defaults["peer_mtu"]),
            "keepalive": int(defaults["peer_keep_alive"]), "notes": "", "remote_endpoint": defaults["remote_endpoint"],
            "preshared_key": peer.get("PresharedKey", ""),
        }  # fmt: skip

    def _write_conf(self, name: str, *, without: str) -> None:
        """Write the file without one peer, as ``wg-quick save`` does (contract section 1.3: it drops comments)."""
        path = self.configurations[name].path
        conf = parse(path.read_text(encoding="utf-8"))
        lines = ["[Interface]", *(f"{key} = {value}" for key, value in conf.interface.items()), ""]
        for peer in conf.peers:
            if peer.get("PublicKey") != without:
                lines += ["[Peer]", *(f"{key} = {value}" for key, value in peer.items() if key != "name"), ""]
        path.write_text("\n".join(lines), encoding="utf-8")


def _world_peers(conf: Conf) -> list[WorldPeer]:
    return [
        WorldPeer(peer["PublicKey"], allowed_ips=tuple(peer.get("AllowedIPs", "").replace(" ", "").split(",")))
        for peer in conf.peers
        if "PublicKey" in peer
    ]


def _due(job: FakeJob, row: Row, now: float) -> bool:
    """Whether a job's condition holds (PeerJobs.py, __runJob_Compare)."""
    compare: dict[str, Callable[[Any, Any], bool]] = {
        "eq": lambda x, y: x == y, "neq": lambda x, y: x != y, "lgt": lambda x, y: x > y, "lst": lambda x, y: x < y,
    }  # fmt: skip
    if job.field == "date":
        is_now = datetime.fromtimestamp(now)  # noqa: DTZ006  # the panel's local time
        return compare[job.operator](is_now, datetime.strptime(job.value, "%Y-%m-%d %H:%M:%S"))  # noqa: DTZ007
    which = job.field.removeprefix("total_")
    return compare[job.operator](row[f"total_{which}"] + row[f"cumu_{which}"], float(job.value))


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
