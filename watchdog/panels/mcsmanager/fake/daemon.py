"""One fake daemon: the state machine of the real one, which keeps its state in memory and asks Docker only while it starts something.

All rules cite the contract's section 2 ("How status is decided", "The seed bug") and the recording that shows the answer. Durations are
the real ones divided by ``speed``.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence

from watchdog.panels.mcsmanager.fake.instances import (
    DELAYED_KILL,
    FALL_BACK,
    LABEL,
    RPC_SECONDS,
    RUNNING,
    STARTING,
    STOPPED,
    STOPPING,
    Failure,
    FakeInstance,
    Silence,
)
from watchdog.panels.mcsmanager.fake.releases import RELEASES, Release
from watchdog.panels.mcsmanager.fake.world import ContainerWorld, NameTaken, WorldContainer, WorldDown, WorldSilent


class FakeDaemon:
    """A daemon with its instances, over one world. Thread-safe; starts run in threads of their own, as promises do in the real one."""

    def __init__(
        self,
        world: ContainerWorld,
        uuid: str = "a14aaa84e7794fc8a575773655a13fc5",
        *,
        version: str = "10.18.2",
        remarks: str = "",
        speed: float = 1.0,
    ) -> None:
        self.world = world
        self.uuid = uuid
        self.release: Release = RELEASES[version]
        self.remarks = remarks
        self.port = 24444
        self.speed = speed
        self.up = True
        self.available = True
        self.hung = False
        self.soft_shutdown = True
        self.soft_shutdown_skips_docker = True
        self.restarts = 0
        self._instances: dict[str, FakeInstance] = {}
        self._lock = threading.RLock()
        self._ended = threading.Event()
        self._boot = 0
        self._began = time.monotonic() - 3600.0

    @property
    def process_cpu(self) -> int:
        """Return microseconds of system time since this process began: it falls at a restart (info_router.ts)."""
        return int((time.monotonic() - self._began) * 100_000)

    @property
    def instances(self) -> list[FakeInstance]:
        """Return the instances, statuses refreshed."""
        self._refresh()
        with self._lock:
            return list(self._instances.values())

    def add(self, *items: FakeInstance) -> None:
        """Configure instances; each gets its data folder, so its container can be known by its mount."""
        with self._lock:
            for item in items:
                item.cwd = item.cwd or f"/opt/mcsmanager/daemon/data/InstanceData/{item.uuid}"
                self._instances[item.uuid] = item

    def find(self, uuid: str) -> FakeInstance:
        """Return one instance, refreshed. Raises Failure."""
        self._refresh()
        with self._lock:
            if uuid not in self._instances:
                raise Failure(f"The operation failed, the instance {uuid} does not exist.")
            return self._instances[uuid]

    def lose_streams(self) -> None:
        """Cut all connections to Docker, as a crash of dockerd does: no wait callback ever fires (contract section 2, state C)."""
        with self._lock:
            for item in self._instances.values():
                item.stream = False

    # -- what a person or the watchdog may ask for

    def open(self, uuid: str) -> FakeInstance:
        """Start; returns when Running. Raises Failure, or Silence after six seconds (then it goes on by itself: state A)."""
        item = self.find(uuid)
        with self._lock:
            if item.status != STOPPED:
                raise Failure("The instance is running and cannot be started again")
            begun = self._begin(item)
        done, problem = threading.Event(), list[Exception]()
        self._spawn(lambda: self._start(item, begun, done, problem))
        if not done.wait(RPC_SECONDS / self.speed):
            raise Silence
        if problem:
            raise problem[0]
        return item

    def stop(self, uuid: str) -> FakeInstance:
        """Write the stop command to the console; a ghost only becomes Stopping (head-ghost-running-stop.json)."""
        item = self.find(uuid)
        with self._lock:
            if item.status == STARTING and self.release.panel == "10.4.0":
                raise Failure("This StopCommand operation cannot be executed because the instance is locked. Please try again later.")
            if item.status not in (RUNNING, STOPPING):
                raise Failure("Instance not running and cannot be stopped.")
            item.status, item.stopping_since = STOPPING, time.monotonic()
        if item.stream and self._state_of(item.container) == "running":
            self._quietly(lambda: self.world.stop(item.container, 10.0))
        return item

    def restart_instance(self, uuid: str) -> FakeInstance:
        """Stop and start in the background (head-ghost-running-restart.json); 10.4.0 refuses (v10.4.0-ghost-restart.json)."""
        item = self.find(uuid)
        if item.status == STARTING:
            raise Failure("The instance has other tasks in progress, and this operation cannot be performed!")
        if item.status == STOPPED and self.release.modern:
            self._spawn(lambda: self._quietly(lambda: self.open(uuid)))
            return item
        if item.status == STOPPED or self.release.panel == "10.4.0":
            raise Failure("The instance is not running!")
        return self.stop(uuid)

    def kill(self, uuid: str) -> FakeInstance:
        """SIGKILL; for a ghost 10.18 says 200 (head-ghost-running-kill.json) and older ones 500 (v10.6.1-ghost-kill.json)."""
        item = self.find(uuid)
        if not item.container:
            return item
        if self._state_of(item.container) == "":
            if not self.release.quiet_kill:
                raise Failure(f"(HTTP code 404) no such container - Cannot kill container: {item.container}: No such container ")
            return item
        self._quietly(lambda: self.world.kill(item.container))
        return item

    def containers(self) -> list[WorldContainer]:
        """Run ``docker ps`` from the daemon's side: running and paused ones, whole host. Raises Failure or Silence."""
        return [item for item in self._listed() if item.state in ("running", "paused")]

    def ask_docker(self) -> None:
        """Ask Docker as the overview and the image list do: fail at once, or hang, with it."""
        self._listed()

    # -- its own life

    def restart(self) -> None:
        """End on SIGTERM and boot again, as the supervisor would; returns when the panel sees it again."""
        self.end()
        self.boot()

    def end(self, *, crash: bool = False) -> None:
        """End: older releases, or those told so, kill every instance (contract section 2, SIGTERM); a ``crash`` kills nothing.

        Up to 10.7 all kills go out at once, and the 404 of a ghost's ends the process before the others are through: they live on
        (seen on the real 10.4.0 and 10.6.1, docs/panels/mcsmanager.md).
        """
        kills = self.release.kills_on_exit or not (self.soft_shutdown and self.soft_shutdown_skips_docker)
        with self._lock:
            self._boot += 1
            self.up = self.available = False
            held = [item.container for item in self._instances.values() if item.container]
            for item in self._instances.values():
                item.status, item.started, item.auto_restarted, item.container, item.stream = STOPPED, 0, 0, "", False
        if kills and not self.release.quiet_kill and self._haunted(held):
            kills = False
        for container in held if kills and not crash else ():
            self._quietly(lambda container=container: self.world.kill(container))  # type: ignore[misc]  # a default argument binds it

    def _haunted(self, held: Sequence[str]) -> bool:
        """Whether one of the containers that it believes in is gone."""
        try:
            return bool(set(held) - {item.id for item in self.world.list()})
        except (WorldDown, WorldSilent):
            return False

    def boot(self, *, reconnect: bool = True) -> None:
        """Boot: takeover, then autostart behind it. A silent Docker stops both until it answers (head-hang-boot-detail.json)."""
        with self._lock:
            self._boot += 1
            self.restarts += 1
            self._began = time.monotonic()
            self.up = True
            self.available = reconnect
            boot = self._boot
        taken = threading.Event()
        self._spawn(lambda: self._life(boot, taken))
        taken.wait(1.0 / self.speed)

    def close(self) -> None:
        """End all threads."""
        self._ended.set()

    def _life(self, boot: int, taken: threading.Event) -> None:
        if self.release.takeover:
            self._patiently(self._take_over, boot)
        taken.set()
        delays = {"at_once": 0.0, "after_10s": 10.0, "one_by_one": 5.0}
        if self._pause(delays[self.release.autostart], boot):
            return
        for item in [item for item in self.instances if item.auto_start]:
            if item.status == STOPPED and not self._pause(0.0, boot):
                self._spawn(lambda item=item: self._quietly(lambda: self.open(item.uuid)))  # type: ignore[misc]
            if self.release.autostart == "one_by_one" and self._pause(5.0, boot):
                return

    def _take_over(self) -> None:
        try:
            listed = self.world.list()
        except WorldDown:
            return  # silent, and never tried again: state D (head-orphan-detail.json)
        for container in listed:
            with self._lock:
                item = self._instances.get(container.labels.get(LABEL, ""))
                if item is None or container.state not in ("running", "paused") or item.status != STOPPED:
                    continue
                item.status, item.started, item.container, item.stream = RUNNING, 1, container.id, True  # head-detail-after-takeover.json
            if container.state == "paused":
                self._quietly(lambda container=container: self.world.unpause(container.id))  # type: ignore[misc]

    def _begin(self, item: FakeInstance) -> float:
        item.status = STARTING
        item.started += 1
        item.last_start = time.time()
        return time.monotonic()

    def _start(self, item: FakeInstance, begun: float, done: threading.Event, problem: list[Exception]) -> None:
        boot = self._boot
        try:
            if item.end_time and item.end_time <= time.time():
                raise Failure("The instance has expired")  # noqa: TRY301  # as the real start does
            self._pause(self.release.start_seconds, boot)
            if not self._patiently(lambda: self._create(item, boot), boot):
                return
        except Failure as failure:
            self._failed(item, begun, boot)
            problem.append(failure)
        finally:
            done.set()

    def _create(self, item: FakeInstance, boot: int) -> None:
        labels = {LABEL: item.uuid} if self.release.takeover else {}
        try:
            self.world.list()
            with self._lock:
                if boot != self._boot:
                    return
                item.container = self.world.run(item.container_name, item.image, labels, [(item.cwd, "/data")])
                item.status, item.stream = RUNNING, True
        except WorldDown:
            message = "Image download error, please make sure the image name is correct, error:\nconnect ENOENT /var/run/docker.sock"
            raise Failure(message) from None  # head-seed-nosocket-open.json
        except NameTaken as taken:
            name = item.container_name
            message = f'(HTTP code 409) unexpected - Conflict. The container name "/{name}" is already in use by container "{taken}".'
            raise Failure(message) from None  # head-orphan-open-409.json

    def _failed(self, item: FakeInstance, begun: float, boot: int) -> None:
        with self._lock:
            if boot == self._boot:
                item.status, item.container, item.stream = STOPPED, "", False
        if self.release.delayed_kill:
            self._spawn(lambda: self._late_kill(item, begun, boot))

    def _late_kill(self, item: FakeInstance, begun: float, boot: int) -> None:
        """Kill whatever the instance holds six seconds after a failed start: the verified trap (head-race-second-open.json)."""
        left = begun + DELAYED_KILL / self.speed - time.monotonic()
        if not self._ended.wait(max(0.0, left)) and boot == self._boot and item.container:
            self._quietly(lambda: self.world.kill(item.container))

    def _patiently(self, act: Callable[[], None], boot: int) -> bool:
        """Wait for a silent Docker as long as it takes: no Docker call of the daemon has a timeout. False = the daemon ended meanwhile."""
        while boot == self._boot and not self._ended.is_set():
            try:
                act()
            except WorldSilent:
                self._ended.wait(0.2 / self.speed)
            else:
                return True
        return False

    def _refresh(self) -> None:
        """Let the living wait connections tell of ended containers; a cut one tells nothing, for ever."""
        now = time.monotonic()
        with self._lock:  # the list too: one read before a start and used after it would end what has just begun
            try:
                alive = {item.id for item in self.world.list()}
            except (WorldDown, WorldSilent):
                return
            for item in self._instances.values():
                if item.stream and item.status in (RUNNING, STOPPING) and item.container not in alive:
                    item.status, item.container, item.stream = STOPPED, "", False
                elif item.status == STOPPING and now - item.stopping_since > FALL_BACK / self.speed:
                    item.status = RUNNING

    def _listed(self) -> Iterable[WorldContainer]:
        try:
            return self.world.list()
        except WorldDown:
            raise Failure("Error: connect ENOENT /var/run/docker.sock") from None  # head-seed-nosocket-env-containers.json
        except WorldSilent:
            raise Silence from None  # head-hang-env-image.json

    def _state_of(self, container: str) -> str:
        try:
            return next((item.state for item in self.world.list() if item.id == container), "")
        except (WorldDown, WorldSilent):
            return "unknown"

    def _pause(self, seconds: float, boot: int) -> bool:
        return self._ended.wait(seconds / self.speed) or boot != self._boot

    def _spawn(self, act: Callable[[], object]) -> None:
        threading.Thread(target=act, name=f"fake-mcsm-{self.uuid[:6]}", daemon=True).start()

    @staticmethod
    def _quietly(act: Callable[[], object]) -> None:
        try:
            act()
        except (Failure, Silence, WorldDown, WorldSilent, NameTaken):
            return
