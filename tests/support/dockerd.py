"""A real, private dockerd for tests: own socket, data root, exec root and containerd; nothing of the host's Docker is touched.

Use::

    from tests.support.dockerd import Dockerd, dockerd  # in a conftest.py: importing the fixture registers it

    pytestmark = [pytest.mark.docker, pytest.mark.xdist_group("dockerd")]  # one worker = one daemon

    def test_something(dockerd: Dockerd):
        box = dockerd.run("web", "sleep", "1000", labels={"a": "b"})      # -> container id; busybox image, --network none
        dockerd.inspect(box)["State"]["Status"]; dockerd.url              # unix:///... for the code under test
        dockerd.kill(); dockerd.start()                                   # crash and come back (containers die with it, as in life)
        dockerd.freeze(); dockerd.thaw()                                  # hung: accepts, never answers

The session fixture ``dockerd`` skips (or fails under WATCHDOG_REQUIRE_REAL=1) where dockerd, root or a static busybox is missing. The
function fixture ``engine`` is the same daemon, running, thawed and without containers before and after the test. A daemon of one's own:
``with Dockerd() as mine: ...``. Needs no network. Everything is ended by pid: dockerd, its containerd, the shims and what they started.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote, urlencode

import pytest

from tests.conftest import require

IMAGE = "watchdog-test:latest"
BUSYBOX = Path("/bin/busybox")
API = "/v1.41"
APPLETS = (
    "sh", "ash", "sleep", "cat", "echo", "ls", "top", "ps", "kill", "true", "false", "dd", "tail", "head", "mkdir", "rm", "printf",
    "touch", "date", "test", "[", "env", "seq", "yes", "usleep", "nc", "mv", "cp", "grep", "sed", "tee", "wc",
)  # fmt: skip


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class DockerdError(Exception):
    """The engine answered a call of the test itself with an error. ``status`` is the HTTP status."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status}: {text}")
        self.status = status


def poll(look: Callable[[], Any], seconds: float = 90.0, what: str = "") -> Any:
    """Call ``look`` until it returns something true and return that; fail the test after ``seconds``."""
    end = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what or look}")
        time.sleep(0.05)


def _states(pid: int) -> set[str]:
    """Return the states of a process' threads: a signal reaches each of them in its own time."""
    states = set()
    for stat in Path(f"/proc/{pid}/task").glob("*/stat"):
        with contextlib.suppress(OSError):
            states.add(stat.read_text().rpartition(")")[2].split()[0])
    return states


def missing() -> str:
    """Return what is missing for a private dockerd here, or ''."""
    lacks = [name for name in ("dockerd", "containerd", "runc") if not shutil.which(name)]
    lacks += [] if os.geteuid() == 0 else ["root"]
    lacks += [] if BUSYBOX.is_file() else ["busybox-static"]
    return ", ".join(lacks)


