"""The fake panel: a master and its worker, their threads, and the switches for its bugs; ``server.py`` puts it on loopback.

Master and worker are told apart because that is what the stale worker's bug is about: ``gunicorn.conf.py`` imports the panel in the master,
so a worker forked anew has the settings, keys and configurations of the master's start (contract section 3.3).
"""

from __future__ import annotations

import base64
import copy
import hashlib
import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Self

from watchdog.model.moments import Clock
from watchdog.panels.wgdashboard.fake.conf import write
from watchdog.panels.wgdashboard.fake.master import Master, Switches, stand_in
from watchdog.panels.wgdashboard.fake.releases import RELEASES
from watchdog.panels.wgdashboard.fake.server import Seen, Servers
from watchdog.panels.wgdashboard.fake.store import Store, first_settings
from watchdog.panels.wgdashboard.fake.worker import FakeConfiguration, FakeWorker
from watchdog.panels.wgdashboard.fake.world import World
from watchdog.runtime.clock import SystemClock

KEY: Final = "fake-api-key-0123456789abcdef"
SLEEP: Final = 10.0
"""Seconds before the first pass and between two (dashboard.py, peerInformationBackgroundThread)."""
JOBS_SLEEP: Final = 180.0
"""Seconds between two looks at the jobs (dashboard.py, peerJobScheduleBackgroundThread)."""


