"""The import contracts of pyproject hold, and each of them breaks on a planted violation."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]

LAYERS = "rooms look downstairs only"
# contract -> (module to plant in, import to plant); one line of the report must name both
PLANTS: dict[str, list[tuple[str, str]]] = {
    LAYERS: [
        ("model/drifts.py", "watchdog.errors"),
        ("runtime/log.py", "watchdog.snapshots"),
        ("ledger/open.py", "watchdog.reconciler.loop"),
        ("panels/mcsmanager/client.py", "watchdog.collectors.runner"),
        ("reconciler/loop.py", "watchdog.web.server"),
        ("notify/channels.py", "watchdog.reconciler.loop"),
    ],
    "apprise lives in the child that sends": [("notify/sending.py", "apprise"), ("web/server.py", "apprise")],
    "a panel never peeks at its neighbour": [("panels/planted/__init__.py", "watchdog.panels.mcsmanager.view")],
    "a collector never peeks at its neighbour": [("collectors/host/__init__.py", "watchdog.collectors.docker")],
    "pure rules do no I/O": [
        ("panels/mcsmanager/drift.py", "socket"),
        ("panels/mcsmanager/view.py", "requests"),
        ("reconciler/planner.py", "time"),
        ("model/host.py", "os"),
        ("panels/mcsmanager/drift.py", "watchdog.runtime.http"),
    ],
    "only the demo and tests import fakes": [
        ("app/planted.py", "watchdog.panels.mcsmanager.fake"),
        ("web/planted.py", "watchdog.collectors.docker.fake"),
    ],
    "grafana's sdk lives in dashboards, and the program knows neither": [
        ("app/planted.py", "grafana_foundation_sdk"),
        ("exposition/planted.py", "dashboards"),
    ],
    "requests lives in runtime/http": [("panels/mcsmanager/client.py", "requests"), ("runtime/planted.py", "requests")],
    "urllib3 lives in runtime/http and runtime/engine": [("runtime/http.py", "urllib3")],
    "xml is read in runtime/buckets": [("runtime/planted.py", "xml"), ("panels/sysreptor/client.py", "xml")],
    "docker lives in runtime/engine": [("collectors/docker/planted.py", "docker")],
    "apscheduler lives in runtime/schedule": [("runtime/supervision.py", "apscheduler")],
    "structlog lives in runtime/log": [("app/planted.py", "structlog")],
    "pyyaml lives in runtime/yaml": [("settings.py", "yaml")],
    "our database lives in the ledger, others' in runtime/foreign": [
        ("runtime/foreign.py", "sqlalchemy"),
        ("runtime/planted.py", "psycopg"),
        ("reconciler/loop.py", "sqlalchemy"),
        ("app/planted.py", "alembic"),
        ("web/planted.py", "psycopg"),
    ],
    "pyroute2 lives in collectors/wireguard": [("collectors/host/__init__.py", "pyroute2")],
    "isal lives in collectors/archives": [("collectors/logs/__init__.py", "isal")],
    "inotify lives in runtime/inotify": [("collectors/logs/__init__.py", "inotify_simple")],
    "cronsim lives in runtime/cron": [("collectors/logs/__init__.py", "cronsim")],
    "cryptography lives in collectors/archives, and in fakes that encrypt": [("collectors/logs/__init__.py", "cryptography")],
    "zstd lives in collectors/archives": [("collectors/logs/__init__.py", "backports")],
    "the web server lives in web": [("app/planted.py", "fastapi"), ("cli/planted.py", "uvicorn")],
    "prometheus_client lives in exposition": [("reconciler/metrics.py", "prometheus_client")],
    "the terminal lives in cli and demo": [("app/planted.py", "typer"), ("web/planted.py", "rich")],
}


def lint(root: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("lint-imports")
    env = {**os.environ, "PYTHONPATH": str(root), "COLUMNS": "400"}
    return subprocess.run([str(program), "--no-cache"], cwd=root, env=env, capture_output=True, text=True, timeout=250, check=False)


def copy(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "watchdog", tmp_path / "watchdog", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def plant(root: Path, file: str, imported: str) -> None:
    path = root / "watchdog" / file
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as module:
        module.write(f"\nimport {imported}  # planted\n")


def dotted(file: str) -> str:
    return "watchdog." + file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def test_our_tree_keeps_every_contract() -> None:
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout[-4000:]
    assert f"Contracts: {len(CONTRACTS)} kept, 0 broken." in done.stdout


def test_every_contract_has_a_plant() -> None:
    assert set(PLANTS) == {contract["name"] for contract in CONTRACTS}


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The report on a copy of our tree with all plants in it: each plant must be named under its own contract."""
    root = copy(tmp_path_factory.mktemp("planted"))
    for plants in PLANTS.values():
        for file, imported in plants:
            plant(root, file, imported)
    done = lint(root)
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout


def details(report: str, contract: str) -> str:
    """Return the part of the report that explains how ``contract`` is broken."""
    _, _, rest = report.partition(f"\n{contract}\n{'-' * len(contract)}\n")
    names = [other["name"] for other in CONTRACTS]
    ends = [at for name in names if (at := rest.find(f"\n{name}\n---")) >= 0]
    return rest[: min(ends, default=len(rest))]


@pytest.mark.parametrize("contract", sorted(PLANTS))
def test_a_planted_violation_breaks_its_contract(report: str, contract: str) -> None:
    assert f"{contract} BROKEN" in report
    said = details(report, contract)
    for file, imported in PLANTS[contract]:
        lines = [line for line in said.splitlines() if f"{dotted(file)} -> {imported}" in line]
        assert lines, f"{dotted(file)} -> {imported} is not in:\n{said[:3000]}"


def test_an_undeclared_room_breaks_the_plan_of_the_house(tmp_path: Path) -> None:
    root = copy(tmp_path)
    (root / "watchdog" / "attic").mkdir()
    (root / "watchdog" / "attic" / "__init__.py").write_text('"""Planted."""\n')
    done = lint(root)
    assert done.returncode != 0
    assert "attic" in done.stdout
