"""``init`` recognises a panel by its traces, and ``doctor`` says what works, what does not, and the way out; neither makes anything."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.instruments import Noted
from tests.support.sysreptor_panel import Stage
from watchdog.errors import NotFound, Unreachable
from watchdog.model.clues import Clues
from watchdog.model.docker import Container
from watchdog.model.panels import REQUESTS, Ports, Probe
from watchdog.panels.sysreptor.fake import USER_TOKEN
from watchdog.panels.sysreptor.find import find
from watchdog.panels.sysreptor.probe import probe
from watchdog.panels.sysreptor.settings import SysreptorSettings

OFFICIAL = "syslifters/sysreptor:2026.61"
TITLES = ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"]


def container(**changes: object) -> Container:
    plain: dict[str, object] = {"id": "c" * 64, "name": "sysreptor-app", "image": OFFICIAL, "state": "running"}
    return Container(**(plain | changes))  # type: ignore[arg-type]


class Engine:
    """Only ``top`` may be asked of it."""

    def __init__(self, commands: list[str] | Exception) -> None:
        self._commands = commands

    def top(self, name: str, seconds: float) -> Mapping[str, object]:
        assert (name, seconds > 0) == ("sysreptor-app", True)
        if isinstance(self._commands, Exception):
            raise self._commands
        rows = [["1000", str(40 + at), "1", "0", "07:11", "?", "00:00:00", command] for at, command in enumerate(self._commands)]
        return {"Titles": TITLES, "Processes": rows}


def probed(stage: Stage, engine: Engine | None = None, *, acts: bool = False) -> dict[str, Probe]:
    ports = Ports(stage.clock, Noted((REQUESTS,)), None, engine, engine if acts else None)  # type: ignore[arg-type]
    return {line.name: line for line in probe(stage.settings, ports)}


def test_nothing_is_found_where_nothing_is() -> None:
    strangers = Clues(
        containers=(container(image="nginx"), container(image="syslifters/sysreptor-languagetool:1")), ports=frozenset({8000})
    )
    assert find(Clues()) == find(strangers) == ()


def test_a_panel_is_found_by_its_container_and_its_folder() -> None:
    (found,) = find(Clues(containers=(container(), container(name="sysreptor-db", image="postgres:14"))))
    assert (found.settings["name"], found.settings["url"], found.settings["mode"]) == ("sysreptor", "http://127.0.0.1:8000", "observe")
    assert found.settings["run"] == {"method": "none", "container": "sysreptor-app"}
    assert "createapitoken" in found.asks["token_file"]
    assert "your own directory" in found.comments["backups"]
    (beside,) = find(Clues(containers=(container(),), exists=lambda path: path == "/root/sysreptor/deploy/docker-compose.yml"))
    assert beside.settings["backups"] == {"path": "/root"}, "update.sh writes beside the install directory"
    (folder,) = find(Clues(exists=lambda path: path == "/opt/sysreptor/deploy/docker-compose.yml"))
    for each in (found, beside, folder):
        SysreptorSettings.model_validate(dict(each.settings))


def test_two_panels_have_names_of_their_own() -> None:
    found = find(Clues(containers=(container(name="one"), container(name="two", image=f"registry.example/{OFFICIAL}"))))
    assert [each.settings["name"] for each in found] == ["one", "two"]


def test_a_good_panel_is_told_so(tmp_path: Path) -> None:
    with Stage(tmp_path, run={"method": "exec"}) as stage:
        lines = probed(stage, Engine(["gunicorn", "python3 manage.py migrate"]), acts=True)
        types = [row.type for row in stage.world.rows]
    for name in ("backups", "aes key", "panel", "token", "log", "licence", "a backup now", "container", "exec"):
        assert lines[name].ok is True, lines[name]
    assert lines["token"].message == "accepted, release 2026.61"
    assert lines["periodic tasks"].ok is None
    assert "release" not in lines
    assert types == ["setup"]


@pytest.mark.parametrize(("release", "mended"), [("2025.12", "2025.69"), ("2025.69", "2025.110"), ("2026.12", None)])
def test_a_broken_release_is_named(tmp_path: Path, release: str, mended: str | None) -> None:
    with Stage(tmp_path, release) as stage:
        lines = probed(stage)
    assert ("release" in lines) == (mended is not None)
    assert mended is None or lines["release"].ok is False
    assert mended is None or mended in lines["release"].message or release == "2025.12"


def test_each_fault_has_its_way_out(tmp_path: Path) -> None:
    with Stage(tmp_path, run={"method": "exec"}) as stage:
        stage.world.professional, stage.world.licence_error = False, "License expired"
        lines = probed(stage)
        assert lines["licence"] == Probe("licence", ok=False, message="Community: no backups (License expired)")
        assert lines["a backup now"].ok is False
        assert lines["container"].ok is False and "no_engine" in lines["container"].message
        stage.world.professional = True
        stage.secret("token", USER_TOKEN)
        lines = probed(stage, Engine(NotFound("no such container")))
        assert "system user" in lines["a backup now"].message and "system user" in lines["log"].message
        assert "there is no container 'sysreptor-app'" in lines["container"].message
        stage.secret("aes", "short")
        lines = probed(stage, Engine(Unreachable("gone")))
        assert "64 hexadecimal digits" in lines["aes key"].message
        assert "Unreachable" in lines["container"].message
        stage.secret("token", "sysreptor_bm9ib2R5")
        assert probed(stage)["token"].message == "the panel does not know it"
        stage.world.switches.unreachable = True
        assert probed(stage)["panel"].ok is False
        stage.backups.rmdir()
        assert "check backups.path" in probed(stage)["backups"].message


def test_without_an_address_only_files_are_judged_and_doctor_says_so(tmp_path: Path) -> None:
    with Stage(tmp_path, url=None, token_file=None, backup_key_file=None, aes_key_file=None) as stage:
        lines = probed(stage)
    assert lines["panel"].ok is None and lines["backups"].ok is True
    assert set(lines) - {"advice"} == {"backups", "panel", "periodic tasks", "container"}


def test_advice_comes_last(tmp_path: Path) -> None:
    with Stage(tmp_path, "2025.69") as stage:
        ports = Ports(stage.clock, Noted((REQUESTS,)), None)  # type: ignore[arg-type]
        names = [line.name for line in probe(stage.settings, ports)]
    assert "advice" in names
    assert set(names[names.index("advice") :]) == {"advice"}


def test_a_backup_that_runs_already_is_told(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        lines = probed(stage, Engine(["gunicorn", "python3 manage.py backup -"]))
    assert lines["container"].message == "'sysreptor-app' runs; a backup runs in it (pid 41)"
