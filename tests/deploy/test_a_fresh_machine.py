"""A machine that has never seen us: sdist and wheel are built, the wheel goes into an empty environment, the README is followed."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.pages import ROOT, blocks
from tests.support.program import Running
from tests.support.small_world import small_world
from watchdog import __version__

pytestmark = [pytest.mark.timeout(900), pytest.mark.xdist_group("fresh")]
NAME = f"panel_watchdog-{__version__}"
CONSTRAINTS = ROOT / "deploy/constraints.txt"
CLEAN = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "LANG": "C.UTF-8"}
"""Nothing of this machine's environment but where its package index is."""


def run(*argv: str | Path, code: int = 0, seconds: float = 600, **environment: str) -> str:
    """Run a program as on a machine of its own; return what it printed."""
    index = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "UV_", "SSL_", "REQUESTS_"))}
    done = subprocess.run(
        list(map(str, argv)), capture_output=True, text=True, check=False, timeout=seconds, cwd="/", env={**index, **CLEAN, **environment}
    )
    assert done.returncode == code, f"{argv}: {done.returncode}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the sdist, and the wheel that was made of it as a packager does."""
    tools, folder = tmp_path_factory.mktemp("tools"), tmp_path_factory.mktemp("built")
    run(sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--target", tools, "hatchling")
    path = {"PYTHONPATH": str(tools)}
    # hatchling builds the project of its folder
    run("env", "-C", ROOT, sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", folder, **path)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    run(*pip, "--wheel-dir", folder, folder / f"{NAME}.tar.gz", **path)
    return folder


def test_the_sdist_has_what_is_installed_beside_the_program(built: Path):
    with tarfile.open(built / f"{NAME}.tar.gz") as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    for folder, pattern in (("alerts", "*.yml"), ("dashboards", "*.json"), ("deploy", "**/*"), ("docs", "**/*.md")):
        shipped = {path.relative_to(ROOT).as_posix() for path in (ROOT / folder).glob(pattern) if path.is_file()}
        assert shipped
        assert shipped <= names, f"{folder}: {sorted(shipped - names)}"
    assert {"README.md", "LICENSE", "CHANGELOG.md", "Dockerfile"} <= names
    assert not [name for name in names if name.startswith((".ci", ".venv", ".git/"))]


def test_the_wheel_of_the_sdist_is_the_tree_and_nothing_else(built: Path):
    with zipfile.ZipFile(built / f"{NAME}-py3-none-any.whl") as wheel:
        packed = {name: hashlib.sha256(wheel.read(name)).hexdigest() for name in wheel.namelist() if name.startswith("watchdog/")}
        assert {name.split("/")[0] for name in wheel.namelist()} == {"watchdog", f"{NAME}.dist-info"}
    tree = {path.relative_to(ROOT).as_posix(): path for path in (ROOT / "watchdog").rglob("*") if path.is_file()}
    mine = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in tree.items() if "__pycache__" not in name}
    assert packed == mine


def test_the_makefile_knows_what_the_readme_says():
    said = next(block for block in blocks() if block.page == "README.md" and "git clone" in block.text)
    for target in re.findall(r"make (\w+)", said.text):
        assert run("make", "--dry-run", "--directory", ROOT, target)


@contextmanager
def serving(program: Path, config: Path, environment: dict[str, str]) -> Iterator[Running]:
    """``panel-watchdog run`` of that environment; ended by pid."""
    argv, log = [program, "run", "--config", config], config.with_name("run.log")
    with log.open("wb") as file:
        process = subprocess.Popen(argv, stdout=file, stderr=file, stdin=subprocess.DEVNULL, env={**CLEAN, **environment}, cwd="/")
    running = Running(process, log)
    try:
        running.wait_until_serving()
        yield running
        assert running.end() == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(60)


def follow_the_readme(program: Path) -> None:
    """With the README's configuration and a fake panel at its address: check-config, doctor, run, scrape."""
    text = next(block.text for block in blocks() if block.page == "README.md" and "config.yaml" in block.text)
    with tempfile.TemporaryDirectory(prefix="pw-") as scratch, small_world() as world:
        etc = Path(scratch)
        (etc / "mcsmanager.key").touch(0o600)
        (etc / "mcsmanager.key").write_bytes((world.folder / "mcsmanager.key").read_bytes())
        config = etc / "config.yaml"
        config.write_text(text.replace("/etc/panel-watchdog", str(etc)))
        here = {
            "PANEL_WATCHDOG__SERVER__LISTEN": "127.0.0.1:0",
            "PANEL_WATCHDOG__LEDGER__URL": f"sqlite:///{etc}/ledger.sqlite3",
            "PANEL_WATCHDOG__LEDGER__EPHEMERAL": "true",
            "PANEL_WATCHDOG__COLLECTORS__WIREGUARD__ENABLED": "false",  # tunnels of other tests come and go
            "PANEL_WATCHDOG__COLLECTORS__DOCKER__URL": f"unix://{world.folder}/docker.sock",
            "PANEL_WATCHDOG__PANELS__MCSMANAGER__0__URL": world.panel.url,
        }
        assert "good. 1 target" in run(program, "check-config", "--config", config, **here)
        said = run(program, "doctor", "--config", config, code=1, **here)
        assert "  ok   panel and key" in said
        assert "  ok   docker\n" in said
        assert "1 thing to mend" in said, "the unit of the README's hook, which this machine does not have"
        with serving(program, config, here) as running:
            up = r'^watchdog_panel_up\{[^}]*target="games"[^}]*\} 1'
            running.wait_for("the panel", lambda: re.search(up, running.metrics(), re.MULTILINE))
            page = running.metrics()
            assert f'version="{__version__}"' in page
            assert re.search(r'^watchdog_collector_success\{collector="docker"\} 1', page, re.MULTILINE)
            assert "mcsmanager/games: up" in run(program, "status", "--config", config, **here)


def test_a_wheel_in_an_empty_environment_runs_the_readmes_configuration(built: Path, tmp_path: Path):
    run(sys.executable, "-m", "venv", tmp_path / "opt")
    python = tmp_path / "opt/bin/python"
    run(python, "-m", "pip", "install", "--quiet", "--no-compile", "--constraint", CONSTRAINTS, built / f"{NAME}-py3-none-any.whl")
    program = tmp_path / "opt/bin/panel-watchdog"
    assert run(program, "--version").strip() == f"panel-watchdog {__version__}"
    follow_the_readme(program)


@pytest.mark.soak
def test_pipx_installs_it_and_it_runs(built: Path, tmp_path: Path):
    run(sys.executable, "-m", "venv", tmp_path / "tools")
    builder = tmp_path / "tools/bin/python"
    run(builder, "-m", "pip", "install", "--quiet", "pipx")
    places = {"PIPX_HOME": str(tmp_path / "home"), "PIPX_BIN_DIR": str(tmp_path / "bin"), "PIPX_MAN_DIR": str(tmp_path / "man")}
    constrained = f"--constraint {CONSTRAINTS}"
    said = run(builder, "-m", "pipx", "install", "--pip-args", constrained, built / f"{NAME}-py3-none-any.whl", **places)
    assert "panel-watchdog" in said
    follow_the_readme(tmp_path / "bin/panel-watchdog")
    run(builder, "-m", "pipx", "uninstall", "panel-watchdog", **places)
    assert not (tmp_path / "bin/panel-watchdog").exists()