class Dockerd:
    """One private dockerd and a plain client for it, independent of the code under test."""

    def __init__(self, *arguments: str) -> None:
        """Prepare (do not start) a daemon with extra dockerd ``arguments``, such as ``--live-restore``."""
        # short on purpose: a unix socket's path has at most 107 bytes, pytest's tmp_path is often longer with containerd's suffixes
        self.root = Path(tempfile.mkdtemp(prefix="wdd-"))
        self.socket = self.root / "docker.sock"
        self.url = f"unix://{self.socket}"
        self._arguments = arguments
        self._process: subprocess.Popen[bytes] | None = None
        self._frozen = False
        self._image = False

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- the daemon's life ---

    @property
    def pid(self) -> int:
        """Return the pid of dockerd."""
        assert self._process is not None
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether dockerd runs (frozen counts)."""
        return self._process is not None and self._process.poll() is None

    def start(self, seconds: float = 120.0) -> None:
        """Start dockerd and wait until it answers; import the busybox image at the first start."""
        if self.alive:
            return
        poll(lambda: not self._processes(b"containerd"), 90, "the crashed dockerd's containerd has gone")
        # a zombie nobody reaps yet counts as "containerd is running" for dockerd, which would wait for it in vain
        for stale in (self.root / "docker.pid", self.root / "exec/containerd/containerd.pid", self.socket):
            stale.unlink(missing_ok=True)
        command = [
            "dockerd", "--bridge=none", "--iptables=false", "--ip-masq=false", "--storage-driver=vfs", f"--host={self.url}",
            f"--data-root={self.root}/data", f"--exec-root={self.root}/exec", f"--pidfile={self.root}/docker.pid", *self._arguments,
        ]  # fmt: skip
        # as from a narrow terminal: what dockerd lets ps cut off must not be missed
        environment = {k: v for k, v in os.environ.items() if not k.startswith("DOCKER_")} | {"NO_PROXY": "*", "COLUMNS": "80"}
        with (self.root / "dockerd.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, env=environment
            )
        poll(self._up, seconds, "dockerd answers")
        if not self._image:
            self.import_image()
            self._image = True

    def _up(self) -> bool:
        if not self.alive:
            raise AssertionError("dockerd ended at start:\n" + self.log()[-3000:])
        try:
            self.call("GET", "/_ping", seconds=2)
        except (OSError, http.client.HTTPException, DockerdError):
            return False
        return True

    def stop(self, seconds: float = 120.0) -> None:
        """End dockerd as ``systemctl stop docker`` does (it stops its containers first, unless --live-restore)."""
        self._end(signal.SIGTERM, seconds)

    def kill(self) -> None:
        """Crash dockerd: SIGKILL. Its containerd dies with it, containers run on until the next start (which ends them)."""
        self._end(signal.SIGKILL, 90.0)

    def restart(self) -> None:
        """Stop and start."""
        self.stop()
        self.start()

    def freeze(self) -> None:
        """SIGSTOP: the socket still accepts (the kernel does), nothing is ever answered. Returns when every thread has stopped."""
        os.kill(self.pid, signal.SIGSTOP)
        self._frozen = True
        poll(lambda: _states(self.pid) <= {"T", "Z", "X"}, 30, "dockerd stopped")

    def thaw(self) -> None:
        """Undo freeze."""
        if self._frozen and self.alive:
            os.kill(self.pid, signal.SIGCONT)
        self._frozen = False

    def reset(self) -> None:
        """Make sure it runs, is thawed and has no containers."""
        self.thaw()
        self.start()
        poll(self._emptied, 90, "all containers removed")

    def _emptied(self) -> bool:
        """Remove what is there; what a test's threads create meanwhile, or what was just going, is there the next time."""
        left = self.list()
        for box in left:
            self.remove(box["Id"], force=True)
        return not left

    def close(self) -> None:
        """End everything this daemon started and remove its files."""
        if self.alive:
            with contextlib.suppress(OSError, http.client.HTTPException, DockerdError, AssertionError):
                self.reset()
            self.stop()
        self._sweep()
        for mount in reversed(self._mounts()):
            subprocess.run(["umount", "--lazy", mount], check=False, capture_output=True)
        shutil.rmtree(self.root, ignore_errors=True)

    def log(self) -> str:
        """Return dockerd's own log."""
        return (self.root / "dockerd.log").read_text(errors="replace")

    def _end(self, number: int, seconds: float) -> None:
        if self._process is None:
            return
        self.thaw()
        if self.alive:
            os.kill(self.pid, number)
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(60)
        self._process = None

    def _sweep(self) -> None:
        """End what is left by pid: our containerd and shims, told by our root in their argv, and all their descendants."""
        if self.alive:
            return
        for _ in range(600):
            left = self._processes()
            if not left:
                return
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.1)
        raise AssertionError(f"these will not end: {left}")

    def _processes(self, *programs: bytes) -> list[int]:
        roots = programs or (b"dockerd", b"containerd", b"containerd-shim-runc-v2")
        parents: dict[int, int] = {}
        ours: set[int] = set()
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            with contextlib.suppress(OSError, IndexError, ValueError):
                status = (entry / "stat").read_text().rpartition(")")[2].split()
                if status[0] == "Z":
                    continue
                parents[int(entry.name)] = int(status[1])
                words = (entry / "cmdline").read_bytes().split(b"\0")
                if words[0].rpartition(b"/")[2] in roots and f"{self.root}/".encode() in b" ".join(words):
                    ours.add(int(entry.name))
        grown = True
        while grown:
            more = {pid for pid, parent in parents.items() if parent in ours} - ours
            grown = bool(more)
            ours |= more
        return sorted(ours)

    def _mounts(self) -> list[str]:
        lines = Path("/proc/self/mounts").read_text().splitlines()
        return [line.split()[1] for line in lines if line.split()[1].startswith(f"{self.root}/")]

    # --- a plain client ---

    def call(self, method: str, path: str, body: Any = None, *, seconds: float = 60.0, query: Mapping[str, Any] | None = None) -> Any:
        """Send one request and return the parsed JSON (or bytes). Raise DockerdError for 4xx and 5xx."""
        connection = _UnixConnection(str(self.socket), seconds)
        raw = isinstance(body, bytes)
        data = body if raw else None if body is None else json.dumps(body).encode()
        headers = {} if data is None else {"Content-Type": "application/x-tar" if raw else "application/json"}
        try:
            connection.request(method, API + path + ("?" + urlencode(query) if query else ""), data, headers)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if answer.status >= 400:
            raise DockerdError(answer.status, content.decode(errors="replace"))
        if answer.headers.get_content_type() == "application/json" and content:
            with contextlib.suppress(ValueError):
                return json.loads(content)
        return content

    def import_image(
        self,
        image: str = IMAGE,
        *,
        applets: Sequence[str] = APPLETS,
        files: Mapping[str, str] | None = None,
        changes: str = "ENV PATH=/bin",
    ) -> None:
        """Import an image FROM scratch with a static busybox, and with programs of the test's own; no registry is asked."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            for folder in ("bin", "tmp", "proc", "dev", "etc", "data"):
                entry = tarfile.TarInfo(folder)
                entry.type, entry.mode = tarfile.DIRTYPE, 0o777 if folder == "tmp" else 0o755
                tar.addfile(entry)
            tar.add(BUSYBOX.resolve(), "bin/busybox")
            for applet in applets:
                link = tarfile.TarInfo(f"bin/{applet}")
                link.type, link.linkname = tarfile.SYMTYPE, "busybox"
                tar.addfile(link)
            for path, text in (files or {}).items():
                entry = tarfile.TarInfo(path)
                entry.mode, entry.size = 0o755, len(text.encode())
                tar.addfile(entry, io.BytesIO(text.encode()))
        repo, _, tag = image.partition(":")
        query = {"fromSrc": "-", "repo": repo, "tag": tag or "latest", **({"changes": changes} if changes else {})}
        self.call("POST", "/images/create", buffer.getvalue(), query=query)

    def create(
        self,
        name: str,
        *argv: str,
        image: str = IMAGE,
        labels: Mapping[str, str] | None = None,
        memory: int = 0,
        health: str = "",
        restart: str = "no",
        auto_remove: bool = False,
        tty: bool = False,
        environment: Sequence[str] = (),
        binds: Sequence[str] = (),
        more: Mapping[str, Any] | None = None,
    ) -> str:
        """Create a container (``memory`` in bytes; ``health`` is a shell line tried each second) and return its id."""
        host: dict[str, Any] = {"NetworkMode": "none", "RestartPolicy": {"Name": restart}, "AutoRemove": auto_remove, "Binds": list(binds)}
        if memory:
            host |= {"Memory": memory, "MemorySwap": memory}
        body: dict[str, Any] = {
            "Image": image, "Cmd": list(argv), "Labels": dict(labels or {}), "HostConfig": host, "Tty": tty, "OpenStdin": tty,
            "Env": list(environment), "StopSignal": "SIGTERM", "StopTimeout": 1,  # sleep as pid 1 ignores SIGTERM
        }  # fmt: skip
        if health:
            second = 1_000_000_000
            body["Healthcheck"] = {"Test": ["CMD-SHELL", health], "Interval": second, "Timeout": 5 * second, "Retries": 1}
        answer = self.call("POST", "/containers/create", body | dict(more or {}), query={"name": name})
        return str(answer["Id"])

    def run(self, name: str, *argv: str, **options: Any) -> str:
        """Create (see there) and start a container; return its id."""
        box = self.create(name, *argv, **options)
        self.call("POST", f"/containers/{box}/start")
        return box

    def list(self) -> list[dict[str, Any]]:
        """Return GET /containers/json?all=1."""
        return list(self.call("GET", "/containers/json", query={"all": 1}))

    def inspect(self, box: str) -> dict[str, Any]:
        """Return GET /containers/{id}/json."""
        return dict(self.call("GET", f"/containers/{quote(box)}/json"))

    def post(self, box: str, verb: str, **query: Any) -> None:
        """POST /containers/{id}/{verb}: start, stop, restart, pause, unpause, kill, rename."""
        self.call("POST", f"/containers/{quote(box)}/{verb}", query=query)

    def remove(self, box: str, *, force: bool = False) -> None:
        """Remove a container; one that is already gone or going is fine."""
        try:
            self.call("DELETE", f"/containers/{quote(box)}", query={"force": int(force), "v": 1})
        except DockerdError as error:
            if error.status not in {404, 409}:
                raise

    def exec(self, box: str, *argv: str, seconds: float = 120.0) -> int:
        """Run ``argv`` inside, wait, and return its exit code."""
        made = self.call("POST", f"/containers/{quote(box)}/exec", {"Cmd": list(argv), "AttachStdout": False})
        self.call("POST", f"/exec/{made['Id']}/start", {"Detach": True})
        done = poll(lambda: _ended(self.call("GET", f"/exec/{made['Id']}/json")), seconds, "exec ended")
        return int(done["ExitCode"])

    def wait_state(self, box: str, state: str, seconds: float = 90.0) -> dict[str, Any]:
        """Wait until a container's State.Status (or Health.Status) is ``state``; return its inspect."""

        def look() -> dict[str, Any] | None:
            found = self.inspect(box)
            words = {found["State"]["Status"], found["State"].get("Health", {}).get("Status")}
            return found if state in words else None

        return dict(poll(look, seconds, f"{box} is {state}"))


def _ended(answer: dict[str, Any]) -> dict[str, Any] | None:
    return None if answer["Running"] or answer["ExitCode"] is None else answer


@pytest.fixture(scope="session")
def dockerd() -> Iterator[Dockerd]:
    """One real private dockerd per test session (and worker: mark users with ``xdist_group("dockerd")``)."""
    require(not missing(), missing())
    with Dockerd() as daemon:
        yield daemon


@pytest.fixture
def engine(dockerd: Dockerd) -> Iterator[Dockerd]:
    """The session's dockerd: running, thawed and empty, before and after the test."""
    dockerd.reset()
    yield dockerd
    dockerd.reset()
