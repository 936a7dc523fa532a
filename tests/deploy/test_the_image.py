"""The image, built by its own Dockerfile on a real engine and run as deploy/compose.yaml says: with few rights on a read-only root."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import require
from tests.support.dockerd import Dockerd, dockerd, engine, poll  # noqa: F401
from tests.support.python_base import base_tar
from tests.support.wireguard import real_tunnel

# with the other real tunnels on one worker: `wg` removes dead sockets of others
pytestmark = [pytest.mark.docker, pytest.mark.wireguard, pytest.mark.xdist_group("wireguard"), pytest.mark.timeout(900)]
ROOT = Path(__file__).resolve().parents[2]
IMAGE = "panel-watchdog:test"
CONTEXT = ("watchdog", "deploy/constraints.txt", "pyproject.toml", "README.md", "LICENSE", "Dockerfile", ".dockerignore")
SERVICE = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text())["services"]["watchdog"]
CONFIGURATION = """
server: {listen: 127.0.0.1:0}
ledger: {ephemeral: true}
collectors:
  docker: {interval: 2s}
  wireguard: {interval: 2s}
  archives: {interval: 2s, directories: [{name: backups, path: /srv/backups}]}
"""
HEALING = """
reconciler: {confirm: 2s, settle: 2s}
panels: {containers: [{name: plain, mode: repair, baseline: repair, interval: 2s, quiet: 10s}]}
"""
ENDS_WITH_AN_ERROR = "while [ ! -e /end ]; do sleep 0.2; done; rm /end; exit 3"
READ = """
import sys
from pathlib import Path
from watchdog import settings
from watchdog.runtime.clock import SystemClock
from watchdog.runtime.http import Http
socket = settings.control_path(settings.load(settings.DEFAULT_PATH))
sys.stdout.write(Http(f"unix://{socket}", clock=SystemClock()).request("metrics", "GET", "/metrics", seconds=10.0).body.decode())
"""


@pytest.fixture(scope="module")
def context(tmp_path_factory):
    """What a build needs, with the wheels of the dependencies beside it: an engine under test reaches no package index."""
    folder = tmp_path_factory.mktemp("context")
    for name in CONTEXT:
        goal = folder / name
        goal.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, goal, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, goal)
    wheel = [sys.executable, "-m", "pip", "wheel", "--quiet", "--constraint", str(ROOT / "deploy/constraints.txt")]
    done = subprocess.run(
        [*wheel, "--wheel-dir", str(folder / "wheels"), f"{folder}[postgresql]", "hatchling"],
        capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


@pytest.fixture(scope="module")
def image(dockerd: Dockerd, context: Path) -> str:  # noqa: F811
    require(shutil.which("docker") is not None, "the docker command")
    dockerd.reset()
    dockerd.call("POST", "/images/create", base_tar(), query={"fromSrc": "-", "repo": "base", "tag": "test"}, seconds=300)
    command = ["docker", "--host", dockerd.url, "build", "--network", "none", "--build-arg", "BASE=base:test", "--tag", IMAGE, str(context)]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("DOCKER_")} | {"DOCKER_BUILDKIT": "0", "HOME": "/nonexistent"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=800, env=environment)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    return IMAGE


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A configuration, and a backup that only its owner may read: mode 0700, of another user."""
    (tmp_path / "config.yaml").write_text(CONFIGURATION)
    (tmp_path / "config.yaml").chmod(0o644)
    folder = tmp_path / "backups"
    folder.mkdir(mode=0o700)
    with zipfile.ZipFile(folder / "monday.zip", "w") as archive:
        archive.writestr("a.txt", b"whole" * 1000)
    (folder / "monday.zip").chmod(0o600)
    for path in (folder, folder / "monday.zip"):
        os.chown(path, 1234, 1234)
    return tmp_path


def body(engine: Dockerd, place: Path, user: str, rights: list[str]) -> dict[str, Any]:  # noqa: F811
    """The container that deploy/compose.yaml describes, on this test's engine; its state is in memory."""
    mounts, options = (each.partition(":") for each in SERVICE["tmpfs"]), SERVICE["security_opt"]
    return {
        "Image": IMAGE,
        "User": user,
        "HostConfig": {
            "NetworkMode": SERVICE["network_mode"], "ReadonlyRootfs": SERVICE["read_only"], "CapDrop": SERVICE["cap_drop"],
            "CapAdd": rights,
            "SecurityOpt": options, "PidsLimit": SERVICE["pids_limit"], "Memory": 512 << 20,
            "Tmpfs": {path: words for path, _, words in mounts} | {"/var/lib/panel-watchdog": "rw,mode=0770,uid=9877,gid=0"},
            "Binds": [
                f"{place}/config.yaml:/etc/panel-watchdog/config.yaml:ro", f"{engine.socket}:/var/run/docker.sock:ro",
                f"{place}/backups:/srv/backups:ro", "/var/run/wireguard:/var/run/wireguard:ro",
            ],
        },
    }  # fmt: skip


def start(engine: Dockerd, wanted: dict[str, Any]) -> str:  # noqa: F811
    box = engine.call("POST", "/containers/create", wanted, seconds=300, query={"name": "watchdog"})["Id"]
    engine.call("POST", f"/containers/{box}/start")
    return str(box)


