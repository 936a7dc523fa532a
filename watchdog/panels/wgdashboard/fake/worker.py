"""The fake panel's worker: the configurations in its memory, its settings and keys, and what requests and its two threads do with them.

Sources: v4.2.3 dashboard.py, v4.3.3 dashboard.py and WireguardConfiguration.py, PeerJobs.py runJob.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from watchdog.panels.wgdashboard.fake import sampling
from watchdog.panels.wgdashboard.fake.conf import Conf, NoInterface, parse
from watchdog.panels.wgdashboard.fake.jobs import FakeJob
from watchdog.panels.wgdashboard.fake.releases import Release
from watchdog.panels.wgdashboard.fake.store import Row, Settings, Store
from watchdog.panels.wgdashboard.fake.world import World, WorldPeer

NEVER: Final = {"endpoint": "N/A", "status": "stopped", "latest_handshake": "N/A"}
"""What a peer says until it was sampled (v423/bug_getWireguardConfigurationInfo_wgs24.json)."""


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
        self.read_peers(self.configurations[name])
        self.read_restricted(self.configurations[name])
        return True

    def refresh(self, name: str) -> FakeConfiguration:
        """Return a configuration as an answer shows it: v4.2 reads sqlite (or the file) anew, v4.3 has it in memory.

        Raises OSError when the file is gone (v4.2: an HTML 500), sqlite3.Error when the database is locked.
        """
        configuration = self.configurations[name]
        if not self.release.newer:
            self.read_peers(configuration)
        self.read_restricted(configuration)
        return configuration

    # -- the threads

    def run_pass(self) -> None:
        """Sample everything once. What it raises ends thread 1: RuntimeError, of the dictionary that changed (v4.2.3 only)."""
        self.passes += 1
        sampling.run_pass(self)

    def now(self) -> float:
        """Return the host's UNIX time."""
        return self._now()

    def let_others_work(self) -> None:
        """Let a request thread have its turn in the middle of a pass."""
        act, self.meanwhile = self.meanwhile, None
        if act is not None:
            act()

    def run_jobs(self) -> None:
        """Do what is due: restrict or delete peers (PeerJobs.py, runJob). Nothing happens when the thread is gone."""
        if not self.jobs_thread_lives:
            return
        for job in list(self.jobs):
            configuration = self.configurations.get(job.configuration)
            row = next((row for row in configuration.peers if row["id"] == job.peer), None) if configuration else None
            if row is not None and job.due(row, self._now()) and self.restrict(job.configuration, job.peer):
                self.jobs.remove(job)

    # -- files and tables

    def _made(self, name: str, *, startup: bool) -> FakeConfiguration:
        path = self.conf_path / f"{name}.conf"
        conf = parse(path.read_text(encoding="utf-8"))
        made = FakeConfiguration(name, path, conf.interface, self._public_key_of(conf.interface.get("PrivateKey", "")))
        self.store.create_tables(name)
        self.read_peers(made)
        self.read_restricted(made)
        if startup and name in self.autostart and not self.up(name):
            self.world.up(name, _world_peers(conf))
        if startup and self.up(name) and name not in self.autostart:
            self.settings["WireGuardConfiguration"]["autostart"] = "||".join([*self.autostart, name])
            self.save()
        return made

    def read_peers(self, configuration: FakeConfiguration) -> None:
        """Take the peers from the file if it has changed, then from the table. Raises OSError when the file is gone."""
        changed_at = configuration.path.stat().st_mtime  # raises when the file is gone (contract section 2, gap 1)
        if changed_at != configuration.changed_at:
            configuration.changed_at = changed_at
            rows = {row["id"]: row for row in self.store.rows(configuration.name)}
            for peer in parse(configuration.path.read_text(encoding="utf-8")).peers:
                row = rows.get(peer.get("PublicKey", "")) or self._fresh(peer)
                self.store.insert(configuration.name, {**row, "allowed_ip": peer.get("AllowedIPs", "N/A")})
        configuration.peers = self.store.rows(configuration.name)

    def read_restricted(self, configuration: FakeConfiguration) -> None:
        """Take the restricted peers from their table."""
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