class FakePanel:
    """One panel in ``directory`` (its ``src`` folder). Use it as a context manager: it boots at the start.

    ``speed`` makes its own delays shorter, never the world's time. With ``background=False`` passes happen when ``sample`` is called, and
    only then. ``keys_at_start=False``: API keys are enabled while the master runs, as by a person in the browser, so that a worker forked
    anew does not know them. ``control_url`` is a second port for hooks: POST /restart is ``systemctl restart``.
    """

    def __init__(
        self,
        world: World,
        directory: Path,
        *,
        version: str = "4.3.3",
        clock: Clock | None = None,
        speed: float = 1.0,
        port: int = 0,
        prefix: str = "",
        background: bool = True,
        keys_at_start: bool = True,
        conf_path: Path | None = None,
        public_key_of: Callable[[str], str] = stand_in,
    ) -> None:
        self.release = RELEASES[version]
        self.world = world
        self.directory = directory
        self.conf_path = conf_path or directory / "wireguard"
        self.conf_path.mkdir(parents=True, exist_ok=True)
        self.store = Store(directory, self.release, patience=max(5.0 / speed, 1.0))  # less would fail by chance, not by a lock
        self.switches = Switches()
        self.seen: list[Seen] = []
        self.password = "fake-admin-password"  # noqa: S105  # it opens nothing
        self.prefix = prefix
        self.restarts = 0
        self.thread_lives = False
        self.booted = False
        self._closed = threading.Event()
        self._speed = speed
        self._clock = clock or SystemClock()
        self._background = background
        self._keys_at_start = keys_at_start
        self._public_key_of = public_key_of
        self._master = Master()
        self._worker: FakeWorker | None = None
        self._lock = threading.RLock()
        self._life = threading.Event()
        self._write_first_settings()
        self._servers = Servers(self, port)

    # -- before it boots, or behind its back

    def define(
        self, name: str, peers: Sequence[tuple[str, str, Sequence[str]]] = (), *, private_key: str = "", listen_port: int = 51820,
        address: str = "10.0.0.1/24",
    ) -> Path:  # fmt: skip
        """Write a configuration file; peers are (public key, name, allowed IPs). Return its path."""
        secret = private_key or base64.b64encode(hashlib.sha256(f"private {name}".encode()).digest()).decode("ascii")
        interface = {"PrivateKey": secret, "Address": address, "ListenPort": str(listen_port), "SaveConfig": "true"}
        path = self.conf_path / f"{name}.conf"
        path.write_text(write(interface, peers), encoding="utf-8")
        return path

    def set_autostart(self, *names: str) -> None:
        """Let these be brought up by a start; for the settings on disk, before the boot."""
        settings = self.store.settings()
        settings["WireGuardConfiguration"]["autostart"] = "||".join(names)
        self.store.save_settings(settings)

    # -- what it is

    @property
    def url(self) -> str:
        """Return the panel's address, with its prefix."""
        return f"{self._servers.url}{self.prefix}"

    @property
    def control_url(self) -> str:
        """Return the address for hooks."""
        return self._servers.control_url

    @property
    def worker(self) -> FakeWorker:
        """Return the worker of now."""
        if self._worker is None:
            raise RuntimeError("the fake panel was never booted")
        return self._worker

    def configuration(self, name: str) -> FakeConfiguration:
        """Return a configuration in the worker's memory. Raises KeyError."""
        return self.worker.configurations[name]

    def sent(self, path: str) -> list[Seen]:
        """Return the requests to a path so far."""
        return [seen for seen in list(self.seen) if seen.path == path]

    # -- its life

    def boot(self) -> None:
        """Start master and worker: settings and keys come from disk, autostart configurations that are down are brought up."""
        with self._lock:
            settings, keys = self.store.settings(), self.store.keys()
            self._master = Master(settings, keys)
            self._fork(startup=True)
            # what the worker changed while it started, it changed in the master: that is where the panel is imported
            self._master.settings = copy.deepcopy(self.worker.settings)
            self._master.names = frozenset(self.worker.configurations)
            self.booted = True

    def end(self) -> None:
        """End on SIGTERM: sessions and threads are gone, devices stay."""
        with self._lock:
            self.booted = self.thread_lives = False
            self._life.set()
            self._master.over.set()

    def restart(self) -> None:
        """Restart the whole panel, master included; returns when it answers again."""
        over = self._master.over
        self.end()
        self.restarts += 1
        self._closed.wait(self.release.down_seconds / self._speed)
        if over is self._master.over and not self._closed.is_set():
            self.boot()

    def go_stale(self) -> None:
        """Kill the worker and let the master fork another: settings, keys and configurations as of the master's start."""
        with self._lock:
            self._life.set()
            self._fork(startup=False)

    def enable_keys(self, key: str = KEY) -> None:
        """Turn API keys on while it runs, and make one, as a person does in the browser (contract section 1.2)."""
        with self._lock:
            self.worker.settings["Server"]["dashboard_api_key"] = "true"
            self.worker.save()
            self._add_key(key)

    # -- its bugs

    def kill_thread(self) -> None:
        """End the thread that samples, without a word, as something unknown might."""
        with self._lock:
            self._life.set()
            self.thread_lives = False

    def add_during_pass(self, name: str, peers: Sequence[tuple[str, str, Sequence[str]]] = (), *, private_key: str = "") -> None:
        """Let a person add a configuration in the middle of the next pass: the seed bug's trigger (contract section 2)."""

        def add() -> None:
            self.define(name, peers, private_key=private_key)
            self.worker.scan()

        self.worker.meanwhile = add

    @contextmanager
    def locked_database(self) -> Iterator[None]:
        """Hold an exclusive lock, so that passes fail with "database is locked" (contract section 3.6)."""
        with self.store.opened() as database:
            database.execute("BEGIN EXCLUSIVE")
            yield

    def sample(self) -> bool:
        """Do one pass if the thread lives; return whether it lives on. What ends it is in the error log, as the real one's traceback."""
        worker = self.worker
        if not self.thread_lives:
            return False
        try:
            worker.run_pass()
        except RuntimeError as error:
            self.thread_lives = False
            self.store.error(
                "Exception in thread Thread-1 (peerInformationBackgroundThread):",
                "Traceback (most recent call last):",
                '  File "/usr/lib/python3.12/threading.py", line 1073, in _bootstrap_inner',
                "    self.run()",
                '  File "/opt/WGDashboard/src/dashboard.py", line 3116, in peerInformationBackgroundThread',
                "    for c in WireguardConfigurations.values():",
                f"{type(error).__name__}: {error}",
            )
        return self.thread_lives

    # -- what the routes need

    def has_session(self, cookie: str) -> bool:
        """Whether a session is of the master of now."""
        return self._master.has_session(cookie)

    def new_session(self) -> str:
        """Begin a session; return its token."""
        return self._master.new_session()

    def make_key(self, stamp: str) -> str:
        """Make an API key; this worker knows it at once."""
        key = secrets.token_urlsafe(32)
        self._add_key(key, stamp)
        return key

    def append_peer(self, name: str, key: str, label: str, allowed_ips: Sequence[str]) -> None:
        """Write one peer more into a configuration's file."""
        path = self.conf_path / f"{name}.conf"
        lines = ["[Peer]", f"#Name# = {label}", f"PublicKey = {key}", f"AllowedIPs = {', '.join(allowed_ips)}", ""]
        path.write_text(path.read_text(encoding="utf-8") + "\n".join(lines), encoding="utf-8")

    def close(self) -> None:
        """Stop serving and end the threads."""
        self._closed.set()
        self.end()
        self._servers.close()

    def __enter__(self) -> Self:
        self.boot()
        if not self._keys_at_start:
            self.enable_keys()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _write_first_settings(self) -> None:
        if (self.directory / "wg-dashboard.ini").exists():
            return
        settings = first_settings(self.release, self.conf_path)
        settings["Server"]["app_prefix"] = self.prefix
        if self._keys_at_start:
            settings["Server"]["dashboard_api_key"] = "true"
            self.store.add_key(KEY, "2026-11-20 18:00:00")
        self.store.save_settings(settings)

    def _add_key(self, key: str, stamp: str = "2026-11-20 18:00:00") -> None:
        self.store.add_key(key, stamp)
        self.worker.keys = self.worker.keys | {key}

    def _fork(self, *, startup: bool) -> None:
        master = self._master
        worker = FakeWorker(
            self.store, self.world, self.release, copy.deepcopy(master.settings), master.keys, now=lambda: self._clock.now().wall,
            public_key_of=self._public_key_of,
        )  # fmt: skip
        if self._worker is not None:
            worker.jobs = self._worker.jobs  # they are in a database of their own
        worker.scan(startup=startup, only=None if startup else master.names)
        self._worker = worker
        self._life = threading.Event()
        self.thread_lives = True
        self.store.error("[WGDashboard] Background Thread #1 Started")
        if self._background:
            threading.Thread(target=self._live, args=(self._life,), name="fake-wgd-1", daemon=True).start()
            threading.Thread(target=self._look_after_jobs, args=(worker, self._life), name="fake-wgd-2", daemon=True).start()
        elif self.release.newer:
            self.store.error(f"[WGDashboard] Background Thread #1 PID:{threading.get_native_id()}")

    def _live(self, life: threading.Event) -> None:
        if self.release.newer:
            self.store.error(f"[WGDashboard] Background Thread #1 PID:{threading.get_native_id()}")
        while not life.wait(SLEEP / self._speed):
            if not self.sample():
                return

    def _look_after_jobs(self, worker: FakeWorker, life: threading.Event) -> None:
        while not life.wait(JOBS_SLEEP / self._speed):
            worker.run_jobs()