def log(engine: Dockerd, box: str) -> str:  # noqa: F811
    return str(engine.call("GET", f"/containers/{box}/logs", query={"stdout": 1, "stderr": 1}).decode("utf-8", "replace"))


def healthy(engine: Dockerd, box: str) -> bool:  # noqa: F811
    assert engine.inspect(box)["State"]["Running"], log(engine, box)[-3000:]
    return engine.exec(box, "panel-watchdog", "health") == 0


def said(engine: Dockerd, box: str, *argv: str) -> str:  # noqa: F811
    """Run a command in the container and return what it printed."""
    done = subprocess.run(
        ["docker", "--host", engine.url, "exec", box, *argv], capture_output=True, text=True, check=False, timeout=120,
        env={k: v for k, v in os.environ.items() if not k.startswith("DOCKER_")} | {"HOME": "/nonexistent"},
    )  # fmt: skip
    return done.stdout + done.stderr


def metrics(engine: Dockerd, box: str) -> str:  # noqa: F811
    return said(engine, box, "/opt/panel-watchdog/bin/python", "-c", READ)


def test_the_context_of_a_build_holds_what_the_image_needs_and_no_more():
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*", "everything is left out but what is named"
    named = {line[1:] for line in lines if line.startswith("!")}
    assert named == {name for name in CONTEXT if name not in {"Dockerfile", ".dockerignore"}} | {"wheels"}


def test_nobody_runs_it_and_is_told_what_it_may_not_see(engine: Dockerd, image: str, place: Path):  # noqa: F811
    made = engine.call("GET", f"/images/{image}/json")["Config"]
    assert (made["User"], made["Entrypoint"], made["Cmd"]) == ("9877:9877", ["panel-watchdog"], ["run"])
    assert made["Healthcheck"]["Test"] == ["CMD", "panel-watchdog", "health"]
    box = start(engine, body(engine, place, "", []))
    poll(lambda: healthy(engine, box), 240, "it is healthy")
    closed = 'watchdog_archives_directory_readable{directory="backups",path="/srv/backups"} 0'
    page = poll(lambda: (found := metrics(engine, box)) and closed in found and found, 120, "the closed directory is told")
    assert "monday.zip" not in page
    assert "cannot be read" in said(engine, box, "panel-watchdog", "doctor")
    engine.post(box, "stop", t=60)
    assert engine.inspect(box)["State"]["ExitCode"] == 0, log(engine, box)[-2000:]
    assert "Traceback" not in log(engine, box)


def test_with_two_rights_it_sees_a_closed_directory_the_engine_and_a_real_tunnel(engine: Dockerd, image: str, place: Path):  # noqa: F811
    assert sorted(SERVICE["cap_add"]) == ["DAC_READ_SEARCH", "NET_ADMIN"]
    (place / "config.yaml").write_text(CONFIGURATION + HEALING)
    with real_tunnel() as (left, _right):
        box = start(engine, body(engine, place, SERVICE["user"], SERVICE["cap_add"]))
        poll(lambda: healthy(engine, box), 240, "it is healthy")
        poll(lambda: "watchdog_docker_events_connected 1" in metrics(engine, box), 240, "it hears of what happens")
        # only who has listened during a container's whole life can say that nobody ended it
        engine.run("neighbour", "sh", "-c", ENDS_WITH_AN_ERROR, labels={"panel-watchdog.heal": "true"})
        poll(lambda: sees(metrics(engine, box), left.name), 240, "it sees all three")
        assert "ok   archives: backups" in said(engine, box, "panel-watchdog", "doctor")
        heals(engine, box)
        engine.post(box, "stop", t=60)
        assert engine.inspect(box)["State"]["ExitCode"] == 0, log(engine, box)[-2000:]


def heals(engine: Dockerd, box: str) -> None:  # noqa: F811
    """Let the neighbour end with an error; the watchdog in its container starts it again, and proves it."""
    watched = r'watchdog_subjects\{(?=[^}]*target="plain")(?=[^}]*state="ok")[^}]*\} 1'
    poll(lambda: re.search(watched, metrics(engine, box)), 240, "the neighbour is looked after, and well")
    before = engine.inspect("neighbour")["State"]["StartedAt"]
    assert engine.exec("neighbour", "touch", "/end") == 0
    verified = r'watchdog_repairs_total\{[^}]*remedy="start_container",result="verified"[^}]*\} 1'
    poll(lambda: re.search(verified, metrics(engine, box)), 300, "it was started again, and proven")
    state = engine.inspect("neighbour")["State"]
    assert state["Running"]
    assert state["StartedAt"] > before


def sees(page: str, device: str) -> bool:
    """Whether the page tells a verified archive, a container of the engine, and a peer of the tunnel that has shaken hands."""
    wanted = (
        r'watchdog_archive_verdict\{[^}]*monday\.zip"[^}]*verdict="good"[^}]*\} 1',
        r'watchdog_docker_container_running\{[^}]*name="neighbour"[^}]*\} 1',
        rf'watchdog_wireguard_peer_last_handshake_timestamp_seconds\{{[^}}]*device="{device}"[^}}]*\}} 1\.',
    )
    return all(re.search(each, page) for each in wanted)
